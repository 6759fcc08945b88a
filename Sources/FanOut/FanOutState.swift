// The fan-out between two processes: everything a restart has to carry over, as a value and as bytes.
//
// With lines it is complete: the next fan-out goes on where this one stopped, in the middle of a replay or an untold
// gap if need be. Without lines it is a checkpoint, cheap enough to be made again and again; who goes on from one can
// not know what was written since, so every reader is told of a gap.

public struct FanOutState: Sendable {
  /// One line of the log; its text follows that of the line before it in `text`.
  struct Line: Hashable {
    var address: LineAddress
    var length: Int
  }

  var topics: [Topic] = []
  var retired: [(index: UInt32, lastMention: UInt64)] = []
  /// Whether the lines of the log are in it, at least the newest.
  public internal(set) var hasLines = false
  public internal(set) var lastSeq: UInt64
  /// `lastSeq - lines.count + 1 ... lastSeq`.
  var lines: [Line] = []
  var text: [UInt8] = []
  var lists: [(seq: UInt64, topics: [UInt32])] = []
  /// By slot; free slots keep their generation.
  var subscribers: [Subscriber] = []

  var oldestSeq: UInt64 { lastSeq + 1 - UInt64(lines.count) }

  /// Who was connected, in the order of slots.
  public var connected: [SubscriberID] {
    subscribers.indices.filter { subscribers[$0].isConnected }
      .map { SubscriberID(slot: UInt32($0), generation: subscribers[$0].generation) }
  }

  /// Whether this topic existed.
  public func isLive(_ topic: TopicID) -> Bool { Int(topic.index) < topics.count && topics[Int(topic.index)].isLive }
}

// MARK: Bytes

extension FanOutState {
  public func write(to writer: inout StateWriter) {
    writer.write(lastSeq)
    writer.write(list: topics) { writer, topic in
      writer.write(topic.scope.rawValue)
      writer.write(topic.isLive)
      writer.write(topic.lastSeq)
      writer.write(topic.published)
    }
    writer.write(list: retired) { writer, topic in
      writer.write(topic.index)
      writer.write(topic.lastMention)
    }
    writer.write(hasLines)
    writer.write(list: lines) { writer, line in
      writer.write(line.address.raw)
      writer.write(UInt64(line.length))
    }
    writer.write(bytes: text)
    writer.write(list: lists) { writer, list in
      writer.write(list.seq)
      writer.write(list: list.topics) { $0.write($1) }
    }
    writer.write(list: subscribers) { $1.write(to: &$0) }
  }

  public init(from reader: inout StateReader) throws(StateFault) {
    lastSeq = try reader.number()
    topics = try reader.list { (reader) throws(StateFault) in
      var topic = Topic(scope: Scope(rawValue: try reader.number(UInt8.self)))
      topic.isLive = try reader.flag()
      topic.lastSeq = try reader.optional()
      topic.published = try reader.number()
      return topic
    }
    retired = try reader.list { (reader) throws(StateFault) in
      (try reader.number(UInt32.self), try reader.number())
    }
    hasLines = try reader.flag()
    lines = try reader.list { (reader) throws(StateFault) in
      Line(address: LineAddress(raw: try reader.number(UInt32.self)), length: try reader.number(Int.self))
    }
    text = try reader.byteString()
    lists = try reader.list { (reader) throws(StateFault) in
      (try reader.number(), try reader.list { (reader) throws(StateFault) in try reader.number(UInt32.self) })
    }
    subscribers = try reader.list { (reader) throws(StateFault) in try Subscriber(from: &reader) }
    guard isSound else { throw StateFault() }
  }

