// Replays: what is played to whom, and the way from a recording to a socket and back.

import KrakenBridgeClient
import Testing

@testable import ControlCommands

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
