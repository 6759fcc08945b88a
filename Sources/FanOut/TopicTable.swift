// The topics, what was published on them, and who follows each. Everything is found by the dense index.

struct Topic {
  var scope: Scope
  var isLive = true
  var lastSeq: UInt64?
  /// Lines ever published under this index. Not reset when the index is reused: only differences count.
  var published: UInt64 = 0
  /// Slots of the subscribers that follow this topic by name, in no order.
  var followers: [UInt32] = []
}

struct TopicTable {
  private(set) var topics: [Topic] = []
  /// Lines ever published on all topics of each scope, by the scope's raw value.
  private var publishedByScope: [UInt64] = .init(repeating: 0, count: 8)
  /// Removed indices in the order of removal, with the newest line that may mention them.
  private(set) var retired: [(index: UInt32, lastMention: UInt64)] = []

  init() {}

  /// A table as it was, without its followers.
  init(topics: [Topic], retired: [(index: UInt32, lastMention: UInt64)]) {
    self.topics = topics
    self.retired = retired
    for topic in topics { publishedByScope[Int(topic.scope.rawValue & 7)] &+= topic.published }
  }

  var count: Int { topics.count }
  var liveCount: Int { topics.count - retired.count }

  subscript(index: UInt32) -> Topic {
    _read { yield topics[Int(index)] }
    _modify { yield &topics[Int(index)] }
  }

  func isLive(_ index: UInt32) -> Bool {
    Int(index) < topics.count && topics[Int(index)].isLive
  }

  /// - Parameter oldest: the oldest line in the log; an index mentioned only in older lines is free.
  ///   It is reused within its scope, because `published(in:)` adds up by scope.
  mutating func add(scope: Scope, oldest: UInt64) -> UInt32 {
    if let place = retired.firstIndex(where: { topics[Int($0.index)].scope == scope }),
      retired[place].lastMention < oldest
    {
      let index = retired.remove(at: place).index
      topics[Int(index)].isLive = true
      return index
    }
    precondition(topics.count < LineAddress.topicsMax)
    topics.append(Topic(scope: scope))
    return UInt32(topics.count - 1)
  }

  mutating func retire(_ index: UInt32, lastMention: UInt64) {
    topics[Int(index)].isLive = false
    topics[Int(index)].lastSeq = nil
    topics[Int(index)].followers = []
    retired.append((index, lastMention))
  }

  mutating func notePublished(_ index: UInt32, seq: UInt64) {
    topics[Int(index)].lastSeq = seq
    topics[Int(index)].published += 1
    publishedByScope[Int(topics[Int(index)].scope.rawValue & 7)] += 1
  }

  /// Lines ever published on topics that somebody with these scopes may see.
  func published(in scopes: Scope) -> UInt64 {
    var sum: UInt64 = 0
    for scope in 1..<8 where scope & Int(scopes.rawValue) != 0 { sum += publishedByScope[scope] }
    return sum
  }
}
