import FanOut
import Testing

@Suite struct DeliveryTests {
  @Test func aFollowerGetsEveryLineOfItsTopicsAndNoOthers() {
    let stage = Stage()
    let topics = stage.topics(3)
    let reader = stage.reader(of: [topics[0], topics[2]])
    for topic in topics + topics { stage.publish(topic) }
    stage.flush()
    #expect(stage.take(reader) == ["L 1 0 - ", "L 3 2 - ", "L 4 0 1 ", "L 6 2 3 "])
    #expect(stage.transport.violations.isEmpty)
  }

  @Test func oneWritePerSubscriberAndTurn() {
    let stage = Stage()
    let topics = stage.topics(3)
    let adjacent = stage.reader(of: [topics[0]])
    let scattered = stage.reader(of: [topics[0], topics[2]])
    stage.flush()
    for _ in 0..<5 { stage.publish(topics[0]) }
    stage.publish(topics[1])
    stage.publish(topics[2])
    stage.flush()
    #expect(stage.takeSeqs(adjacent) == [1, 2, 3, 4, 5])
    #expect(stage.takeSeqs(scattered) == [1, 2, 3, 4, 5, 7])
    #expect(stage.transport.connections[adjacent]?.writes.count == 1)
    #expect(stage.transport.connections[scattered]?.writes.count == 1)
  }

