// `kraken-ctl record` and `subscribe --since` over real restarts of the daemon: what is recorded is the steady stream, and
// where the daemon was away the recording says so.

import Foundation
import Testing

@Suite(.serialized) struct RecordTests {
  private static let topics = ["trade", "BTC/USD", "ETH/USD", "--also", "book BTC/USD depth=25"]
  private static let hasZstd = FileManager.default.isExecutableFile(atPath: "/usr/bin/zstd")

  /// A line of a recording or of a reader.
  private struct Line {
    let text: String
    let json: [String: Any]
    init(_ text: String) {
      self.text = text
      json = Reader.parse(text)
    }
    var type: String { json["type"] as? String ?? "" }
    var seq: UInt64 { json["seq"] as? UInt64 ?? 0 }
    /// `nil` for what is not an event of a topic.
    var topic: String? { json["channel"].flatMap { $0 as? String == "bridge" ? nil : "\($0) \(json["symbol"] ?? "")" } }
  }

  /// A reader who is there for all of a daemon's life.
  private func steadyReader(_ world: World) throws -> Reader {
    let reader = try world.reader()
    reader.send("subscribe trade BTC/USD ETH/USD")
    reader.send("subscribe book BTC/USD depth=25")
    return reader
  }

  /// Whole lines only: the last may be half written.
  private func lines(of file: String) throws -> [Line] {
    let text = try String(contentsOfFile: file, encoding: .utf8)
    return text[..<(text.lastIndex(of: "\n") ?? text.startIndex)].split(separator: "\n").map { Line(String($0)) }
  }

  /// Waits until the file holds so many updates after `seq`; returns the largest `seq` in it.
  private func waitUntilRecorded(_ file: String, _ wanted: Int, after seq: UInt64) throws -> UInt64 {
    let deadline = Date(timeIntervalSinceNow: patience)
    while Date() < deadline {
      guard FileManager.default.fileExists(atPath: file) else { continue }
      let recorded = try lines(of: file).filter { $0.type == "update" && $0.topic != nil && $0.seq > seq }
      if recorded.count >= wanted { return recorded.map(\.seq).max() ?? 0 }
      usleep(20000)
    }
    throw Overdue(description: "\(file) does not grow")
  }

  /// Nothing twice, and each update follows the one before it unless a snapshot, after a gap, stands between.
  private func expectUnbroken(_ recording: [Line]) {
    var last: [String: UInt64] = [:]
    var isExplained = true
    for line in recording {
      if line.type == "gap" { isExplained = true }
      guard let topic = line.topic else { continue }
      if line.type == "update" {
        #expect(line.json["prev"] as? UInt64 == last[topic], "a hole before \(line.text)")
        #expect(line.seq > last[topic] ?? 0, "again: \(line.text)")
      } else {
        #expect(isExplained || last[topic] == nil, "a snapshot without a gap: \(line.text)")
      }
      last[topic] = line.seq
    }
  }

  /// What both have of each topic in one life of the daemon, everything after both have begun and until one of them ends.
  /// Sorted, because a topic that is resumed comes all at once.
  private func common(_ one: [Line], _ other: [Line]) -> (one: [String], other: [String]) {
    func ends(_ lines: [Line]) -> [String: ClosedRange<UInt64>] {
      Dictionary(grouping: lines.filter { $0.topic != nil }) { $0.topic ?? "" }
        .compactMapValues { lines in lines.first.map { $0.seq...max($0.seq, lines.last?.seq ?? 0) } }
    }
    let ranges = ends(one).merging(ends(other)) { $0.clamped(to: $1) }
    func texts(_ lines: [Line]) -> [String] {
      lines.filter { line in
        line.type == "update" && line.topic.flatMap { ranges[$0] }.map { line.seq > $0.lowerBound && line.seq <= $0.upperBound } ?? false
      }.sorted { $0.seq < $1.seq }.map(\.text)
    }
    return (texts(one), texts(other))
  }

