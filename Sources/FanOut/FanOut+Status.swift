// What `clients`, `status` and `metrics` show.

/// A subscriber as seen from outside.
public struct SubscriberStatus: Hashable, Sendable {
  public var scopes: Scope
  public var policy: SlowPolicy
  /// Topics followed by name.
  public var subscriptions: Int
  public var followsEverything: Bool
  /// The kernel takes no more; the reader has to read.
  public var isBlocked: Bool
  /// It missed lines and will be told when it reads again.
  public var isMissingLines: Bool
  /// Bytes of log from the oldest line it may still need to the newest, lines of others included.
  public var lagBytes: Int
  /// Monotonic nanoseconds; nil while it has everything.
  public var behindSince: Int64?
  public var directedBytes: Int
  public var statistics: SubscriberStatistics
}

/// The fan-out as a whole.
public struct FanOutStatus: Hashable, Sendable {
  public var subscribers: Int
  public var topics: Int
  /// Subscribers that do not have everything.
  public var behind: Int
  public var blocked: Int
  public var oldestSeq: UInt64
  public var lastSeq: UInt64
  /// Bytes of log held.
  public var heldBytes: Int
  public var ringBytes: Int
  public var statistics: SubscriberStatistics
}

extension FanOut {
  public func status(of id: SubscriberID) -> SubscriberStatus? {
    guard let slot = slot(of: id) else { return nil }
    let subscriber = subscribers[Int(slot)]
    return SubscriberStatus(
      scopes: subscriber.scopes, policy: subscriber.policy, subscriptions: subscriptionCount(id),
      followsEverything: subscriber.everything != nil, isBlocked: subscriber.isBlocked,
      isMissingLines: subscriber.gap != nil, lagBytes: lagBytes(slot), behindSince: subscriber.behindSince,
      directedBytes: subscriber.directed.count, statistics: subscriber.statistics)
  }

  /// Walks all subscribers: for status requests, not for the hot path.
  public var status: FanOutStatus {
    FanOutStatus(
      subscribers: subscriberCount, topics: topics.liveCount,
      behind: subscribers.count { $0.behindSince != nil }, blocked: subscribers.count { $0.isBlocked },
      oldestSeq: oldestSeq, lastSeq: lastSeq, heldBytes: log.bytes(since: oldestSeq), ringBytes: log.capacity,
      statistics: statistics)
  }

  public var subscriberCount: Int { subscribers.count - freeSlots.count }

  /// Bytes of log that the subscriber has not been given. For somebody in sync that is what no flush has dealt out yet.
  func lagBytes(_ slot: UInt32) -> Int {
    if distribution.isInSync(slot) { return unflushedBytes }
    if let gap = subscribers[Int(slot)].gap { return log.bytes(since: gap.from) }
    return log.bytes(since: subscribers[Int(slot)].lowestPosition)
  }
}
