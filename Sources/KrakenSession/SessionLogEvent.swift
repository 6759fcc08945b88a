// What the session has to say to people: a kind that stays the same for journals and alarms, and a
// sentence. Offences that can repeat with every message are told in full once and then counted.

public struct SessionLogEvent: Equatable, Sendable {
  public enum Level: UInt8, Sendable, Comparable {
    case debug, info, notice, warning, error
    public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
  }

  /// Stable identities; the raw value is what is logged.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    case upstreamBack = "upstream_back"
    case upstreamLost = "upstream_lost"
    case upstreamState = "upstream_state"
    case attemptFailed = "attempt_failed"
    case budgetExhausted = "budget_exhausted"
    case topicFault = "topic_fault"
    case quarantined, recovered, refused, unanswered, silent
    case rateLimited = "rate_limited"
    case garbage
    case unknownMessage = "unknown_message"
    case warning

    public var level: Level {
      switch self {
      case .upstreamBack, .recovered: .notice
      case .upstreamState, .silent, .unknownMessage, .warning: .info
      case .upstreamLost, .attemptFailed, .topicFault, .refused, .unanswered, .rateLimited, .garbage: .warning
      case .quarantined, .budgetExhausted: .error
      }
    }
  }

  public var kind: Kind
  /// One sentence without a full stop.
  public var message: String
  /// The topic it is about.
  public var topic: UpstreamTopicID?
  /// Why, in a word or in the words of whoever said so.
  public var reason: String?
  /// How often this has happened so far, when it is told only now and then.
  public var count: Int

  public var level: Level { kind.level }

  public init(
    _ kind: Kind, _ message: String, topic: UpstreamTopicID? = nil, reason: String? = nil, count: Int = 1
  ) {
    self.kind = kind
    self.message = message
    self.topic = topic
    self.reason = reason
    self.count = count
  }
}

/// Counts offences by kind and says which are worth a line: the first, the tenth, the hundredth…
struct OffenceCounts: Sendable {
  private var counts: [SessionLogEvent.Kind: Int] = [:]

  mutating func add(_ kind: SessionLogEvent.Kind) -> Int {
    counts[kind, default: 0] += 1
    return counts[kind]!
  }

  /// The count, when it is worth a line.
  mutating func note(_ kind: SessionLogEvent.Kind) -> Int? {
    let count = add(kind)
    var power = 1
    while power < count { power *= 10 }
    return power == count ? count : nil
  }

  subscript(kind: SessionLogEvent.Kind) -> Int { counts[kind, default: 0] }
}
