// A stage for the fan-out: a transport that takes as much as it is told to, a source of snapshots whose
// lines say everything a test wants to know, and short words for what tests do. No I/O, no clock.
//
// Lines: `L seq topic prev padding`, bridge `B seq`, snapshot `S topic seq end-of-log`, stale in place of a
// snapshot `X topic end-of-log`, gap `G from to dropped`, goodbye `goodbye reason`, directed `D text`.

import FanOut
import MarketData

struct FakeTransport: SubscriberTransport {
  struct Connection {
    /// What the kernel has taken or will take: written bytes, parked remainders included.
    var text: [UInt8] = []
    /// Bytes the kernel still takes.
    var room = Int.max
    var isParked = false
    var isGone = false
    var isClosed = false
    var writes: [Int] = []
    var parkedBytes = 0
    /// What a restart finds parked; NIO may have written some of it.
    var lastParked = 0
  }

  var connections: [SubscriberID: Connection] = [:]
  /// What a transport must never see.
  var violations: [String] = []

  mutating func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
    var connection = connections[id] ?? Connection()
    defer { connections[id] = connection }
    if connection.isGone { return .closed }
    if connection.isClosed { violations.append("write after close") }
    if connection.isParked { violations.append("write while parked") }
    if bytes.isEmpty { violations.append("empty write") }
    let count = min(connection.room, bytes.count)
    connection.text.append(contentsOf: bytes[..<count])
    connection.room -= count
    connection.writes.append(count)
    return .wrote(count)
  }

  mutating func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) {
    var connection = connections[id] ?? Connection()
    defer { connections[id] = connection }
    if connection.isClosed { violations.append("park after close") }
    if connection.isParked, !remainder.starts(with: "goodbye".utf8) { violations.append("parked twice") }
    if remainder.isEmpty { violations.append("empty park") }
    if remainder.last != UInt8(ascii: "\n") { violations.append("parked part of a line") }
    connection.text.append(contentsOf: remainder)
    connection.parkedBytes += remainder.count
    connection.lastParked = remainder.count
    connection.isParked = true
  }

  mutating func close(_ id: SubscriberID) {
    var connection = connections[id] ?? Connection()
    if connection.isClosed { violations.append("closed twice") }
    connection.isClosed = true
    connections[id] = connection
  }
}

struct FakeSource: SnapshotSource {
  /// Topics without a snapshot: `false` from `writeSnapshot`.
  var withoutSnapshot: Set<TopicID> = []
  /// Topics that have a stale line in place of a snapshot.
  var stale: Set<TopicID> = []
  var padding: [TopicID: Int] = [:]
  var linesPerSnapshot = 1
  /// Set before each flush.
  var endOfLog: UInt64 = 0
  var asked: [(reader: SubscriberID, topic: TopicID)] = []

  mutating func writeSnapshot(
    of topic: TopicID, seq: UInt64?, to reader: SubscriberID, into: (UnsafeRawBufferPointer) -> Void
  ) -> Bool {
    asked.append((reader, topic))
    if withoutSnapshot.contains(topic) { return false }
    if stale.contains(topic) {
      "X \(topic.index) \(endOfLog)\n".withBytes(into)
      return true
    }
    for _ in 0..<linesPerSnapshot {
      let padding = String(repeating: "s", count: padding[topic] ?? 0)
      "S \(topic.index) \(seq.map(String.init) ?? "-") \(endOfLog) \(padding)\n".withBytes(into)
    }
    return true
  }

  mutating func writeGap(
    to reader: SubscriberID, reason: GapReason, from: UInt64, to: UInt64, dropped: UInt64,
    into: (UnsafeRawBufferPointer) -> Void
  ) {
    "G \(from) \(to) \(dropped)\n".withBytes(into)
  }

  mutating func writeGoodbye(to reader: SubscriberID, reason: DepartureReason, into: (UnsafeRawBufferPointer) -> Void) {
    "goodbye \(reason)\n".withBytes(into)
  }
}

extension String {
  func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    var copy = self
    return copy.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }
}

final class Stage {
  var fanOut: FanOut
  var transport = FakeTransport()
  var source = FakeSource()
  var now = Moment(monotonic: 0, wall: 0)
  var notices: [FanOutNotice] = []
  private let configuration: FanOutConfiguration

