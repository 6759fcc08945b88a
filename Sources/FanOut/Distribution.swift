// Which lines of a turn go to which subscriber that is in sync, without a queue per subscriber and without
// asking every subscriber about every line.
//
// The lines of the turn are dealt, in order, to the followers of their topics. What a subscriber has been
// dealt is a chain: its last run and the chain before it. Chains form a tree that grows from "nothing", and
// a subscriber's state is one number, its chain. Two subscribers that were dealt the same lines have the
// same chain: when a run is dealt to somebody on a chain, the continuation by this run, if it exists, is the
// newest continuation of that chain, because runs are dealt one after the other. So it is found without
// searching, readers with the same interest share everything, and the text of a chain is gathered once.
//
// Lines are numbered from the beginning of the turn to keep the tree small. It keeps its memory between turns.

struct Distribution {
  struct Chain: BitwiseCopyable {
    /// The last run. The empty chain ends at 0.
    var first: UInt32
    var end: UInt32
    /// Whether the last run lies right behind the one before it.
    var continues: Bool
    /// The chain before the last run.
    var previous: UInt32
    /// Lines and bytes of the whole chain.
    var lines: Int
    var bytes: Int
    /// The newest continuation, and its first line.
    var continuation: UInt32 = 0
    var continuationFirst = UInt32.max
    /// The first subscriber whose turn this chain is.
    var reader = Distribution.nobody
  }

  /// The state of a subscriber that is in sync and was dealt nothing.
  static let empty: UInt32 = 0
  /// The state of one that is not in sync: it is dealt nothing.
  private static let out = UInt32.max
  static let nobody = UInt32.max

  private(set) var chains: [Chain] = []
  private var chainOfSlot: [UInt32] = []
  /// The next subscriber with the same chain.
  private var nextReader: [UInt32] = []
  private var touched: [UInt32] = []

  init() { startTurn() }

  func isInSync(_ slot: UInt32) -> Bool { chainOfSlot[Int(slot)] != Self.out }

  mutating func setInSync(_ slot: UInt32, _ isInSync: Bool) {
    chainOfSlot[Int(slot)] = isInSync ? Self.empty : Self.out
  }

  mutating func addSlot() {
    chainOfSlot.append(Self.out)
    nextReader.append(Self.nobody)
  }

  /// Deals lines `first..<end`, which lie next to each other and have `bytes` together.
  /// - Parameter continues: whether line `first` lies right behind line `first - 1`.
  mutating func deal(_ first: UInt32, _ end: UInt32, bytes: Int, continues: Bool, to slots: [UInt32]) {
    for slot in slots {
      let chain = chainOfSlot[Int(slot)]
      // Whoever has the line already got it as a follower of another topic that it concerns.
      guard chain != Self.out, chains[Int(chain)].end < end else { continue }
      if chain == Self.empty { touched.append(slot) }
      if chains[Int(chain)].continuationFirst != first {
        let next = Chain(
          first: first, end: end, continues: continues && chain != Self.empty && chains[Int(chain)].end == first,
          previous: chain,
          lines: chains[Int(chain)].lines + Int(end - first), bytes: chains[Int(chain)].bytes + bytes)
        chains[Int(chain)].continuation = UInt32(truncatingIfNeeded: chains.count)
        chains[Int(chain)].continuationFirst = first
        chains.append(next)
      }
      chainOfSlot[Int(slot)] = chains[Int(chain)].continuation
    }
  }

  /// Ends dealing: from here on `reader(of:)` and `reader(after:)` list the subscribers of each chain, who
  /// count as having been dealt nothing.
  mutating func collectReaders() {
    for slot in touched.reversed() {
      let chain = chainOfSlot[Int(slot)]
      nextReader[Int(slot)] = chains[Int(chain)].reader
      chains[Int(chain)].reader = slot
      chainOfSlot[Int(slot)] = Self.empty
    }
  }

  func reader(after slot: UInt32) -> UInt32 { nextReader[Int(slot)] }

  /// Replaces `runs` by the runs of a chain.
  func unroll(_ chain: Chain, base: UInt64, into runs: inout [LineRun]) {
    runs.removeAll(keepingCapacity: true)
    var chain = chain
    var end = chain.end
    while chain.end > 0 {
      if !chain.continues {
        runs.append(LineRun(first: base + UInt64(chain.first), end: base + UInt64(end)))
        end = chains[Int(chain.previous)].end
      }
      chain = chains[Int(chain.previous)]
    }
    runs.reverse()
  }

  /// Forgets the lines dealt, and begins anew.
  mutating func startTurn() {
    chains.removeAll(keepingCapacity: true)
    chains.append(Chain(first: 0, end: 0, continues: false, previous: Self.empty, lines: 0, bytes: 0))
    touched.removeAll(keepingCapacity: true)
  }
}
