// Slow readers. Nobody is waited for: a reader that falls behind too far is either told exactly what it
// missed and put back on its feet with snapshots, or closed. What a blocked reader costs is its cursor.
//
// While a reader waits to be told, the lines it misses are not looked at again: the count is what it had
// missed when the gap began, plus what its topics have published since (`Gap`).

import MarketData

extension FanOut {
  /// Enforces the lag limits. Call it when `nextLagCheck` is reached; calling it earlier does no harm.
  public mutating func checkLag<T: SubscriberTransport, S: SnapshotSource>(
    now: Moment, transport: inout T, snapshots: inout S
  ) -> [FanOutNotice] {
    nextLagCheck = nil
    for index in subscribers.indices {
      guard let behindSince = subscribers[index].behindSince else { continue }
      let slot = UInt32(index)
      let isLate = now.monotonic - behindSince > subscribers[index].lagNanosecondsMax
      if subscribers[index].isClosing {
        if isLate {
          transport.close(id(of: slot))
          depart(slot, .stuckWhileClosing)
        }
      } else if let limit = exceededLimit(slot, isLate: isLate) {
        switch subscribers[index].exceeded == nil ? subscribers[index].policy : .disconnect {
        case .disconnect: dismiss(slot, .slowReader(limit), transport: &transport, snapshots: &snapshots)
        case .resync: beginGap(slot)
        }
      }
      if subscribers[index].behindSince != nil { scheduleLagCheck(now: now) }
    }
    return takeNotices()
  }

  mutating func scheduleLagCheck(now: Moment) {
    nextLagCheck = nextLagCheck ?? now.monotonic + configuration.lagCheckInterval.nanoseconds
  }

  private mutating func exceededLimit(_ slot: UInt32, isLate: Bool) -> LagLimit? {
    if let exceeded = subscribers[Int(slot)].exceeded { return exceeded }
    if isLate { return .duration }
    // A replay is behind because it was asked to be; only what is behind the cursor counts.
    let bytesMax = subscribers[Int(slot)].lagBytesMax
    guard subscribers[Int(slot)].gap == nil, log.bytes(since: subscribers[Int(slot)].cursor) > bytesMax else { return nil }
    skipOthersLines(slot, before: log.next)
    return log.bytes(since: subscribers[Int(slot)].cursor) > bytesMax ? .bytes : nil
  }

  /// Moves cursor and replay to the first line that is due, as far as `end`: lines that do not concern the
  /// reader are no lag of its own.
  private mutating func skipOthersLines(_ slot: UInt32, before end: UInt64) {
    guard subscribers[Int(slot)].gap == nil else { return }
    let cursor = subscribers[Int(slot)].cursor
    while true {
      if subscribers[Int(slot)].replay == nil, subscribers[Int(slot)].queuedReplays > 0 { beginReplay(slot) }
      guard let replay = subscribers[Int(slot)].replay else { break }
      let next = forEachDue(slot, in: replay..<cursor, .replay) { _, _ in false }
      subscribers[Int(slot)].replay = next
      guard next == cursor else { break }
      endReplay(slot)
    }
    if cursor < end {
      subscribers[Int(slot)].cursor = forEachDue(slot, in: cursor..<end, .live) { _, _ in false }
    }
  }

  // MARK: Gaps

  /// From here on the reader misses its lines until it can be told. Does nothing if no line is due to it.
  private mutating func beginGap(_ slot: UInt32) {
    guard subscribers[Int(slot)].gap == nil else { return }
    var first: UInt64?
    var missed: UInt64 = 0
    func note(_ seq: UInt64, _ entry: LogEntry) -> Bool {
      first = min(first ?? seq, seq)
      if entry.address.topic != nil { missed += 1 }
      return true
    }
    let cursor = subscribers[Int(slot)].cursor
    // A replay under way, then the one that waits for it.
    while true {
      if let replay = subscribers[Int(slot)].replay {
        _ = forEachDue(slot, in: replay..<cursor, .replay, note)
        endReplay(slot)
      }
      guard subscribers[Int(slot)].queuedReplays > 0 else { break }
      beginReplay(slot)
    }
    _ = forEachDue(slot, in: cursor..<log.next, .live, note)
    subscribers[Int(slot)].cursor = log.next
    guard let first else { return }
    for place in subscribers[Int(slot)].subscriptions.indices
    where subscribers[Int(slot)].subscriptions[place].state == .following {
      subscribers[Int(slot)].setState(.missing, at: place)
    }
    subscribers[Int(slot)].gap = Gap(from: first, missed: missed, publishedAtStart: publishedWhileMissing(slot))
  }

