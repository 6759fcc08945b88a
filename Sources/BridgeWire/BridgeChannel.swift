// The channels a subscriber can ask for: Kraken's, under Kraken's names, and the bridge's own views.

public enum BridgeChannel: String, Sendable, CaseIterable {
  case ticker, book, trade, ohlc, instrument, status
  /// Best bid and ask, from `ticker` with `event_trigger: bbo`.
  case spread
  case executions, balances, level3
  /// Fills only, from `executions`.
  case ownTrades = "own_trades"
  /// One merged record per open order, from `executions`.
  case openOrders = "open_orders"

  /// Whether the channel belongs to an account, and so needs the `account` scope.
  public var isAccount: Bool {
    switch self {
    case .executions, .balances, .level3, .ownTrades, .openOrders: true
    default: false
    }
  }

  /// Whether a request has to name symbols.
  public var needsSymbol: Bool {
    switch self {
    case .ticker, .book, .trade, .ohlc, .spread, .level3: true
    default: false
    }
  }

  /// Whether a `snapshot` line's data is an array (possibly empty) rather than one object.
  public var snapshotIsArray: Bool {
    switch self {
    case .trade, .ohlc, .executions, .balances, .ownTrades, .openOrders: true
    default: false
    }
  }

  /// Values Kraken accepts for `depth`; the first is the default. Empty: the channel has no depth.
  public var depths: [Int] {
    switch self {
    case .book: [10, 25, 100, 500, 1000]
    case .level3: [10, 100, 1000]
    default: []
    }
  }

  /// Values Kraken accepts for `interval`, in minutes; the first is the default.
  public var intervals: [Int] { self == .ohlc ? [1, 5, 15, 30, 60, 240, 1440, 10080, 21600] : [] }

  /// Values Kraken accepts for `event_trigger`; the first is the default.
  public var eventTriggers: [String] { self == .ticker ? ["trades", "bbo"] : [] }
}

/// One stream of lines: a channel with everything that tells it from its neighbours.
public struct TopicKey: Hashable, Sendable {
  public var channel: BridgeChannel
  /// A pair in Kraken's spelling, an asset when `isAsset`, or empty for channels with one topic.
  public var name: String
  public var isAsset: Bool
  public var depth: Int?
  public var interval: Int?
  /// Only ever `bbo`: `trades` is the default and stays unsaid, as it does on Kraken's lines.
  public var eventTrigger: String?
  /// `executions` only, and always there.
  public var executions: ExecutionOptions?

  public init(
    _ channel: BridgeChannel, _ name: String = "", isAsset: Bool = false, depth: Int? = nil, interval: Int? = nil,
    eventTrigger: String? = nil, executions: ExecutionOptions? = nil
  ) {
    self.channel = channel
    self.name = name
    self.isAsset = isAsset
    self.depth = depth ?? channel.depths.first
    self.interval = interval ?? channel.intervals.first
    self.eventTrigger = eventTrigger == channel.eventTriggers.first ? nil : eventTrigger
    self.executions = channel == .executions ? executions ?? ExecutionOptions() : nil
  }
}
