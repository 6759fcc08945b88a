// One connection, as the fan-out sees it: a cursor into the log, what it follows, and what it is owed.
// There is no queue: whatever a subscriber has not got yet is in the log or can be made anew.

/// A subscription's part in the order of lines.
struct Subscription {
  enum State: UInt8 {
    /// Lines from `from` on are delivered in their turn.
    case following
    /// A snapshot comes first; lines before it are not delivered. Bridge lines are, from `from` on.
    case owed
    /// Lines from `from` on are to be delivered by a replay that has not begun.
    case replayQueued
    /// Lines from `from` on are being delivered by the replay.
    case replaying
    /// Its lines are missed and counted, until the gap line is written.
    case missing
    /// Not followed, although everything else is.
    case excluded
  }

  let topic: UInt32
  /// Index in the topic's list of followers.
  var place: UInt32
  var state: State
  /// First sequence number that may be delivered.
  var from: UInt64
}

/// What somebody who follows everything is due.
struct Everything {
  /// First sequence number that may be delivered.
  var from: UInt64
  /// Topics from this index on are owed a snapshot and not followed until they got it.
  var owedFrom: UInt32

  static let nothingOwed = UInt32.max
}

/// Lines that were missed, until the reader can be told.
struct Gap {
  var from: UInt64
  /// `missed + published - publishedAtStart` lines were missed, where `published` is the present sum over the topics missed.
  var missed: UInt64
  var publishedAtStart: UInt64
  var reason = GapReason.slowReader
}

struct Subscriber {
  var generation: UInt32
  var isConnected = false
  /// The kernel takes no more; a remainder is parked.
  var isBlocked = false
  /// Somebody has to look at it in the next flush.
  var needsAttention = false
  /// To be closed after its directed lines.
  var isClosing = false
  var policy = SlowPolicy.resync
  /// Set when a limit was exceeded under the policy `disconnect`.
  var exceeded: LagLimit?
  var scopes: Scope = []

  /// Everything of interest before this was delivered. Meaningless while the subscriber is in sync: then it is the fan-out's.
  var cursor: UInt64 = 0
  /// Next line of the replay, which ends at the cursor.
  var replay: UInt64?
  /// Lines for everyone are due from here on: since it connected, or since the last gap.
  var toldFrom: UInt64 = 0
  /// Sorted by topic. For somebody who follows everything: the exceptions.
  var subscriptions: [Subscription] = []
  var everything: Everything?
  var owedCount = 0
  var queuedReplays = 0
  var gap: Gap?

  /// Whole lines that go out before further lines of the log.
  var directed: [UInt8] = []

  var lagBytesMax = Int.max
  var lagNanosecondsMax = Int64.max
  /// Since when it has not had everything.
  var behindSince: Int64?
  var statistics = SubscriberStatistics()

  init(generation: UInt32) { self.generation = generation }

  /// Where `topic` is in `subscriptions`, or would have to be inserted.
  func search(_ topic: UInt32) -> (place: Int, isFound: Bool) {
    var low = 0
    var high = subscriptions.count
    while low < high {
      let middle = (low + high) / 2
      if subscriptions[middle].topic < topic { low = middle + 1 } else { high = middle }
    }
    return (low, low < subscriptions.count && subscriptions[low].topic == topic)
  }

  func subscription(to topic: UInt32) -> Subscription? {
    let (place, isFound) = search(topic)
    return isFound ? subscriptions[place] : nil
  }

  var isOwedSnapshots: Bool {
    owedCount > 0 || (everything.map { $0.owedFrom != Everything.nothingOwed } ?? false)
  }

  /// The oldest line it may still need; while a gap is to be told it needs none.
  var lowestPosition: UInt64 {
    guard gap == nil else { return .max }
    var lowest = min(cursor, replay ?? cursor)
    if queuedReplays > 0 {
      for subscription in subscriptions where subscription.state == .replayQueued { lowest = min(lowest, subscription.from) }
    }
    return lowest
  }

  mutating func insert(_ subscription: Subscription) {
    let (place, isFound) = search(subscription.topic)
    precondition(!isFound)
    subscriptions.insert(subscription, at: place)
    noteState(subscription.state, 1)
  }

  mutating func remove(_ topic: UInt32) {
    let (place, isFound) = search(topic)
    guard isFound else { return }
    noteState(subscriptions.remove(at: place).state, -1)
  }

  mutating func removeAll() {
    subscriptions = []
    owedCount = 0
    queuedReplays = 0
  }

  mutating func setState(_ state: Subscription.State, at place: Int) {
    noteState(subscriptions[place].state, -1)
    noteState(state, 1)
    subscriptions[place].state = state
  }

  private mutating func noteState(_ state: Subscription.State, _ change: Int) {
    switch state {
    case .owed: owedCount += change
    case .replayQueued: queuedReplays += change
    case .following, .replaying, .missing, .excluded: break
    }
  }
}