  /// Writes the gap line into the output and owes the reader snapshots of all it follows.
  mutating func tellGap<S: SnapshotSource>(_ slot: UInt32, snapshots: inout S) {
    guard let gap = subscribers[Int(slot)].gap else { return }
    let dropped = gap.reason == .restart ? 0 : gap.missed &+ publishedWhileMissing(slot) &- gap.publishedAtStart
    subscribers[Int(slot)].gap = nil
    subscribers[Int(slot)].cursor = log.next
    for place in subscribers[Int(slot)].subscriptions.indices
    where subscribers[Int(slot)].subscriptions[place].state != .excluded {
      subscribers[Int(slot)].setState(.owed, at: place)
      subscribers[Int(slot)].subscriptions[place].from = log.next
    }
    subscribers[Int(slot)].everything = subscribers[Int(slot)].everything.map { _ in Everything(from: log.next, owedFrom: 0) }
    subscribers[Int(slot)].toldFrom = log.next
    subscribers[Int(slot)].statistics.gaps += 1
    subscribers[Int(slot)].statistics.dropped += dropped
    statistics.gaps += 1
    statistics.dropped += dropped
    snapshots.writeGap(to: id(of: slot), reason: gap.reason, from: gap.from, to: lastSeq, dropped: dropped) {
      output.text.append(contentsOf: $0)
    }
    output.gapBytes = output.text.count
    guard gap.reason == .slowReader else { return }
    notices.append(.gap(id(of: slot), from: gap.from, to: lastSeq, dropped: dropped))
  }

  /// Lines ever published on the topics whose lines the reader misses.
  func publishedWhileMissing(_ slot: UInt32) -> UInt64 {
    let scopes = subscribers[Int(slot)].scopes
    var sum: UInt64 = 0
    if let everything = subscribers[Int(slot)].everything {
      if everything.owedFrom == Everything.nothingOwed {
        sum = topics.published(in: scopes)
      } else {
        for topic in 0..<everything.owedFrom where !scopes.isDisjoint(with: topics[topic].scope) {
          sum &+= topics[topic].published
        }
      }
      for exception in subscribers[Int(slot)].subscriptions
      where exception.topic < everything.owedFrom && !scopes.isDisjoint(with: topics[exception.topic].scope) {
        sum &-= topics[exception.topic].published
      }
    }
    for subscription in subscribers[Int(slot)].subscriptions where subscription.state == .missing {
      sum &+= topics[subscription.topic].published
    }
    return sum
  }

  /// Changes what a reader follows without changing how many lines it has missed so far.
  mutating func keepingCount(_ slot: UInt32, _ change: (inout FanOut) -> Void) {
    guard subscribers[Int(slot)].gap != nil else { return change(&self) }
    let before = publishedWhileMissing(slot)
    change(&self)
    let after = publishedWhileMissing(slot)
    subscribers[Int(slot)].gap?.publishedAtStart &+= after &- before
  }

  // MARK: The ring's tail

  /// Lines before `oldest` are about to leave the log: whoever still needs one of them is too slow.
  ///
  /// Those who stand a little above the tail are treated alike, so that this walk over all subscribers
  /// happens a few times per lap of the ring, not for every line.
  mutating func giveUpLines(before oldest: UInt64) {
    if oldest > flushedSeq + 1 {
      // One turn overran the ring: nobody is in sync any more.
      for slot in subscribers.indices where distribution.isInSync(UInt32(slot)) { leaveSync(UInt32(slot)) }
      flushedSeq = lastSeq
    }
    let edge = min(log.next, oldest + (log.next - oldest) / 16)
    lowestCursor = .max
    for index in subscribers.indices {
      let slot = UInt32(index)
      guard subscribers[index].isConnected, !distribution.isInSync(slot), subscribers[index].exceeded == nil else { continue }
      if subscribers[index].lowestPosition < edge {
        skipOthersLines(slot, before: edge)
        if subscribers[index].lowestPosition < edge {
          switch subscribers[index].policy {
          case .resync: beginGap(slot)
          case .disconnect:
            subscribers[index].exceeded = .ring
            callAttention(slot)
            continue
          }
        }
      }
      lowestCursor = min(lowestCursor, subscribers[index].lowestPosition)
    }
  }

  // MARK: Leaving

  /// Closes a reader that is too slow. Its goodbye goes behind the line it is in the middle of, if any: the transport
  /// has the rest of that, or after a restart the first of the directed lines is it.
  mutating func dismiss<T: SubscriberTransport, S: SnapshotSource>(
    _ slot: UInt32, _ reason: DepartureReason, transport: inout T, snapshots: inout S
  ) {
    let id = id(of: slot)
    output.begin()
    if !subscribers[Int(slot)].isBlocked, let end = subscribers[Int(slot)].directed.firstIndex(of: UInt8(ascii: "\n")) {
      output.text.append(contentsOf: subscribers[Int(slot)].directed[...end])
    }
    snapshots.writeGoodbye(to: id, reason: reason) { output.text.append(contentsOf: $0) }
    output.text.withUnsafeBytes { goodbye in
      guard !goodbye.isEmpty else { return }
      var taken = 0
      if !subscribers[Int(slot)].isBlocked {
        guard case .wrote(let count) = transport.write(id, goodbye) else { return }
        taken = count
      }
      if taken < goodbye.count { transport.park(id, UnsafeRawBufferPointer(rebasing: goodbye[taken...])) }
    }
    transport.close(id)
    depart(slot, reason)
  }
}