  init(
    ringBytes: Int = 1 << 16, entriesMax: Int = 256, lineBytesMax: Int = 256, writeBytesMax: Int = 1 << 14,
    writesPerFlush: Int = 4, firstSeq: UInt64 = 1
  ) {
    var configuration = FanOutConfiguration()
    configuration.ringBytes = ringBytes
    configuration.entriesMax = entriesMax
    configuration.lineBytesMax = lineBytesMax
    configuration.writeBytesMax = writeBytesMax
    configuration.writesPerFlush = writesPerFlush
    self.configuration = configuration
    fanOut = FanOut(configuration: configuration, firstSeq: firstSeq)
  }

  /// Goes on with another fan-out, made from the bytes of this one's state. Parked remainders that were not
  /// written go with it, all or half of each.
  func restart(limits: [SubscriberID: LagLimits], lineBytesMax: Int? = .max) {
    let unwritten = takeParked()
    var writer = StateWriter()
    fanOut.exportState(lineBytesMax: lineBytesMax) { unwritten[$0] ?? [] }.write(to: &writer)
    var reader = StateReader(writer.bytes)
    guard let state = try? FanOutState(from: &reader), reader.isAtEnd else { preconditionFailure("not a state") }
    takeUp(state, limits: limits)
  }

  func takeUp(_ state: FanOutState, limits: [SubscriberID: LagLimits] = [:]) {
    fanOut = FanOut(configuration: configuration, restoring: state, firstSeq: fanOut.lastSeq + 1000) {
      limits[$0] ?? LagLimits(bytes: .max, duration: .seconds(1_000_000))
    }
  }

  private func takeParked() -> [SubscriberID: [UInt8]] {
    var unwritten: [SubscriberID: [UInt8]] = [:]
    for (id, connection) in transport.connections where connection.isParked && !connection.isClosed {
      // A test that has taken the text already has seen the remainder arrive.
      let isTaken = connection.text.count < connection.lastParked
      let count = isTaken ? 0 : id.slot % 2 == 0 ? connection.lastParked : connection.lastParked / 2
      unwritten[id] = Array(connection.text.suffix(count))
      transport.connections[id]!.text.removeLast(count)
      transport.connections[id]!.isParked = false
    }
    return unwritten
  }

  static func text(seq: UInt64, topic: TopicID, prev: UInt64?, padding: Int) -> String {
    "L \(seq) \(topic.index) \(prev.map(String.init) ?? "-") \(String(repeating: "x", count: padding))"
  }

