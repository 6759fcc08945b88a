// Everything about the simulated exchange that a user may set. Times are nanoseconds.

public struct ExchangeConfiguration: Sendable {
  /// Pairs on offer, up to 2000: the well-known ones first, then made-up ones.
  public var symbolCount = 12
  /// Things happening per second in each market: levels set and removed, trades.
  public var updatesPerSecond = 5.0
  /// Candles in an ohlc snapshot, the running one included.
  public var candleHistory = 60

  /// From a request to its answer.
  public var acknowledgementLatency: Int64 = 0
  /// From a subscription to its snapshot.
  public var snapshotLatency: Int64 = 100_000_000
  /// The same for a book that this connection has unsubscribed less than ten seconds ago.
  public var resubscribedSnapshotLatency: Int64 = 1_000_000_000
  /// A connection without subscription and without request is closed after this time.
  public var idleTimeout: Int64 = 60_000_000_000
  /// Mean distance of heartbeats.
  public var heartbeatInterval: Int64 = 1_000_000_000

  /// Requests per second of one connection beyond a burst; nil allows any number.
  public var requestsPerSecond: Double?
  public var requestBurst = 20
  /// Attempts in any ten minutes before the address is blocked for ten minutes; nil allows any number.
  public var connectionsPerTenMinutes: Int?

  // The account.

  public var apiKeys = [APIKey.demonstration]
  public var accountTier = AccountTier.pro
  /// What it owns at first, in units of each asset's own precision; a hundred thousand of everything not named.
  public var balances: [String: Int64] = [
    "USD": 10_000_000_0000, "EUR": 10_000_000_0000, "BTC": 1000_0000000000, "SHIB": 10_000_000_000_00000000,
  ]
  /// From a trading request to the engine.
  public var orderLatency: Int64 = 0
  /// From the engine to the answer. Above zero, execution reports come before it.
  public var answerLatency: Int64 = 0
  /// From the engine to the execution reports.
  public var reportLatency: Int64 = 0

  public init() {}
}
