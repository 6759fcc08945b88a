// Recordings: what goes in comes out, plain and compressed, across breaks, rotation and torn ends;
// nothing twice and nothing lost.

import Glibc
import KrakenBridgeClient
import ScriptedBridge
import Synchronization
import Testing

@testable import ControlCommands

private let hasZstd = access("/usr/bin/zstd", X_OK) == 0 || access("/bin/zstd", X_OK) == 0

@Suite struct RecordingTests {
  private let directory = Directory()

  private func record(_ name: String, _ lines: [String]) throws {
    let recorder = try Recorder(path: "\(directory.path)/\(name)", rotation: .init(), policy: .end, now: 0)
    for line in lines { try recorder.append(Array(line.utf8), now: 0, wall: { "" }) }
    try recorder.finish()
  }

  @Test func roundTripAndAppending() throws {
    try record("a.jsonl", ["1", "2"])
    try record("a.jsonl", ["3"])
    #expect(try directory.lines("a.jsonl") == ["1", "2", "3"])
  }

  @Test(.enabled(if: hasZstd, "zstd is not installed")) func compressedRoundTripAndAppending() throws {
    let first = (0..<5000).map { trade(UInt64($0 + 1)) }
    try record("a.jsonl.zst", first)
    try record("a.jsonl.zst", ["last"])
    #expect(try directory.lines("a.jsonl.zst") == first + ["last"])
    let plain = first.reduce(0) { $0 + $1.utf8.count }
    var status = stat()
    #expect(stat("\(directory.path)/a.jsonl.zst", &status) == 0 && Int(status.st_size) < plain / 5)
  }

  @Test(.enabled(if: hasZstd, "zstd is not installed")) func brokenCompressionIsSaidAndWhatIsBeforeItIsRead() throws {
    try record("a.jsonl.zst", ["1"])
    let file = open("\(directory.path)/a.jsonl.zst", O_WRONLY | O_APPEND)
    _ = write(file, "garbage", 7)
    close(file)
    let reader = try RecordingReader(path: "\(directory.path)/a.jsonl.zst")
    #expect(try reader.next() == Array("1".utf8))
    #expect(throws: CommandFailure.self) { try reader.next() }
  }

  /// A crash in the middle of a frame: what can be read is kept and gone on with, and the damaged file is kept as well.
  @Test(.enabled(if: hasZstd, "zstd is not installed")) func aTornFrameIsMended() throws {
    try record("a.jsonl.zst", [trade(7), trade(8)])
    let whole = try RecordingTail.prepare("\(directory.path)/a.jsonl.zst")
    #expect(whole == RecordingTail(lines: 2, lastSeq: 8))
    try record("b.jsonl.zst", [trade(9)])
    var status = stat()
    #expect(stat("\(directory.path)/b.jsonl.zst", &status) == 0)
    truncate("\(directory.path)/b.jsonl.zst", status.st_size - 6)
    try directory.append("b.jsonl.zst", to: "a.jsonl.zst")
    let tail = try #require(try RecordingTail.prepare("\(directory.path)/a.jsonl.zst"))
    #expect(tail.lines >= 2 && tail.lastSeq ?? 0 >= 8)
    #expect(tail.damaged.map { access($0, F_OK) } == 0)
    try record("a.jsonl.zst", [trade(10)])
    #expect(try directory.lines("a.jsonl.zst").count == tail.lines + 1)
    #expect(try directory.lines("a.jsonl.zst").last == trade(10))
  }

  @Test(.enabled(if: hasZstd, "zstd is not installed")) func whatIsNoRecordingIsLeftAlone() throws {
    try directory.write("a.jsonl.zst", "not zstd\n")
    #expect(throws: CommandFailure.self) { try RecordingTail.prepare("\(directory.path)/a.jsonl.zst") }
    #expect(directory.names == ["a.jsonl.zst"])
  }

  /// Forced to the disk, compressed lines can be read though the recorder never ended.
  @Test(.enabled(if: hasZstd, "zstd is not installed")) func syncedLinesSurviveACrash() throws {
    let recorder = try Recorder(path: "\(directory.path)/a.jsonl.zst", rotation: .init(), policy: .line, now: 0)
    for seq in 1...3 { try recorder.append(Array(trade(UInt64(seq)).utf8), now: 0, wall: { "" }) }
    #expect(try directory.lines("a.jsonl.zst") == (1...3).map { trade(UInt64($0)) })
    try recorder.finish()
  }

  @Test func aTornLineIsCutOff() throws {
    try directory.write("a.jsonl", trade(7) + "\n" + trade(9) + "\n{\"torn")
    #expect(try RecordingTail.prepare("\(directory.path)/a.jsonl") == RecordingTail(lines: 2, lastSeq: 9))
    try record("a.jsonl", [trade(10)])
    #expect(try directory.lines("a.jsonl") == [trade(7), trade(9), trade(10)])
  }

  @Test func twoRecordersDoNotShareAFile() throws {
    let recorder = try Recorder(path: "\(directory.path)/a.jsonl", rotation: .init(), policy: .end, now: 0)
    #expect(throws: CommandFailure.self) { try RecordingTail.prepare("\(directory.path)/a.jsonl") }
    #expect(throws: CommandFailure.self) { try RecordingWriter(path: "\(directory.path)/a.jsonl") }
    try recorder.finish()
    #expect(try RecordingTail.prepare("\(directory.path)/a.jsonl") == RecordingTail())
  }

