// Lines from the log into the sockets of readers: the bridge's own fan-out, writing as the daemon does. The peer is
// `fanout_loop`, which does the same system calls on the same sockets and nothing else.

import Drain
import FanOut
import Glibc
import MarketData

struct FanOutBenchmark {
  /// Readers follow this many topics by name, and the lines of a turn take turns among them.
  private static let topicsFollowed = 4

  private let readers: Int
  private let linesPerTurn: Int
  private let lines: Int
  private let isFiltered: Bool

  init(_ options: inout Options) throws(BenchmarkFault) {
    readers = try options.count("--readers")
    linesPerTurn = try options.count("--lines-per-turn")
    lines = try options.count("--lines")
    isFiltered = try options.flag("--filtered")
    try options.finish()
  }

  func run() throws(BenchmarkFault) -> Report {
    guard drain_open(Int32(readers)) == 0 else { throw .failed("cannot open \(readers) socket pairs: errno \(errno)") }
    var transport = SocketTransport(readers: readers)
    var nothing = NoSnapshots()
    var fanOut = FanOut(firstSeq: 1)
    let topics = (0..<(isFiltered ? readers : Self.topicsFollowed)).map { _ in fanOut.addTopic(scope: .market) }
    for reader in 0..<readers {
      let id = fanOut.addSubscriber(scopes: .market, limits: LagLimits(bytes: .max, duration: .seconds(3600)))
      for topic in isFiltered ? [topics[reader]] : topics { _ = fanOut.subscribe(id, to: topic, start: .live) }
    }
    let now = Moment(monotonic: 0, wall: 0)
    _ = fanOut.flush(now: now, transport: &transport, snapshots: &nothing)

    let line = UnsafeRawBufferPointer(start: drain_line(), count: drain_line_length())
    let turnsPerBurst = drain_turns_per_burst(Int32(readers), Int32(linesPerTurn), isFiltered ? 1 : 0)
    var turns = (lines + linesPerTurn - 1) / linesPerTurn
    var published = 0
    var stopwatch = Stopwatch()
    while turns > 0 {
      let burst = min(turns, turnsPerBurst)
      stopwatch.start()
      for _ in 0..<burst {
        for _ in 0..<linesPerTurn {
          fanOut.publish(topic: topics[published % topics.count], maxBytes: line.count) { room, _, _ in
            room.copyMemory(from: line.baseAddress!, byteCount: line.count)
            return line.count
          }
          published += 1
        }
        _ = fanOut.flush(now: now, transport: &transport, snapshots: &nothing)
      }
      stopwatch.stop()
      turns -= burst
      guard !transport.isCut else { throw .failed("a socket did not take all: its buffer is too small") }
      guard drain_wait(fanOut.statistics.bytes) == 0 else { throw .failed("the reading process is gone") }
    }
    let delivered = Int(fanOut.statistics.lines)
    guard delivered == published * (isFiltered ? 1 : readers) else {
      throw .failed("\(delivered) lines were delivered of \(published) published")
    }
    return Report(
      units: delivered, bytes: Int(fanOut.statistics.bytes), stopwatch: stopwatch,
      further: [("writes", Int(fanOut.statistics.writes))])
  }
}

/// send(2) with the flags the daemon uses, straight from the log.
private struct SocketTransport: SubscriberTransport {
  private let descriptors: [Int32]
  private(set) var isCut = false

  init(readers: Int) { descriptors = (0..<Int32(readers)).map { drain_socket($0) } }

  mutating func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
    let count = send(descriptors[Int(id.slot)], bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    if count < 0 { return errno == EAGAIN ? .wrote(0) : .closed }
    return .wrote(count)
  }

  mutating func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) { isCut = true }
  mutating func close(_ id: SubscriberID) { isCut = true }
}

/// Nobody joins late or falls behind here.
private struct NoSnapshots: SnapshotSource {
  mutating func writeSnapshot(
    of topic: TopicID, seq: UInt64?, to reader: SubscriberID, into: (UnsafeRawBufferPointer) -> Void
  ) -> Bool { false }
  mutating func writeGap(
    to reader: SubscriberID, reason: GapReason, from: UInt64, to: UInt64, dropped: UInt64,
    into: (UnsafeRawBufferPointer) -> Void
  ) {}
  mutating func writeGoodbye(
    to reader: SubscriberID, reason: DepartureReason, into: (UnsafeRawBufferPointer) -> Void
  ) {}
}
