// `since`: a returning reader is put back where it was.

import FanOut
import Testing

@Suite struct ResumeTests {
  /// Three topics in turn, a small ring, every `since` from before the first line to after the last.
  @Test func everySinceInASmallRing() {
    for published in 0...24 {
      for since in UInt64(98)...130 {
        let stage = Stage(ringBytes: 256, entriesMax: 16, lineBytesMax: 64, firstSeq: 101)
        let topics = stage.topics(3)
        for index in 0..<published { stage.publish(topics[index % 3]) }
        let oldest = stage.oldestSeq
        let last = 100 + UInt64(published)
        #expect(stage.lastSeq == last)
        let reader = stage.reader()
        let outcomes = [topics[0], topics[2]].map { stage.subscribe(reader, to: $0, start: .since(since)) }
        let isHeld = since + 1 >= oldest && since <= last
        #expect(outcomes == Array(repeating: isHeld ? .subscribed : .expired, count: 2), "since \(since) of \(oldest)...\(last)")
        stage.flush()
        stage.publish(topics[0])
        stage.publish(topics[1])
        stage.flush()
        let due = isHeld ? (since + 1..<last + 1).filter { ($0 - 101) % 3 != 1 } + [last + 1] : []
        #expect(stage.takeSeqs(reader) == due, "since \(since) of \(oldest)...\(last)")
        #expect(stage.subscriptionCount(reader) == (isHeld ? 2 : 0))
      }
    }
  }

  @Test func everythingSince() {
    for since in UInt64(0)...6 {
      let stage = Stage()
      let market = stage.topics(1)[0]
      let account = stage.topics(1, scope: .account)[0]
      for topic in [market, account, market, account, market] { stage.publish(topic) }
      let reader = stage.reader()
      let outcome = stage.subscribeToEverything(reader, start: .since(since))
      #expect(outcome == (since <= 5 ? .subscribed : .expired))
      stage.publish(market)
      stage.flush()
      let due = [1, 3, 5, 6].filter { $0 > since }
      #expect(stage.takeSeqs(reader) == (since <= 5 ? due : []))
    }
  }

  @Test func severalTopicsResumedTogetherAreOneAscendingStream() {
    let stage = Stage(writeBytesMax: 60, writesPerFlush: 1)
    let topics = stage.topics(5)
    for index in 0..<50 { stage.publish(topics[(index * 3) % 5]) }
    let reader = stage.reader()
    for topic in topics.reversed() { _ = stage.subscribe(reader, to: topic, start: .since(10)) }
    stage.publish(topics[0])
    stage.flushAll()
    #expect(stage.takeSeqs(reader) == Array(11...51))
  }

  @Test func resumingATopicNeitherRepeatsNorLosesLinesOfTheOthers() {
    for room in [Int.max, 0, 20, 30] {
      let stage = Stage()
      let topics = stage.topics(2)
      let reader = stage.reader(of: [topics[0]])
      stage.flush()
      for _ in 0..<4 { for topic in topics { stage.publish(topic) } }
      stage.flush()
      stage.publish(topics[0])
      #expect(stage.takeSeqs(reader) == [1, 3, 5, 7])
      stage.transport.connections[reader]?.room = room
      #expect(stage.subscribe(reader, to: topics[1], start: .since(2)) == .subscribed)
      stage.publish(topics[1])
      stage.flush()
      stage.publish(topics[0])
      stage.unblock(reader)
      stage.flush()
      #expect(stage.takeSeqs(reader) == [4, 6, 8, 9, 10, 11], "room \(room)")
    }
  }

