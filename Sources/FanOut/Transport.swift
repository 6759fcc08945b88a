// What FanOut needs from the outside: somewhere to write, and somebody who knows the text of the lines
// that are made for one reader. Both are generic parameters of the calls that use them, so tests hand in
// simulated ones and the daemon pays no dynamic lookup.

/// What became of a write.
public enum WriteOutcome: Hashable, Sendable {
  /// So many bytes were taken; fewer than offered means that the kernel will not take more now.
  case wrote(Int)
  /// The other side is gone.
  case closed
}

/// Writes to connections. Never blocks, and never calls back into the fan-out.
public protocol SubscriberTransport {
  mutating func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome
  /// Copies the rest of a line, writes it as soon as the kernel takes it, and then has `FanOut.writable` called.
  /// Until then nothing else is written to this subscriber, except that a `goodbye` may be parked behind it.
  mutating func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer)
  /// Closes after what was written and parked before. The fan-out has forgotten the subscriber already.
  mutating func close(_ id: SubscriberID)
}

/// Why a reader missed lines, as far as the fan-out knows.
public enum GapReason: UInt8, Hashable, Sendable {
  case slowReader
  /// What became of its lines while the bridge was restarted is not known; nor is their number.
  case restart
}

/// Which limit a slow reader ran into.
public enum LagLimit: UInt8, Hashable, Sendable {
  case bytes
  case duration
  /// The log needed the room of the oldest line that the reader still missed.
  case ring
}

/// Why a subscriber is no more.
public enum DepartureReason: Hashable, Sendable {
  /// Closed after its last line, as asked by `closeWhenWritten`.
  case finished
  /// A write found the other side gone.
  case peerGone
  /// Its policy is `disconnect` and it ran into a lag limit.
  case slowReader(LagLimit)
  /// It was to be closed after its last line, but did not take that line within its lag limit.
  case stuckWhileClosing
}

/// The text of the lines that are made for one reader. Every line ends with LF and is at most `lineBytesMax` long.
public protocol SnapshotSource {
  /// Hands over the present state of a topic as of the last published line, as one or more whole lines.
  ///
  /// - Parameter seq: the last line published on the topic, which the snapshot must bear; nil if there was none.
  /// - Returns: false if there is nothing to give now because the topic is not live. Its next published
  ///   line is then a snapshot, which the reader gets like everyone.
  mutating func writeSnapshot(
    of topic: TopicID, seq: UInt64?, to reader: SubscriberID, into: (UnsafeRawBufferPointer) -> Void
  ) -> Bool

  /// Hands over the line that tells a reader what it missed: `dropped` lines of its topics with sequence numbers `from...to`.
  mutating func writeGap(
    to reader: SubscriberID, reason: GapReason, from: UInt64, to: UInt64, dropped: UInt64,
    into: (UnsafeRawBufferPointer) -> Void)

  /// Hands over the last line of a reader that is closed by the fan-out's own decision.
  mutating func writeGoodbye(to reader: SubscriberID, reason: DepartureReason, into: (UnsafeRawBufferPointer) -> Void)
}

/// What the caller should know about after a flush or a lag check: for logs, metrics and its own tables.
public enum FanOutNotice: Hashable, Sendable {
  /// The reader was told that it missed these lines.
  case gap(SubscriberID, from: UInt64, to: UInt64, dropped: UInt64)
  /// The subscriber is gone; its id is stale from here on.
  case departed(SubscriberID, DepartureReason, SubscriberStatistics)
}

/// What was done for one subscriber, or for all of them together.
public struct SubscriberStatistics: Hashable, Sendable {
  /// Published lines and snapshots handed over, and the bytes of everything written to the connection.
  public var lines: UInt64 = 0
  public var bytes: UInt64 = 0
  /// Calls of the transport's `write`.
  public var writes: UInt64 = 0
  /// How often the kernel would not take everything.
  public var blocks: UInt64 = 0
  public var gaps: UInt64 = 0
  /// Lines of its topics that the reader missed, as told in its gap lines.
  public var dropped: UInt64 = 0

  public init() {}

  @inline(__always)
  mutating func noteWrite(lines: Int, bytes: Int) {
    self.lines &+= UInt64(truncatingIfNeeded: lines)
    self.bytes &+= UInt64(truncatingIfNeeded: bytes)
    writes &+= 1
  }
}
