// Going on after a restart: the state of one fan-out taken out, and another one made from it.

extension FanOut {
  /// Everything that the next fan-out needs to go on. Lines published since the last flush count as not delivered.
  ///
  /// - Parameters:
  ///   - lineBytesMax: the newest lines of the log go with it, as many as fit in this; nil makes a checkpoint.
  ///   - unwritten: the rest of the line that a reader is in the middle of, which the transport still holds.
  public func exportState(
    lineBytesMax: Int?, unwritten: (SubscriberID) -> [UInt8] = { _ in [] }
  ) -> FanOutState {
    var state = FanOutState(lastSeq: lastSeq)
    state.topics = topics.topics.map { topic in
      var topic = topic
      topic.followers = []
      return topic
    }
    state.retired = topics.retired
    if let lineBytesMax { copyLines(to: &state, bytesMax: lineBytesMax) }
    for slot in subscribers.indices {
      var subscriber = Subscriber(generation: subscribers[slot].generation)
      if subscribers[slot].isConnected {
        subscriber = subscribers[slot]
        if distribution.isInSync(UInt32(slot)) { subscriber.cursor = flushedSeq + 1 }
        subscriber.isBlocked = false
        subscriber.needsAttention = false
        subscriber.statistics = SubscriberStatistics()
        subscriber.directed = lineBytesMax == nil ? [] : unwritten(id(of: UInt32(slot))) + subscriber.directed
      }
      state.subscribers.append(subscriber)
    }
    return state
  }

  private func copyLines(to state: inout FanOutState, bytesMax: Int) {
    state.hasLines = true
    var oldest = log.next
    var bytes = 0
    while oldest > log.oldest {
      bytes += Int(log.entry(oldest - 1).length)
      guard bytes <= bytesMax else { break }
      oldest -= 1
    }
    for seq in oldest..<log.next {
      let entry = log.entry(seq)
      state.lines.append(.init(address: entry.address, length: Int(entry.length)))
      state.text.append(contentsOf: log.text(of: LineRun(first: seq, end: seq + 1)))
    }
    state.lists = audienceLists.held.filter { $0.seq >= oldest }
  }

  /// Goes on from `state`, with every reader still connected; `removeSubscriber` those who are not.
  ///
  /// With lines the numbers go on where they were. From a checkpoint they go on at `firstSeq`, and every reader gets
  /// a gap with reason `restart`, from what it certainly had to the last number before its snapshots.
  /// - Parameter limits: what each reader's limits are now.
  public init(
    configuration: FanOutConfiguration, restoring state: FanOutState, firstSeq: UInt64,
    limits: (SubscriberID) -> LagLimits
  ) {
    var skipped = 0
    if state.hasLines {
      // An empty ring takes lines without a break, as many as it has room for.
      var bytes = state.text.count
      while skipped < state.lines.count,
        bytes > configuration.ringCapacity
          || state.lines.count - skipped > configuration.entriesCapacity
          || state.lines[skipped].length > configuration.lineBytesMax
      {
        bytes -= state.lines[skipped].length
        skipped += 1
      }
    }
    self.init(
      configuration: configuration,
      firstSeq: state.hasLines ? state.oldestSeq + UInt64(skipped) : max(firstSeq, state.lastSeq + 1))
    topics = TopicTable(topics: state.topics, retired: state.retired)
    if state.hasLines { appendLines(of: state, skipping: skipped) }
    for slot in state.subscribers.indices { restore(state.subscribers[slot], isCertain: state.hasLines, limits) }
    freeSlots = subscribers.indices.reversed().filter { !subscribers[$0].isConnected }.map { UInt32($0) }
  }

  private mutating func appendLines(of state: FanOutState, skipping skipped: Int) {
    var place = state.lines[..<skipped].reduce(0) { $0 + $1.length }
    state.text.withUnsafeBytes { text in
      for line in state.lines[skipped...] {
        // Sound: the room has the line's length, and `isSound` made the lengths add up to the text.
        log.reserve(line.length).copyMemory(from: text.baseAddress! + place, byteCount: line.length)
        log.commit(line.length, address: line.address)
        place += line.length
      }
    }
    for list in state.lists where list.seq >= log.oldest { audienceLists.append(seq: list.seq, topics: list.topics) }
    flushedSeq = lastSeq
  }

  private mutating func restore(_ subscriber: Subscriber, isCertain: Bool, _ limits: (SubscriberID) -> LagLimits) {
    let slot = UInt32(subscribers.count)
    subscribers.append(subscriber)
    distribution.addSlot()
    guard subscriber.isConnected else { return }
    let limits = limits(id(of: slot))
    subscribers[Int(slot)].lagBytesMax = limits.bytes
    subscribers[Int(slot)].lagNanosecondsMax = limits.duration.nanoseconds
    for place in subscriber.subscriptions.indices where subscriber.subscriptions[place].state != .excluded {
      let topic = subscriber.subscriptions[place].topic
      // Who follows everything keeps what it followed by name when that is removed.
      guard topics.isLive(topic) else { continue }
      subscribers[Int(slot)].subscriptions[place].place = UInt32(topics[topic].followers.count)
      topics[topic].followers.append(slot)
    }
    if subscriber.everything != nil { everythingSlots.append(slot) }
    // Who is about to be closed for being slow need not be told of anything.
    if subscriber.exceeded == nil, !isCertain || subscriber.lowestPosition < log.oldest { missRestart(slot) }
    callAttention(slot)
    noteCursor(slot)
    if subscriber.behindSince != nil { nextLagCheck = .min }
  }

  /// Makes the reader be told that what came after its position is uncertain.
  private mutating func missRestart(_ slot: UInt32) {
    let from = subscribers[Int(slot)].gap?.from ?? subscribers[Int(slot)].lowestPosition
    for place in subscribers[Int(slot)].subscriptions.indices {
      switch subscribers[Int(slot)].subscriptions[place].state {
      case .following, .replayQueued, .replaying: subscribers[Int(slot)].setState(.missing, at: place)
      case .owed, .missing, .excluded: break
      }
    }
    subscribers[Int(slot)].replay = nil
    subscribers[Int(slot)].cursor = log.next
    subscribers[Int(slot)].gap = Gap(
      from: min(from, lastSeq), missed: 0, publishedAtStart: publishedWhileMissing(slot), reason: .restart)
  }
}
