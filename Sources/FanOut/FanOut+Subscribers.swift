// Subscribers come, say what they want, and go.

import MarketData

extension FanOut {
  /// Adds a connection that follows nothing yet.
  public mutating func addSubscriber(scopes: Scope, limits: LagLimits) -> SubscriberID {
    let slot: UInt32
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = UInt32(subscribers.count)
      subscribers.append(Subscriber(generation: 0))
      distribution.addSlot()
    }
    var subscriber = Subscriber(generation: subscribers[Int(slot)].generation)
    subscriber.isConnected = true
    subscriber.scopes = scopes
    subscriber.lagBytesMax = limits.bytes
    subscriber.lagNanosecondsMax = limits.duration.nanoseconds
    subscriber.cursor = log.next
    subscriber.toldFrom = log.next
    subscribers[Int(slot)] = subscriber
    // With lines of this turn behind it, it is ahead of those in sync; the next flush puts it beside them.
    if flushedSeq == lastSeq {
      distribution.setInSync(slot, true)
    } else {
      callAttention(slot)
    }
    return id(of: slot)
  }

  /// Forgets a connection that is gone. Nothing more is written to it, and no notice is given.
  public mutating func removeSubscriber(_ id: SubscriberID) {
    guard let slot = slot(of: id) else { return }
    release(slot)
  }

  // MARK: Interest

  /// Makes a subscriber follow a topic. Whether its scopes allow that is for the caller to decide.
  public mutating func subscribe(_ id: SubscriberID, to topic: TopicID, start: Start) -> SubscribeOutcome {
    guard let slot = slot(of: id), topics.isLive(topic.index) else { return .ignored }
    guard !isSubscribed(id, to: topic) else { return .alreadySubscribed }
    if case .since(let seq) = start {
      guard isHeld(after: seq), subscribers[Int(slot)].gap == nil else { return .expired }
    }
    leaveSync(slot)
    keepingCount(slot) { fanOut in
      let subscription = fanOut.begin(topic.index, start, slot: slot)
      fanOut.insert(subscription, slot: slot)
    }
    noteCursor(slot)
    return .subscribed
  }

  /// Makes a subscriber follow all topics of its scopes, present and future; what it followed before is forgotten.
  /// Meant for presets: with `since`, a bridge line that it got before may come again.
  public mutating func subscribeToEverything(_ id: SubscriberID, start: Start) -> SubscribeOutcome {
    guard let slot = slot(of: id) else { return .ignored }
    guard subscribers[Int(slot)].everything == nil else { return .alreadySubscribed }
    if case .since(let seq) = start {
      guard isHeld(after: seq), subscribers[Int(slot)].gap == nil else { return .expired }
    }
    leaveSync(slot)
    keepingCount(slot) { fanOut in
      fanOut.unsubscribeFromAll(slot)
      var everything = Everything(from: fanOut.log.next, owedFrom: Everything.nothingOwed)
      switch start {
      case .live: break
      case .snapshotOwed: everything.owedFrom = 0
      case .since(let seq):
        everything.from = seq + 1
        fanOut.subscribers[Int(slot)].replay = nil
        fanOut.subscribers[Int(slot)].cursor = min(fanOut.subscribers[Int(slot)].cursor, seq + 1)
      }
      fanOut.subscribers[Int(slot)].everything = everything
    }
    everythingSlots.append(slot)
    noteCursor(slot)
    return .subscribed
  }

  /// Lines of the topic that were not written to the subscriber yet are not written any more.
  /// - Returns: whether it followed the topic.
  @discardableResult
  public mutating func unsubscribe(_ id: SubscriberID, from topic: TopicID) -> Bool {
    guard let slot = slot(of: id), isSubscribed(id, to: topic) else { return false }
    keepingCount(slot) { fanOut in
      fanOut.removeFollower(slot, of: topic.index)
      fanOut.subscribers[Int(slot)].remove(topic.index)
      if fanOut.subscribers[Int(slot)].everything != nil {
        let excluded = Subscription(topic: topic.index, place: 0, state: .excluded, from: .max)
        fanOut.subscribers[Int(slot)].insert(excluded)
      }
    }
    return true
  }

  private func begin(_ topic: UInt32, _ start: Start, slot: UInt32) -> Subscription {
    var subscription = Subscription(topic: topic, place: 0, state: .following, from: log.next)
    switch start {
    case .snapshotOwed:
      subscription.state = .owed
    case .live:
      // Whoever is about to be told of a gap misses this topic's lines until then, too.
      if subscribers[Int(slot)].gap != nil { subscription.state = .missing }
    case .since(let seq):
      subscription.from = seq + 1
      if subscription.from < subscribers[Int(slot)].cursor { subscription.state = .replayQueued }
    }
    return subscription
  }

  private mutating func insert(_ subscription: Subscription, slot: UInt32) {
    var subscription = subscription
    // Somebody who follows everything had the topic excluded.
    subscribers[Int(slot)].remove(subscription.topic)
    subscription.place = UInt32(topics[subscription.topic].followers.count)
    topics[subscription.topic].followers.append(slot)
    subscribers[Int(slot)].insert(subscription)
  }

  /// Whether the log holds every line after `seq`, and `seq` is one of its own numbers or the one before the first.
  func isHeld(after seq: UInt64) -> Bool {
    seq >= oldestSeq - 1 && seq <= lastSeq
  }

  public func isSubscribed(_ id: SubscriberID, to topic: TopicID) -> Bool {
    guard let slot = slot(of: id), topics.isLive(topic.index) else { return false }
    let (place, isFound) = subscribers[Int(slot)].search(topic.index)
    if isFound { return subscribers[Int(slot)].subscriptions[place].state != .excluded }
    return subscribers[Int(slot)].everything != nil
      && !subscribers[Int(slot)].scopes.isDisjoint(with: topics[topic.index].scope)
  }

  /// Whether it follows anything at all, or everything that may come.
  public func isFollowing(_ id: SubscriberID) -> Bool {
    guard let slot = slot(of: id) else { return false }
    return subscribers[Int(slot)].everything != nil || !subscribers[Int(slot)].subscriptions.isEmpty
  }

  /// Whether lines that it resumes after, or the gap line instead of them, are still to be written: it may have seen
  /// larger numbers than those of lines that it has yet to get.
  public func isCatchingUp(_ id: SubscriberID) -> Bool {
    guard let slot = slot(of: id) else { return false }
    let subscriber = subscribers[Int(slot)]
    return subscriber.replay != nil || subscriber.queuedReplays > 0 || subscriber.gap != nil
  }

  /// Topics followed by name. Following everything adds nothing to this count.
  public func subscriptionCount(_ id: SubscriberID) -> Int {
    guard let slot = slot(of: id) else { return 0 }
    return subscribers[Int(slot)].subscriptions.count { $0.state != .excluded }
  }

  /// Subscribers that follow the topic by name. Those who follow everything take what is there and make no demand.
  public func subscriberCount(of topic: TopicID) -> Int {
    topics.isLive(topic.index) ? topics[topic.index].followers.count : 0
  }

  // MARK: Talking to one subscriber

  /// Queues whole lines for one subscriber. They go out at its next line boundary, before further lines of the log.
  public mutating func send(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) {
    guard let slot = slot(of: id), !bytes.isEmpty else { return }
    precondition(bytes[bytes.count - 1] == UInt8(ascii: "\n"), "directed lines are whole lines")
    leaveSync(slot)
    subscribers[Int(slot)].directed.append(contentsOf: bytes)
  }

  /// Bytes of directed lines that were not written yet. Nothing limits them here: the caller stops reading requests.
  public func directedBytes(_ id: SubscriberID) -> Int {
    slot(of: id).map { subscribers[Int($0)].directed.count } ?? 0
  }

  public mutating func setPolicy(_ id: SubscriberID, _ policy: SlowPolicy) {
    guard let slot = slot(of: id) else { return }
    subscribers[Int(slot)].policy = policy
  }

  /// Closes the connection after its directed lines; lines of the log are not written any more.
  public mutating func closeWhenWritten(_ id: SubscriberID) {
    guard let slot = slot(of: id) else { return }
    leaveSync(slot)
    subscribers[Int(slot)].isClosing = true
  }

  /// The transport wrote the parked remainder: the subscriber can be written to again.
  public mutating func writable(_ id: SubscriberID) {
    guard let slot = slot(of: id), subscribers[Int(slot)].isBlocked else { return }
    subscribers[Int(slot)].isBlocked = false
    callAttention(slot)
  }

  // MARK: Bookkeeping

  func slot(of id: SubscriberID) -> UInt32? {
    guard Int(id.slot) < subscribers.count else { return nil }
    let subscriber = subscribers[Int(id.slot)]
    return subscriber.isConnected && subscriber.generation == id.generation ? id.slot : nil
  }

  func id(of slot: UInt32) -> SubscriberID {
    SubscriberID(slot: slot, generation: subscribers[Int(slot)].generation)
  }

  mutating func callAttention(_ slot: UInt32) {
    guard !subscribers[Int(slot)].needsAttention else { return }
    subscribers[Int(slot)].needsAttention = true
    attention.append(slot)
  }

  /// From here on the subscriber has a cursor of its own, and the next flush looks at it (unless it is blocked).
  mutating func leaveSync(_ slot: UInt32) {
    if distribution.isInSync(slot) {
      distribution.setInSync(slot, false)
      subscribers[Int(slot)].cursor = flushedSeq + 1
      noteCursor(slot)
    }
    callAttention(slot)
  }

  /// Keeps `lowestCursor` true. To be called whenever a subscriber that is not in sync may have come to need older lines.
  mutating func noteCursor(_ slot: UInt32) {
    lowestCursor = min(lowestCursor, subscribers[Int(slot)].lowestPosition)
  }

  private mutating func removeFollower(_ slot: UInt32, of topic: UInt32) {
    guard let subscription = subscribers[Int(slot)].subscription(to: topic), subscription.state != .excluded,
      let last = topics[topic].followers.popLast(), last != slot
    else { return }
    // The last in the list takes the place of the one that leaves.
    topics[topic].followers[Int(subscription.place)] = last
    let (place, _) = subscribers[Int(last)].search(topic)
    subscribers[Int(last)].subscriptions[place].place = subscription.place
  }

  private mutating func unsubscribeFromAll(_ slot: UInt32) {
    for subscription in subscribers[Int(slot)].subscriptions where subscription.state != .excluded {
      removeFollower(slot, of: subscription.topic)
    }
    subscribers[Int(slot)].removeAll()
  }

  /// Reports a subscriber gone by the fan-out's own doing and forgets it.
  mutating func depart(_ slot: UInt32, _ reason: DepartureReason) {
    notices.append(.departed(id(of: slot), reason, subscribers[Int(slot)].statistics))
    release(slot)
  }

  private mutating func release(_ slot: UInt32) {
    unsubscribeFromAll(slot)
    if subscribers[Int(slot)].everything != nil, let place = everythingSlots.firstIndex(of: slot) {
      everythingSlots.swapAt(place, everythingSlots.count - 1)
      everythingSlots.removeLast()
    }
    subscribers[Int(slot)] = Subscriber(generation: subscribers[Int(slot)].generation &+ 1)
    distribution.setInSync(slot, false)
    freeSlots.append(slot)
  }
}
