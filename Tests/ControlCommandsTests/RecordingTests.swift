// Recordings: what goes in comes out, plain and compressed, across breaks, rotation and torn ends;
// and a replay is the same again.

import Glibc
import KrakenBridgeClient
import ScriptedBridge
import Synchronization
import Testing

@testable import ControlCommands

/// A directory of one test, removed with everything in it.
private final class Directory: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/kraken-ctl-test-XXXXXX".utf8CString)
    // Sound: mkdtemp changes the array in place within its length.
    path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  var names: [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      // Sound: d_name is a NUL-terminated string inside the entry, which lives until the next readdir.
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  func lines(_ name: String) throws -> [String] {
    let reader = try RecordingReader(path: "\(path)/\(name)")
    var lines: [String] = []
    while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
    return lines
  }

  func append(_ source: String, to name: String) throws {
    #expect(ChildProcess.output(of: ["sh", "-c", "cat '\(path)/\(source)' >> '\(path)/\(name)'"])?.status == 0)
  }

  func write(_ name: String, _ text: String) throws {
    let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    defer { close(file) }
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
  }
}

private func trade(_ seq: UInt64, second: Int = 0) -> String {
  #"{"channel":"trade","type":"update","symbol":"BTC/USD","seq":\#(seq),"prev":\#(seq - 1),"received":"2026-10-09T00:00:\#(second < 10 ? "0" : "")\#(second).000000000Z","data":{"side":"buy","price":1.50,"qty":0.10}}"#
}

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
    func life(_ lines: [String]) -> ScriptedBridge.Script {
      { peer in
        peer.greet(seq: 0)
        _ = peer.receive()
        _ = peer.receive()
        peer.send(#"{"method":"subscribe","success":true,"req_id":1}"#)
        peer.send(#"{"method":"pong","success":true,"req_id":2}"#)
        for line in lines { peer.send(line) }
      }
    }
    let daemon = ScriptedBridge(
      life([trade(1), trade(2)]), life([trade(2), trade(3), trade(4)]), life([gap, trade(10), trade(11)]))
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

@Suite struct ReplayTests {
  private let directory = Directory()

  @Test func printingIsTheRecording() async throws {
    try directory.write("r.jsonl", (1...5).map { trade(UInt64($0), second: $0) + "\n" }.joined())
    let run = await run("replay", "\(directory.path)/r.jsonl", "--as-fast-as-possible")
    #expect(run.status == 0)
    #expect(run.lines == (1...5).map { trade(UInt64($0), second: $0) })
    #expect(await ControlCommandsTests.run("replay", "\(directory.path)/none.jsonl").status == 65)
    try directory.write("bad.jsonl", "not json\n")
    #expect(await ControlCommandsTests.run("replay", "\(directory.path)/bad.jsonl").status == 65)
  }

  /// The whole way: a recording served on a socket, read by `subscribe`.
  @Test func servingIsTheRecordingToo() async throws {
    let lines = (1...200).map { trade(UInt64($0)) }
    try directory.write("r.jsonl", lines.map { $0 + "\n" }.joined())
    let socket = "\(directory.path)/replay.sock"
    async let serving = run("replay", "\(directory.path)/r.jsonl", "--socket", socket, "--as-fast-as-possible", "--once")
    // The reader waits for the server as any patient program would.
    var received: [String] = []
    for try await element in BridgeFeed(BridgeAddress(path: socket), [Subscription("trade", ["BTC/USD"])], waitsForDaemon: true) {
      if case .message(.event(let event)) = element { received.append(event.line.description) }
      if case .message(.goodbye) = element { break }
    }
    #expect(received == lines)
    #expect(await serving.status == 0)
    #expect(!directory.names.contains("replay.sock"))
  }

  private func session(_ lines: [String]) -> (ReplaySession, [BridgeMessage]) {
    let messages = lines.compactMap { BridgeMessage(line: Array($0.utf8)) }
    var index = RecordingIndex()
    for message in messages { index.note(message) }
    return (ReplaySession(index: index, speed: "1.00"), messages)
  }

  private static let book = #"{"channel":"book","type":"snapshot","symbol":"BTC/USD","depth":10,"seq":5,"data":{"bids":[{"price":1.0,"qty":2.00}],"asks":[],"checksum":7}}"#
  private static let bookUpdate = #"{"channel":"book","type":"update","symbol":"BTC/USD","depth":10,"seq":7,"prev":5,"received":"2026-10-09T00:00:00Z","data":{"bids":[{"price":1.10,"qty":3.0}],"asks":[],"checksum":8}}"#

  @Test func onlyWhatIsAskedForIsPlayed() {
    var (session, messages) = session([Self.book, trade(6), Self.bookUpdate])
    #expect(!session.isRunning)
    #expect(messages.map { session.play($0) } == [false, false, false])
    let answers = session.receive(#"{"method":"subscribe","params":{"channel":"trade","symbol":["btc/usd"]},"req_id":3}"#)
    #expect(session.isRunning)
    #expect(String(decoding: answers[0], as: UTF8.self) == #"{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD","snapshot":true},"success":true,"req_id":3}"#)
    #expect(messages.map { session.play($0) } == [false, true, false])
  }

  @Test func aLateSubscriberGetsTheStateAsItIs() {
    var (session, messages) = session([Self.book, trade(6), Self.bookUpdate])
    for message in messages { _ = session.play(message) }
    let lines = session.receive("subscribe book BTC/USD depth=10").map { String(decoding: $0, as: UTF8.self) }
    #expect(
      lines.last
        == #"{"channel":"book","type":"snapshot","symbol":"BTC/USD","depth":10,"seq":7,"received":"2026-10-09T00:00:00Z","data":{"bids":[{"price":1.10,"qty":3.0},{"price":1.0,"qty":2.00}],"asks":[],"checksum":8}}"#)
    #expect(session.receive(#"{"method":"snapshot","params":{"channel":"book","symbol":"XBT/USD"}}"#).count == 1)
  }

  @Test func sinceSkipsWhatIsKnown() {
    var (session, messages) = session([trade(1), trade(2), trade(3)])
    _ = session.receive(#"{"method":"subscribe","params":{"channel":"trade","symbol":"*","since":2}}"#)
    #expect(messages.map { session.play($0) } == [false, false, true])
  }

  @Test func refusals() {
    var (session, _) = session([trade(1)])
    func code(_ line: String) -> String? { session.receive(line).first.flatMap { JSON(parsing: $0)?["code"]?.string } }
    #expect(code("{") == "malformed")
    #expect(code(#"{"method":"dance"}"#) == "unknown_method")
    #expect(code(#"{"method":"subscribe","params":{"channel":"book","symbol":"BTC/USD"}}"#) == "unknown_channel")
    #expect(code(#"{"method":"subscribe","params":{"channel":"trade","symbol":"X/Y"}}"#) == "unknown_symbol")
    #expect(code("unsubscribe trade BTC/USD") == "not_subscribed")
    #expect(code("subscribe trade BTC/USD") == nil)
    #expect(code("subscribe trade BTC/USD") == "already_subscribed")
    #expect(code("unsubscribe trade BTC/USD") == nil)
    for method in ["ping", "topics", "status", "subscriptions"] { #expect(code(#"{"method":"\#(method)"}"#) == nil) }
  }

  @Test func clock() {
    var clock = ReplayClock(speed: 2)
    #expect(clock.wait(received: "2026-10-09T00:00:00.000000000Z", now: 100) == 0)
    #expect(clock.wait(received: "2026-10-09T00:00:10.000000000Z", now: 101) == 4)
    #expect(clock.wait(received: nil, now: 101) == 0)
    #expect(clock.wait(received: "2026-10-09T00:00:01Z", now: 200) == 0)
    var hurried = ReplayClock(speed: nil)
    #expect(hurried.wait(received: "2026-10-09T00:00:00Z", now: 0) == 0)
    #expect(hurried.wait(received: "2027-10-09T00:00:00Z", now: 0) == 0)
  }

  @Test func timesOfTheCalendar() {
    #expect(ReplayClock.seconds("1970-01-01T00:00:00Z") == 0)
    #expect(ReplayClock.seconds("2000-02-29T12:00:00Z") == 951_825_600)
    #expect(ReplayClock.seconds("2026-10-09T00:34:21.500Z") == 1_791_506_061.5)
    #expect(ReplayClock.seconds("2100-03-01T00:00:00Z") == 4_107_542_400)
    for bad in ["", "2026", "2026-10-09T00:34:21", "2026-1x-09T00:34:21Z"] { #expect(ReplayClock.seconds(bad) == nil, "\(bad)") }
  }
}