  /// Whether every index leads somewhere and all lengths add up.
  private var isSound: Bool {
    func exists(_ topic: UInt32) -> Bool { Int(topic) < topics.count }
    var bytes = 0
    for line in lines {
      guard line.length > 0, line.length <= text.count else { return false }
      bytes += line.length
      if let topic = line.address.topic {
        guard exists(topic) else { return false }
      } else if case .topic(let topic) = line.address.bridgeAudience, !exists(topic) {
        return false
      }
    }
    return bytes == text.count && lastSeq < 1 << 53 && lines.count <= Int(lastSeq)
      && topics.allSatisfy { Scope.valid.contains($0.scope) && $0.scope.rawValue.nonzeroBitCount == 1 }
      && retired.allSatisfy { exists($0.index) && !topics[Int($0.index)].isLive }
      && retired.count == topics.count { !$0.isLive }
      && lists.allSatisfy { $0.topics.allSatisfy(exists) }
      && subscribers.allSatisfy { subscriber in
        // A free slot has nothing but its generation.
        guard subscriber.isConnected else { return true }
        return subscriber.cursor <= lastSeq + 1 && subscriber.lowestPosition > 0
          && (subscriber.everything.map { $0.owedFrom == Everything.nothingOwed || $0.owedFrom <= topics.count } ?? true)
          && (subscriber.directed.last ?? UInt8(ascii: "\n")) == UInt8(ascii: "\n")
          && subscriber.subscriptions.allSatisfy { exists($0.topic) }
      }
  }
}

extension Subscriber {
  fileprivate func write(to writer: inout StateWriter) {
    writer.write(generation)
    writer.write(isConnected)
    guard isConnected else { return }
    writer.write(policy.rawValue)
    writer.write(scopes.rawValue)
    writer.write(isClosing)
    writer.write((exceeded?.rawValue).map(UInt64.init))
    writer.write(behindSince.map { UInt64(bitPattern: $0) })
    writer.write(cursor)
    writer.write(replay)
    writer.write(toldFrom)
    writer.write(list: subscriptions) { writer, subscription in
      writer.write(subscription.topic)
      writer.write(subscription.state.rawValue)
      writer.write(subscription.from)
    }
    writer.write(everything?.from)
    writer.write((everything?.owedFrom).map(UInt64.init))
    writer.write(gap?.from)
    if let gap {
      writer.write(gap.missed)
      writer.write(gap.publishedAtStart)
      writer.write(gap.reason.rawValue)
    }
    writer.write(bytes: directed)
  }

  fileprivate init(from reader: inout StateReader) throws(StateFault) {
    self.init(generation: try reader.number(UInt32.self))
    isConnected = try reader.flag()
    guard isConnected else { return }
    guard let policy = SlowPolicy(rawValue: try reader.number(UInt8.self)) else { throw StateFault() }
    self.policy = policy
    scopes = Scope(rawValue: try reader.number(UInt8.self))
    isClosing = try reader.flag()
    if let limit = try reader.optional() {
      guard let limit = UInt8(exactly: limit).flatMap(LagLimit.init) else { throw StateFault() }
      exceeded = limit
    }
    behindSince = try reader.optional().map { Int64(bitPattern: $0) }
    cursor = try reader.number()
    replay = try reader.optional()
    toldFrom = try reader.number()
    for subscription in try reader.list({ (reader) throws(StateFault) in try Subscription(from: &reader) }) {
      guard subscriptions.last.map({ $0.topic < subscription.topic }) ?? true else { throw StateFault() }
      insert(subscription)
    }
    if let from = try reader.optional() {
      everything = Everything(from: from, owedFrom: 0)
    }
    if let owedFrom = try reader.optional() {
      guard let owedFrom = UInt32(exactly: owedFrom), everything != nil else { throw StateFault() }
      everything?.owedFrom = owedFrom
    }
    if let from = try reader.optional() {
      let (missed, published) = (try reader.number(), try reader.number())
      guard let reason = GapReason(rawValue: try reader.number(UInt8.self)) else { throw StateFault() }
      gap = Gap(from: from, missed: missed, publishedAtStart: published, reason: reason)
    }
    directed = try reader.byteString()
    guard replay.map({ $0 <= cursor }) ?? true else { throw StateFault() }
  }
}

extension Subscription {
  fileprivate init(from reader: inout StateReader) throws(StateFault) {
    let topic = try reader.number(UInt32.self)
    guard let state = State(rawValue: try reader.number(UInt8.self)) else { throw StateFault() }
    self.init(topic: topic, place: 0, state: state, from: try reader.number())
  }
}
