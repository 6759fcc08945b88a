// Bringing one subscriber up to date that is not in sync: directed lines, what it missed, replays, the log
// from its own cursor, snapshots. And the one place that hands bytes to the transport and settles what a
// cut means: the rest of the line that was cut is parked, nothing else is.

import MarketData

extension FanOut {
  mutating func deliver<T: SubscriberTransport, S: SnapshotSource>(
    to slot: UInt32, now: Moment, transport: inout T, snapshots: inout S
  ) {
    for _ in 0..<configuration.writesPerFlush {
      guard subscribers[Int(slot)].isConnected else { return }
      if let limit = subscribers[Int(slot)].exceeded {
        return dismiss(slot, .slowReader(limit), transport: &transport, snapshots: &snapshots)
      }
      guard !subscribers[Int(slot)].isBlocked, !distribution.isInSync(slot) else { return }
      if hasEverything(slot) { return settle(slot, transport: &transport) }
      prepare(slot, snapshots: &snapshots)
      guard write(to: slot, now: now, transport: &transport) else { return }
    }
    if hasEverything(slot) { return settle(slot, transport: &transport) }
    noteBehind(slot, now: now)
    callAttention(slot)
  }

  private func hasEverything(_ slot: UInt32) -> Bool {
    let subscriber = subscribers[Int(slot)]
    guard subscriber.directed.isEmpty else { return false }
    return subscriber.isClosing
      || subscriber.gap == nil && subscriber.replay == nil && subscriber.queuedReplays == 0
        && subscriber.cursor == log.next && !subscriber.isOwedSnapshots
  }

  private mutating func settle<T: SubscriberTransport>(_ slot: UInt32, transport: inout T) {
    guard !subscribers[Int(slot)].isClosing else {
      transport.close(id(of: slot))
      return depart(slot, .finished)
    }
    subscribers[Int(slot)].behindSince = nil
    distribution.setInSync(slot, true)
  }

  // MARK: Preparing

  private mutating func prepare<S: SnapshotSource>(_ slot: UInt32, snapshots: inout S) {
    output.begin()
    output.region = .live
    output.reached = subscribers[Int(slot)].cursor
    output.directedBytes = subscribers[Int(slot)].directed.count
    output.text.append(contentsOf: subscribers[Int(slot)].directed)
    guard !subscribers[Int(slot)].isClosing else { return }
    if subscribers[Int(slot)].gap != nil {
      // Telling of the gap changes what is due, so directed lines go alone.
      guard output.directedBytes == 0 else { return }
      tellGap(slot, snapshots: &snapshots)
      output.reached = log.next
    } else {
      guard prepareLines(slot) else { return }
    }
    if subscribers[Int(slot)].isOwedSnapshots { appendSnapshots(slot, from: &snapshots) }
  }

  /// - Returns: whether the end of the log is reached with these lines.
  private mutating func prepareLines(_ slot: UInt32) -> Bool {
    while true {
      if subscribers[Int(slot)].replay == nil, subscribers[Int(slot)].queuedReplays > 0 { beginReplay(slot) }
      guard let replay = subscribers[Int(slot)].replay else { break }
      collect(slot, in: replay..<subscribers[Int(slot)].cursor, .replay)
      guard output.runs.isEmpty else {
        appendRuns()
        return false
      }
      endReplay(slot)
    }
    collect(slot, in: subscribers[Int(slot)].cursor..<log.next, .live)
    let isAtEnd = output.reached == log.next
    let isAlone = output.directedBytes == 0 && output.runs.count == 1
    output.isDirect = isAlone && !(isAtEnd && subscribers[Int(slot)].isOwedSnapshots)
    if !output.isDirect { appendRuns() }
    return isAtEnd
  }

  /// Replaces `output.runs` by the lines due in `range`, at most `writeBytesMax` of them but at least one.
  mutating func collect(_ slot: UInt32, in range: Range<UInt64>, _ region: Region) {
    var runs: [LineRun] = []
    swap(&runs, &output.runs)
    runs.removeAll(keepingCapacity: true)
    let bytesMax = configuration.writeBytesMax
    var bytes = 0
    output.reached = forEachDue(slot, in: range, region) { seq, entry in
      bytes += Int(entry.length)
      guard bytes <= bytesMax || runs.isEmpty else { return false }
      if let last = runs.indices.last, runs[last].end == seq, log.continuesPrevious(seq) {
        runs[last].end = seq + 1
      } else {
        runs.append(LineRun(first: seq, end: seq + 1))
      }
      return true
    }
    output.region = region
    swap(&runs, &output.runs)
  }

