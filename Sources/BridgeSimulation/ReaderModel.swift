// What one reader may be told, judged line by line from the bytes it has really read.
//
// Lines of the log must be those of the archive, ascending, each topic's chain of `prev` unbroken unless a `stale`,
// a `gap` or a snapshot explains it. Snapshots made for this reader must say what the topic said at their number.
// Books are replayed level by level for every reader. It outlives connections: a reader that resumes goes on where
// it was.

import BridgeCore

final class ReaderModel {
  struct Follow {
    enum Phase {
      /// A snapshot must come first.
      case awaiting
      /// It was told that the topic is stale.
      case stale
      case live
      /// It asked for no snapshot: only the chain counts.
      case blind
    }
    var phase = Phase.awaiting
    /// It still has to get a snapshot, also when it was told `stale` meanwhile: what comes before that is not missed.
    var isOwed = true
    /// The topic's last line that it knows of.
    var last: UInt64 = 0
    /// The number of the last `stale` line about it.
    var staleSeq: UInt64 = 0
    var book: ReplayedBook?
    /// Asked for by name, answered or not.
    var isAsked = false
    /// It asked to go on after what it had: a snapshot instead needs a `gap` line first.
    var isResuming = false
    /// A resume was refused for some topics, and this may be one: a snapshot or the chain will tell.
    var isUncertain = false
  }

  /// A subscription to all topics of a channel.
  struct Wildcard: Hashable {
    var channel: TopicName.Channel
    var parameter: Int?

    func covers(_ topic: TopicName) -> Bool {
      topic.channel == channel && !topic.isAsset && (parameter == nil || parameter == topic.parameter)
    }
  }

  let name: String
  let archive: LineArchive
  var follows: [Int: Follow] = [:]
  var wildcards: Set<Wildcard> = []
  var followsEverything = false
  /// Whether its listener lets it see the account.
  var seesAccount = false
  /// Orders it has placed on this connection; nil for who may not trade.
  let register: OrderRegister?
  var trader = TraderBook()
  var requests = RequestBook()

  /// What it asks `since` with, unless by topic: the largest number it had seen before this connection.
  private(set) var resumesFrom: UInt64 = 0
  /// The newest line of the log it has read; the largest number in any event line.
  var lastLogSeq: UInt64 = 0
  private(set) var largestSeq: UInt64 = 0
  /// It resumes each topic by a request of its own, after the last that it has of that topic: a replay asked for later
  /// brings what is older than what it has of other topics, and it may be cut off between two.
  let resumesByTopic: Bool
  /// The last line of the log, and how often the numbers may yet fall: with each replay that a later request asks for.
  var runSeq: UInt64 = 0
  var replaysToCome = 0
  /// The newest line when its subscriptions last changed: what it missed before cannot be counted exactly.
  var changedAt: UInt64 = 0
  /// The newest line when it connected: what is older comes to it as a replay of topics that it resumes.
  private var helloSeq: UInt64 = 0
  private(set) var isGreeted = false
  private(set) var farewell: String?
  var counts = (lines: 0, snapshots: 0, gaps: 0, stales: 0)
  private var partialLine: [UInt8] = []
  /// Bridges have died in the middle of these lines, or marked them so.
  private var tornLines: [[UInt8]] = []
  /// Restarts of the bridge that it may still be told of.
  var restartsUntold = 0

  init(name: String, archive: LineArchive, register: OrderRegister? = nil, resumesByTopic: Bool = false) {
    self.register = register
    self.name = name
    self.resumesByTopic = resumesByTopic
    self.archive = archive
  }

  /// A new connection. One that does not resume has forgotten everything.
  func connected(keepsMemory: Bool) {
    partialLine = []
    tornLines = []
    restartsUntold = 0
    isGreeted = false
    farewell = nil
    requests = RequestBook()
    for order in trader.orders { register?[order.tag].isLeft = true }
    trader = TraderBook()
    wildcards = []
    resumesFrom = lastLogSeq == 0 && counts.snapshots == 0 ? 0 : largestSeq
    replaysToCome = 0
    lastLogSeq = 0
    runSeq = 0
    guard keepsMemory else {
      resumesFrom = 0
      follows = [:]
      largestSeq = 0
      return
    }
    for index in follows.keys { follows[index]?.isAsked = false }
  }

