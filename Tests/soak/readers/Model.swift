// What one reader may be told. It follows each topic's chain of `prev`, the marks and the books, and outlives
// connections: a reader that comes back goes on where it was.
//
// Whatever the bridge has not marked and is wrong all the same is a violation; there must be none.

/// What all readers of this process share.
final class Findings {
  private(set) var violations = 0
  private(set) var examples: [String] = []
  var lines: UInt64 = 0
  var bytes: UInt64 = 0
  var gaps = 0
  var dropped: UInt64 = 0
  var stales = 0
  /// Marked gaps at readers that never were slow.
  var gapsOfSteady = 0
  var resumes = 0
  var resumesExpired = 0
  var goodbyes = 0
  /// Microseconds from the bridge's reading of a message to the reader's reading of the line.
  var latencies: [Int32] = []

  /// Each line of the log is the same bytes for everyone: hashes by `seq`, from the first one seen on.
  private var firstSeq: UInt64?
  private var hashes: [UInt64] = []

  func violation(_ what: String) {
    violations += 1
    if examples.count < 8 { examples.append(what) }
  }

  /// - Returns: whether this line is met for the first time; nil if others got other bytes.
  func meet(_ seq: UInt64, _ hash: UInt64) -> Bool? {
    if firstSeq == nil { firstSeq = seq }
    guard let firstSeq, seq >= firstSeq, seq - firstSeq < 100_000_000 else { return true }
    let index = Int(seq - firstSeq)
    if index >= hashes.count { hashes.append(contentsOf: repeatElement(0, count: max(index + 1 - hashes.count, 65536))) }
    if hashes[index] == 0 {
      hashes[index] = hash | 1
      return true
    }
    return hashes[index] == hash | 1 ? false : nil
  }
}

final class Model {
  private final class Topic {
    enum Phase { case awaiting, stale, live }
    var phase = Phase.awaiting
    var last: UInt64 = 0
    var book: Book?
    /// Asked to go on after `last`: a snapshot instead of that needs a `gap` line first.
    var isResuming = false
  }

  private let name: String
  private let mayLag: Bool
  private let findings: Findings
  private var topics: [UInt64: Topic] = [:]
  private var newest: UInt64 = 0
  private(set) var largestSeq: UInt64 = 0
  private var isGreeted = false
  private var isResuming = false
  private(set) var hasGoodbye = false

  init(name: String, mayLag: Bool, findings: Findings) {
    self.name = name
    self.mayLag = mayLag
    self.findings = findings
  }

  func connected() {
    isGreeted = false
    isResuming = false
    hasGoodbye = false
    newest = 0
  }

  /// Whether there is a state of the topic to go on from. What is not resumed begins anew.
  func resume(_ topic: UInt64) -> Bool {
    guard let known = topics[topic], known.phase != .awaiting, known.last > 0 else {
      topics[topic] = nil
      return false
    }
    known.isResuming = true
    isResuming = true
    return true
  }

  func forgetEverything() {
    topics = [:]
    largestSeq = 0
  }

  /// How many of these topics have no state that holds.
  func notLive(among wanted: [UInt64]) -> Int { wanted.count { topics[$0]?.phase != .live } }

  func take(_ bytes: Bytes, sampleLatency: Bool) {
    findings.lines += 1
    guard !hasGoodbye else { return violation("a line after goodbye", bytes) }
    guard let line = Line(bytes) else {
      var cursor = Cursor(bytes)
      if !cursor.skipValue() || !cursor.isAtEnd { violation("not JSON", bytes) }
      if !isGreeted { violation("hello comes first", bytes) }
      return
    }
    if line.channel.equals("bridge") { return bridge(line, bytes) }
    guard isGreeted else { return violation("hello comes first", bytes) }
    guard let seq = line.seq else { return violation("no seq", bytes) }
    let isSnapshot = line.type.equals("snapshot")
    if !isSnapshot {
      if seq == newest, !isResuming { violation("the same seq twice", bytes) }
      rises(seq, bytes)
      meet(seq, bytes)
    } else if !isJSON(bytes) {
      violation("not JSON", bytes)
    }
    follow(line, seq, isSnapshot, bytes)
    largestSeq = max(largestSeq, seq)
    if sampleLatency, !isSnapshot, let received = line.received { noteLatency(received) }
  }

  private func isJSON(_ bytes: Bytes) -> Bool {
    var cursor = Cursor(bytes)
    return cursor.skipValue() && cursor.isAtEnd
  }

