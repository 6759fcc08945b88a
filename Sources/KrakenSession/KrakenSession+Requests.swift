// Turns what the ledger needs into requests: batched, paced, leaving before asking.

import KrakenWire

extension KrakenSession {
  /// Sends what is needed as far as the bucket allows; the rest stays due.
  mutating func sendRequests(now: Int64, _ actions: inout [SessionAction]) {
    while ledger.isUnsettled, mayRequest {
      guard let (first, need) = mostUrgent(now: now) else {
        ledger.isUnsettled = false
        return
      }
      let symbolsMax = symbolsAllowed(ledger[first].topic, need, now: now)
      guard symbolsMax > 0, bucket.take(now: now) else { return }
      let batch = batch(startingAt: first, need, symbolsMax: symbolsMax, now: now)
      if need == .ask, let cost = ledger[first].topic.snapshotCost {
        _ = snapshotUnits.take(batch.count * cost, now: now)
      }
      actions.append(.send(request(need, batch, now: now)))
    }
  }

  /// Unsubscribing frees depths that others wait for, and `instrument` says what the others mean.
  private func mostUrgent(now: Int64) -> (Int, LedgerEntry.Need)? {
    var asking: Int?
    for id in ledger.ids where ledger.isOccupied(id) {
      switch ledger[id].need(now: now) {
      case .nothing: continue
      case .leave: return (id, .leave)
      case .ask:
        guard asking == nil || ledger[id].topic.channel == .instrument, !ledger.isBlocked(id) else { continue }
        asking = id
      }
    }
    return asking.map { ($0, .ask) }
  }

  /// The topics that can share a request with the first.
  private func batch(startingAt first: Int, _ need: LedgerEntry.Need, symbolsMax: Int, now: Int64) -> [Int] {
    var batch = [first]
    let topic = ledger[first].topic
    guard topic.channel.hasSymbols, !ledger[first].isAskedAlone else { return batch }
    for id in ledger.ids where ledger.isOccupied(id) && id != first {
      guard batch.count < symbolsMax else { break }
      guard ledger[id].topic.sharesRequest(with: topic), ledger[id].need(now: now) == need else { continue }
      if ledger[id].isAskedAlone || need == .ask && ledger.isBlocked(id) { continue }
      batch.append(id)
    }
    return batch
  }

  private mutating func request(_ need: LedgerEntry.Need, _ batch: [Int], now: Int64) -> [UInt8] {
    let isAsking = need == .ask
    let reqID = requests.sent(isAsking ? .subscribe : .unsubscribe, batch, now: now)
    let answerDue = now + configuration.answerDeadline.nanoseconds
    for id in batch {
      let stage: LedgerEntry.Stage = isAsking ? .asked : .leaving
      if ledger[id].stage != stage { ledger.move(id, to: stage, now: now) }
      ledger[id].requested(reqID, answerDue: answerDue)
    }
    ledger.noteDeadline(answerDue)
    let topic = ledger[batch[0]].topic
    let symbols = topic.channel.hasSymbols ? batch.map { ledger[$0].topic.symbol } : []
    return isAsking
      ? KrakenRequest.subscribe(
        channel: topic.channel, symbols: symbols, depth: topic.depth, interval: topic.interval,
        trigger: topic.trigger, account: account, token: authority.token, reqID: reqID)
      : KrakenRequest.unsubscribe(
        channel: topic.channel, symbols: symbols, depth: topic.depth, interval: topic.interval,
        trigger: topic.trigger, token: authority.token, reqID: reqID)
  }

  /// How many symbols a request may name now. Zero: later, see `requestsHeldUntil`.
  private mutating func symbolsAllowed(_ topic: UpstreamTopic, _ need: LedgerEntry.Need, now: Int64) -> Int {
    guard need == .ask, let cost = topic.snapshotCost else { return configuration.symbolsPerRequestMax }
    let affordable = snapshotUnits.available(now: now) / cost
    if affordable == 0 { requestsHeldUntil = snapshotUnits.readyAt(for: cost) }
    return min(affordable, configuration.symbolsPerRequestMax)
  }
}
