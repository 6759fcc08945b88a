// One side of a book: levels sorted from worst to best.
//
// The best level is at the end of the occupied part, so a change near the best, which is where
// nearly all changes are, moves only a few levels, and cutting off the far end moves only an
// index. There is room at both ends; when one end is used up the levels are moved to the middle,
// which the room makes rare.

/// Something that stands on a ladder: ordered by `rank`, the greater the better, one of each.
protocol Rung: Sendable {
  var rank: Int64 { get set }
  /// Only to fill room that is not in use.
  init()
}

struct Ladder<Element: Rung>: Sendable {
  /// Sorted by `rank`, ascending, in `first..<end`; what lies outside is meaningless.
  private var storage: ContiguousArray<Element>
  private var first: Int
  private var end: Int

  init(depth: Int) {
    storage = ContiguousArray(repeating: Element(), count: depth + depth / 2 + 32)
    first = 0
    end = 0
    removeAll()
  }

  var count: Int { end &- first }

  /// Leaves most of the room in front: a snapshot arrives best first, each level going in front of the one before.
  mutating func removeAll() {
    first = storage.count - storage.count / 6
    end = first
  }

  /// The n-th best level; 0 is the best.
  @inline(__always)
  subscript(_ n: Int) -> Element {
    get { storage[end &- 1 &- n] }
    _modify { yield &storage[end &- 1 &- n] }
  }

  /// Rank of the n-th best (0 is the best), or nil.
  @inline(__always)
  func rank(_ n: Int) -> Int64? { n < count ? storage[end &- 1 &- n].rank : nil }

  /// The best `count` levels, or as many as there are, the best one last.
  @inline(__always)
  mutating func withBest<R>(_ count: Int, _ body: (UnsafeMutableBufferPointer<Element>) -> R) -> R {
    let range = max(first, end &- count)..<end
    return storage.withUnsafeMutableBufferPointer { body(UnsafeMutableBufferPointer(rebasing: $0[range])) }
  }

  /// Keeps the best `depth` levels.
  @inline(__always)
  mutating func cut(to depth: Int) { first = max(first, end &- depth) }

  /// Replaces or inserts. Returns whether the price was there.
  mutating func set(_ level: Element) -> Bool {
    let index = position(level.rank)
    if index < end, storage[index].rank == level.rank {
      storage[index] = level
      return true
    }
    insert(level, at: index)
    return false
  }

  /// Returns whether the price was there.
  mutating func remove(rank: Int64) -> Bool {
    let index = position(rank)
    guard index < end, storage[index].rank == rank else { return false }
    if end &- index <= index &- first {
      move(from: index &+ 1, to: index, count: end &- index &- 1)
      end &-= 1
    } else {
      move(from: first, to: first &+ 1, count: index &- first)
      first &+= 1
    }
    return true
  }

  /// Which one this is, counted from the best; nil when it is not there.
  func index(ofRank rank: Int64) -> Int? {
    let index = position(rank)
    return index < end && storage[index].rank == rank ? end &- 1 &- index : nil
  }

  mutating func forEachRank(_ body: (inout Int64) -> Void) {
    for index in first..<end { body(&storage[index].rank) }
  }

  /// Index of the first level of at least this rank. Changes cluster at the best, so look there first.
  @inline(__always)
  private func position(_ rank: Int64) -> Int {
    storage.withUnsafeBufferPointer { levels in
      var low = first
      var high = end
      let near = max(first, end &- 6)
      while high > near {
        guard levels[high &- 1].rank >= rank else { return high }
        high &-= 1
      }
      while low < high {
        let middle = (low &+ high) &>> 1
        if levels[middle].rank < rank { low = middle &+ 1 } else { high = middle }
      }
      return low
    }
  }

  private mutating func insert(_ level: Element, at index: Int) {
    var index = index
    let above = end &- index
    let below = index &- first
    if above <= below ? end == storage.count : first == 0 {
      index = recentre(keeping: index)
    }
    if above <= below {
      move(from: index, to: index &+ 1, count: above)
      end &+= 1
      storage[index] = level
    } else {
      move(from: first, to: first &- 1, count: below)
      first &-= 1
      storage[index &- 1] = level
    }
  }

  /// Makes equal room at both ends and returns where `index` went.
  private mutating func recentre(keeping index: Int) -> Int {
    let count = end - first
    if storage.count < count + count / 4 + 16 {
      storage.append(contentsOf: repeatElement(Element(), count: count + 16))
    }
    let newFirst = (storage.count - count) / 2
    move(from: first, to: newFirst, count: count)
    defer { (first, end) = (newFirst, newFirst + count) }
    return newFirst + index - first
  }

  /// Sound: callers move within `storage`; levels are trivial values, so overlapping moves are plain memory moves.
  @inline(__always)
  private mutating func move(from source: Int, to target: Int, count: Int) {
    guard count > 0 else { return }
    storage.withUnsafeMutableBufferPointer { levels in
      precondition(min(source, target) >= 0 && max(source, target) + count <= levels.count)
      let base = levels.baseAddress!
      (base + target).update(from: base + source, count: count)
    }
  }
}