  @Test func noFileAndEmptyFile() throws {
    #expect(try RecordingTail.prepare("\(directory.path)/none.jsonl") == nil)
    try directory.write("empty.jsonl", "")
    #expect(try RecordingTail.prepare("\(directory.path)/empty.jsonl") == RecordingTail())
  }

  /// A clock that is one later whenever it is asked.
  private func clock() -> () -> String {
    var time = 0
    return {
      time += 1
      return "T\(time)"
    }
  }

  @Test func rotationBySize() throws {
    let times = clock()
    let recorder = try Recorder(path: "\(directory.path)/t.jsonl", rotation: .init(bytes: 10), policy: .line, now: 0)
    for line in ["12345", "67890", "abcde", "f"] { try recorder.append(Array(line.utf8), now: 0, wall: times) }
    try recorder.finish()
    #expect(directory.names == ["t.T1.jsonl", "t.jsonl"])
    #expect(try directory.lines("t.T1.jsonl") == ["12345", "67890"])
    #expect(try directory.lines("t.jsonl") == ["abcde", "f"])
    #expect(recorder.lines == 4)
  }

  @Test func rotationByTimeNeverMakesEmptyFiles() throws {
    let times = clock()
    let recorder = try Recorder(path: "\(directory.path)/t.jsonl", rotation: .init(seconds: 60), policy: .second, now: 0)
    try recorder.append(Array("a".utf8), now: 1000, wall: times)
    try recorder.append(Array("b".utf8), now: 1001, wall: times)
    try recorder.tick(now: 1002)
    try recorder.append(Array("c".utf8), now: 1100, wall: times)
    try recorder.finish()
    #expect(directory.names.count == 3)
    #expect(try directory.names.flatMap { try directory.lines($0) } == ["a", "b", "c"])
  }

  @Test func namesOfFinishedFiles() {
    func name(_ path: String, _ taken: Set<String> = []) -> String {
      Recorder.name(path, finishedAt: clock()) { taken.contains($0) }
    }
    #expect(name("trades.jsonl.zst") == "trades.T1.jsonl.zst")
    #expect(name("/a.b/trades") == "/a.b/trades.T1")
    #expect(name("/a/.hidden.jsonl") == "/a/.hidden.T1.jsonl")
    #expect(name("t.jsonl", ["t.T1.jsonl", "t.T2.jsonl"]) == "t.T3.jsonl")
    #expect(compactWallTime().wholeMatch(of: /\d{8}T\d{6}\.\d{3}Z/) != nil)
  }

  /// Three daemons, one after the other: the file holds the steady stream, each line once, and the gap that the third
  /// daemon could not fill is in it.
  @Test func recordingOverRestartsIsTheSteadyStream() async throws {
    let gap = #"{"channel":"bridge","type":"gap","data":{"reason":"resume_expired","from":4,"to":9}}"#
    func life(seq: UInt64, _ lines: [String]) -> ScriptedBridge.Script {
      { peer in
        peer.greet(seq: seq)
        _ = peer.receive()
        _ = peer.receive()
        peer.send(#"{"method":"subscribe","success":true,"req_id":1}"#)
        peer.send(#"{"method":"pong","success":true,"req_id":2}"#)
        for line in lines { peer.send(line) }
      }
    }
    let daemon = ScriptedBridge(
      life(seq: 0, [trade(1), trade(2)]), life(seq: 4, [trade(2), trade(3), trade(4)]),
      life(seq: 9, [gap, trade(10), trade(11)]))
    defer { daemon.stop() }
    let run = await run("record", "\(directory.path)/r.jsonl", "trade", "BTC/USD", "--count", "7", "--socket", daemon.path)
    #expect(run.status == 0)
    #expect(run.errors.contains("recorded 7 lines"))
    #expect(try directory.lines("r.jsonl") == [trade(1), trade(2), trade(3), trade(4), gap, trade(10), trade(11)])
  }

  @Test func recordingGoesOnWhereTheFileEnds() async throws {
    try directory.write("r.jsonl", trade(41) + "\n")
    let asked = Mutex<String>("")
    let daemon = ScriptedBridge { peer in
      peer.greet(seq: 50)
      asked.withLock { $0 = peer.receive() ?? "" }
      peer.send(trade(42))
      _ = peer.receive()
      peer.send(#"{"method":"pong","success":true,"req_id":2}"#)
      _ = peer.receive()
    }
    defer { daemon.stop() }
    #expect(await run("record", "\(directory.path)/r.jsonl", "trade", "BTC/USD", "--count", "1", "--socket", daemon.path).status == 0)
    #expect(Peer.member("since", of: asked.withLock { $0 }) == "41")
    #expect(try directory.lines("r.jsonl") == [trade(41), trade(42)])
  }

  /// The daemon goes away for good when one topic is resumed and the other is not: the file must not say that it has
  /// everything up to the first one's last line.
  @Test func whatIsResumedInPartIsNotWritten() async throws {
    try directory.write("r.jsonl", trade(41) + "\n")
    let daemon = ScriptedBridge(
      { peer in
        peer.greet(seq: 50)
        for _ in 0..<3 { _ = peer.receive() }
        peer.send(trade(49))
      },
      { $0.sendRaw(Array("not a bridge\n".utf8)) })
    defer { daemon.stop() }
    let run = await run("record", "\(directory.path)/r.jsonl", "trade", "BTC/USD", "--also", "trade ETH/USD", "--socket", daemon.path)
    #expect(run.status == 65)
    #expect(try directory.lines("r.jsonl") == [trade(41)])
  }
}
