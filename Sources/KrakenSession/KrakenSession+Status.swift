// How the session and its topics stand, for people and metrics.

import KrakenWire
import MarketData

extension KrakenSession {
  /// Nil when the id is not in the ledger.
  public func topicState(_ topic: UpstreamTopicID) -> TopicStatus? {
    guard ledger.isOccupied(topic.index) else { return nil }
    let entry = ledger[topic.index]
    return TopicStatus(
      state: entry.state, isWanted: entry.isWanted, failures: entry.faults.count, lastReceived: entry.lastReceived)
  }

  public func topicID(_ topic: UpstreamTopic) -> UpstreamTopicID? {
    ledger.id(of: topic).map { UpstreamTopicID($0) }
  }

  /// Walks over all topics: for answers to people, not for every message.
  public var status: SessionStatus {
    var topics = SessionStatus.TopicCounts()
    for entry in ledger.entries where !entry.isVacant {
      switch entry.state {
      case .wanted: topics.wanted += 1
      case .asked: topics.asked += 1
      case .confirmed: topics.confirmed += 1
      case .live: topics.live += 1
      case .unsubscribing: topics.unsubscribing += 1
      case .paused: topics.paused += 1
      case .refused: topics.refused += 1
      case .quarantined: topics.quarantined += 1
      }
    }
    var retryAt: Int64?
    if case .waiting(let until) = phase { retryAt = until }
    return SessionStatus(
      state: state, reason: reason, attempt: phase == .open ? 0 : backoff.attempts, retryAt: retryAt,
      system: system, connectionID: connectionID, connectedSince: phase == .open ? connection.openedAt : nil,
      roundTrip: roundTrip, lastReceived: connectionsOpened > 0 ? connection.lastMessage : nil,
      reconnects: max(0, connectionsOpened - 1), messages: messageCount, bytes: byteCount,
      discarded: discardedCount, garbage: offences[.garbage], unknown: offences[.unknownMessage],
      rateLimited: offences[.rateLimited], topics: topics)
  }
}

extension LedgerEntry {
  var state: TopicState {
    switch stage {
    case .asked: return .asked
    case .confirmed: return isWorthless ? .unsubscribing : .confirmed
    case .live: return isWorthless ? .unsubscribing : .live
    case .leaving: return .unsubscribing
    case .absent:
      guard let hold else { return .wanted }
      switch hold.reason {
      case .paused: return .paused(until: hold.until)
      case .quarantined: return .quarantined(until: hold.until)
      case .refused(let error): return .refused(error: error, retryAt: hold.until)
      }
    }
  }
}