  @Test func followersOfEverythingGetTheirScopesOnly() {
    let stage = Stage()
    let market = stage.topics(1)[0]
    let account = stage.topics(1, scope: .account)[0]
    let connection = stage.topics(1, scope: .connection)[0]
    let trader = stage.reader(scopes: [.market, .account])
    let spectator = stage.reader(scopes: .market)
    for id in [trader, spectator] { #expect(stage.subscribeToEverything(id, start: .live) == .subscribed) }
    stage.flush()
    for topic in [market, account, connection, market] { stage.publish(topic) }
    stage.flush()
    #expect(stage.takeSeqs(trader) == [1, 2, 4])
    #expect(stage.takeSeqs(spectator) == [1, 4])
  }

  @Test func followersOfEverythingGetLaterTopicsFromTheirFirstLine() {
    let stage = Stage()
    let reader = stage.reader()
    _ = stage.subscribeToEverything(reader, start: .snapshotOwed)
    stage.flush()
    let topic = stage.topics(1)[0]
    stage.publish(topic)
    stage.flush()
    #expect(stage.take(reader) == ["L 1 0 - "])
    #expect(stage.source.asked.isEmpty)
  }

  @Test func aTopicCanBeLeftOutOfEverythingAndTakenBack() {
    let stage = Stage()
    let topics = stage.topics(2)
    let reader = stage.reader()
    _ = stage.subscribeToEverything(reader, start: .live)
    #expect(stage.isSubscribed(reader, to: topics[1]))
    #expect(stage.unsubscribe(reader, from: topics[1]))
    #expect(!stage.isSubscribed(reader, to: topics[1]))
    stage.flush()
    for topic in topics { stage.publish(topic) }
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1])
    #expect(stage.subscribe(reader, to: topics[1], start: .snapshotOwed) == .subscribed)
    for topic in topics { stage.publish(topic) }
    stage.flush()
    #expect(stage.take(reader) == ["L 3 0 1 ", "S 1 4 4 "])
    for topic in topics { stage.publish(topic) }
    stage.flush()
    #expect(stage.takeSeqs(reader) == [5, 6])
  }

  @Test func directedLinesGoBeforeLinesOfTheLog() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic])
    stage.publish(topic)
    stage.send(reader, "one")
    stage.send(reader, "two")
    #expect(stage.directedBytes(reader) == 12)
    stage.publish(topic)
    stage.flush()
    #expect(stage.take(reader) == ["D one", "D two", "L 1 0 - ", "L 2 0 1 "])
    #expect(stage.directedBytes(reader) == 0)
    #expect(stage.transport.connections[reader]?.writes.count == 1)
  }

  @Test func liveMeansFromNowOnAlsoWithinATurn() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    stage.publish(topic)
    let reader = stage.reader(of: [topic])
    stage.publish(topic)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [2])
  }

  @Test func nothingAfterUnsubscribeNotEvenLinesOfThisTurn() {
    let stage = Stage()
    let topics = stage.topics(2)
    let reader = stage.reader(of: topics)
    stage.flush()
    stage.publish(topics[0])
    stage.publish(topics[1])
    #expect(stage.unsubscribe(reader, from: topics[0]))
    #expect(!stage.unsubscribe(reader, from: topics[0]))
    stage.flush()
    #expect(stage.takeSeqs(reader) == [2])
  }

  @Test func countsOfSubscriptionsAndDemand() {
    let stage = Stage()
    let topics = stage.topics(2)
    let readers = (0..<4).map { _ in stage.reader(of: topics) }
    let everything = stage.reader()
    _ = stage.subscribeToEverything(everything, start: .live)
    #expect(stage.subscriptionCount(readers[0]) == 2)
    #expect(stage.subscriberCount(of: topics[0]) == 4)
    #expect(stage.subscribe(readers[0], to: topics[0], start: .live) == .alreadySubscribed)
    #expect(stage.subscribe(everything, to: topics[0], start: .live) == .alreadySubscribed)
    // The first, so that the list of followers has to close a hole.
    stage.removeSubscriber(readers[0])
    #expect(stage.unsubscribe(readers[1], from: topics[0]))
    #expect(stage.subscriberCount(of: topics[0]) == 2)
    #expect(stage.subscriberCount(of: topics[1]) == 3)
    #expect(stage.subscriberCount == 4)
    #expect(stage.isFollowing(everything) && !stage.isFollowing(readers[0]))
    for topic in topics { stage.publish(topic) }
    stage.flush()
    #expect(readers.map { stage.takeSeqs($0) } == [[], [2], [1, 2], [1, 2]])
  }

  @Test func staleIDsAreIgnored() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let gone = stage.reader(of: [topic])
    stage.removeSubscriber(gone)
    let reader = stage.reader(of: [topic])
    #expect(reader.slot == gone.slot && reader != gone)
    stage.send(gone, "no")
    stage.setPolicy(gone, .disconnect)
    stage.closeWhenWritten(gone)
    stage.writable(gone)
    stage.removeSubscriber(gone)
    #expect(stage.subscribe(gone, to: topic, start: .live) == .ignored)
    #expect(stage.subscribeToEverything(gone, start: .live) == .ignored)
    #expect(!stage.unsubscribe(gone, from: topic))
    #expect(stage.status(of: gone) == nil)
    stage.publish(topic)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1])
    #expect(stage.take(gone).isEmpty)
    #expect(stage.status(of: reader)?.policy == .resync)
  }

  @Test func aTopicsNumberIsReusedOnlyWhenNoLineMentionsItAnyMore() {
    let stage = Stage(ringBytes: 512, entriesMax: 8, lineBytesMax: 64)
    let topics = stage.topics(2)
    stage.publish(topics[0])
    stage.removeTopic(topics[0])
    #expect(stage.lastSeq(of: topics[0]) == nil)
    #expect(stage.addTopic(scope: .market).index == 2)
    for _ in 0..<20 { stage.publish(topics[1]) }
    #expect(stage.addTopic(scope: .account).index == 3, "numbers stay within their scope")
    #expect(stage.addTopic(scope: .market).index == 0)
    #expect(stage.lastSeq(of: topics[0]) == nil)
  }

  @Test func removingATopicUnsubscribesItsFollowers() {
    let stage = Stage(ringBytes: 512, entriesMax: 8, lineBytesMax: 64)
    let topics = stage.topics(2)
    let reader = stage.reader(of: topics)
    let everything = stage.reader()
    _ = stage.subscribeToEverything(everything, start: .live)
    stage.unsubscribe(everything, from: topics[0])
    stage.removeTopic(topics[0])
    #expect(stage.subscriptionCount(reader) == 1)
    for _ in 0..<20 { stage.publish(topics[1]) }
    let successor = stage.addTopic(scope: .market)
    #expect(successor == topics[0])
    _ = stage.takeSeqs(reader)
    stage.flush()
    _ = stage.take(everything)
    stage.publish(successor)
    stage.flush()
    #expect(stage.takeSeqs(everything) == [21], "an exception does not outlive its topic")
  }

  @Test func closingDeliversDirectedLinesAndNothingElse() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic])
    stage.publish(topic)
    stage.send(reader, "last")
    stage.closeWhenWritten(reader)
    stage.flush()
    #expect(stage.take(reader) == ["D last"])
    #expect(stage.transport.connections[reader]?.isClosed == true)
    #expect(stage.subscriberCount == 0 && stage.subscriberCount(of: topic) == 0)
    guard case .departed(reader, .finished, let statistics) = stage.notices.first else {
      Issue.record("no notice: \(stage.notices)")
      return
    }
    #expect(statistics.bytes == 7 && statistics.writes == 1)
  }

  @Test func closingWaitsForTheParkedLine() {
    let stage = Stage()
    let reader = stage.reader(room: 3)
    stage.send(reader, "one")
    stage.send(reader, "two")
    stage.closeWhenWritten(reader)
    stage.flush()
    #expect(stage.take(reader) == ["D one"])
    #expect(stage.transport.connections[reader]?.isClosed == false)
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["D two"])
    #expect(stage.transport.connections[reader]?.isClosed == true)
  }

  @Test func aPeerThatIsGoneIsReportedOnce() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let readers = (0..<3).map { _ in stage.reader(of: [topic]) }
    let streams = (0..<3).map { _ in stage.reader() }
    for stream in streams { _ = stage.subscribeToEverything(stream, start: .live) }
    stage.flush()
    stage.transport.connections[readers[1]]?.isGone = true
    stage.transport.connections[streams[0]]?.isGone = true
    for _ in 0..<2 {
      stage.publish(topic)
      stage.flush()
    }
    #expect(stage.notices.count == 2)
    for gone in [readers[1], streams[0]] {
      #expect(stage.notices.contains { if case .departed(gone, .peerGone, _) = $0 { true } else { false } })
    }
    for reader in [readers[0], readers[2], streams[1], streams[2]] { #expect(stage.takeSeqs(reader) == [1, 2]) }
  }

  @Test func bridgeLinesReachWhomTheyConcernOnce() {
    let stage = Stage()
    let topics = stage.topics(3)
    let account = stage.topics(1, scope: .account)[0]
    let both = stage.reader(of: [topics[0], topics[1]])
    let third = stage.reader(of: [topics[2]])
    let private1 = stage.reader(of: [account])
    let idle = stage.reader()
    let everything = stage.reader()
    _ = stage.subscribeToEverything(everything, start: .live)
    stage.flush()
    stage.publish(to: .topics([topics[0], topics[1]]))
    stage.publish(to: .topics([topics[2]]))
    stage.publish(to: .subscribersOf(.market))
    stage.publish(to: .subscribersOf(.account))
    stage.publish(to: .everyone)
    stage.publish(to: .topics([]))
    stage.publish(topics[0])
    stage.flush()
    #expect(stage.takeSeqs(both) == [1, 3, 5, 7])
    #expect(stage.takeSeqs(third) == [2, 3, 5])
    #expect(stage.takeSeqs(private1) == [4, 5])
    #expect(stage.takeSeqs(idle) == [5])
    #expect(stage.takeSeqs(everything) == [1, 2, 3, 5, 7])
  }

  @Test func theRingWrapsWithoutTearingLines() {
    let stage = Stage(ringBytes: 600, entriesMax: 64, lineBytesMax: 100)
    let topics = stage.topics(2)
    let all = stage.reader(of: topics)
    let one = stage.reader(of: [topics[1]])
    let everything = stage.reader()
    _ = stage.subscribeToEverything(everything, start: .live)
    var expected: [[UInt64]] = [[], []]
    for turn in 0..<200 {
      for index in 0..<3 {
        let topic = (turn + index) % 2
        expected[topic].append(stage.publish(topics[topic], padding: (turn * 7 + index * 13) % 80))
      }
      stage.flush()
    }
    #expect(stage.takeSeqs(all) == Array(1...600))
    #expect(stage.takeSeqs(everything) == Array(1...600))
    #expect(stage.takeSeqs(one) == expected[1])
    #expect(stage.status.heldBytes <= 600)
  }

  @Test func linesOfTheLargestSizeFit() {
    let stage = Stage(ringBytes: 1, entriesMax: 4, lineBytesMax: 200, writeBytesMax: 64)
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic])
    for _ in 0..<20 {
      let prefix = Stage.text(
        seq: stage.lastSeq + 1, topic: topic, prev: stage.lastSeq(of: topic), padding: 0)
      stage.publish(topic, padding: 200 - 1 - prefix.utf8.count)
      stage.flush()
    }
    let lines = stage.take(reader)
    #expect(lines.count == 20 && lines.allSatisfy { $0.utf8.count == 199 })
    #expect(stage.status.ringBytes == 400)
  }

  @Test func moreThanOneWriteHoldsIsDeliveredInPieces() {
    let stage = Stage(writeBytesMax: 100, writesPerFlush: 2)
    let topics = stage.topics(2)
    let reader = stage.reader(of: [topics[0]])
    let everything = stage.reader()
    _ = stage.subscribeToEverything(everything, start: .live)
    stage.flush()
    for index in 0..<40 { stage.publish(topics[index % 2], padding: 10) }
    stage.flush()
    #expect(stage.hasDueWork)
    stage.flushAll()
    #expect(stage.takeSeqs(reader) == Array(stride(from: UInt64(1), through: 39, by: 2)))
    #expect(stage.takeSeqs(everything) == Array(1...40))
    #expect(stage.transport.connections[reader]?.writes.allSatisfy { $0 <= 100 } == true)
    #expect(stage.transport.connections[everything]?.writes.allSatisfy { $0 <= 100 } == true)
    #expect(stage.status(of: reader)?.behindSince == nil)
  }

  @Test func statisticsCountWhatWasHandedOver() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic], start: .snapshotOwed)
    stage.publish(topic)
    stage.flush()
    stage.publish(topic)
    stage.publish(topic)
    stage.flush()
    let lines = stage.take(reader)
    let status = stage.status(of: reader)
    #expect(lines.count == 3)
    #expect(status?.statistics.lines == 3)
    #expect(status?.statistics.writes == 2)
    #expect(status?.statistics.bytes == UInt64(lines.reduce(0) { $0 + $1.utf8.count + 1 }))
    #expect(stage.statistics == status?.statistics)
  }
}