  /// What is resumed by two requests comes in two runs, so only each topic's chain says something then.
  private func rises(_ seq: UInt64, _ bytes: Bytes) {
    if seq < newest, !isResuming { violation("seq does not rise after \(newest)", bytes) }
    newest = max(newest, seq)
  }

  private func meet(_ seq: UInt64, _ bytes: Bytes) {
    switch findings.meet(seq, bytes.hash()) {
    case true?: if !isJSON(bytes) { violation("not JSON", bytes) }
    case false?: break
    case nil: violation("another reader got other bytes", bytes)
    }
  }

  private func follow(_ line: Line, _ seq: UInt64, _ isSnapshot: Bool, _ bytes: Bytes) {
    let topic: Topic
    if let known = topics[line.topic] { topic = known } else {
      topic = Topic()
      topics[line.topic] = topic
    }
    if isSnapshot {
      if topic.isResuming, topic.phase == .live, seq != topic.last {
        violation("resumed after \(topic.last), and got a snapshot without a gap line", bytes)
      }
      topic.phase = .live
      if line.channel.equals("book") { topic.book = Book(depth: Int(depth(of: bytes))) }
    } else if topic.phase != .live {
      violation("an update where a snapshot is owed (\(topic.phase))", bytes)
    } else if line.prev != topic.last {
      violation("the chain is broken: last was \(topic.last)", bytes)
    }
    topic.last = seq
    topic.isResuming = false
    if let fault = topic.book?.apply(line.data) {
      violation("the book \(fault)", bytes)
      // One mistake is counted once: what follows stands on a wrong book.
      topic.phase = .awaiting
      topic.book = nil
    }
  }

  private func depth(of bytes: Bytes) -> UInt64 {
    var depth: UInt64 = 10
    var cursor = Cursor(bytes)
    _ = cursor.members { key, cursor in
      guard key.equals("depth") else { return cursor.skipValue() }
      depth = cursor.unsigned() ?? 10
      return true
    }
    return depth
  }

  // MARK: Lines of the bridge's own

  private func bridge(_ line: Line, _ bytes: Bytes) {
    if !isJSON(bytes) { violation("not JSON", bytes) }
    if let seq = line.seq, !line.type.equals("hello") {
      rises(seq, bytes)
      largestSeq = max(largestSeq, seq)
    }
    if line.type.equals("hello") {
      if isGreeted { violation("a second hello", bytes) }
      isGreeted = true
      if largestSeq == 0 { largestSeq = line.seq ?? 0 }
    } else if line.type.equals("stale") {
      findings.stales += 1
      let named = line.staleTopics()
      // A replay asked for later tells again what lies before the topic's last line, and so says nothing about it.
      for key in named ?? Array(topics.keys) {
        guard let topic = topics[key], line.seq.map({ topic.last < $0 }) ?? true else { continue }
        topic.phase = .stale
      }
    } else if line.type.equals("gap") {
      gap(line, bytes)
    } else if line.type.equals("goodbye") {
      findings.goodbyes += 1
      hasGoodbye = true
    }
  }

  private func gap(_ line: Line, _ bytes: Bytes) {
    guard let from = line.number("from"), let to = line.number("to"), from <= to else {
      return violation("a gap without from and to", bytes)
    }
    guard line.text("reason") == "slow_reader" else {
      // Who cannot go on gets a snapshot, the others their chain.
      findings.resumesExpired += 1
      for topic in topics.values { topic.isResuming = false }
      return
    }
    findings.gaps += 1
    findings.dropped += line.number("dropped") ?? 0
    if !mayLag { findings.gapsOfSteady += 1 }
    if from <= newest, !isResuming { violation("a gap from \(from) after \(newest)", bytes) }
    newest = max(newest, to)
    for topic in topics.values {
      topic.phase = .awaiting
      topic.isResuming = false
    }
  }

  private func violation(_ what: String, _ bytes: Bytes) {
    findings.violation("\(name): \(what): \(Bytes(rebasing: bytes.prefix(300)).string)")
  }

  /// `received` against this machine's clock, by their places in the day.
  private func noteLatency(_ received: Bytes) {
    guard received.count == 30 else { return }
    func number(_ range: Range<Int>) -> Int64 { range.reduce(0) { $0 * 10 + Int64(received[$1] &- 0x30) } }
    let then = (number(11..<13) * 3600 + number(14..<16) * 60 + number(17..<19)) * 1_000_000 + number(20..<26)
    let late = Clock.wallMicroseconds % 86_400_000_000 - then
    if late >= 0, late < 3_600_000_000 { findings.latencies.append(Int32(late)) }
  }
}
