// How the session names topics to its owner, and what it says about each.

/// A topic in the ledger: a small number, the same from `want` until the topic is gone from the ledger,
/// reused afterwards. Fits as an index into the owner's own arrays.
public struct UpstreamTopicID: Hashable, Sendable, CustomStringConvertible {
  public let index: Int
  public init(_ index: Int) { self.index = index }
  public var description: String { "#\(index)" }
}

/// Whether an item may be used, and for which topic.
public enum Admission: Equatable, Sendable {
  /// - Parameter becameLive: the first data of its subscription, a snapshot or not; what was known before is void.
  case accept(UpstreamTopicID, becameLive: Bool)
  /// Ticker items do not say what triggered them: they belong to whichever subscriptions of the symbol are live.
  case acceptTicker(trades: UpstreamTopicID?, bbo: UpstreamTopicID?, becameLive: Bool)
  /// Nobody asked, it is being unsubscribed, or it is an update before its snapshot.
  case discard
}

/// What the owner found wrong with a live topic.
public enum TopicFault: Sendable, Hashable {
  case checksum, crossed, malformed, sequence
  /// No failure, only a suspicion: the topic is subscribed anew and nothing is held against it.
  case silent

  var staleReason: StaleReason {
    switch self {
    case .checksum, .malformed: .checksum
    case .crossed: .crossed
    case .sequence: .sequence
    case .silent: .silent
    }
  }
}

public enum TopicState: Equatable, Sendable {
  /// To be asked for as soon as there is a connection and its turn comes.
  case wanted
  /// The request is out, no answer yet.
  case asked
  /// Acknowledged, no data yet.
  case confirmed
  case live
  /// Not wanted any more, or to be subscribed anew.
  case unsubscribing
  /// Until this monotonic time, in nanoseconds; then it is asked for again. The same for the next two.
  case paused(until: Int64)
  case refused(error: String, retryAt: Int64)
  case quarantined(until: Int64)
}

public struct TopicStatus: Equatable, Sendable {
  public var state: TopicState
  public var isWanted: Bool
  /// Failures that still count.
  public var failures: Int
  /// When its last item was admitted, monotonic nanoseconds; nil before the first.
  public var lastReceived: Int64?
}
