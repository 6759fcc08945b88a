// Single topics: whether an item may be used, what happens when one fails, how each stands.

import KrakenWire
import MarketData

extension KrakenSession {
  /// May this item be used, and for which topic? Asked for each item of a message; allocates nothing.
  /// - Parameters:
  ///   - symbol: the item's symbol, as UTF-8 without escapes; empty for `instrument`.
  ///   - interval: the item's interval, for `ohlc`.
  public mutating func admit(
    _ channel: KrakenChannel, symbol: UnsafeRawBufferPointer, interval: Int?, isSnapshot: Bool, now: Moment
  ) -> Admission {
    if channel == .ticker { return admitTicker(symbol: symbol, isSnapshot: isSnapshot, now: now.monotonic) }
    var found = -1
    ledger.forEachTopic(channel, symbol) { id in
      if ledger.isOpenToData(id), channel != .ohlc || ledger[id].topic.interval == interval { found = id }
    }
    guard found >= 0, ledger.stage(found) == .live || startsWith(found, isSnapshot: isSnapshot) else {
      discardedCount += 1
      return .discard
    }
    let becameLive = ledger.stage(found) != .live
    if becameLive { becomeLive(found, now: now.monotonic) }
    ledger[found].lastReceived = now.monotonic
    return .accept(UpstreamTopicID(found), becameLive: becameLive)
  }

  /// May this message of a numbered channel be used? `executions` and `balances` have one topic each, and count their
  /// messages from the snapshot on; a gap, a repeat or a step back means that what is known of the account is wrong.
  /// Where there may be no snapshot, the count starts with whatever comes first.
  public mutating func admit(_ message: KrakenData, now: Moment) -> (Admission, [SessionAction]) {
    // Late messages of the subscription before have higher numbers.
    let isFirst = account.snapshot(of: message.channel) != .certain && (message.sequence ?? 1) == 1
    let admission = admit(
      message.channel, symbol: UnsafeRawBufferPointer(start: nil, count: 0), interval: nil,
      isSnapshot: message.isSnapshot || isFirst, now: now)
    guard case .accept(let topic, _) = admission, let sequence = message.sequence else { return (admission, []) }
    let previous = ledger[topic.index].sequence
    ledger[topic.index].sequence = sequence
    guard !message.isSnapshot, let previous, sequence != previous &+ 1 else { return (admission, []) }
    return (.discard, topicFailed(topic, .sequence, now: now))
  }

  /// Ticker items do not name their trigger. A snapshot starts one subscription, the one acknowledged first; every
  /// item goes to all that are live, because each is complete in itself.
  private mutating func admitTicker(symbol: UnsafeRawBufferPointer, isSnapshot: Bool, now: Int64) -> Admission {
    var trades = -1
    var bbo = -1
    var held = 0
    ledger.forEachTopic(.ticker, symbol) { id in
      if ledger[id].stage != .absent { held += 1 }
      guard ledger.isOpenToData(id) else { return }
      if ledger[id].topic.trigger == .bbo { bbo = id } else { trades = id }
    }
    var becameLive = false
    if let first = firstToStart(trades, bbo, isAlone: held == 1), startsWith(first, isSnapshot: isSnapshot) {
      becomeLive(first, now: now)
      becameLive = true
    }
    let liveTrades = noteTicker(trades, now: now)
    let liveBBO = noteTicker(bbo, now: now)
    guard liveTrades != nil || liveBBO != nil else {
      discardedCount += 1
      return .discard
    }
    return .acceptTicker(trades: liveTrades, bbo: liveBBO, becameLive: becameLive)
  }

  /// Of up to two topics (-1: none) the acknowledged one that is not live and was asked for first. One that is not
  /// acknowledged may yet be refused: data stand for its acknowledgement only if they cannot belong to the other.
  private func firstToStart(_ a: Int, _ b: Int, isAlone: Bool) -> Int? {
    func mayStart(_ id: Int) -> Bool {
      id >= 0 && (ledger[id].stage == .confirmed || ledger[id].stage == .asked && isAlone)
    }
    switch (mayStart(a), mayStart(b)) {
    case (true, true): return ledger[a].request <= ledger[b].request ? a : b
    case (true, false): return a
    case (false, true): return b
    case (false, false): return nil
    }
  }

