// What a `gap` line says is true: it names the lines that this reader has missed, no more and no fewer, and tells of a
// restart only when there was one. Behind it every topic waits for a snapshot.

import BridgeCore

extension ReaderModel {
  func gap(_ reason: String, _ from: UInt64, _ to: UInt64, _ dropped: UInt64?) throws(Violation) {
    counts.gaps += 1
    try require(from <= to && to <= archive.lastSeq, "gaps are accounted for", "\(name): from \(from) to \(to)")
    if reason == "restart" {
      try require(restartsUntold > 0, "gaps are accounted for", "\(name): a gap for a restart that was none")
      restartsUntold -= 1
      return goOn(after: to)
    }
    guard reason == "slow_reader" else {
      // What could not be resumed begins with a snapshot; the others of the same request go on.
      for (index, follow) in follows where follow.isResuming {
        follows[index]?.isResuming = false
        follows[index]?.isUncertain = true
      }
      return
    }
    // It may not have had a replay that it asked for later: that begins before what it has had, and is not counted here.
    guard replaysToCome == 0 else { return goOn(after: to) }
    try require(
      from > lastLogSeq, "gaps are accounted for", "\(name): from \(from), but it has had line \(lastLogSeq)")
    try account(from, to, dropped)
    goOn(after: to)
  }

  /// What a connection does is told to those who follow something that it may concern.
  private func hears(of link: LinkName) -> Bool {
    let isMarket = link == .public
    return followsEverything && sees(link)
      || follows.contains { $0.value.isAsked && (archive.topics[$0.key].name.channel.link == .public) == isMarket }
      || isMarket && !wildcards.isEmpty
  }

  private func goOn(after seq: UInt64) {
    lastLogSeq = max(lastLogSeq, seq)
    runSeq = lastLogSeq
    // What is asked for and not answered yet is not part of the gap if the bridge learns of it only now.
    let unanswered = requests.open.values.filter(\.resumes)
    replaysToCome = resumesByTopic ? unanswered.count : 0
    let coming = Set(unanswered.flatMap(\.topics).map { archive.index(of: $0) })
    for index in follows.keys {
      if coming.contains(index) {
        follows[index]?.isUncertain = true
      } else {
        follows[index]?.phase = .awaiting
        follows[index]?.isOwed = true
      }
      follows[index]?.isResuming = false
    }
    trader.isAwaitingSnapshot = trader.last != nil
  }

  /// Exact only while everything it follows was under way: what waits for a snapshot has missed nothing.
  private func account(_ from: UInt64, _ to: UInt64, _ dropped: UInt64?) throws(Violation) {
    var missed: UInt64 = 0
    // Some of these may have been its own.
    var stages: UInt64 = 0
    var first: UInt64?
    archive.forEach(after: lastLogSeq, through: to) { seq, record in
      switch record.kind {
      case .update, .snapshot:
        // What a snapshot has told already is not missed.
        guard isFollowing(record.topic, archive.topics[record.topic].name), follows[record.topic]?.last ?? 0 < seq
        else { return }
        missed += 1
      case .unseen:
        stages += register == nil ? 0 : 1
        return
      case .stale:
        guard hears(of: record.link),
          record.staleTopics?.contains(where: { isFollowing($0, archive.topics[$0].name) }) ?? true else { return }
      case .state: guard hears(of: record.link) else { return }
      }
      if first == nil { first = seq }
    }
    let isExact =
      changedAt < lastLogSeq && !followsEverything && stages == 0 && wildcards.isEmpty
      && follows.values.allSatisfy { $0.isAsked && !$0.isOwed && !$0.isUncertain }
    guard let dropped else { throw Violation("gaps are accounted for", "\(name): a gap without dropped") }
    if isExact {
      try require(
        dropped == missed && from == (first ?? from), "gaps are accounted for",
        "\(name): \(from) to \(to) dropped \(dropped); missed are \(missed) from \(first ?? 0) on")
    } else if changedAt < lastLogSeq {
      try require(
        dropped <= missed + stages, "gaps are accounted for", "\(name): dropped \(dropped), but only \(missed) were there")
    }
  }
}
