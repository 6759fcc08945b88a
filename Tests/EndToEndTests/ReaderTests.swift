// What readers of every kind see, with real processes on both sides of the bridge.

import Foundation
import Testing

@Suite(.serialized) struct ReaderTests {
  @Test func ncPrintsHelloAcknowledgementSnapshotUpdates() throws {
    let world = try World()
    let request = #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#
    let nc = try Child.shell("(echo '\(request)'; cat) | nc -U \(world.socket)")
    #expect(try nc.output.next()?.contains(#""type":"hello""#) == true)
    try nc.output.first(containing: #""method":"subscribe","result":{"channel":"book""#)
    try nc.output.first(containing: #""channel":"book","type":"snapshot","symbol":"BTC/USD","depth":10,"seq":"#)
    for _ in 0..<3 { try nc.output.first(containing: #""channel":"book","type":"update""#) }
  }

  @Test func socatReadsTheFeedWithoutAsking() throws {
    let world = try World(configuration: "subscriptions: [{channel: ticker, symbols: [BTC/USD]}]")
    let socat = try Child("/usr/bin/socat", ["-u", "UNIX-CONNECT:\(world.feed)", "-"])
    #expect(try socat.output.next()?.contains("hello") == true)
    try socat.output.first(containing: #""channel":"instrument","type":"snapshot""#)
    try socat.output.first(containing: #""channel":"ticker""#)
  }

  @Test func halfClosedReadersKeepReadingAndAskersAreClosed() throws {
    let world = try World()
    try world.waitUntilOnline()
    let asker = try Child.shell("printf 'ping' | nc -N -U \(world.socket)")
    #expect(try asker.output.rest().last?.contains("pong") == true)
    #expect(try asker.wait() == 0)
    let follower = try Child.shell("echo 'subscribe ticker BTC/USD event_trigger=bbo' | nc -N -U \(world.socket)")
    for _ in 0..<3 { try follower.output.first(containing: #""type":"update""#) }
  }

  @Test func aLostConnectionIsToldAndMended() throws {
    let world = try World()
    try world.waitUntilOnline()
    let readers = try (0..<50).map { _ in try world.reader() }
    for reader in readers { reader.send("subscribe book BTC/USD ETH/USD") }
    for reader in readers {
      for _ in 0..<2 { try reader.first(channel: "book", type: "snapshot") }
    }
    try world.inject("drop")
    for reader in readers {
      var told: Set<String> = []
      while told.count < 2 {
        let line = try reader.first("state and stale") { $0["channel"] as? String == "bridge" }
        let data = try #require(line["data"] as? [String: Any])
        if line["type"] as? String == "stale", data["reason"] as? String == "upstream_lost" { told.insert("stale") }
        if data["state"] as? String == "offline" { told.insert("offline") }
      }
      try reader.first("online") {
        $0["type"] as? String == "state" && ($0["data"] as? [String: Any])?["state"] as? String == "online"
      }
      var symbols: Set<String> = []
      while symbols.count < 2 {
        let snapshot = try reader.first(channel: "book", type: "snapshot")
        symbols.insert(snapshot["symbol"] as? String ?? "")
      }
      try reader.first(channel: "book", type: "update")
    }
  }

  @Test func aWrongChecksumTouchesOneTopicOnly() throws {
    let world = try World()
    try world.waitUntilOnline()
    let harmed = try world.reader()
    let other = try world.reader()
    harmed.send("subscribe book BTC/USD")
    other.send("subscribe book ETH/USD")
    try harmed.first(channel: "book", type: "snapshot")
    try other.first(channel: "book", type: "snapshot")
    try world.inject("wrong-checksum symbol=BTC/USD")
    let stale = try harmed.first(channel: "bridge", type: "stale")
    let data = try #require(stale["data"] as? [String: Any])
    #expect(data["reason"] as? String == "checksum")
    #expect((data["topics"] as? [[String: Any]])?.first?["symbol"] as? String == "BTC/USD")
    try harmed.first(channel: "book", type: "snapshot")
    try harmed.first(channel: "book", type: "update")
    // The other reader follows its own topic without a break all the while.
    let before = other.lines.count
    while other.lines.count < before + 3 { usleep(10000) }
    while let line = try other.next(), other.lines.count > before {
      #expect(line["channel"] as? String != "bridge")
      if line["type"] as? String == "update" { break }
    }
  }

  /// scripts/soak does the same for minutes, with memory and delays measured.
  @Test func aStoppedReaderCostsNinetyNineOthersNothingAndIsToldWhatItMissed() throws {
    let world = try World(exchange: ["--rate", "100"], strictLagBytes: 300_000)
    try world.waitUntilOnline()
    let request = "subscribe book BTC/USD ETH/USD SOL/USD depth=100"
    let first = try world.reader()
    first.send(request)
    for _ in 0..<3 { try first.first(channel: "book", type: "snapshot") }
    var log = UpdateLog()
    try log.read(first, 1)
    let others = try (0..<98).map { _ in try world.reader() }
    for reader in others { reader.send(request) }
    let stopped = try Child("/usr/bin/nc", ["-U", world.strict])
    stopped.send(request)
    try stopped.output.first(containing: #""type":"update""#)
    stopped.signal(SIGSTOP)
    // More than the stopped one's kernel buffer and limit hold.
    try log.read(first, 4000)
    for reader in others {
      for _ in 0..<3 { try reader.first(channel: "book", type: "snapshot") }
      try log.expectRun(through: log.last) { try reader.lines.next() }
    }

    stopped.signal(SIGCONT)
    let gap = Reader.parse(try log.expectRun(through: "gap") { try stopped.output.next() })
    let data = try #require(gap["data"] as? [String: Any])
    #expect(data["reason"] as? String == "slow_reader")
    let from = try #require(data["from"] as? UInt64)
    let to = try #require(data["to"] as? UInt64)
    var symbols: Set<String> = []
    for _ in 0..<3 {
      let snapshot = Reader.parse(try #require(try stopped.output.next()))
      #expect(snapshot["type"] as? String == "snapshot")
      symbols.insert(snapshot["symbol"] as? String ?? "")
    }
    #expect(symbols == ["BTC/USD", "ETH/USD", "SOL/USD"])
    // One gap, and from there on what everybody has.
    try log.read(first, untilAfter: to, then: 300)
    #expect(data["dropped"] as? Int == log.count(from: from, to: to))
    try log.expectRun(through: log.last) { try stopped.output.next() }
  }

  @Test func aReaderThatComesBackHasWhatASteadyOneHas() throws {
    let world = try World(exchange: ["--rate", "50"])
    try world.waitUntilOnline()
    let topics = ["book BTC/USD ETH/USD", "ticker BTC/USD ETH/USD event_trigger=bbo", "trade BTC/USD ETH/USD"]
    func request(_ more: String = "") -> String { topics.map { "subscribe \($0)\(more)" }.joined(separator: "\n") }
    let steady = try world.reader()
    steady.send(request())
    var newest: UInt64 = 0
    /// Takes event lines, whose numbers go up.
    func take(_ reader: Reader, until isEnough: (_ events: [String]) -> Bool) throws -> [String] {
      var events: [String] = []
      while !isEnough(events) {
        let text = try #require(try reader.lines.next())
        let line = Reader.parse(text)
        guard line["channel"] as? String != "bridge", let seq = line["seq"] as? UInt64 else {
          #expect(line["type"] as? String == "hello" || line["success"] as? Bool == true, "\(text)")
          continue
        }
        guard line["type"] as? String == "update" else { continue }
        #expect(seq > newest, "\(text)")
        newest = seq
        events.append(text)
      }
      return events
    }
    var coming = try world.reader()
    coming.send(request())
    for _ in 0..<6 { try coming.first("snapshot") { $0["type"] as? String == "snapshot" } }
    var had = try take(coming) { $0.count == 10 }
    for _ in 0..<40 {
      // Gone in the middle of a stream, with lines unread, and back.
      coming = try world.reader()
      coming.send(request(" since=\(newest)"))
      had += try take(coming) { $0.count == 40 }
    }
    newest = 0
    let all = try take(steady) { $0.last == had.last }
    #expect(had.count == 1610)
    #expect(Array(all.suffix(had.count)) == had)
  }
}

/// The updates that one reader has got, against which others are held.
private struct UpdateLog {
  private var lines: [String] = []
  private var seqs: [UInt64] = []
  private var places: [String: Int] = [:]

  var last: String { lines[lines.count - 1] }

  /// Reads so many updates, and nothing else may come.
  mutating func read(_ reader: Reader, _ count: Int) throws {
    for _ in 0..<count {
      let line = try #require(try reader.lines.next())
      try #require(line.contains(#""type":"update""#), "\(line)")
      let seq = try #require(Reader.parse(line)["seq"] as? UInt64)
      places[line] = lines.count
      lines.append(line)
      seqs.append(seq)
    }
  }

  mutating func read(_ reader: Reader, untilAfter seq: UInt64, then count: Int) throws {
    while seqs[seqs.count - 1] <= seq { try read(reader, 1) }
    try read(reader, count)
  }

  func count(from: UInt64, to: UInt64) -> Int { seqs.count { $0 >= from && $0 <= to } }

  /// Another reader's lines from its first update on: those of the log, one after the other, up to `end`.
  /// - Parameter end: a line of the log, or the type of the line that may end the run.
  /// - Returns: the line that ended it.
  @discardableResult
  func expectRun(through end: String, _ next: () throws -> String?) throws -> String {
    var place: Int?
    while true {
      let line = try #require(try next())
      if line.contains("\"type\":\"\(end)\"") { return line }
      guard let here = places[line] else {
        throw Overdue(description: "not among the others' updates: \(line)")
      }
      if let place { try #require(here == place + 1, "\(line)") }
      place = here
      if line == end { return line }
    }
  }
}
