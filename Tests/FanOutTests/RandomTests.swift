// Random lives of readers, judged by the model. A failure names its seed, which replays it.

import FanOut
import Testing

@Suite struct RandomTests {
  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func everyReaderGetsExactlyWhatTheModelSays(seed: UInt64) {
    var world = World(seed: seed)
    world.run(steps: 1500)
    #expect(world.faults.isEmpty, "seed \(seed): \(world.faults.first ?? "")")
    #expect(world.linesChecked > 100)
  }

  /// An orderly restart changes nothing that a reader can see.
  @Test(arguments: 200...230 as ClosedRange<UInt64>)
  func restartsGoUnnoticed(seed: UInt64) {
    var world = World(seed: seed)
    world.restartsPerThousandSteps = 20
    world.run(steps: 1500)
    #expect(world.faults.isEmpty, "seed \(seed): \(world.faults.first ?? "")")
    #expect(world.linesChecked > 100 && world.restarts > 5)
  }

  /// The seeds reach what they are for.
  @Test func theRandomLivesAreEventful() {
    var gaps = 0
    var departures = 0
    var replayed = 0
    for seed in 100...110 as ClosedRange<UInt64> {
      var world = World(seed: seed)
      world.run(steps: 1500)
      gaps += world.gapsSeen
      departures += world.departuresSeen
      replayed += world.replayedLines
    }
    #expect(gaps > 50 && departures > 20 && replayed > 500)
  }
}

