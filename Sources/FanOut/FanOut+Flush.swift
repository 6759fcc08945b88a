// The end of a turn: everybody who can be written to is brought up to date. Work is proportional to the
// lines delivered, not to readers times lines.

import MarketData

extension FanOut {
  /// Writes everything that is due. Call it at the end of each turn of the event loop.
  ///
  /// - Returns: who was told of a gap and who is gone. Allocates nothing when there is nothing to tell.
  public mutating func flush<T: SubscriberTransport, S: SnapshotSource>(
    now: Moment, transport: inout T, snapshots: inout S
  ) -> [FanOutNotice] {
    if flushedSeq < lastSeq {
      writeToFollowersOfEverything(now: now, transport: &transport)
      dealTurn()
      writeDealt(now: now, transport: &transport)
      flushedSeq = lastSeq
    }
    if !attention.isEmpty {
      swap(&attention, &attended)
      for index in attended.indices {
        let slot = attended[index]
        subscribers[Int(slot)].needsAttention = false
        deliver(to: slot, now: now, transport: &transport, snapshots: &snapshots)
      }
      attended.removeAll(keepingCapacity: true)
      output.shrink(to: configuration.writeBytesMax)
    }
    return takeNotices()
  }

  mutating func takeNotices() -> [FanOutNotice] {
    guard !notices.isEmpty else { return [] }
    var taken: [FanOutNotice] = []
    swap(&taken, &notices)
    return taken
  }

  // MARK: Followers of everything

  private mutating func writeToFollowersOfEverything<T: SubscriberTransport>(now: Moment, transport: inout T) {
    var preparedFor: Scope?
    var lines = 0
    // Backwards, because a subscriber that turns out to be gone is replaced by the last in the list.
    for index in everythingSlots.indices.reversed() {
      let slot = everythingSlots[index]
      guard distribution.isInSync(slot) else { continue }
      guard subscribers[Int(slot)].subscriptions.isEmpty else {
        // Exceptions make its lines its own: it walks the log.
        leaveSync(slot)
        continue
      }
      let scopes = subscribers[Int(slot)].scopes
      if preparedFor != scopes {
        output.begin()
        collect(slot, in: flushedSeq + 1..<log.next, .live)
        lines = prepareRuns()
        preparedFor = scopes
      }
      if output.reached < log.next {
        // Too much for one call: it catches up in pieces like anybody who is behind.
        leaveSync(slot)
      } else if lines > 0 {
        writeRuns(to: slot, lines: lines, now: now, transport: &transport)
      }
    }
  }

  // MARK: Followers of topics

  private mutating func dealTurn() {
    let base = flushedSeq + 1
    var seq = base
    while seq < log.next {
      let entry = log.entry(seq)
      let first = UInt32(truncatingIfNeeded: seq - base)
      let continues = log.continuesPrevious(seq)
      var run = LineRun(first: seq, end: seq + 1)
      if let topic = entry.address.topic {
        // Neighbours of the same topic are dealt as one.
        while run.end < log.next, log.entry(run.end).address == entry.address, log.continuesPrevious(run.end) {
          run.end += 1
        }
        let end = first + UInt32(truncatingIfNeeded: run.count)
        distribution.deal(
          first, end, bytes: log.byteCount(of: run), continues: continues, to: topics[topic].followers)
      } else {
        dealBridgeLine(seq, entry, first, continues: continues)
      }
      seq = run.end
    }
  }

  private mutating func dealBridgeLine(_ seq: UInt64, _ entry: LogEntry, _ first: UInt32, continues: Bool) {
    func deal(to slots: [UInt32]) {
      distribution.deal(first, first + 1, bytes: Int(entry.length), continues: continues, to: slots)
    }
    switch entry.address.bridgeAudience {
    case .topic(let topic):
      deal(to: topics[topic].followers)
    case .list:
      for topic in audienceLists[seq] { deal(to: topics[topic].followers) }
    case .scope:
      var slots: [UInt32] = []
      for slot in subscribers.indices where distribution.isInSync(UInt32(slot)) && subscribers[slot].everything == nil {
        if isBridgeLineDue(entry.address, seq: seq, to: subscribers[slot], in: .live) { slots.append(UInt32(slot)) }
      }
      deal(to: slots)
    }
  }

  private mutating func writeDealt<T: SubscriberTransport>(now: Moment, transport: inout T) {
    distribution.collectReaders()
    for index in distribution.chains.indices where distribution.chains[index].reader != Distribution.nobody {
      let chain = distribution.chains[index]
      let isOneWrite = chain.bytes <= configuration.writeBytesMax || chain.lines == 1
      if isOneWrite {
        output.begin()
        distribution.unroll(chain, base: flushedSeq + 1, into: &output.runs)
        output.reached = log.next
        _ = prepareRuns()
      }
      var slot = chain.reader
      while slot != Distribution.nobody {
        let next = distribution.reader(after: slot)
        if isOneWrite {
          writeRuns(to: slot, lines: chain.lines, now: now, transport: &transport)
        } else {
          leaveSync(slot)
        }
        slot = next
      }
    }
    distribution.startTurn()
  }

  // MARK: One write

  /// Gets the text of `output.runs` ready, which is all that some subscribers in sync lack.
  /// - Returns: how many lines that is.
  private mutating func prepareRuns() -> Int {
    output.region = .live
    output.isDirect = output.runs.count == 1
    if !output.isDirect { appendRuns() }
    return output.runs.reduce(0) { $0 + $1.count }
  }

  mutating func appendRuns() {
    for run in output.runs { output.text.append(contentsOf: log.text(of: run)) }
  }

  @inline(__always)
  private mutating func writeRuns<T: SubscriberTransport>(to slot: UInt32, lines: Int, now: Moment, transport: inout T) {
    let id = id(of: slot)
    let (outcome, offered) = offer(to: id, transport: &transport)
    if case .wrote(offered) = outcome {
      // The usual case changes nothing but the counters: the subscriber stays in sync.
      countWrite(slot, lines: lines, bytes: offered)
    } else {
      _ = settleWrite(slot, outcome, offered: offered, now: now, transport: &transport)
    }
  }
}
