// What a reader of a smaller depth must be told so that its own book, after applying and cutting,
// is exactly the best N levels of this one. Per side, for a view of N levels:
//
//  1. A price that the message touched, there afterwards and within the best N: its level.
//  2. A price that the message removed and that was within the best N before: a removal, with the zero as received.
//  3. A level the message did not touch that is within the best N now and was not before: its level.
//
// Nothing else. Levels pushed out at the far end get no removal, because readers cut, and a price
// the reader does not have is never removed. Several entries for one price count once.

/// A depth that readers ask for, and where it ended before the update.
struct BookView: Sendable {
  /// The far end of a view that holds fewer levels than it may: everything is within.
  static let everything = Int64.min

  let depth: Int
  private(set) var oldBids = everything
  private(set) var oldAsks = everything

  init(depth: Int) { self.depth = depth }

  func oldEnd(_ side: BookSide) -> Int64 { side == .bids ? oldBids : oldAsks }

  mutating func remember(_ bids: Ladder<Level>, _ asks: Ladder<Level>) {
    oldBids = bids.rank(depth - 1) ?? Self.everything
    oldAsks = asks.rank(depth - 1) ?? Self.everything
  }

  mutating func forget() {
    oldBids = Self.everything
    oldAsks = Self.everything
  }

  mutating func forEachRank(_ body: (inout Int64) -> Void) {
    body(&oldBids)
    body(&oldAsks)
  }
}

extension OrderBook {
  /// The depths for which changes are wanted; each at most `depth`. To be called between messages: it forgets what
  /// the last update changed, and counts from the next one.
  public mutating func setViews(_ depths: [Int]) {
    precondition(depths.allSatisfy { $0 > 0 && $0 <= depth })
    views = Set(depths).sorted().map(BookView.init)
    touchedBids.removeAll()
    touchedAsks.removeAll()
  }

  /// What a reader at depth `view` must be told of the last finished update, one call per level; see the top of
  /// this file. A removal carries the zero quantity as received. Nothing after a snapshot or for an unknown view.
  public func forEachChange(
    _ side: BookSide, view depth: Int,
    _ body: (_ price: UnsafeRawBufferPointer, _ qty: UnsafeRawBufferPointer) -> Void
  ) {
    _ = visitChanges(side, view: depth) { level in
      level.withTexts(body)
      return true
    }
  }

  /// Whether a reader at depth `view` has to be told anything.
  public func hasChanges(view depth: Int) -> Bool {
    !visitChanges(.bids, view: depth) { _ in false } || !visitChanges(.asks, view: depth) { _ in false }
  }

  /// Visits until `visit` returns false; whether it never did.
  @inline(__always)
  private func visitChanges(_ side: BookSide, view depth: Int, _ visit: (borrowing Level) -> Bool) -> Bool {
    guard phase == .verified, let view = views.first(where: { $0.depth == depth }) else { return true }
    let (ladder, touched) = side == .bids ? (bids, touchedBids) : (asks, touchedAsks)
    let oldEnd = view.oldEnd(side)
    let newEnd = ladder.rank(depth - 1) ?? BookView.everything

    for change in touched.changes {
      let isVisible =
        change.removed ? change.existed && change.level.rank >= oldEnd : change.level.rank >= newEnd
      guard !isVisible || visit(change.level) else { return false }
    }
    // Only where the view moved outwards can levels have come in.
    var n = min(depth, ladder.count) - 1
    while n >= 0, let rank = ladder.rank(n), rank < oldEnd {
      guard touched.contains(rank: rank) || visit(ladder[n]) else { return false }
      n -= 1
    }
    return true
  }
}

/// The prices one update touched on one side: one entry each once settled.
struct TouchedLevels: Sendable {
  struct Change: Sendable {
    var level: Level
    var removed: Bool
    /// Whether the price was in the book before the update.
    var existed: Bool
    var order: Int
  }

  private(set) var changes: ContiguousArray<Change> = []
  private var isSorted = false

  /// Up to this many entries are compared with each other; more are sorted first.
  private static let pairwiseMax = 32

  mutating func removeAll() {
    changes.removeAll(keepingCapacity: true)
    isSorted = false
  }

  mutating func append(_ level: Level, removed: Bool, existed: Bool) {
    changes.append(Change(level: level, removed: removed, existed: existed, order: changes.count))
  }

  /// Makes one entry of several for the same price: what was there before the first and what is after the last.
  mutating func settle() {
    guard changes.count > 1 else { return }
    isSorted = changes.count > Self.pairwiseMax
    if isSorted { changes.sort { ($0.level.rank, $0.order) < ($1.level.rank, $1.order) } }
    var kept = 0
    for index in changes.indices {
      let change = changes[index]
      let earlier = isSorted ? max(kept - 1, 0)..<kept : 0..<kept
      if let same = earlier.first(where: { changes[$0].level.rank == change.level.rank }) {
        changes[same].level = change.level
        changes[same].removed = change.removed
      } else {
        changes[kept] = change
        kept += 1
      }
    }
    if kept < changes.count { changes.removeLast(changes.count - kept) }
  }

  func contains(rank: Int64) -> Bool {
    guard isSorted else { return changes.contains { $0.level.rank == rank } }
    var low = 0
    var high = changes.count
    while low < high {
      let middle = (low + high) / 2
      if changes[middle].level.rank < rank { low = middle + 1 } else { high = middle }
    }
    return low < changes.count && changes[low].level.rank == rank
  }

  mutating func forEachRank(_ body: (inout Int64) -> Void) {
    for index in changes.indices { body(&changes[index].level.rank) }
  }
}
