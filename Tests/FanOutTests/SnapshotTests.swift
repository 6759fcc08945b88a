// Snapshots made for one reader.

import FanOut
import Testing

@Suite struct SnapshotTests {
  @Test func aLateJoinerGetsASnapshotThenEveryLineAfterIt() {
    let stage = Stage()
    let topics = stage.topics(2)
    stage.publish(topics[0])
    stage.publish(topics[1])
    let reader = stage.reader(of: [topics[0]], start: .snapshotOwed)
    stage.publish(topics[0])
    stage.publish(topics[1])
    stage.flush()
    #expect(stage.take(reader) == ["S 0 3 4 "], "lines that the snapshot includes are not delivered")
    stage.publish(topics[0])
    stage.flush()
    #expect(stage.take(reader) == ["L 5 0 3 "], "the next line's prev is the snapshot's seq")
  }

  @Test func theAnswerAndTheSnapshotAreOneWrite() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    stage.publish(topic)
    let reader = stage.reader()
    stage.send(reader, "subscribed")
    _ = stage.subscribe(reader, to: topic, start: .snapshotOwed)
    stage.flush()
    #expect(stage.take(reader) == ["D subscribed", "S 0 1 1 "])
    #expect(stage.transport.connections[reader]?.writes.count == 1)
  }

  @Test func aTopicThatIsNotLiveBeginsWithItsNextLine() {
    let stage = Stage()
    let topics = stage.topics(3)
    stage.publish(topics[0])
    stage.source.withoutSnapshot = [topics[0], topics[2]]
    let reader = stage.reader(of: topics, start: .snapshotOwed)
    stage.flush()
    #expect(stage.take(reader) == ["S 1 - 1 "])
    for topic in topics { stage.publish(topic) }
    stage.flush()
    #expect(stage.takeSeqs(reader) == [2, 3, 4])
    #expect(stage.source.asked.count == 3)
  }

  @Test func aStaleTopicMaySayItIsStaleInPlaceOfASnapshot() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    stage.source.stale = [topic]
    let reader = stage.reader(of: [topic], start: .snapshotOwed)
    stage.flush()
    stage.publish(topic)
    stage.flush()
    #expect(stage.take(reader) == ["X 0 0", "L 1 0 - "])
  }

  @Test func snapshotsAreMadeOneByOneAsTheReaderTakesThem() {
    let stage = Stage(writeBytesMax: 100, writesPerFlush: 1)
    let topics = stage.topics(20)
    for topic in topics {
      stage.publish(topic)
      stage.source.padding[topic] = 40
    }
    let reader = stage.reader(of: topics, start: .snapshotOwed)
    stage.flush()
    #expect(stage.source.asked.count <= 3, "not all are materialised at once")
    stage.transport.connections[reader]?.room = 10
    stage.flush()
    let asked = stage.source.asked.count
    stage.publish(topics[0])
    stage.publish(topics[19])
    stage.flush()
    #expect(stage.source.asked.count == asked, "none for a blocked reader")
    stage.unblock(reader)
    stage.flushAll()
    let lines = stage.take(reader)
    #expect(lines.filter { $0.first == "S" }.count == 20, "each exactly once")
    #expect(lines.filter { $0.first == "L" } == ["L 21 0 1 "], "the first had its snapshot before, the last after that line")
    #expect(lines.last { $0.hasPrefix("S 19 ") }?.hasPrefix("S 19 22 22 ") == true)
  }

  @Test func aLargeSnapshotIsCutLikeAnyLine() {
    let stage = Stage(lineBytesMax: 256, writeBytesMax: 64)
    let topics = stage.topics(2)
    stage.source.padding[topics[0]] = 100_000
    let reader = stage.reader(of: topics, start: .snapshotOwed, room: 50_000)
    stage.flush()
    let first = stage.take(reader)
    #expect(first.count == 1 && first[0].utf8.count > 100_000)
    #expect(stage.transport.connections[reader]?.parkedBytes ?? 0 > 50_000)
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["S 1 - 0 "])
  }

  @Test func aSnapshotOfSeveralLinesStaysTogether() {
    let stage = Stage()
    let topics = stage.topics(2)
    stage.source.linesPerSnapshot = 3
    let reader = stage.reader(of: topics, start: .snapshotOwed, room: 1)
    stage.flush()
    #expect(stage.take(reader).count == 3)
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["S 1 - 0 ", "S 1 - 0 ", "S 1 - 0 "])
  }

  @Test func everythingWithSnapshotsOwesOnePerTopicOfItsScopes() {
    let stage = Stage(writeBytesMax: 16, writesPerFlush: 1)
    let market = stage.topics(5)
    let account = stage.topics(2, scope: .account)
    for topic in market + account { stage.publish(topic) }
    stage.removeTopic(market[3])
    let reader = stage.reader()
    _ = stage.subscribeToEverything(reader, start: .snapshotOwed)
    stage.flush()
    #expect(stage.take(reader) == ["S 0 1 7 ", "S 1 2 7 "])
    // Half of the topics have their snapshot: their lines are delivered, those of the others are included.
    stage.publish(market[0])
    stage.publish(market[4])
    stage.flushAll()
    #expect(stage.take(reader) == ["L 8 0 1 ", "S 2 3 9 ", "S 4 9 9 "])
    stage.publish(market[4])
    stage.flush()
    #expect(stage.takeSeqs(reader) == [10])
  }
}