  /// After which line it can go on with the topic; nil if it knows none.
  func since(_ topic: TopicName) -> UInt64? {
    guard resumesFrom > 0, let follow = follows[archive.index(of: topic)], follow.phase != .awaiting, !follow.isUncertain,
      follow.last > 0 || follow.phase == .stale
    else { return nil }
    guard resumesByTopic else { return resumesFrom }
    let last = max(follow.last, follow.staleSeq)
    return last > 0 ? last : nil
  }

  var isMidLine: Bool { !partialLine.isEmpty }

  // MARK: Restarts that it survives

  /// From here on it may be told of a gap with reason `restart`.
  func bridgeRestarted() { restartsUntold += 1 }

  /// The line it is in the middle of, behind what it has not read yet.
  func lineInTheMiddle(unread: ArraySlice<UInt8>) -> [UInt8] {
    Array((partialLine + unread).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).last!)
  }

  /// This line ends where it is.
  func expectTorn(_ line: [UInt8]) { tornLines.append(line) }

  // MARK: Reading

  func read(_ bytes: ArraySlice<UInt8>) throws(Violation) {
    var rest = bytes
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      partialLine.append(contentsOf: rest[rest.startIndex..<end])
      rest = rest[(end + 1)...]
      let line = partialLine
      partialLine.removeAll(keepingCapacity: true)
      try take(line)
    }
    partialLine.append(contentsOf: rest)
  }

  private func take(_ bytes: [UInt8]) throws(Violation) {
    if let torn = tornLines.firstIndex(of: bytes) {
      tornLines.remove(at: torn)
      return
    }
    counts.lines += 1
    try require(farewell == nil, "goodbye is the last line", "\(name) got more: \(text(bytes))")
    if isGreeted, let seq = ReadLine.seq(of: bytes), archive.matches(seq, bytes), let record = archive[seq] {
      // A line made for one reader may read like the one in the log: then it is not in the log's order.
      if seq > lastLogSeq || record.kind == .update || record.kind == .state || isReplayed(record, seq) {
        return try logLine(record, seq)
      }
    }
    let line = try ReadLine(bytes)
    if case .hello = line {} else {
      guard isGreeted else {
        guard case .goodbye(let reason) = line else { throw Violation("hello comes first", "\(name): \(text(bytes))") }
        farewell = reason
        return
      }
    }
    switch line {
    case .hello(let seq):
      try require(!isGreeted, "hello comes first", "\(name) got a second hello")
      isGreeted = true
      helloSeq = seq
      if largestSeq == 0 { largestSeq = seq }
    case .event(let event): try madeSnapshot(event, bytes)
    case .orders(let line): try orderLine(line, bytes)
    case .stale(let seq, _, let link, let topics):
      try require(
        seq ?? 0 <= archive.lastSeq, "lines carry numbers given out", "\(name): \(text(bytes))")
      try stale(topics?.map { archive.index(of: $0) }, link, seq ?? 0)
    case .gap(let reason, let from, let to, let dropped): try gap(reason, from, to, dropped)
    case .goodbye(let reason): farewell = reason
    case .answer(let root): try answered(root)
    case .state: throw Violation("readers of a topic get the same bytes", "\(name): not in the log: \(text(bytes))")
    }
  }

  func text(_ bytes: [UInt8]) -> String { String(decoding: bytes.prefix(500), as: UTF8.self) }

  // MARK: Lines of the log

  private func logLine(_ record: LineArchive.Record, _ seq: UInt64) throws(Violation) {
    if seq <= runSeq, replaysToCome > 0 {
      replaysToCome -= 1
      runSeq = 0
    }
    try require(
      seq > runSeq, "lines of the log ascend", "\(name) got \(seq) after \(runSeq): \(text(record.bytes))")
    runSeq = seq
    lastLogSeq = max(lastLogSeq, seq)
    largestSeq = max(largestSeq, seq)
    switch record.kind {
    case .state, .unseen: break
    case .stale: try stale(record.staleTopics, record.link, seq)
    case .snapshot, .update: try topicLine(record, seq)
    }
  }

  /// Whether a snapshot is one of the log's that a second replay brings, and not made for this reader.
  private func isReplayed(_ record: LineArchive.Record, _ seq: UInt64) -> Bool {
    resumesByTopic && record.kind == .snapshot && follows[record.topic].map { $0.isResuming && seq > $0.last } ?? false
  }

  private func topicLine(_ record: LineArchive.Record, _ seq: UInt64) throws(Violation) {
    let topic = archive.topics[record.topic].name
    try require(
      isFollowing(record.topic, topic), "only what was asked for", "\(name) got \(topic) seq \(seq) unasked")
    var follow = follows.removeValue(forKey: record.topic) ?? Follow()
    defer { follows[record.topic] = follow }
    // A replay asked for later may bring what came before a `stale` that is known: that holds on.
    let isBeforeStale = resumesByTopic && seq < follow.staleSeq
    if record.kind == .snapshot {
      follow.phase = isBeforeStale ? .stale : .live
      if topic.channel == .book { follow.book = ReplayedBook(depth: topic.parameter) }
    } else {
      switch follow.phase {
      case .live where follow.last == record.prev: break
      case .stale where isBeforeStale && follow.last == record.prev: break
      case .blind where follow.last == 0 || follow.last == record.prev: break
      case .awaiting, .stale:
        throw Violation("updates follow a snapshot", "\(name) \(topic) seq \(seq): \(follow.phase)")
      case .live, .blind:
        throw Violation(
          "the chain of prev is unbroken",
          "\(name) \(topic) seq \(seq) prev \(record.prev ?? 0), but it last had \(follow.last)")
      }
    }
    follow.last = seq
    follow.isResuming = false
    follow.isUncertain = false
    follow.isOwed = false
    guard follow.phase != .blind, follow.book != nil else { return }
    follow.book?.apply(record.levels)
    try require(
      follow.book?.digest(depth: topic.parameter) == record.digest, "replayed books are equal",
      "\(name) \(topic) seq \(seq)")
  }

  private func stale(_ topics: [Int]?, _ link: LinkName, _ seq: UInt64) throws(Violation) {
    counts.stales += 1
    largestSeq = max(largestSeq, seq)
    if let topics {
      let concerned = topics.filter { isFollowing($0, archive.topics[$0].name) }
      try require(!concerned.isEmpty, "only what was asked for", "\(name) got a stale line about others, seq \(seq)")
      for index in concerned { goStale(index, seq) }
    } else {
      for index in follows.keys where archive.topics[index].name.channel.link == link { goStale(index, seq) }
    }
  }

  func noteSeq(_ seq: UInt64) { largestSeq = max(largestSeq, seq) }

  private func goStale(_ index: Int, _ seq: UInt64) {
    // A replay tells again what lies before the topic's last line, and so says nothing of it.
    if seq > 0, seq < follows[index]?.last ?? 0 { return }
    // What it follows from now on, without a state, has no past.
    if follows[index]?.phase == .blind, seq > 0, seq <= helloSeq { return }
    var follow = follows[index] ?? Follow()
    follow.phase = .stale
    follow.staleSeq = max(seq, follow.staleSeq)
    follows[index] = follow
  }

  func sees(_ link: LinkName) -> Bool { link == .public || seesAccount }

  func isFollowing(_ index: Int, _ topic: TopicName) -> Bool {
    followsEverything && sees(topic.channel.link) || follows[index]?.isAsked ?? false || wildcards.contains { $0.covers(topic) }
  }
}
