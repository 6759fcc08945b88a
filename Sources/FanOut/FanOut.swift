// One log, many cursors. Every line is encoded once, straight into the ring; a subscriber is a cursor and
// an interest. From this follow bounded memory whatever readers do, one large write for whoever is behind,
// resuming (put the cursor back), and exact accounts of what a slow reader missed.
//
// Most subscribers are in sync: they have everything that was published before this turn. Their lines are
// dealt to them topic by topic (`FanOut+Flush`). Everybody else (blocked, resuming, owed snapshots, with
// directed lines) walks the log from its own cursor (`FanOut+Delivery`). Both deliver the same lines by the
// rule in `FanOut+Interest`.
//
// Nothing here reads a clock or does I/O. The type is confined to whoever owns it and is not copyable,
// because it owns the memory of the log.

public struct FanOut: ~Copyable {
  let configuration: FanOutConfiguration
  let firstSeq: UInt64
  var log: LogRing
  var audienceLists = AudienceLists()
  var topics = TopicTable()
  var subscribers: [Subscriber] = []
  var freeSlots: [UInt32] = []
  /// Slots of those who follow everything, in no order.
  var everythingSlots: [UInt32] = []
  /// Slots to look at in the next flush.
  var attention: [UInt32] = []
  /// The slots that this flush looks at; keeps its memory.
  var attended: [UInt32] = []
  var distribution = Distribution()
  /// Those in sync have been given everything up to here.
  var flushedSeq: UInt64
  /// No cursor or replay of a subscriber that is not in sync lies before this.
  var lowestCursor = UInt64.max
  var output = Output()
  var notices: [FanOutNotice] = []
  /// When limits have to be looked at again; nil while nobody is behind.
  public internal(set) var nextLagCheck: Int64?
  /// Everything ever done, departed subscribers included.
  public internal(set) var statistics = SubscriberStatistics()

  /// - Parameter firstSeq: the number of the first line that will be published; at least 1.
  public init(configuration: FanOutConfiguration = FanOutConfiguration(), firstSeq: UInt64) {
    precondition(firstSeq > 0, "sequence numbers begin at 1 or later")
    precondition(configuration.lineBytesMax > 0 && configuration.writeBytesMax > 0 && configuration.writesPerFlush > 0)
    self.configuration = configuration
    self.firstSeq = firstSeq
    flushedSeq = firstSeq - 1
    log = LogRing(
      capacity: configuration.ringCapacity, entriesMax: configuration.entriesCapacity, firstSeq: firstSeq)
  }

  /// The newest line's number; `firstSeq - 1` before there is one.
  public var lastSeq: UInt64 { log.next - 1 }
  /// The oldest line still held; `lastSeq + 1` if there is none.
  public var oldestSeq: UInt64 { log.oldest }
  /// Bytes of log that no flush has dealt out yet. A caller with much to publish in one turn should flush
  /// before this comes near the size of the ring, or readers that did nothing wrong will miss lines.
  public var unflushedBytes: Int { log.bytes(since: flushedSeq + 1) }
  /// Whether the last flush left work that another one could do at once (somebody is catching up in pieces).
  public var hasDueWork: Bool { !attention.isEmpty }

  // MARK: Topics

  /// - Parameter scope: exactly one of the scopes.
  public mutating func addTopic(scope: Scope) -> TopicID {
    precondition(Scope.valid.contains(scope) && scope.rawValue.nonzeroBitCount == 1, "a topic has one scope")
    let index = topics.add(scope: scope, oldest: log.oldest)
    // An exception to following everything does not outlive the topic it was made for.
    for slot in everythingSlots { keepingCount(slot) { $0.subscribers[Int(slot)].remove(index) } }
    return TopicID(index: index)
  }

  /// Removes a topic that came to its end. Whoever still follows it by name is unsubscribed; lines of it that
  /// were not written to them yet are not written any more.
  public mutating func removeTopic(_ topic: TopicID) {
    guard topics.isLive(topic.index) else { return }
    for slot in topics[topic.index].followers where subscribers[Int(slot)].everything == nil {
      keepingCount(slot) { $0.subscribers[Int(slot)].remove(topic.index) }
    }
    topics.retire(topic.index, lastMention: lastSeq)
  }

  /// The number of the topic's newest line, whether or not the log still holds it; nil before there is one.
  public func lastSeq(of topic: TopicID) -> UInt64? {
    topics.isLive(topic.index) ? topics[topic.index].lastSeq : nil
  }

  // MARK: Publishing

  /// Appends one line of a topic to the log. It is written to readers by the next `flush`.
  ///
  /// - Parameters:
  ///   - maxBytes: an upper bound of the line's length with its LF; at most `lineBytesMax`. Old lines give way
  ///     to room of this size, so a close bound keeps more of them.
  ///   - body: encodes the line into the room given, ended by LF, and returns its length. Gets the line's
  ///     number and that of the topic's previous line.
  /// - Returns: the line's number.
  @discardableResult
  public mutating func publish(
    topic: TopicID, maxBytes: Int,
    _ body: (_ room: UnsafeMutableRawPointer, _ seq: UInt64, _ prev: UInt64?) -> Int
  ) -> UInt64 {
    precondition(topics.isLive(topic.index), "publishing needs a topic")
    let seq = append(maxBytes: maxBytes, address: .topic(topic.index), prev: topics[topic.index].lastSeq, body)
    topics.notePublished(topic.index, seq: seq)
    return seq
  }

  /// Appends one bridge line. Each subscriber it concerns gets it once, in order. It belongs to no topic, so it has no `prev`.
  @discardableResult
  public mutating func publish(
    to audience: Audience, maxBytes: Int,
    _ body: (_ room: UnsafeMutableRawPointer, _ seq: UInt64, _ prev: UInt64?) -> Int
  ) -> UInt64 {
    switch audience {
    case .everyone:
      return append(maxBytes: maxBytes, address: .bridgeToEveryone, prev: nil, body)
    case .subscribersOf(let scope):
      return append(maxBytes: maxBytes, address: .bridge(scope: scope), prev: nil, body)
    case .topics(let list):
      if list.count == 1 {
        return append(maxBytes: maxBytes, address: .bridge(topic: list[0].index), prev: nil, body)
      }
      let seq = append(maxBytes: maxBytes, address: .bridgeToList, prev: nil, body)
      audienceLists.append(seq: seq, topics: list.map(\.index))
      return seq
    }
  }

  private mutating func append(
    maxBytes: Int, address: LineAddress, prev: UInt64?,
    _ body: (UnsafeMutableRawPointer, UInt64, UInt64?) -> Int
  ) -> UInt64 {
    precondition(maxBytes > 0 && maxBytes <= configuration.lineBytesMax, "a line is at most lineBytesMax long")
    let oldest = log.oldest(afterMakingRoomFor: maxBytes)
    if oldest > log.oldest {
      if oldest > min(lowestCursor, flushedSeq + 1) { giveUpLines(before: oldest) }
      log.evict(upTo: oldest)
      audienceLists.trim(before: oldest)
    }
    let seq = log.next
    let room = log.reserve(maxBytes)
    log.commit(body(room, seq, prev), address: address)
    return seq
  }
}
