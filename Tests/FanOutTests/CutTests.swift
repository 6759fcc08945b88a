// What happens when the kernel takes less than it was offered.

import FanOut
import Testing

@Suite struct CutTests {
  /// Every place at which a turn of directed lines, lines of the log and snapshots can be cut.
  @Test func everyCutLeavesWholeLinesInOrder() {
    var expected: [String]?
    for room in (0..<400).reversed() {
      let stage = Stage()
      let topics = stage.topics(4)
      let reader = stage.reader(of: [topics[0], topics[2]], room: room)
      for topic in topics { stage.publish(topic, padding: 3) }
      for topic in [topics[1], topics[3]] { _ = stage.subscribe(reader, to: topic, start: .snapshotOwed) }
      stage.send(reader, "one")
      stage.send(reader, "two")
      stage.flush()
      let first = stage.take(reader)
      stage.unblock(reader)
      stage.flush()
      let lines = first + stage.take(reader)
      if let expected {
        #expect(lines == expected, "cut at \(room)")
      } else {
        expected = lines
        #expect(lines == ["D one", "D two", "L 1 0 - xxx", "L 3 2 - xxx", "S 1 2 4 ", "S 3 4 4 "])
      }
      #expect(stage.transport.violations.isEmpty)
    }
  }

  @Test func aBlockedReaderIsNotWrittenToUntilItReads() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic], room: 4)
    stage.publish(topic)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1])
    stage.publish(topic)
    stage.send(reader, "answer")
    stage.flush()
    #expect(stage.take(reader).isEmpty)
    #expect(stage.status(of: reader)?.isBlocked == true)
    #expect(!stage.hasDueWork, "nothing can be done for it now")
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader) == ["D answer", "L 2 0 1 "])
    #expect(stage.status(of: reader)?.isBlocked == false)
  }

  @Test func aCutAtALineBoundaryParksTheWholeNextLine() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic], room: 9)
    stage.publish(topic)
    stage.publish(topic)
    stage.publish(topic)
    stage.flush()
    #expect(stage.take(reader) == ["L 1 0 - ", "L 2 0 1 "])
    #expect(stage.transport.connections[reader]?.parkedBytes == 9)
  }

  @Test func aKernelThatTakesNothingParksTheFirstLine() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic], room: 0)
    stage.publish(topic)
    stage.publish(topic)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [1])
    stage.unblock(reader, room: 0)
    stage.flush()
    #expect(stage.takeSeqs(reader) == [2])
    stage.unblock(reader)
    stage.flush()
    #expect(stage.take(reader).isEmpty)
    #expect(stage.status(of: reader)?.behindSince == nil)
  }

  @Test func theLineInTheMiddleOfWhichAReaderStoppedMayLeaveTheLog() {
    let stage = Stage(ringBytes: 256, entriesMax: 8, lineBytesMax: 64)
    let topics = stage.topics(2)
    let reader = stage.reader(of: [topics[0]], room: 5)
    stage.publish(topics[0])
    stage.flush()
    for _ in 0..<50 { stage.publish(topics[1], padding: 30) }
    stage.flush()
    stage.unblock(reader)
    stage.publish(topics[0])
    stage.flush()
    #expect(stage.take(reader) == ["L 1 0 - ", "L 52 0 1 "], "nothing of its own was missed, so no gap is told")
    #expect(stage.notices.isEmpty)
  }

  @Test func aBlockedReaderDoesNotDisturbTheOthers() {
    let stage = Stage()
    let topics = stage.topics(2)
    let stopped = stage.reader(of: topics, room: 1)
    let reader = stage.reader(of: topics)
    let everything = stage.reader()
    _ = stage.subscribeToEverything(everything, start: .live)
    for _ in 0..<10 {
      for topic in topics { stage.publish(topic) }
      stage.flush()
    }
    #expect(stage.takeSeqs(reader) == Array(1...20))
    #expect(stage.takeSeqs(everything) == Array(1...20))
    #expect(stage.takeSeqs(stopped) == [1])
    stage.unblock(stopped)
    stage.flush()
    #expect(stage.takeSeqs(stopped) == Array(2...20))
    #expect(stage.transport.connections[stopped]?.writes.count == 2, "catching up is one write")
  }
}
