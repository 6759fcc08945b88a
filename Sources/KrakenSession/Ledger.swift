// The subscriptions: what is wanted, what was asked, what Kraken has confirmed.
//
// Keyed by all parameters of a topic, so that two candle intervals of one symbol are two entries.
// Entries keep their place while they exist; places are reused. The ledger knows nothing of
// requests or answers: it keeps stages, counts and deadlines consistent, others decide.

import JSONText
import KrakenWire
import MarketData

/// Every topic that is wanted or that Kraken may still hold.
struct Ledger: Sendable {
  private(set) var entries: [LedgerEntry] = []
  private var vacant: [Int] = []
  private var byTopic: [UpstreamTopic: Int] = [:]
  private var index = TopicIndex()
  /// Entries in each stage.
  private var stageCounts = [Int](repeating: 0, count: LedgerEntry.Stage.allCases.count)

  /// No entry's deadline is earlier. May be too early: clearing a deadline does not look for the next one.
  private(set) var earliestDeadline = Int64.max
  /// Something may have to be sent.
  var isUnsettled = false

  subscript(id: Int) -> LedgerEntry {
    _read { yield entries[id] }
    _modify { yield &entries[id] }
  }

  // Asked for every item. Through the subscript the whole entry would be copied, with all its references counted.
  func stage(_ id: Int) -> LedgerEntry.Stage { entries[id].stage }
  func isOpenToData(_ id: Int) -> Bool { entries[id].isOpenToData }

  var ids: Range<Int> { entries.indices }
  var isEmpty: Bool { byTopic.isEmpty }
  func isOccupied(_ id: Int) -> Bool { entries.indices.contains(id) && !entries[id].isVacant }
  func id(of topic: UpstreamTopic) -> Int? { byTopic[topic] }

  /// Subscriptions asked for or held: those that make Kraken send heartbeats.
  var subscriptionCount: Int { count(.asked) + count(.confirmed) + count(.live) }
  func count(_ stage: LedgerEntry.Stage) -> Int { stageCounts[Int(stage.rawValue)] }

  // MARK: Coming and going

  mutating func insert(_ topic: UpstreamTopic) -> Int {
    let entry = LedgerEntry(topic)
    let id: Int
    if let free = vacant.popLast() {
      id = free
      entries[id] = entry
    } else {
      id = entries.count
      entries.append(entry)
    }
    byTopic[topic] = id
    index.insert(id, hash: entry.hash)
    stageCounts[Int(LedgerEntry.Stage.absent.rawValue)] += 1
    isUnsettled = true
    return id
  }

  /// Takes out an entry that nobody wants and Kraken does not have.
  mutating func remove(_ id: Int) {
    precondition(entries[id].stage == .absent && !entries[id].isWanted)
    stageCounts[Int(LedgerEntry.Stage.absent.rawValue)] -= 1
    byTopic[entries[id].topic] = nil
    index.remove(id, hash: entries[id].hash)
    entries[id].isVacant = true
    vacant.append(id)
  }

  // MARK: Stages

  /// The only way to change a stage. An entry that became absent and is not wanted is gone afterwards.
  mutating func move(_ id: Int, to stage: LedgerEntry.Stage, now: Int64) {
    let old = entries[id].stage
    stageCounts[Int(old.rawValue)] -= 1
    stageCounts[Int(stage.rawValue)] += 1
    entries[id].stage = stage
    entries[id].answerDue = nil
    entries[id].dataDue = nil
    switch stage {
    case .absent:
      entries[id].startEpisode()
      entries[id].isAcknowledged = false
      entries[id].isWorthless = false
      entries[id].sequence = nil
      if let hold = entries[id].hold {
        if hold.until <= now { entries[id].hold = nil } else { noteDeadline(hold.until) }
      }
      // Another depth of the symbol may have waited for this.
      isUnsettled = true
      if !entries[id].isWanted { remove(id) }
    case .leaving:
      entries[id].startEpisode()
    case .asked, .confirmed:
      entries[id].hold = nil
    case .live:
      entries[id].hold = nil
      entries[id].liveSince = now
      entries[id].snapshotsMissed = 0
    }
    if entries[id].need(now: now) != .nothing { isUnsettled = true }
  }

  // MARK: Deadlines

  mutating func noteDeadline(_ deadline: Int64) {
    if deadline < earliestDeadline { earliestDeadline = deadline }
  }

  /// Looks at all entries for the earliest deadline. Those of live topics move with every item, so they are
  /// looked for at most every `grain` nanoseconds.
  mutating func findEarliestDeadline(now: Int64, grain: Int64, forgivenAfter: Int64) {
    earliestDeadline = .max
    for entry in entries where !entry.isVacant {
      let deadline = entry.deadline(forgivenAfter: forgivenAfter)
      noteDeadline(entry.stage == .live ? max(deadline, now + grain) : deadline)
    }
  }

  // MARK: Looking up

  /// Calls `body` for each topic of a symbol. Allocates nothing.
  @inline(__always)
  func forEachTopic(
    _ channel: KrakenChannel, _ symbol: UnsafeRawBufferPointer, _ body: (Int) -> Void
  ) {
    var candidates = index.candidates(hash: TopicIndex.hash(channel, symbol))
    while let id = index.next(&candidates) {
      guard entries[id].topic.channel == channel, entries[id].symbol.withUnsafeBytes({ sameBytes($0, symbol) })
      else { continue }
      body(id)
    }
  }

  /// Whether another depth of the same symbol stands in the way of asking for this topic.
  func isBlocked(_ id: Int) -> Bool {
    let topic = entries[id].topic
    guard topic.channel.allowsOneDepthPerSymbol, entries[id].stage == .absent else { return false }
    var candidates = index.candidates(hash: entries[id].hash)
    while let other = index.next(&candidates) {
      guard other != id, entries[other].stage != .absent else { continue }
      if entries[other].topic.channel == topic.channel, entries[other].symbol == entries[id].symbol { return true }
    }
    return false
  }
}
