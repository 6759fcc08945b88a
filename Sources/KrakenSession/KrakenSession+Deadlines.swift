// What happens because time has passed.

import KrakenWire
import MarketData

extension KrakenSession {
  /// Does everything that is due. The only place from which transports are ordered and requests sent.
  /// Early and late calls do no harm.
  public mutating func deadlineReached(now: Moment, budget: inout AttemptBudget) -> [SessionAction] {
    latest = now.monotonic
    var actions: [SessionAction] = []
    switch phase {
    case .stopped:
      break
    case .waiting(let until):
      if until <= now.monotonic { attempt(now: now, budget: &budget, &actions) }
    case .opening(let until):
      if until <= now.monotonic { abandon("no connection in time", now: now.monotonic, &actions) }
    case .open:
      tendConnection(now: now.monotonic, &actions)
    }
    return actions
  }

  private mutating func tendConnection(now: Int64, _ actions: inout [SessionAction]) {
    guard connection.deadAt(limits) > now else {
      let silence = now - connection.lastMessage
      return abandon("nothing received for \(silence / 1_000_000) ms", now: now, &actions)
    }
    if ledger.earliestDeadline <= now {
      if let why = sweep(now: now, &actions) {
        return abandon(why, isUseless: true, now: now, &actions)
      }
      requests.forgetOld(now: now)
      ledger.findEarliestDeadline(now: now, grain: 1_000_000_000, forgivenAfter: forgivenAfter)
    }
    if connection.pingDue(limits) <= now, bucket.take(now: now) {
      let id = requests.makeID()
      connection.pinged(id: id, now: now)
      actions.append(.send(KrakenRequest.ping(reqID: id)))
    }
    sendRequests(now: now, &actions)
    noteSubscriptions(now: now)
  }

  /// Heartbeats are due while there is a subscription.
  mutating func noteSubscriptions(now: Int64) {
    if ledger.subscriptionCount == 0 {
      connection.subscribedSince = nil
    } else if connection.subscribedSince == nil {
      connection.subscribedSince = now
    }
  }

  // MARK: Topics

  /// Handles every topic whose deadline has passed. Returns why the whole connection is of no use, if so.
  private mutating func sweep(now: Int64, _ actions: inout [SessionAction]) -> String? {
    for id in ledger.ids where ledger.isOccupied(id) && ledger[id].deadline(forgivenAfter: forgivenAfter) <= now {
      switch ledger[id].stage {
      case .absent:
        ledger[id].hold = nil
        ledger.isUnsettled = true
      case .asked:
        if let why = unanswered(id, now: now, &actions) { return why }
      case .confirmed:
        if let why = missedFirstData(id, now: now, &actions) { return why }
      case .live:
        grewOld(id, now: now, &actions)
      case .leaving:
        // What is wanted is asked for again: if Kraken still has it, that shows.
        if ledger[id].isWanted || ledger[id].requests >= configuration.leavesMax {
          ledger.move(id, to: .absent, now: now)
        } else {
          ledger[id].answerDue = nil
          ledger.isUnsettled = true
        }
      }
    }
    return nil
  }

  /// A subscribe has got no answer in time. After some more tries the topic is left, because Kraken may have it.
  private mutating func unanswered(_ id: Int, now: Int64, _ actions: inout [SessionAction]) -> String? {
    ledger[id].answerDue = nil
    ledger.isUnsettled = true
    guard ledger[id].isWanted, !ledger[id].isWorthless, ledger[id].requests >= configuration.asksMax else { return nil }
    guard connection.wasAcknowledged else { return "no subscription is acknowledged" }
    let topic = ledger[id].topic
    actions.append(.stale([UpstreamTopicID(id)], .silent))
    actions.append(
      .log(SessionLogEvent(.unanswered, "\(topic): subscribing gets no answer", topic: UpstreamTopicID(id))))
    recordFailure(id, now: now, &actions)
    ledger[id].isWorthless = true
    return nil
  }

  /// Acknowledged, and then nothing came. The subscription is made anew once; after that the connection or the
  /// topic has failed. Where items stand alone no snapshot may simply mean that nothing happens there: such a
  /// topic is subscribed anew ever more seldom, and its first update will do.
  private mutating func missedFirstData(_ id: Int, now: Int64, _ actions: inout [SessionAction]) -> String? {
    if promise(id) == .possible, ledger[id].isOpenToData {
      begin(id, now: now, &actions)
      return nil
    }
    ledger[id].snapshotsMissed += 1
    ledger[id].dataDue = nil
    ledger[id].isWorthless = true
    ledger.isUnsettled = true
    let topic = ledger[id].topic
    let missed = ledger[id].snapshotsMissed
    actions.append(
      .log(SessionLogEvent(.silent, "\(topic): subscribed, but no data", topic: UpstreamTopicID(id), count: missed)))
    guard missed > 1 else { return nil }
    // It was left, and still Kraken has it, or another depth: an unsubscribe got lost, and nobody knows which.
    if ledger[id].wasHeldAlready { return "Kraken holds a subscription that is not ours" }
    if !connection.wasLive, missed == 2 || !topic.channel.itemsStandAlone { return "no topic gets data" }
    guard !topic.channel.itemsStandAlone else { return nil }
    actions.append(.stale([UpstreamTopicID(id)], .silent))
    recordFailure(id, now: now, &actions)
    return nil
  }

  /// A live topic has been well for long, or silent for long.
  private mutating func grewOld(_ id: Int, now: Int64, _ actions: inout [SessionAction]) {
    forgive(id, now: now, &actions)
    guard let limit = ledger[id].silenceLimit, state == .online else { return }
    guard max(ledger[id].lastReceived ?? 0, ledger[id].liveSince) + limit <= now else { return }
    ledger[id].silenceLimit = min(limit * 2, configuration.silenceLimitMax.nanoseconds)
    ledger[id].isWorthless = true
    ledger.isUnsettled = true
    let seconds = limit / 1_000_000_000
    actions.append(.stale([UpstreamTopicID(id)], .silent))
    actions.append(
      .log(
        SessionLogEvent(
          .silent, "\(ledger[id].topic): silent for \(seconds) s, subscribing anew", topic: UpstreamTopicID(id))))
  }

  /// How long to wait for the first data after an acknowledgement.
  func firstDataDeadline(_ entry: LedgerEntry) -> Int64 {
    guard account.snapshot(of: entry.topic.channel) == .certain else {
      return configuration.possibleSnapshotDeadline.nanoseconds
    }
    let deadline = configuration.firstDataDeadline.nanoseconds
    guard entry.topic.channel.itemsStandAlone, entry.snapshotsMissed > 0 else { return deadline }
    let longest = configuration.firstDataDeadlineMax.nanoseconds
    var grown = deadline
    for _ in 0..<entry.snapshotsMissed where grown < longest { grown *= 6 }
    return min(grown, longest)
  }
}
