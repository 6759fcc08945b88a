// What a connection can be subscribed to. A topic is a channel, a symbol and the parameters that belong to the key.

public enum ChannelName: String, Sendable, CaseIterable {
  case ticker, book, trade, ohlc, instrument
  // Private.
  case executions, balances, level3
}

public struct Topic: Hashable, Sendable {
  public var channel: ChannelName
  /// Index of the pair in the exchange's list; nil for `instrument`, `executions` and `balances`.
  var market: Int?
  /// Depth of a book, minutes of a candle, or one for a ticker that follows the best bid and offer.
  var parameter: Int

  static let depths = [10, 25, 100, 500, 1000]
}

/// One connection's place in a topic's audience. It gets updates once its snapshot is out.
struct Subscriber: Sendable {
  var connection: Exchange.ConnectionID
  var topic: Topic
  var isLive: Bool
}

struct Connection: Sendable {
  let id: Exchange.ConnectionID
  let endpoint: Exchange.Endpoint
  /// What `status` calls the connection; above Int64.max, as real ones are.
  let number: UInt64
  /// Some servers list the keys of `status` in the alphabet's order.
  let sortsKeys: Bool
  /// Every topic, with the number of the subscription, which tells a snapshot planned for an earlier one apart.
  var topics: [Topic: Int] = [:]
  var lastActivity: Int64
  var isHeartbeatPlanned = false
  /// Requests it may still make at `tokensAt`, in millionths.
  var requestTokens: Int64
  var requestTokensAt: Int64
  /// When a market's book was unsubscribed, which makes its next snapshot slow.
  var lastUnsubscribed: [Int?: Int64] = [:]
  var isStalled = false
  /// What a stalled connection will get when it resumes.
  var held: [Exchange.Output] = []
  var heldRequests: [[UInt8]] = []
  /// Tokens of its private subscriptions.
  var tokens: Set<String> = []
  /// What level 3 snapshots have cost, and when that was true.
  var snapshotsCounted = 0.0
  var snapshotsCountedAt: Int64 = 0
  var executionOptions = ExecutionOptions()
  /// Private topics whose entries name their user.
  var topicsOfAllUsers: Set<Topic> = []
  /// The latest sequence number of each private topic.
  var sequences: [Topic: Int] = [:]
}