  /// Publishes a line; its room is exactly its size.
  @discardableResult
  func publish(_ topic: TopicID, padding: Int = 0) -> UInt64 {
    let prev = fanOut.lastSeq(of: topic)
    let line = Self.text(seq: fanOut.lastSeq + 1, topic: topic, prev: prev, padding: padding) + "\n"
    return fanOut.publish(topic: topic, maxBytes: line.utf8.count) { room, seq, givenPrev in
      precondition(seq == self.expectedSeq(line) && givenPrev == prev)
      line.withBytes { room.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
      return line.utf8.count
    }
  }

  private func expectedSeq(_ line: String) -> UInt64? { UInt64(line.split(separator: " ")[1]) }

  @discardableResult
  func publish(to audience: Audience) -> UInt64 {
    fanOut.publish(to: audience, maxBytes: 64) { room, seq, prev in
      precondition(prev == nil)
      return "B \(seq)\n".withBytes {
        room.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        return $0.count
      }
    }
  }

  func topics(_ count: Int, scope: Scope = .market) -> [TopicID] {
    (0..<count).map { _ in fanOut.addTopic(scope: scope) }
  }

  func reader(
    scopes: Scope = .market, lagBytes: Int = .max, lag: Duration = .seconds(1_000_000), room: Int = .max
  ) -> SubscriberID {
    let id = fanOut.addSubscriber(scopes: scopes, limits: LagLimits(bytes: lagBytes, duration: lag))
    transport.connections[id] = .init(room: room)
    return id
  }

  /// A reader in sync that follows these topics.
  func reader(of topics: [TopicID], start: Start = .live, lagBytes: Int = .max, room: Int = .max) -> SubscriberID {
    let id = reader(lagBytes: lagBytes, room: room)
    for topic in topics { _ = fanOut.subscribe(id, to: topic, start: start) }
    return id
  }

  func send(_ id: SubscriberID, _ text: String) {
    "D \(text)\n".withBytes { fanOut.send(id, $0) }
  }

  func flush() {
    source.endOfLog = fanOut.lastSeq
    notices += fanOut.flush(now: now, transport: &transport, snapshots: &source)
  }

  /// Flushes until nothing more could be written at once.
  func flushAll() {
    repeat { flush() } while fanOut.hasDueWork
  }

  func checkLag() {
    notices += fanOut.checkLag(now: now, transport: &transport, snapshots: &source)
  }

  func pass(_ duration: Duration) { now = now.advanced(by: duration) }

  /// The reader reads: its parked remainder is gone and the kernel takes `room` more bytes.
  func unblock(_ id: SubscriberID, room: Int = .max) {
    transport.connections[id]?.isParked = false
    transport.connections[id]?.room = room
    fanOut.writable(id)
  }

  /// Takes the lines that the reader got since the last call. Traps on a torn line.
  func take(_ id: SubscriberID) -> [String] {
    let text = transport.connections[id]?.text ?? []
    transport.connections[id]?.text = []
    precondition(text.isEmpty || text.last == UInt8(ascii: "\n"), "torn line")
    return text.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The sequence numbers of the published lines the reader got since the last call.
  func takeSeqs(_ id: SubscriberID) -> [UInt64] {
    take(id).filter { $0.first == "L" || $0.first == "B" }.map { UInt64($0.split(separator: " ")[1])! }
  }
}

// The expectation macros cannot look into a value that cannot be copied, so the stage speaks for it.
extension Stage {
  var lastSeq: UInt64 { fanOut.lastSeq }
  var oldestSeq: UInt64 { fanOut.oldestSeq }
  var hasDueWork: Bool { fanOut.hasDueWork }
  var unflushedBytes: Int { fanOut.unflushedBytes }
  var nextLagCheck: Int64? { fanOut.nextLagCheck }
  var subscriberCount: Int { fanOut.subscriberCount }
  var status: FanOutStatus { fanOut.status }
  var statistics: SubscriberStatistics { fanOut.statistics }
  func lastSeq(of topic: TopicID) -> UInt64? { fanOut.lastSeq(of: topic) }
  func addTopic(scope: Scope) -> TopicID { fanOut.addTopic(scope: scope) }
  func removeTopic(_ topic: TopicID) { fanOut.removeTopic(topic) }
  func subscribe(_ id: SubscriberID, to topic: TopicID, start: Start) -> SubscribeOutcome {
    fanOut.subscribe(id, to: topic, start: start)
  }
  func subscribeToEverything(_ id: SubscriberID, start: Start) -> SubscribeOutcome {
    fanOut.subscribeToEverything(id, start: start)
  }
  @discardableResult
  func unsubscribe(_ id: SubscriberID, from topic: TopicID) -> Bool { fanOut.unsubscribe(id, from: topic) }
  func isSubscribed(_ id: SubscriberID, to topic: TopicID) -> Bool { fanOut.isSubscribed(id, to: topic) }
  func isFollowing(_ id: SubscriberID) -> Bool { fanOut.isFollowing(id) }
  func subscriptionCount(_ id: SubscriberID) -> Int { fanOut.subscriptionCount(id) }
  func subscriberCount(of topic: TopicID) -> Int { fanOut.subscriberCount(of: topic) }
  func directedBytes(_ id: SubscriberID) -> Int { fanOut.directedBytes(id) }
  func setPolicy(_ id: SubscriberID, _ policy: SlowPolicy) { fanOut.setPolicy(id, policy) }
  func closeWhenWritten(_ id: SubscriberID) { fanOut.closeWhenWritten(id) }
  func writable(_ id: SubscriberID) { fanOut.writable(id) }
  func removeSubscriber(_ id: SubscriberID) { fanOut.removeSubscriber(id) }
  func status(of id: SubscriberID) -> SubscriberStatus? { fanOut.status(of: id) }
}

/// The generator of all random tests: SplitMix64, seeded and printed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}
