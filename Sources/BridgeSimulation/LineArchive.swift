// Every line of the log, as the tap got it: a reader of everything that is never slow. All other readers are compared
// with this record, byte for byte, and each line's state is kept as a digest so that snapshots can be judged too.

import BridgeCore

final class LineArchive {
  struct Record {
    /// `unseen`: a stage of somebody's order, which nobody else is given.
    enum Kind { case update, snapshot, state, stale, unseen }

    var bytes: [UInt8]
    var kind: Kind
    /// Index of the topic; -1 for bridge lines.
    var topic: Int
    var prev: UInt64?
    /// Of the topic's state after this line.
    var digest: UInt64 = 0
    var levels: [(isBid: Bool, level: ReplayedBook.Level)] = []
    /// `stale`: the topics it names; nil for every topic.
    var staleTopics: [Int]?
    var link = LinkName.public
  }

  /// A topic as somebody who got every line of it knows it.
  struct Topic {
    let name: TopicName
    var state: TopicState
    /// It had data, and no `stale` since.
    var isLive = false
    var lastSeq: UInt64?
    var lines = 0
  }

  private(set) var topics: [Topic] = []
  private var indices: [TopicName: Int] = [:]
  /// One for each life of the bridge, with the number of the first line.
  private var lives: [(base: UInt64, records: [Record])] = []
  /// Topics that had a line since `takeTouched`.
  private var touched: Set<Int> = []
  /// Who was given the stages of orders.
  private var owners: [UInt64: String] = [:]

  /// The newest line's number; that of the hello line before there is one.
  var lastSeq: UInt64 { lives.last.map { $0.base + UInt64($0.records.count) - 1 } ?? 0 }
  var lineCount: Int { lives.reduce(0) { $0 + $1.records.count } }

  func index(of name: TopicName) -> Int {
    if let index = indices[name] { return index }
    topics.append(Topic(name: name, state: .empty(name)))
    indices[name] = topics.count - 1
    return topics.count - 1
  }

  func takeTouched() -> [Int] {
    defer { touched.removeAll(keepingCapacity: true) }
    return touched.sorted()
  }

  // MARK: Writing

  /// A bridge has begun: it says which number was the last before its own.
  func begin(helloSeq: UInt64) throws(Violation) {
    try require(
      lives.isEmpty || helloSeq >= lastSeq, "numbers go up across restarts", "hello says \(helloSeq) after \(lastSeq)")
    lives.append((helloSeq + 1, []))
    for index in topics.indices {
      topics[index].isLive = false
      topics[index].lastSeq = nil
    }
  }

  /// The next line of the log.
  func append(_ bytes: [UInt8], _ line: ReadLine) throws(Violation) {
    var record: Record
    switch line {
    case .event(let event): record = try take(event, bytes)
    case .state(_, let link):
      record = Record(bytes: bytes, kind: .state, topic: -1)
      record.link = link
    case .stale(_, let reason, let link, let names):
      record = Record(bytes: bytes, kind: .stale, topic: -1)
      record.link = link
      record.staleTopics = names?.map { index(of: $0) }
      for index in record.staleTopics ?? topics.indices.filter({ topics[$0].name.channel.link == link }) {
        topics[index].isLive = false
      }
      if reason == "dropped" { drop(names ?? []) }
    default: throw Violation("only published lines are numbered", String(decoding: bytes, as: UTF8.self))
    }
    lives[lives.count - 1].records.append(record)
  }

  /// The numbers before this line's are of stages of orders.
  func skip(to seq: UInt64) {
    while lastSeq + 1 < seq { lives[lives.count - 1].records.append(Record(bytes: [], kind: .unseen, topic: -1)) }
  }

  /// A trader has been given the line of this number.
  func claim(_ seq: UInt64, by reader: String) throws(Violation) {
    let isFree = self[seq].map { $0.kind == .unseen } ?? false
    try require(
      isFree && owners.updateValue(reader, forKey: seq) == nil, "every number is given to one line",
      "\(reader) has a stage of an order under \(seq), which is another line's")
  }

  /// The bridge carries these no more; when it does again, they begin anew.
  func drop(_ names: [TopicName]) {
    for name in names {
      topics[index(of: name)].isLive = false
      topics[index(of: name)].lastSeq = nil
    }
  }

  /// Nobody is told anything any more.
  func end() {
    for index in topics.indices { topics[index].isLive = false }
  }

  private func take(_ event: ReadLine.Event, _ bytes: [UInt8]) throws(Violation) -> Record {
    let index = index(of: event.topic)
    touched.insert(index)
    var record = Record(bytes: bytes, kind: event.isSnapshot ? .snapshot : .update, topic: index, prev: event.prev)
    record.link = event.topic.channel.link
    let fault: String?
    if event.isSnapshot {
      (topics[index].state, fault) = TopicState.snapshot(event.topic, event.data)
      topics[index].isLive = true
    } else {
      try require(
        event.prev == topics[index].lastSeq, "prev is the topic's previous line",
        "\(event.topic) seq \(event.seq) prev \(event.prev ?? 0), but its last line was \(topics[index].lastSeq ?? 0)")
      try require(
        topics[index].isLive, "updates follow a snapshot",
        "\(event.topic) seq \(event.seq) is an update although the topic is not live")
      fault = topics[index].state.update(event)
    }
    if let fault { throw Violation("live data verify", "\(event.topic) seq \(event.seq): \(fault)") }
    if case .book = topics[index].state { record.levels = event.data.levels ?? [] }
    record.digest = topics[index].state.digest
    topics[index].lastSeq = event.seq
    topics[index].lines += 1
    return record
  }

  // MARK: Reading

  subscript(seq: UInt64) -> Record? {
    guard let life = lives.last(where: { $0.base <= seq }), seq - life.base < UInt64(life.records.count) else { return nil }
    return life.records[Int(seq - life.base)]
  }

  func matches(_ seq: UInt64, _ bytes: [UInt8]) -> Bool {
    guard let life = lives.last(where: { $0.base <= seq }), seq - life.base < UInt64(life.records.count) else { return false }
    return life.records[Int(seq - life.base)].bytes == bytes
  }

  /// Hands over the records after `seq`, as far as `end`, of the life that `end` belongs to.
  func forEach(after seq: UInt64, through end: UInt64, _ body: (UInt64, Record) -> Void) {
    guard let life = lives.last(where: { $0.base <= end }) else { return }
    var next = max(seq + 1, life.base)
    while next <= end, next - life.base < UInt64(life.records.count) {
      body(next, life.records[Int(next - life.base)])
      next += 1
    }
  }
}