/// A fan-out, readers that behave badly, and the model of each.
struct World {
  let stage: Stage
  var random: SeededGenerator
  var history: [ModelLine] = []
  var scopeOf: [TopicID: Scope] = [:]
  var topics: [TopicID] = []
  var readers: [ModelReader] = []
  var faults: [String] = []
  var linesChecked = 0
  var gapsSeen = 0
  var departuresSeen = 0
  var replayedLines = 0
  var restartsPerThousandSteps = 0
  var restarts = 0
  let firstSeq: UInt64
  let ringBytes: Int
  let lineBytesMax = 120

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    firstSeq = UInt64.random(in: 1...1_000_000, using: &random)
    ringBytes = Int.random(in: 300...6000, using: &random)
    stage = Stage(
      ringBytes: ringBytes, entriesMax: [16, 64, 256].randomElement(using: &random)!, lineBytesMax: lineBytesMax,
      writeBytesMax: Int.random(in: 20...600, using: &random), writesPerFlush: Int.random(in: 1...4, using: &random),
      firstSeq: firstSeq)
    for _ in 0..<5 { addTopic() }
  }

  mutating func run(steps: Int) {
    for step in 0..<steps where faults.isEmpty {
      if restartsPerThousandSteps > 0, Int.random(in: 0..<1000, using: &random) < restartsPerThousandSteps {
        stage.restart(limits: Dictionary(uniqueKeysWithValues: readers.map { ($0.id, $0.limits) }))
        restarts += 1
      }
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<35: publish()
      case 35..<40: publishBridgeLine()
      case 40..<44: addReader()
      case 44..<56: subscribe()
      case 56..<60: unsubscribe()
      case 60..<65: send()
      case 65..<67: leave()
      case 67..<69: addTopic()
      case 69..<70: removeTopic()
      case 70..<72: setPolicy()
      case 72..<80: checkLag()
      case 80..<88: unblock()
      case 88..<89: stage.pass(.seconds(Int.random(in: 0...2, using: &random)))
      default: flush()
      }
      noteMissing(step)
    }
    for reader in readers { stage.unblock(reader.id) }
    for _ in 0..<200 where faults.isEmpty {
      flush(mayBlock: false)
      if !stage.hasDueWork { break }
    }
    for reader in readers where faults.isEmpty { expectComplete(reader) }
  }

  mutating func fault(_ text: String) { faults.append(text) }

  func line(_ seq: UInt64) -> ModelLine? {
    guard seq >= firstSeq, seq - firstSeq < UInt64(history.count) else { return nil }
    return history[Int(seq - firstSeq)]
  }

  // MARK: Happenings

  mutating func publish() {
    guard let topic = topics.randomElement(using: &random) else { return }
    // Now and then a flood, and now and then the longest line there is.
    for _ in 0..<(random.chance(3) ? 60 : 1) {
      let prev = stage.lastSeq(of: topic)
      let seq = stage.lastSeq + 1
      let room = lineBytesMax - 1 - Stage.text(seq: seq, topic: topic, prev: prev, padding: 0).utf8.count
      let padding = random.chance(5) ? room : Int.random(in: 0...min(30, room), using: &random)
      stage.publish(topic, padding: padding)
      note(ModelLine(seq: seq, concern: .topic(topic), text: Stage.text(seq: seq, topic: topic, prev: prev, padding: padding)))
    }
  }

  mutating func publishBridgeLine() {
    let seq = stage.lastSeq + 1
    let concern: ModelLine.Concern
    switch Int.random(in: 0..<4, using: &random) {
    case 0:
      concern = .bridgeToEveryone
      stage.publish(to: .everyone)
    case 1:
      let scope: Scope = random.chance(70) ? .market : .account
      concern = .bridgeToScope(scope)
      stage.publish(to: .subscribersOf(scope))
    default:
      let some = Array(topics.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
      concern = .bridgeToTopics(some)
      stage.publish(to: .topics(some))
    }
    note(ModelLine(seq: seq, concern: concern, text: "B \(seq)"))
  }

  mutating func note(_ line: ModelLine) {
    if stage.lastSeq != line.seq { fault("numbers are not consecutive") }
    history.append(line)
    for index in readers.indices where !readers[index].isClosing {
      guard readers[index].concerns(line, scopeOf: { scopeOf[$0]! }) else { continue }
      if let topic = line.topic, readers[index].owed.contains(topic) { continue }
      readers[index].live.append(Expected(seq: line.seq))
    }
    let held = history[Int(stage.oldestSeq - firstSeq)...].reduce(0) { $0 + $1.text.utf8.count + 1 }
    if held > max(ringBytes, 2 * lineBytesMax) { fault("more held than the ring has room for") }
    for reader in readers where !reader.isClosing {
      let status = stage.status(of: reader.id)
      // A reader under `disconnect` may be waiting for its end.
      if status?.isMissingLines == false, !reader.mayBeClosed, let first = reader.firstDue, first < stage.oldestSeq {
        fault("line \(first) left the log and reader \(reader.id) is not told")
      }
    }
  }

  mutating func addReader() {
    guard readers.count < 8 else { return }
    let scopes: Scope = random.chance(70) ? .market : [.market, .account]
    let limits = LagLimits(bytes: random.chance(50) ? .max : Int.random(in: 50...2000, using: &random), duration: .seconds(3))
    let id = stage.fanOut.addSubscriber(scopes: scopes, limits: limits)
    stage.transport.connections[id] = .init()
    var reader = ModelReader(id: id, scopes: scopes, limits: limits, joined: stage.lastSeq + 1)
    if random.chance(40) {
      let start = randomStart()
      let outcome = stage.subscribeToEverything(id, start: start)
      if outcome != expectedOutcome(start, reader) { fault("\(outcome) for everything \(start)") }
      if outcome == .subscribed {
        reader.everythingFrom = stage.lastSeq + 1
        if case .since(let seq) = start {
          reader.everythingFrom = seq + 1
          for line in history where line.seq > seq && reader.concerns(line, scopeOf: { scopeOf[$0]! }) {
            reader.live.append(Expected(seq: line.seq))
          }
        }
        if start == .snapshotOwed { reader.owed = Set(topics.filter { !scopeOf[$0]!.isDisjoint(with: scopes) }) }
      }
    }
    readers.append(reader)
  }

  mutating func randomStart() -> Start {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: .live
    case 1: .snapshotOwed
    default: .since(UInt64.random(in: max(stage.oldestSeq, 3) - 3...stage.lastSeq + 1, using: &random))
    }
  }

  func expectedOutcome(_ start: Start, _ reader: ModelReader) -> SubscribeOutcome {
    guard case .since(let seq) = start else { return .subscribed }
    let isHeld = seq + 1 >= stage.oldestSeq && seq <= stage.lastSeq
    return isHeld && !reader.isMissing ? .subscribed : .expired
  }

  mutating func subscribe() {
    guard let index = readers.indices.randomElement(using: &random), let topic = topics.randomElement(using: &random) else { return }
    var reader = readers[index]
    guard !reader.isClosing else { return }
    let visible = reader.everythingFrom != nil && !reader.excluded.contains(topic) && !scopeOf[topic]!.isDisjoint(with: reader.scopes)
    let start = randomStart()
    let outcome = stage.subscribe(reader.id, to: topic, start: start)
    if visible || reader.follows[topic] != nil {
      if outcome != .alreadySubscribed { fault("\(outcome) instead of alreadySubscribed") }
      return
    }
    if outcome != expectedOutcome(start, reader) { fault("\(outcome) for \(start)") }
    guard outcome == .subscribed else { return }
    reader.follows[topic] = stage.lastSeq + 1
    switch start {
    case .live: break
    case .snapshotOwed: reader.owed.insert(topic)
    case .since(let since): resume(&reader, topic, since: since)
    }
    reader.excluded.remove(topic)
    readers[index] = reader
  }

  /// Puts the topic's lines after `since`, and bridge lines that concern it, into the reader's queues.
  mutating func resume(_ reader: inout ModelReader, _ topic: TopicID, since: UInt64) {
    reader.follows[topic] = since + 1
    var alone = reader
    alone.follows = [topic: since + 1]
    alone.everythingFrom = nil
    alone.joined = .max
    let firstLive = reader.live.first?.seq ?? stage.lastSeq + 1
    var early: [Expected] = []
    for line in history[Int(since + 1 - firstSeq)...] where alone.concerns(line, scopeOf: { scopeOf[$0]! }) {
      let isQueued = (reader.live + reader.replays.joined()).contains { $0.seq == line.seq }
      if line.topic == nil, isQueued { continue }
      let wasGiven = reader.given.contains(line.seq) && line.topic == nil
      let expected = Expected(seq: line.seq, isOptional: wasGiven)
      if line.seq < firstLive { early.append(expected) } else { reader.live.append(expected) }
    }
    reader.live.sort { $0.seq < $1.seq }
    if !early.isEmpty { reader.replays.append(early) }
    replayedLines += early.count
  }

  mutating func unsubscribe() {
    guard let index = readers.indices.randomElement(using: &random), let topic = topics.randomElement(using: &random) else { return }
    var reader = readers[index]
    guard !reader.isClosing else { return }
    let visible = reader.everythingFrom != nil && !reader.excluded.contains(topic) && !scopeOf[topic]!.isDisjoint(with: reader.scopes)
    let was = stage.unsubscribe(reader.id, from: topic)
    if was != (visible || reader.follows[topic] != nil) { fault("unsubscribe answered \(was)") }
    guard was else { return }
    reader.follows[topic] = nil
    if reader.everythingFrom != nil { reader.excluded.insert(topic) }
    dropLines(of: topic, from: &reader)
    readers[index] = reader
  }

  mutating func dropLines(of topic: TopicID, from reader: inout ModelReader) {
    reader.owed.remove(topic)
    reader.mayBeToldAgain = true
    // Lines missed while the topic was followed stay missed.
    guard !reader.isMissing else { return }
    let snapshot = reader
    func stays(_ expected: Expected) -> Bool {
      let line = self.line(expected.seq)!
      return line.topic == nil ? snapshot.concerns(line, scopeOf: { scopeOf[$0]! }) : line.topic != topic
    }
    reader.live.removeAll { !stays($0) }
    for index in reader.replays.indices {
      reader.replays[index].removeAll { !stays($0) }
      // Whom a bridge line in the middle of a replay concerned is not remembered here.
      for place in reader.replays[index].indices where line(reader.replays[index][place].seq)!.topic == nil {
        reader.replays[index][place].isOptional = true
      }
    }
    reader.replays.removeAll { $0.isEmpty }
  }

  mutating func send() {
    guard let index = readers.indices.randomElement(using: &random) else { return }
    let text = String(repeating: "d", count: Int.random(in: 0...20, using: &random))
    stage.send(readers[index].id, text)
    readers[index].directed.append("D \(text)")
  }

  mutating func leave() {
    guard let index = readers.indices.randomElement(using: &random) else { return }
    switch Int.random(in: 0..<3, using: &random) {
    case 0:
      stage.removeSubscriber(readers[index].id)
      readers.remove(at: index)
    case 1:
      stage.transport.connections[readers[index].id]?.isGone = true
    default:
      stage.closeWhenWritten(readers[index].id)
      readers[index].isClosing = true
      readers[index].live = []
      readers[index].replays = []
      readers[index].owed = []
    }
  }

  mutating func addTopic() {
    // A follower of everything that is owed snapshots may or may not be owed one of a topic that appears meanwhile.
    let isSettled = readers.allSatisfy { $0.everythingFrom == nil || stage.status(of: $0.id)?.behindSince == nil && $0.owed.isEmpty }
    guard topics.count < 8, isSettled else { return }
    let scope: Scope = random.chance(70) ? .market : .account
    let topic = stage.addTopic(scope: scope)
    if topics.contains(topic) { fault("topic number given out twice") }
    if history[Int(stage.oldestSeq - firstSeq)...].contains(where: { $0.topic == topic }) { fault("topic number reused too early") }
    topics.append(topic)
    scopeOf[topic] = scope
    for index in readers.indices {
      readers[index].excluded.remove(topic)
      readers[index].follows[topic] = nil
    }
  }

  mutating func removeTopic() {
    guard topics.count > 3, let index = topics.indices.randomElement(using: &random) else { return }
    let topic = topics.remove(at: index)
    stage.removeTopic(topic)
    for index in readers.indices {
      if readers[index].everythingFrom == nil {
        var reader = readers[index]
        guard reader.follows.removeValue(forKey: topic) != nil else { continue }
        dropLines(of: topic, from: &reader)
        readers[index] = reader
      } else {
        readers[index].owed.remove(topic)
      }
    }
  }

  mutating func setPolicy() {
    guard let index = readers.indices.randomElement(using: &random) else { return }
    let policy: SlowPolicy = random.chance(70) ? .resync : .disconnect
    stage.setPolicy(readers[index].id, policy)
    readers[index].policy = policy
    if policy == .disconnect { readers[index].mayBeClosed = true }
  }

  mutating func unblock() {
    guard let reader = readers.randomElement(using: &random) else { return }
    let room = random.chance(50) ? Int.max : Int.random(in: 0...200, using: &random)
    if stage.transport.connections[reader.id]!.isParked {
      stage.unblock(reader.id, room: room)
    } else {
      stage.transport.connections[reader.id]!.room = room
    }
  }

  mutating func checkLag() {
    stage.pass(.milliseconds(250))
    stage.checkLag()
    for reader in readers where !reader.isClosing && stage.status(of: reader.id)?.isMissingLines == false {
      if let first = reader.live.first(where: { !$0.isOptional })?.seq, stage.status(of: reader.id)?.behindSince != nil,
        bytes(since: first) > reader.limits.bytes
      {
        fault("reader \(reader.id) is over its limit in bytes and was let off")
      }
    }
    judge(blockedBefore: [])
  }

  /// Bytes of lines from `seq` to the newest, without the room skipped at the end of the ring.
  func bytes(since seq: UInt64) -> Int {
    history[Int(max(seq, firstSeq) - firstSeq)...].reduce(0) { $0 + $1.text.utf8.count + 1 }
  }

  /// Follows the fan-out's decisions to let readers miss lines, and judges them.
  mutating func noteMissing(_ step: Int) {
    for index in readers.indices {
      guard let status = stage.status(of: readers[index].id) else { continue }
      if status.isMissingLines, !readers[index].isMissing, !readers[index].isClosing {
        let reader = readers[index]
        let first = (reader.live + reader.replays.joined()).map(\.seq).min()
        let isLate = status.behindSince.map { stage.now.monotonic - $0 > 3_000_000_000 } ?? false
        let edge = stage.oldestSeq + (stage.lastSeq + 1 - stage.oldestSeq) / 16 + 1
        let isOver = first.map { bytes(since: $0) + 2 * lineBytesMax > reader.limits.bytes } ?? false
        if first == nil { fault("reader \(reader.id) is said to miss lines but misses none") }
        // A replay that waits for another is taken to begin where it was asked to.
        let isWaiting = reader.replays.count > 1
        if let first, !isLate, !isOver, !isWaiting, first > edge { fault("reader \(reader.id) is within its limits and yet misses lines, step \(step)") }
      }
      readers[index].isMissing = status.isMissingLines
    }
  }

  // MARK: Judging what arrived

  mutating func flush(mayBlock: Bool = true) {
    noteMissing(-1)
    for reader in readers where mayBlock && random.chance(15) {
      if !stage.transport.connections[reader.id]!.isParked {
        stage.transport.connections[reader.id]!.room = Int.random(in: 0...300, using: &random)
      }
    }
    if !mayBlock { for reader in readers { stage.transport.connections[reader.id]!.room = .max } }
    for topic in topics {
      stage.source.padding[topic] = random.chance(10) ? 300 : 0
      stage.source.withoutSnapshot.remove(topic)
      stage.source.stale.remove(topic)
      if random.chance(10) { stage.source.withoutSnapshot.insert(topic) } else if random.chance(10) { stage.source.stale.insert(topic) }
    }
    stage.source.asked = []
    let blocked = Set(readers.map(\.id).filter { stage.transport.connections[$0]!.isParked })
    stage.flush()
    judge(blockedBefore: blocked)
    for index in readers.indices { readers[index].mayBeClosed = readers[index].policy == .disconnect }
    for reader in readers where !stage.hasDueWork && stage.status(of: reader.id)?.isBlocked == false { expectComplete(reader) }
  }

  mutating func judge(blockedBefore: Set<SubscriberID>) {
    for violation in stage.transport.violations { fault(violation) }
    var departed: [SubscriberID: DepartureReason] = [:]
    for notice in stage.notices {
      if case .departed(let id, let reason, _) = notice { departed[id] = reason }
    }
    stage.notices = []
    departuresSeen += departed.count
    for index in readers.indices.reversed() {
      var reader = readers[index]
      let text = stage.transport.connections[reader.id]!.text
      if !text.isEmpty, text.last != UInt8(ascii: "\n") { return fault("torn line") }
      let lines = stage.take(reader.id)
      if blockedBefore.contains(reader.id), lines.contains(where: { !$0.hasPrefix("goodbye") }) { fault("written to while blocked") }
      for line in lines { accept(line, &reader, departed[reader.id]) }
      if let reason = departed[reader.id] {
        judge(reason, reader, lastLine: lines.last)
        readers.remove(at: index)
      } else {
        noteTopicsWithoutSnapshot(&reader)
        readers[index] = reader
      }
    }
    stage.source.asked = []
  }

  mutating func judge(_ reason: DepartureReason, _ reader: ModelReader, lastLine: String?) {
    let connection = stage.transport.connections[reader.id]!
    switch reason {
    case .finished, .stuckWhileClosing:
      if !reader.isClosing || !connection.isClosed { fault("\(reason) without being asked") }
      if reason == .finished, !reader.directed.isEmpty { fault("closed before its last answer") }
    case .peerGone:
      if !connection.isGone { fault("said to be gone but is not") }
    case .slowReader:
      if !reader.mayBeClosed { fault("closed under resync") }
      if !connection.isClosed { fault("not closed") }
      if !connection.isGone, lastLine?.hasPrefix("goodbye slowReader") != true { fault("no goodbye but \(lastLine ?? "nothing")") }
    }
  }

  /// Topics that had no snapshot to give: their next line is delivered.
  mutating func noteTopicsWithoutSnapshot(_ reader: inout ModelReader) {
    let isBlocked = stage.status(of: reader.id)?.isBlocked ?? false
    let asked = stage.source.asked.filter { $0.reader == reader.id }.map(\.topic)
    for (index, topic) in asked.enumerated() where stage.source.withoutSnapshot.contains(topic) && reader.owed.contains(topic) {
      // Known to the reader's state only if something after it was delivered, or everything was.
      let isKnown = !isBlocked || asked[index...].contains { !stage.source.withoutSnapshot.contains($0) && !reader.owed.contains($0) }
      if isKnown { reader.owed.remove(topic) }
    }
  }

  mutating func accept(_ line: String, _ reader: inout ModelReader, _ departure: DepartureReason?) {
    linesChecked += 1
    let words = line.split(separator: " ")
    switch words[0] {
    case "D":
      if reader.directed.first != line { return fault("unexpected \(line), due is \(reader.directed.first ?? "none")") }
      reader.directed.removeFirst()
    case "L", "B":
      let seq = UInt64(words[1])!
      if self.line(seq)?.text != line { return fault("\(line) is not what was published") }
      if !reader.directed.isEmpty || reader.isMissing || reader.isClosing { return fault("\(line) out of turn") }
      if !take(seq, from: &reader) {
        return fault("\(line) for \(reader.id); due were \(reader.replays.map { $0.map { self.line($0.seq)!.text } }) then \(reader.live.map { self.line($0.seq)!.text })")
      }
      if words[0] == "B", !reader.given.insert(seq).inserted, !reader.mayBeToldAgain { fault("\(line) was told before") }
    case "G":
      gapsSeen += 1
      acceptGap(line, &reader)
    case "S", "X":
      let topic = TopicID(index: UInt32(words[1])!)
      if !reader.owed.contains(topic) { return fault("\(line) was not owed") }
      if reader.firstDue != nil || !reader.directed.isEmpty || reader.isMissing { return fault("\(line) too early") }
      reader.live = []
      reader.replays = []
      if words[0] == "S", String(words[2]) != stage.lastSeq(of: topic).map(String.init) ?? "-" { fault("\(line) bears a wrong number") }
      if UInt64(words[words[0] == "S" ? 3 : 2]) != stage.lastSeq { fault("\(line) was not made at the end of the log") }
      reader.owed.remove(topic)
    case "goodbye":
      guard case .slowReader = departure else { return fault("goodbye to a reader that stays") }
    default:
      fault("what is \(line)?")
    }
  }

  mutating func acceptGap(_ line: String, _ reader: inout ModelReader) {
    if !reader.isMissing || !reader.directed.isEmpty { fault("\(line) out of turn") }
    let pending = reader.replays.joined() + reader.live
    let from = UInt64(line.split(separator: " ")[1])!
    let isPending = pending.contains { $0.seq == from }
    if !isPending || from > reader.firstDue ?? .max { fault("\(line): first missed is \(pending.map(\.seq).min() ?? 0)") }
    let dropped = pending.filter { self.line($0.seq)!.topic != nil }.count
    if line != "G \(from) \(stage.lastSeq) \(dropped)" { fault("\(line), but \(dropped) were dropped") }
    reader.live = []
    reader.replays = []
    reader.isMissing = false
    reader.mayBeToldAgain = true
    for topic in reader.follows.keys {
      reader.follows[topic] = stage.lastSeq + 1
      if topics.contains(topic) { reader.owed.insert(topic) }
    }
    if reader.everythingFrom != nil {
      for topic in topics where !reader.excluded.contains(topic) && !scopeOf[topic]!.isDisjoint(with: reader.scopes) {
        reader.owed.insert(topic)
      }
    }
  }

  /// Takes a line from the front of the reader's queues. False if it is not due there.
  func take(_ seq: UInt64, from reader: inout ModelReader) -> Bool {
    while let first = reader.replays.first {
      guard let next = first.first else {
        reader.replays.removeFirst()
        continue
      }
      if next.seq == seq {
        reader.replays[0].removeFirst()
        if reader.replays[0].isEmpty { reader.replays.removeFirst() }
        return true
      }
      // A later replay that was joined with this one, or of which this one's rest was not part any more.
      for later in reader.replays.indices.dropFirst() where seq < next.seq {
        let lines = reader.replays[later]
        guard let place = lines.firstIndex(where: { !$0.isOptional || $0.seq == seq }), lines[place].seq == seq else { continue }
        reader.replays[later].removeFirst(place + 1)
        return true
      }
      guard next.isOptional else { return false }
      reader.replays[0].removeFirst()
    }
    while let next = reader.live.first {
      if next.seq == seq {
        reader.live.removeFirst()
        return true
      }
      guard next.isOptional else { return false }
      reader.live.removeFirst()
    }
    return false
  }

  mutating func expectComplete(_ reader: ModelReader) {
    if let first = reader.firstDue, !stage.transport.connections[reader.id]!.isGone { fault("line \(first) was not delivered to \(reader.id)") }
    if !stage.transport.connections[reader.id]!.isGone {
      if !reader.directed.isEmpty { fault("an answer was not delivered") }
      if !reader.owed.isEmpty { fault("a snapshot was not delivered") }
    }
  }
}
