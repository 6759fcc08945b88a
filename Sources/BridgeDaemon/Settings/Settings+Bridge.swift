// The part of the settings that the bridge itself acts on.

import BridgeCore
import FanOut
import KrakenSession
import KrakenWire
import MarketData
import Trading

extension Settings {
  /// - Parameters:
  ///   - listeners: in the order of the indexes that connections are reported with.
  func bridgeConfiguration(
    listeners: [ListenerSettings], version: String, pid: Int32, ownUID: UInt32, saved: SavedState
  ) -> BridgeConfiguration {
    var bridgeLimits = BridgeLimits()
    bridgeLimits.ringBytes = limits.ringBytes
    bridgeLimits.connections = limits.connections
    bridgeLimits.connectionsPerUID = limits.connectionsPerUID
    bridgeLimits.subscriptionsPerConnection = limits.subscriptionsPerConnection
    bridgeLimits.linger = limits.linger
    var configuration = BridgeConfiguration(
      version: version, pid: pid, publicURL: upstream.publicEndpoint.text, session: sessionConfiguration,
      listeners: listeners.map(policy), pins: pins, limits: bridgeLimits, ownUID: ownUID, seqFloor: saved.seq,
      budget: saved.budget)
    configuration.privateURL = upstream.privateEndpoint.text
    configuration.level3URL = upstream.level3Endpoint.text
    configuration.hasCredentials = credentials.areGiven
    configuration.account = account.parameters
    configuration.trading = trading.configuration
    return configuration
  }

  private var sessionConfiguration: SessionConfiguration {
    var session = SessionConfiguration()
    session.silenceMax = silence.connection
    session.silenceLimits = [:]
    for (channel, limit) in [
      (.book, silence.book), (.ticker, silence.ticker), (.trade, silence.trade), (.ohlc, silence.ohlc),
      (.instrument, silence.instrument),
    ] as [(KrakenChannel, Duration)] where limit > .zero {
      session.silenceLimits[channel] = limit
    }
    return session
  }

  private func policy(_ listener: ListenerSettings) -> ListenerPolicy {
    ListenerPolicy(
      name: listener.path, allowsAccount: listener.carriesAccount, allowsTrade: listener.scope.contains(.trade),
      preset: listener.preset,
      // A reload can bring more than the log holds.
      lag: LagLimits(
        bytes: min(listener.lagBytes ?? limits.lagBytes, limits.ringBytes), duration: listener.lag ?? limits.lag))
  }
}

extension AccountSettings {
  var parameters: AccountParameters { AccountParameters(isRebased: rebased, coversAllUsers: allUsers) }
}

extension TradingSettings {
  var configuration: TradingConfiguration {
    var trading = TradingConfiguration()
    trading.isEnabled = enabled
    trading.symbols = Set(symbols)
    trading.orderQtyMax = maxOrderQuantity.flatMap { NumberText($0) }
    trading.notionalMax = maxNotional.flatMap { NumberText($0) }
    trading.ordersPerMinute = ordersPerMinute
    trading.postOnly = postOnly
    trading.validateOnly = validateOnly
    trading.refusesOverRate = refuseOverRate
    trading.cancelAfter = cancelAfterSeconds
    return trading
  }
}
