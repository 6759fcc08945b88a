// The key of a subscription at Kraken.
//
// Everything that has to be repeated to unsubscribe is part of it. Two topics that differ in one
// parameter are two subscriptions, which is why a second candle interval survives a reconnect.

public struct UpstreamTopic: Hashable, Sendable {
  public var channel: KrakenChannel
  /// Kraken's spelling, `BTC/USD`; empty for channels without symbols.
  public var symbol: String
  /// `book` and `level3` only: price levels a side.
  public var depth: Int?
  /// `ohlc` only: minutes.
  public var interval: Int?
  /// `ticker` only.
  public var trigger: EventTrigger?

  public init(
    channel: KrakenChannel, symbol: String = "", depth: Int? = nil, interval: Int? = nil,
    trigger: EventTrigger? = nil
  ) {
    self.channel = channel
    self.symbol = symbol
    self.depth = depth
    self.interval = interval
    self.trigger = trigger
  }

  public static var instrument: UpstreamTopic { UpstreamTopic(channel: .instrument) }
  public static func ticker(_ symbol: String, _ trigger: EventTrigger) -> UpstreamTopic {
    UpstreamTopic(channel: .ticker, symbol: symbol, trigger: trigger)
  }
  public static func book(_ symbol: String, depth: Int) -> UpstreamTopic {
    UpstreamTopic(channel: .book, symbol: symbol, depth: depth)
  }
  public static func trade(_ symbol: String) -> UpstreamTopic {
    UpstreamTopic(channel: .trade, symbol: symbol)
  }
  public static func ohlc(_ symbol: String, interval: Int) -> UpstreamTopic {
    UpstreamTopic(channel: .ohlc, symbol: symbol, interval: interval)
  }

  public static var executions: UpstreamTopic { UpstreamTopic(channel: .executions) }
  public static var balances: UpstreamTopic { UpstreamTopic(channel: .balances) }
  public static func level3(_ symbol: String, depth: Int) -> UpstreamTopic {
    UpstreamTopic(channel: .level3, symbol: symbol, depth: depth)
  }

  /// What subscribing adds to Kraken's snapshot counter; nil where nothing is counted.
  ///
  /// Source: docs.kraken.com, WebSocket v2 `level3`, rate limits.
  public var snapshotCost: Int? {
    guard channel == .level3 else { return nil }
    switch depth ?? 10 {
    case ...10: return 5
    case ...100: return 25
    default: return 100
    }
  }

  /// Whether both can be asked for in one request, which names its parameters once and its symbols in a list.
  public func sharesRequest(with other: UpstreamTopic) -> Bool {
    channel == other.channel && depth == other.depth && interval == other.interval && trigger == other.trigger
  }
}

extension UpstreamTopic: CustomStringConvertible {
  /// For log lines: `book BTC/USD depth 10`.
  public var description: String {
    var text = channel.name
    if !symbol.isEmpty { text += " " + symbol }
    if let depth { text += " depth \(depth)" }
    if let interval { text += " interval \(interval)" }
    if let trigger { text += " " + trigger.rawValue }
    return text
  }
}