  private mutating func appendSnapshots<S: SnapshotSource>(_ slot: UInt32, from source: inout S) {
    for place in subscribers[Int(slot)].subscriptions.indices {
      guard output.text.count < configuration.writeBytesMax else { return }
      let subscription = subscribers[Int(slot)].subscriptions[place]
      guard subscription.state == .owed else { continue }
      appendSnapshot(of: subscription.topic, owed: .topic(subscription.topic), slot, from: &source)
    }
    guard let everything = subscribers[Int(slot)].everything, everything.owedFrom != Everything.nothingOwed else { return }
    for topic in everything.owedFrom..<max(everything.owedFrom, UInt32(topics.count)) {
      guard output.text.count < configuration.writeBytesMax else { return }
      guard topics.isLive(topic), !subscribers[Int(slot)].scopes.isDisjoint(with: topics[topic].scope),
        !subscribers[Int(slot)].search(topic).isFound
      else { continue }
      appendSnapshot(of: topic, owed: .everything(below: topic + 1), slot, from: &source)
    }
    let end = output.text.count
    output.snapshots.append(.init(owed: .everything(below: Everything.nothingOwed), start: end, end: end))
  }

  private mutating func appendSnapshot<S: SnapshotSource>(
    of topic: UInt32, owed: Output.SnapshotPiece.Owed, _ slot: UInt32, from source: inout S
  ) {
    let start = output.text.count
    if topics.isLive(topic) {
      _ = source.writeSnapshot(of: TopicID(index: topic), seq: topics[topic].lastSeq, to: id(of: slot)) {
        output.text.append(contentsOf: $0)
      }
    }
    output.snapshots.append(.init(owed: owed, start: start, end: output.text.count))
  }

  // MARK: Replays

  /// Replays asked for while one was under way wait for their own, so that each is in ascending order.
  mutating func beginReplay(_ slot: UInt32) {
    var first = subscribers[Int(slot)].cursor
    for place in subscribers[Int(slot)].subscriptions.indices
    where subscribers[Int(slot)].subscriptions[place].state == .replayQueued {
      first = min(first, subscribers[Int(slot)].subscriptions[place].from)
      subscribers[Int(slot)].setState(.replaying, at: place)
    }
    subscribers[Int(slot)].replay = first
  }

  mutating func endReplay(_ slot: UInt32) {
    for place in subscribers[Int(slot)].subscriptions.indices
    where subscribers[Int(slot)].subscriptions[place].state == .replaying {
      subscribers[Int(slot)].setState(.following, at: place)
    }
    subscribers[Int(slot)].replay = nil
  }

  // MARK: Writing

  /// Hands the output to the transport and moves the subscriber's state as far as it was taken.
  /// - Returns: whether everything was taken.
  private mutating func write<T: SubscriberTransport>(to slot: UInt32, now: Moment, transport: inout T) -> Bool {
    guard output.isDirect || !output.text.isEmpty else {
      acknowledge(slot)
      return true
    }
    let (outcome, offered) = offer(to: id(of: slot), transport: &transport)
    return settleWrite(slot, outcome, offered: offered, now: now, transport: &transport)
  }

  @inline(__always)
  func offer<T: SubscriberTransport>(to id: SubscriberID, transport: inout T) -> (WriteOutcome, offered: Int) {
    if output.isDirect {
      let text = log.text(of: output.runs[0])
      return (transport.write(id, text), text.count)
    }
    return output.text.withUnsafeBytes { (transport.write(id, $0), $0.count) }
  }

  mutating func settleWrite<T: SubscriberTransport>(
    _ slot: UInt32, _ outcome: WriteOutcome, offered: Int, now: Moment, transport: inout T
  ) -> Bool {
    guard case .wrote(let taken) = outcome else {
      depart(slot, .peerGone)
      return false
    }
    precondition(taken >= 0 && taken <= offered, "a transport takes at most what it is offered")
    guard taken < offered else {
      countWrite(slot, lines: acknowledge(slot), bytes: taken)
      return true
    }
    let (lines, parked) = acknowledge(slot, cutAt: taken, transport: &transport)
    countWrite(slot, lines: lines, bytes: taken + parked)
    block(slot, now: now)
    return false
  }