  @Test func aReplayAskedForDuringAReplayComesAfterIt() {
    let stage = Stage()
    let topics = stage.topics(3)
    for _ in 0..<3 { for topic in topics { stage.publish(topic) } }
    let reader = stage.reader(room: 10)
    _ = stage.subscribe(reader, to: topics[0], start: .since(0))
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1, 4])
    _ = stage.subscribe(reader, to: topics[1], start: .since(0))
    _ = stage.subscribe(reader, to: topics[2], start: .since(3))
    stage.unblock(reader)
    stage.publish(topics[0])
    stage.flush()
    #expect(stage.takeSeqs(reader) == [7, 2, 5, 6, 8, 9, 10])
  }

  @Test func aReplayCanBeUnsubscribedInTheMiddle() {
    let stage = Stage()
    let topics = stage.topics(2)
    for _ in 0..<3 { for topic in topics { stage.publish(topic) } }
    let reader = stage.reader(room: 10)
    for topic in topics { _ = stage.subscribe(reader, to: topic, start: .since(0)) }
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1, 2])
    stage.unsubscribe(reader, from: topics[0])
    stage.unblock(reader)
    stage.publish(topics[1])
    stage.flush()
    #expect(stage.takeSeqs(reader) == [4, 6, 7])
  }

  @Test func bridgeLinesAreReplayedWithTheTopicsTheyConcern() {
    let stage = Stage()
    let topics = stage.topics(3)
    stage.publish(topics[0])
    stage.publish(to: .topics([topics[0]]))
    stage.publish(to: .topics([topics[1]]))
    stage.publish(to: .topics([topics[0], topics[1]]))
    stage.publish(to: .subscribersOf(.market))
    stage.publish(to: .subscribersOf(.account))
    stage.publish(to: .everyone)
    stage.publish(topics[0])
    let reader = stage.reader()
    stage.publish(to: .everyone)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [9])
    _ = stage.subscribe(reader, to: topics[0], start: .since(0))
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1, 2, 4, 5, 7, 8], "and not again what it was told when it came")
    _ = stage.subscribe(reader, to: topics[1], start: .since(0))
    stage.flush()
    #expect(stage.takeSeqs(reader) == [3], "and not again what the other topic has brought")
  }

  @Test func aTopicUnderAReusedNumberDoesNotReplayItsPredecessor() {
    let stage = Stage(ringBytes: 512, entriesMax: 8, lineBytesMax: 64)
    let topics = stage.topics(2)
    stage.publish(topics[0])
    stage.removeTopic(topics[0])
    var successor = stage.addTopic(scope: .market)
    while successor != topics[0] {
      stage.removeTopic(successor)
      stage.publish(topics[1])
      successor = stage.addTopic(scope: .market)
    }
    let reader = stage.reader()
    #expect(stage.subscribe(reader, to: successor, start: .since(stage.oldestSeq - 1)) == .subscribed)
    stage.publish(successor)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [stage.lastSeq])
  }

  /// Cut off at random and back with the largest number seen, a reader ends with what a steady one has.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func aReaderThatReturnsAgainAndAgainLosesNothing(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let stage = Stage(writeBytesMax: 100, writesPerFlush: 1)
    let topics = stage.topics(6)
    let followed = Array(topics.prefix(4))
    let steady = stage.reader(of: followed)
    var reader = stage.reader(of: followed)
    var got: [UInt64] = []
    var steadyGot: [UInt64] = []
    for _ in 0..<300 {
      for _ in 0..<Int.random(in: 0..<4, using: &random) {
        if random.chance(10) {
          stage.publish(to: .topics(Array(topics.shuffled(using: &random).prefix(2))))
        } else {
          stage.publish(topics.randomElement(using: &random)!)
        }
      }
      if random.chance(20) {
        // What was parked when the connection broke never arrived.
        let parked = stage.transport.connections[reader]!.isParked
        got += stage.takeSeqs(reader)
        if parked { got.removeLast() }
        stage.removeSubscriber(reader)
        reader = stage.reader(room: random.chance(50) ? .max : Int.random(in: 0..<40, using: &random))
        for topic in followed.shuffled(using: &random) {
          #expect(stage.subscribe(reader, to: topic, start: .since(got.last ?? 0)) == .subscribed)
        }
      }
      if random.chance(20) { stage.unblock(reader, room: random.chance(50) ? .max : 30) }
      stage.flush()
      steadyGot += stage.takeSeqs(steady)
    }
    stage.unblock(reader)
    stage.flushAll()
    got += stage.takeSeqs(reader)
    steadyGot += stage.takeSeqs(steady)
    #expect(got == steadyGot, "seed \(seed)")
    #expect(steadyGot.count > 100)
  }
}