  private mutating func noteTicker(_ id: Int, now: Int64) -> UpstreamTopicID? {
    guard id >= 0, ledger.stage(id) == .live else { return nil }
    ledger[id].lastReceived = now
    return UpstreamTopicID(id)
  }

  /// Whether this item can be the first of its subscription.
  private func startsWith(_ id: Int, isSnapshot: Bool) -> Bool {
    isSnapshot || ledger[id].snapshotsMissed > 0 && ledger[id].topic.channel.itemsStandAlone
  }

  func promise(_ id: Int) -> SnapshotPromise { account.snapshot(of: ledger[id].topic.channel) }

  /// No snapshot comes: the topic is live as it is, beginning with nothing.
  mutating func begin(_ id: Int, now: Int64, _ actions: inout [SessionAction]) {
    guard ledger[id].isOpenToData else { return }
    becomeLive(id, now: now)
    actions.append(.begun(UpstreamTopicID(id)))
  }

  private mutating func becomeLive(_ id: Int, now: Int64) {
    connection.wasLive = true
    ledger.move(id, to: .live, now: now)
    ledger.noteDeadline(ledger[id].deadline(forgivenAfter: forgivenAfter))
  }

  // MARK: Failing

  /// The owner found a live topic to be wrong: it is subscribed anew, after a pause that grows.
  public mutating func topicFailed(_ topic: UpstreamTopicID, _ fault: TopicFault, now: Moment) -> [SessionAction] {
    let id = topic.index
    guard ledger.isOccupied(id), ledger[id].stage == .live, ledger[id].isOpenToData else { return [] }
    latest = now.monotonic
    var actions: [SessionAction] = [.stale([topic], fault.staleReason)]
    ledger[id].isWorthless = true
    ledger.isUnsettled = true
    guard fault != .silent else { return actions }
    forgive(id, now: now.monotonic, &actions)
    actions.append(
      .log(
        SessionLogEvent(
          .topicFault, "\(ledger[id].topic): \(fault.words)", topic: topic, reason: fault.staleReason.rawValue)))
    recordFailure(id, now: now.monotonic, &actions)
    return actions
  }

  /// Counts a failure and holds the topic back accordingly.
  mutating func recordFailure(_ id: Int, now: Int64, _ actions: inout [SessionAction]) {
    switch ledger[id].faults.failed(now: now, configuration: configuration) {
    case .pause(let pause):
      ledger[id].hold = .init(reason: .paused, until: now + pause.nanoseconds)
    case .quarantine(let pause, let isNew):
      ledger[id].hold = .init(reason: .quarantined, until: now + pause.nanoseconds)
      guard isNew else { return }
      let text =
        "\(ledger[id].topic): failed \(ledger[id].faults.count) times, tried again every \(pause.components.seconds) s"
      actions.append(.log(SessionLogEvent(.quarantined, text, topic: UpstreamTopicID(id))))
    }
  }

  /// Forgets the failures of a topic that has been live for long enough.
  mutating func forgive(_ id: Int, now: Int64, _ actions: inout [SessionAction]) {
    guard ledger[id].stage == .live, now - ledger[id].liveSince >= forgivenAfter else { return }
    guard ledger[id].faults.forgive() else { return }
    actions.append(.log(SessionLogEvent(.recovered, "\(ledger[id].topic): well again", topic: UpstreamTopicID(id))))
  }
}

extension TopicFault {
  fileprivate var words: String {
    switch self {
    case .checksum: "checksum does not match"
    case .crossed: "book is crossed"
    case .malformed: "malformed data"
    case .sequence: "messages were lost"
    case .silent: "silent"
    }
  }
}