  @inline(__always)
  mutating func countWrite(_ slot: UInt32, lines: Int, bytes: Int) {
    subscribers[Int(slot)].statistics.noteWrite(lines: lines, bytes: bytes)
    statistics.noteWrite(lines: lines, bytes: bytes)
  }

  /// The whole output was taken.
  /// - Returns: lines delivered by it.
  @discardableResult
  private mutating func acknowledge(_ slot: UInt32) -> Int {
    acknowledgeDirected(slot, bytes: output.directedBytes)
    advance(slot, to: output.reached)
    var lines = output.runs.reduce(0) { $0 + $1.count }
    for piece in output.snapshots { lines += acknowledge(slot, piece) }
    return lines
  }

  /// The transport took less than the output: parks the rest of the line in which it stopped, and forgets what comes after it.
  /// - Returns: lines delivered and bytes parked.
  private mutating func acknowledge<T: SubscriberTransport>(
    _ slot: UInt32, cutAt taken: Int, transport: inout T
  ) -> (lines: Int, parked: Int) {
    let id = id(of: slot)
    if taken < output.directedBytes {
      let end = (output.text[taken...].firstIndex(of: UInt8(ascii: "\n")) ?? output.directedBytes - 1) + 1
      acknowledgeDirected(slot, bytes: end)
      return (0, park(taken..<end, for: id, transport: &transport))
    }
    acknowledgeDirected(slot, bytes: output.directedBytes)
    var start = output.directedBytes
    if taken < start + output.gapBytes {
      return (0, park(taken..<start + output.gapBytes, for: id, transport: &transport))
    }
    start += output.gapBytes
    var lines = 0
    for run in output.runs {
      for seq in run.first..<run.end {
        let line = log.text(of: LineRun(first: seq, end: seq + 1))
        lines += 1
        if taken < start + line.count {
          transport.park(id, UnsafeRawBufferPointer(rebasing: line[(taken - start)...]))
          advance(slot, to: seq + 1)
          return (lines, start + line.count - taken)
        }
        start += line.count
      }
    }
    advance(slot, to: output.reached)
    for piece in output.snapshots {
      lines += acknowledge(slot, piece)
      if taken < piece.end { return (lines, park(taken..<piece.end, for: id, transport: &transport)) }
    }
    preconditionFailure("a cut lies before the end of the output")
  }

  private func park<T: SubscriberTransport>(_ range: Range<Int>, for id: SubscriberID, transport: inout T) -> Int {
    output.text.withUnsafeBytes { transport.park(id, UnsafeRawBufferPointer(rebasing: $0[range])) }
    return range.count
  }

  private mutating func acknowledgeDirected(_ slot: UInt32, bytes: Int) {
    guard bytes > 0 else { return }
    if bytes == subscribers[Int(slot)].directed.count {
      // Answers are rare and readers many: an idle one should not hold on to the room of its last answer.
      subscribers[Int(slot)].directed = []
    } else {
      subscribers[Int(slot)].directed.removeFirst(bytes)
    }
  }

  private mutating func advance(_ slot: UInt32, to seq: UInt64) {
    switch output.region {
    case .live:
      subscribers[Int(slot)].cursor = seq
    case .replay:
      subscribers[Int(slot)].replay = seq
      if seq == subscribers[Int(slot)].cursor { endReplay(slot) }
    }
  }

  /// - Returns: lines delivered by it.
  private mutating func acknowledge(_ slot: UInt32, _ piece: Output.SnapshotPiece) -> Int {
    switch piece.owed {
    case .topic(let topic):
      let (place, isFound) = subscribers[Int(slot)].search(topic)
      precondition(isFound)
      subscribers[Int(slot)].setState(.following, at: place)
    case .everything(let below):
      subscribers[Int(slot)].everything?.owedFrom = below
    }
    return piece.start < piece.end ? 1 : 0
  }

  private mutating func block(_ slot: UInt32, now: Moment) {
    distribution.setInSync(slot, false)
    subscribers[Int(slot)].isBlocked = true
    subscribers[Int(slot)].statistics.blocks += 1
    statistics.blocks += 1
    noteBehind(slot, now: now)
  }

  private mutating func noteBehind(_ slot: UInt32, now: Moment) {
    subscribers[Int(slot)].behindSince = subscribers[Int(slot)].behindSince ?? now.monotonic
    noteCursor(slot)
    scheduleLagCheck(now: now)
  }
}
