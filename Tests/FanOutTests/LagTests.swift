// Readers that do not read.

import FanOut
import Testing

@Suite struct LagTests {
  /// Blocks a reader in the middle of line 1.
  private func stopped(_ stage: Stage, of topics: [TopicID], lagBytes: Int = .max) -> SubscriberID {
    let reader = stage.reader(of: topics, lagBytes: lagBytes)
    stage.flush()
    stage.transport.connections[reader]?.room = 2
    stage.publish(topics[0])
    stage.flush()
    precondition(stage.takeSeqs(reader) == [1])
    return reader
  }

  @Test func overTheByteLimitAReaderIsToldExactlyWhatItMissedThenGetsSnapshotsThenLiveLines() {
    let stage = Stage()
    let topics = stage.topics(3)
    let reader = stopped(stage, of: [topics[0], topics[1]], lagBytes: 100)
    for _ in 0..<10 { for topic in topics { stage.publish(topic) } }
    stage.flush()
    stage.checkLag()
    #expect(stage.status(of: reader)?.isMissingLines == true)
    for topic in topics { stage.publish(topic) }
    stage.flush()
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["G 2 34 22", "S 0 32 34 ", "S 1 33 34 "])
    for topic in topics { stage.publish(topic) }
    stage.flush()
    #expect(stage.take(reader) == ["L 35 0 32 ", "L 36 1 33 "])
    #expect(stage.notices == [.gap(reader, from: 2, to: 34, dropped: 22)])
    let statistics = stage.status(of: reader)?.statistics
    #expect(statistics?.gaps == 1 && statistics?.dropped == 22 && statistics?.blocks == 1)
  }

  @Test func belowTheLimitsNothingHappens() {
    let stage = Stage()
    let topics = stage.topics(1)
    let reader = stopped(stage, of: topics, lagBytes: 1000)
    for _ in 0..<10 { stage.publish(topics[0]) }
    stage.flush()
    stage.checkLag()
    stage.unblock(reader)
    stage.flush()
    #expect(stage.takeSeqs(reader) == Array(2...11))
    #expect(stage.notices.isEmpty)
  }

  @Test func linesOfOthersAreNoLag() {
    let stage = Stage()
    let topics = stage.topics(2)
    let reader = stopped(stage, of: [topics[0]], lagBytes: 100)
    for _ in 0..<50 { stage.publish(topics[1]) }
    stage.publish(topics[0])
    stage.flush()
    stage.checkLag()
    #expect(stage.status(of: reader)?.isMissingLines == false)
    stage.unblock(reader)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [52])
  }

  @Test func theTimeLimitCountsFromWhenTheReaderLastHadEverything() {
    for (waited, isMissing) in [(Duration.seconds(2), false), (.seconds(2) + .nanoseconds(1), true)] {
      let stage = Stage()
      let topic = stage.topics(1)[0]
      let reader = stage.reader(scopes: .market, lag: .seconds(2), room: 1)
      _ = stage.subscribe(reader, to: topic, start: .live)
      stage.pass(.seconds(100))
      stage.publish(topic)
      stage.flush()
      stage.publish(topic)
      #expect(stage.nextLagCheck == stage.now.monotonic + 250_000_000)
      stage.pass(waited)
      stage.checkLag()
      #expect(stage.status(of: reader)?.isMissingLines == isMissing)
      #expect(stage.nextLagCheck == stage.now.monotonic + 250_000_000)
      stage.unblock(reader)
      stage.flush()
      stage.checkLag()
      #expect(stage.nextLagCheck == nil, "nobody is behind")
      #expect(stage.take(reader).last == (isMissing ? "S 0 2 2 " : "L 2 0 1 "))
    }
  }

  @Test func aReaderThatMissesNothingIsNotTold() {
    let stage = Stage()
    let topics = stage.topics(2)
    let reader = stage.reader(scopes: .market, lag: .seconds(1), room: 1)
    _ = stage.subscribe(reader, to: topics[0], start: .live)
    stage.publish(topics[0])
    stage.publish(topics[1])
    stage.flush()
    stage.pass(.seconds(10))
    stage.checkLag()
    stage.unblock(reader)
    stage.flush()
    stage.publish(topics[0])
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1, 3])
    #expect(stage.notices.isEmpty)
  }

  @Test func fallingOffTheTailIsOverTheLimit() {
    let stage = Stage(ringBytes: 512, entriesMax: 1024, lineBytesMax: 64)
    let topics = stage.topics(2)
    let reader = stopped(stage, of: [topics[0]])
    for _ in 0..<500 { for topic in topics { stage.publish(topic) } }
    stage.flush()
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["G 2 1001 500", "S 0 1000 1001 "])
  }

  @Test func theIndexLimitsTheLogToo() {
    let stage = Stage(entriesMax: 16)
    let topics = stage.topics(1)
    let reader = stopped(stage, of: topics)
    for _ in 0..<100 { stage.publish(topics[0]) }
    #expect(stage.lastSeq - stage.oldestSeq < 16)
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["G 2 101 100", "S 0 101 101 "])
  }

  @Test func followersOfEverythingAreCountedByTheirScopes() {
    let stage = Stage(ringBytes: 512, lineBytesMax: 64)
    let market = stage.topics(3)
    let account = stage.topics(1, scope: .account)[0]
    let reader = stage.reader()
    _ = stage.subscribeToEverything(reader, start: .live)
    stage.unsubscribe(reader, from: market[2])
    stage.flush()
    stage.transport.connections[reader]?.room = 1
    stage.publish(market[0])
    stage.flush()
    for _ in 0..<100 { for topic in market + [account] { stage.publish(topic) } }
    stage.unsubscribe(reader, from: market[1])
    for topic in market + [account] { stage.publish(topic) }
    stage.flush()
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["L 1 0 - ", "G 2 405 201", "S 0 402 405 "])
  }

  @Test func subscriptionsMayChangeWhileLinesAreMissed() {
    let stage = Stage()
    let topics = stage.topics(4)
    let reader = stopped(stage, of: [topics[0], topics[1]], lagBytes: 10)
    for topic in topics { stage.publish(topic) }
    stage.checkLag()
    for topic in topics { stage.publish(topic) }
    stage.unsubscribe(reader, from: topics[1])
    #expect(stage.subscribe(reader, to: topics[2], start: .live) == .subscribed)
    #expect(stage.subscribe(reader, to: topics[3], start: .since(3)) == .expired)
    #expect(stage.subscribe(reader, to: topics[3], start: .snapshotOwed) == .subscribed)
    for topic in topics { stage.publish(topic) }
    stage.unblock(reader)
    stage.flush()
    // Topic 0: three lines, topic 1: two, topic 2: one, topic 3: owed a snapshot anyway.
    #expect(stage.take(reader) == ["G 2 13 6", "S 0 10 13 ", "S 2 12 13 ", "S 3 13 13 "])
  }

  @Test func answersGoBeforeTheGapLine() {
    let stage = Stage()
    let topics = stage.topics(1)
    let reader = stopped(stage, of: topics, lagBytes: 1)
    stage.publish(topics[0])
    stage.checkLag()
    stage.send(reader, "answer")
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["D answer", "G 2 2 1", "S 0 2 2 "])
  }

  @Test func aGapLineAndItsSnapshotsCanBeCutAnywhere() {
    for room in 0..<40 {
      let stage = Stage()
      let topics = stage.topics(2)
      let reader = stopped(stage, of: topics, lagBytes: 1)
      stage.publish(topics[1])
      stage.checkLag()
      stage.unblock(reader, room: room)
      stage.flush()
      stage.unblock(reader)
      stage.flush()
      #expect(stage.take(reader) == ["G 2 2 1", "S 0 1 2 ", "S 1 2 2 "], "cut at \(room)")
    }
  }

  @Test func aReaderThatStopsAgainInTheMiddleOfItsSnapshotsMissesOnlyWhatItHadAgain() {
    let stage = Stage()
    let topics = stage.topics(3)
    let reader = stopped(stage, of: topics, lagBytes: 1)
    stage.publish(topics[0])
    stage.checkLag()
    stage.unblock(reader, room: 10)
    stage.flush()
    #expect(stage.take(reader) == ["G 2 2 1", "S 0 2 2 "])
    for topic in topics { stage.publish(topic) }
    stage.checkLag()
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["G 3 5 1", "S 0 3 5 ", "S 1 4 5 ", "S 2 5 5 "])
  }

  @Test func aReplayThatFallsOffTheTailIsAGap() {
    let stage = Stage(entriesMax: 64)
    let topics = stage.topics(2)
    for _ in 0..<10 { for topic in topics { stage.publish(topic) } }
    let reader = stage.reader(of: [topics[0]], room: 1)
    _ = stage.subscribe(reader, to: topics[1], start: .since(0))
    stage.flush()
    #expect(stage.takeSeqs(reader) == [2])
    for _ in 0..<100 { stage.publish(topics[0]) }
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["G 4 120 109", "S 0 120 120 ", "S 1 20 120 "])
  }

  @Test func oneTurnLargerThanTheRingIsAGapForEveryoneConcerned() {
    let stage = Stage(entriesMax: 16)
    let topics = stage.topics(2)
    let reader = stage.reader(of: [topics[0]])
    let idle = stage.reader(of: [topics[1]])
    let everything = stage.reader()
    _ = stage.subscribeToEverything(everything, start: .live)
    stage.flush()
    for _ in 0..<40 { stage.publish(topics[0]) }
    stage.publish(topics[1])
    stage.flush()
    #expect(stage.take(reader) == ["G 1 41 40", "S 0 40 41 "])
    #expect(stage.takeSeqs(idle) == [41])
    #expect(stage.take(everything) == ["G 1 41 41", "S 0 40 41 ", "S 1 41 41 "])
  }

  @Test func bridgeLinesInAGapAreCoveredByIt() {
    let stage = Stage()
    let topics = stage.topics(1)
    let reader = stopped(stage, of: topics, lagBytes: 1)
    stage.publish(to: .topics(topics))
    stage.publish(to: .everyone)
    stage.publish(topics[0])
    stage.checkLag()
    stage.publish(to: .subscribersOf(.market))
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["G 2 5 1", "S 0 4 5 "])
  }

  @Test func disconnectClosesWithAGoodbyeBehindTheParkedLine() {
    for isLate in [false, true] {
      let stage = Stage()
      let topics = stage.topics(1)
      let reader = stage.reader(scopes: .market, lagBytes: isLate ? .max : 10, lag: .seconds(1), room: 1)
      _ = stage.subscribe(reader, to: topics[0], start: .live)
      stage.setPolicy(reader, .disconnect)
      stage.publish(topics[0])
      stage.flush()
      for _ in 0..<10 { stage.publish(topics[0]) }
      stage.flush()
      if isLate { stage.pass(.seconds(2)) }
      stage.checkLag()
      let limit = isLate ? LagLimit.duration : .bytes
      #expect(stage.take(reader) == ["L 1 0 - ", "goodbye slowReader(FanOut.LagLimit.\(limit))"])
      #expect(stage.transport.connections[reader]?.isClosed == true)
      #expect(stage.status(of: reader) == nil && stage.subscriberCount(of: topics[0]) == 0)
      guard case .departed(reader, .slowReader(limit), _) = stage.notices.first else {
        Issue.record("\(stage.notices)")
        continue
      }
      #expect(stage.transport.violations.isEmpty)
    }
  }

  @Test func disconnectAtTheTailHappensInTheNextFlush() {
    let stage = Stage(entriesMax: 16)
    let topics = stage.topics(1)
    let reader = stopped(stage, of: topics)
    stage.setPolicy(reader, .disconnect)
    for _ in 0..<40 { stage.publish(topics[0]) }
    #expect(stage.notices.isEmpty)
    stage.flush()
    #expect(stage.take(reader) == ["goodbye slowReader(FanOut.LagLimit.ring)"])
    #expect(stage.transport.connections[reader]?.isClosed == true)
    #expect(stage.subscriberCount == 0)
  }

  @Test func disconnectOfAReaderThatCanBeWrittenToWritesItsGoodbye() {
    let stage = Stage(entriesMax: 16)
    let topics = stage.topics(1)
    for room in [Int.max, 3, 0] {
      let reader = stage.reader(of: topics, room: room)
      stage.setPolicy(reader, .disconnect)
      for _ in 0..<40 { stage.publish(topics[0]) }
      stage.flush()
      #expect(stage.take(reader) == ["goodbye slowReader(FanOut.LagLimit.ring)"])
      #expect(stage.transport.connections[reader]?.parkedBytes == (room == .max ? 0 : 41 - room))
    }
    let gone = stage.reader(of: topics)
    stage.setPolicy(gone, .disconnect)
    for _ in 0..<40 { stage.publish(topics[0]) }
    stage.transport.connections[gone]?.isGone = true
    stage.flush()
    #expect(stage.subscriberCount == 0)
    #expect(stage.transport.violations.isEmpty)
  }

  @Test func aReaderToBeClosedThatDoesNotReadIsClosedAfterTheTimeLimit() {
    let stage = Stage()
    let reader = stage.reader(scopes: .market, lag: .seconds(1), room: 1)
    stage.send(reader, "one")
    stage.send(reader, "two")
    stage.closeWhenWritten(reader)
    stage.flush()
    stage.checkLag()
    #expect(stage.subscriberCount == 1)
    stage.pass(.seconds(2))
    stage.checkLag()
    #expect(stage.take(reader) == ["D one"])
    guard case .departed(reader, .stuckWhileClosing, _) = stage.notices.first else {
      Issue.record("\(stage.notices)")
      return
    }
    #expect(stage.nextLagCheck == nil)
  }

  @Test func aReaderStoppedForLongCostsOneGapHoweverMuchIsPublished() {
    let stage = Stage(ringBytes: 2048, lineBytesMax: 64)
    let topics = stage.topics(2)
    let reader = stopped(stage, of: topics)
    let other = stage.reader(of: topics)
    stage.flush()
    for _ in 0..<2000 {
      for topic in topics { stage.publish(topic) }
      stage.flush()
      stage.checkLag()
    }
    #expect(stage.takeSeqs(other) == Array(2...4001))
    #expect(stage.status.heldBytes <= 2048)
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["G 2 4001 4000", "S 0 4000 4001 ", "S 1 4001 4001 "])
  }

  @Test func theStatusTellsWhoIsBehind() {
    let stage = Stage()
    let topics = stage.topics(1)
    let reader = stopped(stage, of: topics)
    _ = stage.reader(of: topics)
    stage.publish(topics[0])
    stage.flush()
    let status = stage.status
    #expect(status.subscribers == 2 && status.behind == 1 && status.blocked == 1 && status.topics == 1)
    #expect(stage.status(of: reader)?.lagBytes == 9)
    #expect(stage.status(of: reader)?.behindSince == 0)
    #expect(stage.unflushedBytes == 0)
  }
}
