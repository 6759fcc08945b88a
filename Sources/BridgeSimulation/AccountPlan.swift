// The private side of a world in numbers. It draws from a generator of its own, so that the market side of a seed stays
// what it is.

import BridgeCore
import SimulatedExchange

struct AccountPlan {
  /// Readers who place orders, and readers who only follow the account.
  var traders: Int
  var followers: Int
  /// How long the bridge waits for Kraken's answer to an order.
  var answerDeadline: Duration
  var refusesOverRate: Bool
  var ordersPerMinute: Int?
  /// Seconds of the bridge's own hold on the dead man's switch.
  var cancelAfter: Int?

  func configure(_ configuration: inout BridgeConfiguration) {
    configuration.hasCredentials = true
    configuration.privateURL = "wss://account.invalid/v2"
    configuration.level3URL = "wss://orders.invalid/v2"
    configuration.trading.isEnabled = true
    configuration.trading.answerDeadline = answerDeadline
    configuration.trading.refusesOverRate = refusesOverRate
    configuration.trading.ordersPerMinute = ordersPerMinute
    configuration.trading.cancelAfter = cancelAfter
  }
}

extension SimulationPlan {
  mutating func addAccount(isSmall: Bool) {
    var chance = Chance(seed: seed, purpose: 6)
    account = AccountPlan(
      traders: chance.within(isSmall ? 1...3 : 1...8), followers: chance.within(isSmall ? 1...3 : 1...6),
      answerDeadline: .seconds(chance.pick([2, 5, 10])), refusesOverRate: chance.onceIn(4),
      ordersPerMinute: chance.onceIn(4) ? chance.within(5...60) : nil,
      cancelAfter: chance.onceIn(4) ? chance.within(5...60) : nil)

    readerCount = chance.within(0...3)
    if limits.connectionsPerUID < 16384 { limits.connectionsPerUID = 8 }
    symbolCount = min(symbolCount, 4)
    exchange.symbolCount = symbolCount
    exchange.orderLatency = chance.pick([0, 0, 5, 200]) * .millisecond
    exchange.answerLatency = chance.pick([0, 0, 20, 300]) * .millisecond
    exchange.reportLatency = chance.pick([0, 0, 20, 300]) * .millisecond
    exchange.requestsPerSecond = nil
    faultsPerMinute = chance.pick([0, 6, 20, 40])
    budgetLimit = isCrashLoop ? 6 : chance.pick([20, 100])
    // Patience with REST calls that fail, and the time that orders need to be known as never received, come on top.
    settleWithin = 600 * .second
    let records = 200 * 1024 * 8
    limits.lineBytesMax = max(limits.lineBytesMax, records)
    limits.ringBytes += 4 * records
  }
}
