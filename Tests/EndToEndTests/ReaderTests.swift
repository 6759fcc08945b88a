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

  @Test func aStoppedReaderCostsTheOthersNothingAndIsToldWhatItMissed() throws {
    let world = try World(
      exchange: ["--rate", "200"],
      configuration: "limits: {ring-bytes: 16777216, lag-bytes: 100000}")
    try world.waitUntilOnline()
    let stopped = try Child("/usr/bin/nc", ["-U", world.socket])
    stopped.send("subscribe book BTC/USD ETH/USD SOL/USD depth=100")
    let steady = try world.reader()
    steady.send("subscribe book BTC/USD ETH/USD SOL/USD depth=100")
    try stopped.output.first(containing: #""type":"update""#)
    try steady.first(channel: "book", type: "update")
    stopped.signal(SIGSTOP)
    // The steady reader goes on until far more has passed than the stopped one's kernel buffer and limit hold.
    var last: [String: Any] = [:]
    for _ in 0..<6000 {
      let line = try #require(try steady.next())
      #expect(line["channel"] as? String != "bridge", "\(line)")
      if let prev = line["prev"] as? UInt64, let symbol = line["symbol"] as? String {
        if let previous = last[symbol] as? UInt64 { #expect(prev == previous) }
      }
      if let symbol = line["symbol"] as? String { last[symbol] = line["seq"] }
    }
    stopped.signal(SIGCONT)
    var lines: [[String: Any]] = []
    while let line = try stopped.output.next().map(Reader.parse) {
      #expect(line["unparsable"] == nil, "a torn line")
      lines.append(line)
      if line["type"] as? String == "gap" { break }
    }
    let gap = try #require(lines.last?["data"] as? [String: Any])
    #expect(gap["reason"] as? String == "slow_reader")
    #expect((gap["dropped"] as? Int ?? 0) > 0)
    var symbols: Set<String> = []
    while symbols.count < 3, let line = try stopped.output.next().map(Reader.parse) {
      #expect(line["type"] as? String == "snapshot" || symbols.contains(line["symbol"] as? String ?? ""))
      symbols.insert(line["symbol"] as? String ?? "")
    }
  }

  @Test func aReaderThatComesBackHasWhatASteadyOneHas() throws {
    let world = try World(exchange: ["--rate", "50"])
    try world.waitUntilOnline()
    let steady = try world.reader()
    steady.send("subscribe book BTC/USD ETH/USD")
    var newest: UInt64 = 0
    var seen: [UInt64: String] = [:]
    func take(_ reader: Reader, _ count: Int) throws {
      var events = 0
      while events < count {
        let text = try #require(try reader.lines.next())
        let line = Reader.parse(text)
        guard line["channel"] as? String == "book", let seq = line["seq"] as? UInt64 else {
          #expect(line["type"] as? String != "gap", "\(text)")
          continue
        }
        #expect(seen.updateValue(text, forKey: seq) == nil, "seq \(seq) came twice")
        newest = max(newest, seq)
        events += 1
      }
    }
    var coming = try world.reader()
    coming.send("subscribe book BTC/USD ETH/USD")
    try take(coming, 10)
    let first = newest
    for _ in 0..<20 {
      coming = try world.reader()
      coming.send("subscribe book BTC/USD ETH/USD since=\(newest)")
      try take(coming, 5)
    }
    var compared = 0
    while let text = try steady.lines.next() {
      let line = Reader.parse(text)
      guard line["channel"] as? String == "book", let seq = line["seq"] as? UInt64 else { continue }
      if seq > newest { break }
      if seq > first {
        #expect(seen[seq] == text)
        compared += 1
      }
    }
    #expect(compared >= 100)
  }
}
