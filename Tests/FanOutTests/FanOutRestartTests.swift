// States of the fan-out between two processes: what is certain goes on unseen, what is not is told, and bytes that
// are no state are refused. The random lives in `RandomTests` restart as well.

import FanOut
import Testing

@Suite struct FanOutRestartTests {
  private func lines(_ stage: Stage, _ id: SubscriberID) -> [String] {
    String(decoding: stage.transport.connections[id]!.text, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test func theRestOfALineComesFirstThenWhatTheLogStillOwes() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic], room: 3)
    stage.flush()
    for _ in 0..<3 { stage.publish(topic) }
    stage.flush()
    stage.restart(limits: [:])
    stage.transport.connections[reader]!.room = .max
    stage.flushAll()
    #expect(lines(stage, reader).map { $0.trimmed } == ["L 1 0 -", "L 2 0 1", "L 3 0 2"])
    stage.publish(topic)
    stage.flushAll()
    #expect(lines(stage, reader).last?.trimmed == "L 4 0 3")
    #expect(stage.transport.violations.isEmpty)
  }

  /// Found by simulation: the goodbye of a reader that was too slow used to come into the middle of that line.
  @Test func theRestOfALineComesBeforeAGoodbyeToo() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic], room: 3)
    stage.fanOut.setPolicy(reader, .disconnect)
    stage.flush()
    stage.publish(topic)
    stage.flush()
    stage.restart(limits: [reader: LagLimits(bytes: .max, duration: .zero)])
    stage.transport.connections[reader]!.room = .max
    stage.now = stage.now.advanced(by: .seconds(10))
    stage.checkLag()
    #expect(lines(stage, reader).map { $0.trimmed } == ["L 1 0 -", "goodbye slowReader(FanOut.LagLimit.duration)"])
    #expect(stage.transport.violations.isEmpty)
  }

  @Test func linesBeforeTheRestartCanBeResumedFrom() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    for _ in 0..<5 { stage.publish(topic) }
    stage.flush()
    stage.restart(limits: [:])
    let reader = stage.reader()
    #expect(stage.fanOut.subscribe(reader, to: topic, start: .since(2)) == .subscribed)
    stage.flushAll()
    #expect(lines(stage, reader).map { $0.trimmed } == ["L 3 0 2", "L 4 0 3", "L 5 0 4"])
  }

  @Test func linesThatDoNotGoWithTheStateAreToldAsAGap() {
    let stage = Stage()
    let topic = stage.topics(1)[0]
    let reader = stage.reader(of: [topic], room: 0)
    stage.flush()
    for _ in 0..<10 { stage.publish(topic) }
    stage.flush()
    stage.restart(limits: [:], lineBytesMax: 30)
    stage.transport.connections[reader]!.room = .max
    stage.flushAll()
    // The first line was parked, so it is the rest of a line; the following ones are lost.
    let told = lines(stage, reader)
    #expect(told.first?.trimmed == "L 1 0 -")
    #expect(told.dropFirst().first == "G 2 10 0")
    #expect(told.dropFirst(2).first?.hasPrefix("S 0 10") == true)
    #expect(told.count == 3)
  }

  @Test func afterACheckpointEveryReaderIsToldAndGetsSnapshots() {
    let stage = Stage()
    let topics = stage.topics(2)
    let named = stage.reader(of: topics)
    let idle = stage.reader()
    let wide = stage.reader()
    _ = stage.fanOut.subscribeToEverything(wide, start: .live)
    stage.publish(topics[0])
    stage.flushAll()
    let before = [named, idle, wide].map { lines(stage, $0).count }
    stage.restart(limits: [:], lineBytesMax: nil)
    // The log is empty, whatever numbers the readers have.
    #expect([named, idle, wide].map { stage.fanOut.status(of: $0)?.lagBytes } == [0, 0, 0])
    stage.flushAll()
    let after = zip([named, idle, wide], before).map { Array(lines(stage, $0).dropFirst($1)) }
    // What it had for certain ends with line 1; numbers go on at 1001.
    #expect(after.map(\.first) == ["G 2 1000 0", "G 2 1000 0", "G 2 1000 0"])
    #expect(after.map(\.count) == [3, 1, 3])
    #expect(after[0].dropFirst().map { $0.prefix(3) } == ["S 0", "S 1"])
    stage.publish(topics[1])
    stage.flushAll()
    #expect(lines(stage, named).last?.hasPrefix("L 1001 1") == true)
  }

  @Test func bytesThatAreNoStateAreRefused() {
    let stage = Stage()
    let topics = stage.topics(3)
    let reader = stage.reader(of: topics, room: 5)
    stage.flush()
    for topic in topics { stage.publish(topic) }
    stage.send(reader, "directed")
    stage.flush()
    var writer = StateWriter()
    stage.fanOut.exportState(lineBytesMax: .max).write(to: &writer)
    let bytes = writer.bytes
    for count in bytes.indices {
      var short = StateReader(Array(bytes[..<count]))
      #expect(throws: StateFault.self) { try FanOutState(from: &short) }
    }
    // Whatever a damaged byte turns into, it is refused or taken up without a trap.
    for place in bytes.indices {
      for flip: UInt8 in [0x01, 0x7F, 0x80, 0xFF] {
        var damaged = bytes
        damaged[place] ^= flip
        var reader = StateReader(damaged)
        guard let state = try? FanOutState(from: &reader) else { continue }
        let next = Stage()
        next.takeUp(state)
        for _ in 0..<10 { next.flush() }
        next.checkLag()
        #expect(next.fanOut.lastSeq < 1 << 54)
      }
    }
  }

  @Test(arguments: [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, UInt64(UInt32.max), .max] as [UInt64])
  func numbersSurvive(number: UInt64) throws {
    var writer = StateWriter()
    writer.write(number)
    writer.write(signed: Int64(bitPattern: number))
    writer.write(number as UInt64?)
    writer.write(nil as UInt64?)
    var reader = StateReader(writer.bytes)
    #expect(try reader.number() == number)
    #expect(try reader.signed() == Int64(bitPattern: number))
    #expect(try reader.optional() == number)
    #expect(try reader.optional() == nil)
    #expect(reader.isAtEnd)
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = Substring(self)
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