  /// Ended by SIGTERM, SIGKILL and SIGTERM again, with a plain recorder that is started twice and one that compresses and
  /// rotates.
  @Test func recordingsOverThreeRestartsAreTheSteadyStreamButForMarkedGaps() throws {
    let world = try World(exchange: ["--rate", "50"])
    try world.waitUntilOnline()
    let plain = world.folder.path + "/plain.jsonl"
    var recorders = [try world.control(["record", plain] + Self.topics)]
    let packed = world.folder.path + "/packed.jsonl.zst"
    if Self.hasZstd { recorders.append(try world.control(["record", packed, "--rotate-size", "64K"] + Self.topics)) }
    var readers: [Reader] = []
    var recorded: UInt64 = 0
    for ending in [SIGTERM, SIGKILL, SIGTERM] {
      readers.append(try steadyReader(world))
      recorded = try waitUntilRecorded(plain, 100, after: recorded)
      world.bridge.signal(ending)
      try world.bridge.wait()
      try world.startBridgeAgain()
    }
    readers.append(try steadyReader(world))
    recorded = try waitUntilRecorded(plain, 100, after: recorded)
    // A recorder that was away for a while leaves no trace: the daemon still has everything.
    recorders[0].signal(SIGTERM)
    try recorders[0].wait()
    let first = try recorders[0].errors.rest()
    recorders[0] = try world.control(["record", plain] + Self.topics)
    recorded = try waitUntilRecorded(plain, 100, after: recorded)
    for recorder in recorders {
      recorder.signal(SIGINT)
      #expect(try recorder.wait() == 0)
    }
    for errors in [first] + (try recorders.dropFirst().map { try $0.errors.rest() }) {
      #expect(errors.count { $0.contains("trying to connect again") } == 3, "\(errors)")
      #expect(errors.last?.hasPrefix("recorded ") == true, "\(errors)")
    }
    world.bridge.signal(SIGTERM)
    try world.bridge.wait()
    let lives = try readers.map { try $0.lines.rest().map(Line.init) }

    var recordings = [try lines(of: plain)]
    if Self.hasZstd {
      let unpacked = try Child.shell("cd \(world.folder.path) && ls packed.2* >&2 && zstd -dcq packed.2* packed.jsonl.zst")
      recordings.append(try unpacked.output.rest().map(Line.init))
      #expect(try unpacked.errors.rest().count > 1, "nothing was rotated")
    }
    for recording in recordings {
      expectUnbroken(recording)
      // A gap ends behind everything of the lives before.
      let ends = recording.filter { $0.type == "gap" }.compactMap { ($0.json["data"] as? [String: Any])?["to"] as? UInt64 }
      let restarts = Set(ends.map { end in lives.dropLast().count { ($0.map(\.seq).max() ?? 0) < end } })
      #expect(restarts == [1, 2, 3])
      let beginnings = lives.map { $0.first?.seq ?? 0 } + [.max]
      for (life, range) in zip(lives, zip(beginnings, beginnings.dropFirst())) {
        let both = common(recording.filter { $0.seq > range.0 && $0.seq <= range.1 }, life)
        #expect(both.one == both.other)
        #expect(!both.one.isEmpty, "nothing to compare")
      }
    }
  }

  @Test func subscribingSinceALineBeforeARestartMarksTheGapAndGoesOn() throws {
    let world = try World(exchange: ["--rate", "50"])
    try world.waitUntilOnline()
    func subscribe(_ arguments: String...) throws -> [Line] {
      let child = try world.control(["--format", "json", "subscribe", "book", "BTC/USD"] + arguments)
      let lines = try child.output.rest().map(Line.init)
      #expect(try child.wait() == 0)
      return lines
    }
    let before = try subscribe("--count", "5")
    let since = try #require(before.last?.seq)
    let resumed = try subscribe("--since", "\(since)", "--count", "5")
    #expect(resumed.first?.json["prev"] as? UInt64 == since)
    world.bridge.signal(SIGTERM)
    try world.bridge.wait()
    try world.startBridgeAgain()
    let after = try subscribe("--since", "\(since)", "--count", "5")
    let events = after.filter { $0.topic != nil }
    let gap = try #require(after.first { $0.type == "gap" }?.json["data"] as? [String: Any])
    #expect(gap["from"] as? UInt64 == since + 1)
    #expect(events.first?.type == "snapshot")
    #expect(events.first.map { $0.seq > since } == true)
    expectUnbroken(after)
  }
}
