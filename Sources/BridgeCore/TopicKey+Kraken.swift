// Where a topic of ours comes from at Kraken.

import BridgeWire
import KrakenWire

extension BridgeChannel {
  /// The channel at Kraken that carries it.
  var krakenChannel: KrakenChannel {
    switch self {
    case .ticker, .spread: .ticker
    case .book: .book
    case .trade: .trade
    case .ohlc: .ohlc
    case .instrument: .instrument
    case .status: .status
    case .executions, .ownTrades, .openOrders: .executions
    case .balances: .balances
    case .level3: .level3
    }
  }

  var upstreamName: UpstreamName { UpstreamName(krakenChannel) }
}

extension FeedKey {
  init(_ key: TopicKey) {
    let channel = key.channel.krakenChannel
    self.init(channel: channel, symbol: channel.hasSymbols ? key.name : "", interval: key.interval)
  }
}

extension UpstreamTopic {
  /// What Kraken is asked for on behalf of a topic; books are asked for by `attachBook`.
  init(_ key: TopicKey) {
    switch key.channel {
    case .spread: self = .ticker(key.name, .bbo)
    case .ticker: self = .ticker(key.name, key.eventTrigger == nil ? .trades : .bbo)
    case .trade: self = .trade(key.name)
    case .ohlc: self = .ohlc(key.name, interval: key.interval!)
    case .book: self = .book(key.name, depth: key.depth!)
    default: self.init(channel: FeedKey(key).channel)
    }
  }
}
