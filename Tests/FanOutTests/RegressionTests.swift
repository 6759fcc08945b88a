// Faults that the random lives have found, each in its shortest form.

import FanOut
import Testing

@Suite struct RegressionTests {
  @Test func aReaderDoomedAtTheTailIsClosedByTheLagCheckToo() {
    let stage = Stage(entriesMax: 16)
    let topics = stage.topics(1)
    let reader = stage.reader(of: topics, lagBytes: 10, room: 1)
    stage.setPolicy(reader, .disconnect)
    stage.publish(topics[0])
    stage.flush()
    for _ in 0..<40 { stage.publish(topics[0]) }
    stage.checkLag()
    #expect(stage.take(reader) == ["L 1 0 - ", "goodbye slowReader(FanOut.LagLimit.ring)"])
    #expect(stage.subscriberCount == 0)
  }

  @Test func aReplayThatWaitedBeginsWhenTheOneBeforeItHasNothingMore() {
    let stage = Stage()
    let topics = stage.topics(3)
    for _ in 0..<3 { for topic in topics { stage.publish(topic) } }
    let reader = stage.reader(of: [topics[2]], room: 1)
    _ = stage.subscribe(reader, to: topics[0], start: .since(0))
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1])
    stage.unsubscribe(reader, from: topics[0])
    _ = stage.subscribe(reader, to: topics[1], start: .since(0))
    stage.publish(topics[2])
    stage.unblock(reader)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [2, 5, 8, 10])
  }

  @Test func aReaderThatGetsItsSnapshotsInPiecesCanMissLinesAgain() {
    let stage = Stage(entriesMax: 16, writeBytesMax: 8, writesPerFlush: 1)
    let topics = stage.topics(3)
    let reader = stage.reader(of: topics)
    for _ in 0..<40 { stage.publish(topics[0]) }
    stage.flush()
    #expect(stage.take(reader) == ["G 1 40 40"])
    stage.flush()
    #expect(stage.take(reader) == ["S 0 40 40 "])
    for _ in 0..<40 { stage.publish(topics[0]) }
    stage.flushAll()
    #expect(stage.take(reader) == ["G 41 80 40", "S 0 80 80 ", "S 1 - 80 ", "S 2 - 80 "])
  }

  @Test func aReplayWithNothingDueDoesNotHoldBackTheTail() {
    let stage = Stage(entriesMax: 16)
    let topics = stage.topics(3)
    for _ in 0..<8 { stage.publish(topics[2]) }
    let reader = stage.reader(of: [topics[0]], room: 0)
    stage.publish(topics[0])
    stage.flush()
    #expect(stage.takeSeqs(reader) == [9])
    _ = stage.subscribe(reader, to: topics[1], start: .since(2))
    for _ in 0..<40 { stage.publish(topics[2]) }
    stage.publish(topics[1])
    stage.unblock(reader)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [50])
  }

  @Test func bridgeLinesThatFellIntoAGapAreReplayedWithAnotherTopic() {
    let stage = Stage()
    let topics = stage.topics(2)
    let reader = stage.reader(of: [topics[0]], lagBytes: 1, room: 1)
    stage.publish(topics[0])
    stage.flush()
    stage.publish(topics[0])
    stage.publish(to: .everyone)
    stage.publish(to: .topics(topics))
    stage.checkLag()
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["L 1 0 - ", "G 2 4 1", "S 0 2 4 "])
    _ = stage.subscribe(reader, to: topics[1], start: .since(2))
    stage.flush()
    #expect(stage.takeSeqs(reader) == [3, 4])
  }

  @Test func anExceptionToEverythingSurvivesTheRemovalOfItsTopicWhileItsLinesAreInTheLog() {
    let stage = Stage()
    let topics = stage.topics(2)
    let reader = stage.reader(room: 1)
    _ = stage.subscribeToEverything(reader, start: .live)
    stage.unsubscribe(reader, from: topics[0])
    stage.publish(topics[1])
    stage.flush()
    stage.publish(topics[0])
    stage.removeTopic(topics[0])
    stage.publish(topics[1])
    stage.unblock(reader)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1, 3])
  }
}
