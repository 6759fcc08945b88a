// Whom a line of the log concerns, in 32 bits, so that an index entry stays at 16 bytes. Almost all lines
// belong to a topic. Bridge lines concern one topic, a scope, or a list of topics; the lists are few and
// short-lived, and lie in a queue beside the log that is trimmed together with it.

struct LineAddress: BitwiseCopyable, Hashable {
  let raw: UInt32

  private static let bridge: UInt32 = 1 << 31
  private static let wide: UInt32 = 1 << 30
  private static let listed: UInt32 = 1 << 29
  private static let everyoneBit: UInt32 = 1 << 8
  static let topicsMax = 1 << 29

  init(raw: UInt32) { self.raw = raw }

  static func topic(_ index: UInt32) -> LineAddress { LineAddress(raw: index) }
  static func bridge(topic index: UInt32) -> LineAddress { LineAddress(raw: bridge | index) }
  static func bridge(scope: Scope) -> LineAddress { LineAddress(raw: bridge | wide | UInt32(scope.rawValue)) }
  static let bridgeToEveryone = LineAddress(raw: bridge | wide | everyoneBit | UInt32(Scope.valid.rawValue))
  static let bridgeToList = LineAddress(raw: bridge | listed)

  /// The topic whose line this is; nil for a bridge line.
  var topic: UInt32? { raw & Self.bridge == 0 ? raw : nil }

  enum BridgeAudience {
    case topic(UInt32)
    /// Followers of anything in the scope; with `everyone` also those who follow nothing.
    case scope(Scope, everyone: Bool)
    case list
  }

  var bridgeAudience: BridgeAudience {
    if raw & Self.listed != 0 { return .list }
    if raw & Self.wide != 0 {
      return .scope(Scope(rawValue: UInt8(truncatingIfNeeded: raw)), everyone: raw & Self.everyoneBit != 0)
    }
    return .topic(raw & ~Self.bridge)
  }
}

/// The topics of the bridge lines that name several, oldest first.
struct AudienceLists {
  private var lists: [(seq: UInt64, topics: [UInt32])] = []
  private var first = 0

  mutating func append(seq: UInt64, topics: [UInt32]) {
    lists.append((seq, topics))
  }

  /// All that are held, oldest first.
  var held: ArraySlice<(seq: UInt64, topics: [UInt32])> { lists[first...] }

  subscript(seq: UInt64) -> [UInt32] {
    var low = first
    var high = lists.count
    while low < high {
      let middle = (low + high) / 2
      if lists[middle].seq < seq { low = middle + 1 } else { high = middle }
    }
    guard low < lists.count, lists[low].seq == seq else { return [] }
    return lists[low].topics
  }

  /// Forgets the lists of lines that left the log.
  mutating func trim(before seq: UInt64) {
    while first < lists.count, lists[first].seq < seq {
      lists[first].topics = []
      first += 1
    }
    if first > 32, first * 2 > lists.count {
      lists.removeFirst(first)
      first = 0
    }
  }
}
