// From where a feed goes on after a loss, line by line: never from behind something that was still to come.

import Testing

@testable import KrakenBridgeClient

@Suite struct ResumePointTests {
  private var point = ResumePoint()

  private mutating func begin(id: UInt64, hello seq: UInt64) throws {
    let line = #"{"channel":"bridge","type":"hello","seq":\#(seq),"data":{"version":"1","protocol":1,"scope":["market"],"upstreams":{}}}"#
    guard case .hello(let hello) = try #require(BridgeMessage(line: Array(line.utf8))) else {
      return #expect(Bool(false), "not a hello")
    }
    _ = point.begin(after: hello, id: id)
  }

  /// Two topics that are up to date, the last line being the twelfth.
  private mutating func beginWithTwoTopics() throws {
    try begin(id: 7, hello: 10)
    _ = try pong(7)
    _ = try event("snapshot", "A/B", 11)
    _ = try event("snapshot", "C/D", 12)
  }

  private mutating func take(_ line: String) throws -> ResumePoint.Verdict {
    point.take(try #require(BridgeMessage(line: Array(line.utf8))))
  }

  private mutating func event(_ type: String, _ symbol: String, _ seq: UInt64) throws -> ResumePoint.Verdict {
    try take(#"{"channel":"ticker","type":"\#(type)","symbol":"\#(symbol)","seq":\#(seq),"data":{}}"#)
  }

  private mutating func pong(_ id: UInt64) throws -> ResumePoint.Verdict {
    try take(#"{"method":"pong","result":{},"success":true,"req_id":\#(id)}"#)
  }

  @Test mutating func thePointWaitsForTheFence() throws {
    try begin(id: 7, hello: 10)
    #expect(try event("update", "A/B", 12) == .new)
    #expect(point.lastSeen == nil)
    #expect(try pong(7) == .caughtUp)
    #expect(point.lastSeen == 12)
    #expect(try event("update", "A/B", 13) == .new)
    #expect(point.lastSeen == 13)
  }

  @Test mutating func afterAGapThePointWaitsForEveryTopicsSnapshot() throws {
    try beginWithTwoTopics()
    _ = try take(#"{"channel":"bridge","type":"gap","data":{"reason":"slow_reader","from":13,"to":40,"dropped":9}}"#)
    #expect(try event("snapshot", "A/B", 38) == .new)
    #expect(try event("update", "A/B", 41) == .new)
    #expect(point.lastSeen == 12)
    #expect(try event("snapshot", "C/D", 12) == .new)
    #expect(point.lastSeen == 41)
  }

  @Test mutating func whatIsMarkedStaleIsNotWaitedFor() throws {
    try beginWithTwoTopics()
    _ = try take(#"{"channel":"bridge","type":"gap","data":{"reason":"restart","from":13,"to":40}}"#)
    _ = try event("snapshot", "A/B", 39)
    #expect(point.lastSeen == 12)
    let stale = #"{"channel":"bridge","type":"stale","seq":45,"data":{"reason":"checksum","topics":[{"channel":"ticker","symbol":"C/D"}]}}"#
    #expect(try take(stale) == .new)
    #expect(point.lastSeen == 45)
  }

  /// Cut off within a replay, the next connection replays the same lines again.
  @Test mutating func linesOfTheLogThatComeAgainAreRepeated() throws {
    try begin(id: 7, hello: 10)
    #expect(try event("snapshot", "A/B", 11) == .new)
    #expect(try event("update", "A/B", 12) == .new)
    try begin(id: 8, hello: 20)
    #expect(try event("snapshot", "A/B", 11) == .repeated)
    #expect(try event("update", "A/B", 12) == .repeated)
    #expect(try event("update", "A/B", 13) == .new)
    #expect(try pong(7) == .new)
    #expect(try pong(8) == .caughtUp)
  }

  @Test mutating func aBridgeThatCountsAnewIsListenedTo() throws {
    try beginWithTwoTopics()
    try begin(id: 8, hello: 3)
    #expect(try event("snapshot", "A/B", 4) == .new)
    #expect(try event("update", "A/B", 5) == .new)
    #expect(try pong(8) == .caughtUp)
    #expect(point.lastSeen == 5)
  }
}
