// The channels of Kraken's WebSocket API v2 and what tells their subscriptions apart.
//
// The rules that differ from channel to channel (which parameters belong to the key, whether one
// symbol can have several subscriptions) are here and nowhere else, so that a new channel is a new
// case and a few answers to the compiler's questions.

import JSONText

public enum KrakenChannel: UInt8, Sendable, CaseIterable, Hashable {
  case ticker, book, trade, ohlc, instrument, status, heartbeat, executions, balances, level3

  /// The name on the wire.
  public var wireName: StaticString {
    switch self {
    case .ticker: "ticker"
    case .book: "book"
    case .trade: "trade"
    case .ohlc: "ohlc"
    case .instrument: "instrument"
    case .status: "status"
    case .heartbeat: "heartbeat"
    case .executions: "executions"
    case .balances: "balances"
    case .level3: "level3"
    }
  }

  public var name: String { "\(wireName)" }

  /// The channel a JSON string names. Allocates nothing.
  @inlinable
  public init?(_ value: JSONValue) {
    if value.equals("book") {
      self = .book
    } else if value.equals("ticker") {
      self = .ticker
    } else if value.equals("trade") {
      self = .trade
    } else if value.equals("ohlc") {
      self = .ohlc
    } else if value.equals("heartbeat") {
      self = .heartbeat
    } else if value.equals("level3") {
      self = .level3
    } else if value.equals("executions") {
      self = .executions
    } else if value.equals("balances") {
      self = .balances
    } else if value.equals("instrument") {
      self = .instrument
    } else if value.equals("status") {
      self = .status
    } else {
      return nil
    }
  }

  public init?(name: some StringProtocol) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}

extension KrakenChannel {
  /// Whether it can be subscribed to; `status` and `heartbeat` come unasked and are refused when asked for.
  public var isRequestable: Bool { self != .status && self != .heartbeat }

  /// Whether its subscriptions name symbols.
  public var hasSymbols: Bool {
    switch self {
    case .ticker, .book, .trade, .ohlc, .level3: true
    case .instrument, .status, .heartbeat, .executions, .balances: false
    }
  }

  /// Whether Kraken refuses a second depth of a symbol with `Already subscribed`.
  public var allowsOneDepthPerSymbol: Bool { self == .book || self == .level3 }

  /// Whether each item is complete in itself, so that an update means something without a snapshot before it.
  public var itemsStandAlone: Bool {
    switch self {
    case .ticker, .trade, .ohlc: true
    case .book, .level3, .instrument, .status, .heartbeat, .executions, .balances: false
    }
  }

  /// Whether requests about it must carry a token.
  public var needsToken: Bool { self == .executions || self == .balances || self == .level3 }
}

/// What makes Kraken send a ticker update.
public enum EventTrigger: String, Sendable, Hashable, CaseIterable {
  /// After every trade; Kraken's default.
  case trades
  /// When the best bid or offer changes.
  case bbo

  public init?(_ value: JSONValue) {
    if value.equals("trades") {
      self = .trades
    } else if value.equals("bbo") {
      self = .bbo
    } else {
      return nil
    }
  }
}
