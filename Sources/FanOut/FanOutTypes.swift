// The small values that FanOut and its user exchange: names of topics and subscribers, scopes, limits.
// All sizes are bytes, all moments monotonic nanoseconds, all sequence numbers those of the log.

/// A topic's place in the table of topics. Dense, so that it can index arrays.
///
/// An index is given out again only when no line that mentions the old topic is left in the log, so a
/// reader that resumes never meets another topic's lines under its own topic's name.
public struct TopicID: Hashable, Sendable {
  public var index: UInt32

  public init(index: UInt32) { self.index = index }
}

/// A connection's name. The generation makes the ids of closed connections harmless: whatever is asked
/// for a stale id is ignored.
public struct SubscriberID: Hashable, Sendable {
  public var slot: UInt32
  public var generation: UInt32

  public init(slot: UInt32, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }
}

/// What a listener may see. A topic has exactly one scope, a subscriber any number.
public struct Scope: OptionSet, Hashable, Sendable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Public market data.
  public static let market = Scope(rawValue: 1)
  /// What belongs to the account: executions, balances, level3.
  public static let account = Scope(rawValue: 2)
  /// What belongs to one connection alone, such as the stages of its own orders.
  public static let connection = Scope(rawValue: 4)

  static let valid: Scope = [.market, .account, .connection]
}

/// Whom a bridge line (`state`, `stale`) concerns. Each subscriber concerned gets it once, in its place in the order.
public enum Audience: Sendable {
  /// Those who follow at least one of these topics, also when its snapshot is still owed to them.
  case topics([TopicID])
  /// Those who follow at least one topic of one of these scopes, and those who follow everything in them.
  case subscribersOf(Scope)
  /// Every subscriber, whether it follows something or not.
  case everyone
}

/// How a subscription begins.
public enum Start: Hashable, Sendable {
  /// A snapshot made for this reader, then every line after it.
  case snapshotOwed
  /// No snapshot: the next line published.
  case live
  /// Every line after this sequence number that the log still holds, then live.
  case since(UInt64)
}

/// What became of a request to follow a topic.
public enum SubscribeOutcome: Hashable, Sendable {
  case subscribed
  case alreadySubscribed
  /// The lines asked for are not (or no longer) in the log. Nothing was changed.
  case expired
  /// Stale subscriber or unknown topic. Nothing was changed.
  case ignored
}

/// What happens to a reader that exceeds its lag limits.
public enum SlowPolicy: UInt8, Sendable {
  /// It is told what it missed and gets snapshots, as soon as it reads again.
  case resync
  /// It is closed.
  case disconnect
}

/// How far a reader may fall behind. Given per subscriber, because listeners differ.
public struct LagLimits: Hashable, Sendable {
  /// Bytes of log from the oldest line that the reader still misses to the newest.
  public var bytes: Int
  /// Time since the reader last had everything.
  public var duration: Duration

  public init(bytes: Int, duration: Duration) {
    self.bytes = bytes
    self.duration = duration
  }
}

/// The limits of the fan-out. Memory for text and index is reserved at once and touched as it is used.
public struct FanOutConfiguration: Sendable {
  /// Room for the text of lines; must hold two lines of the largest size, and is raised to that if it does not.
  public var ringBytes = 32 << 20
  /// Lines the index can hold; rounded up to a power of two. At 32 MiB this is reached by lines under 128 bytes.
  public var entriesMax = 1 << 18
  /// Longest line, with its LF. Must fit in `ringBytes` twice.
  public var lineBytesMax = 4 << 20
  /// Most bytes handed to the transport in one call when lines have to be gathered; about what a kernel takes at once.
  public var writeBytesMax = 256 << 10
  /// Most calls to the transport for one subscriber in one flush, so that a reader that catches up does not hold up the others.
  public var writesPerFlush = 4
  /// How often lag limits are looked at while anybody is behind.
  public var lagCheckInterval: Duration = .milliseconds(250)

  public init() {}

  var ringCapacity: Int { max(ringBytes, 2 * lineBytesMax) }
  var entriesCapacity: Int {
    var count = 2
    while count < entriesMax { count *= 2 }
    return count
  }
}
