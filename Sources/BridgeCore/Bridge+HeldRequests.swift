// Requests that can only be answered when Kraken has: subscriptions until they are confirmed, snapshots of what was not
// carried. Each has a deadline, and keeps its connection open when that is half-closed.

import BridgeWire
import FanOut
import KrakenSession
import MarketData

extension Bridge {
  // MARK: Snapshot

  func snapshot(
    _ connection: Connection, _ topics: TopicParameters, _ head: AnswerHead, now: Moment
  ) throws(RequestFault) {
    let key = canonical(topics.keys[0])
    do throws(RequestFault) {
      try snapshot(connection, key, head, now: now)
    } catch {
      var fault = error
      fault.symbol = key.name.isEmpty ? nil : key.name
      throw fault
    }
  }

  private func snapshot(
    _ connection: Connection, _ key: TopicKey, _ head: AnswerHead, now: Moment
  ) throws(RequestFault) {
    try checkKnown(key)
    try checkTold(key)
    try checkRefused(key)
    if let topic = catalog[key], topic.isLive {
      return answerSnapshot(connection.id, topic, head, now: now)
    }
    let upstream = upstream(key.channel.upstreamName)
    let mayComeUp = upstream.name != .public && !upstream.hadOutcome && !isShuttingDown
    guard upstream.isConnected || mayComeUp else {
      let what = key.name.isEmpty ? key.channel.rawValue : "\(key.channel.rawValue) \(key.name)"
      throw RequestFault(.upstreamOffline, "no connection to Kraken, and \(what) is not at hand")
    }
    try checkOrderQueues(key)
    // Not carried: asked for now, and answered when it has come. It then lingers like any topic that nobody reads.
    let topic = topic(key, now: now)
    if topic.isLive {
      demandFell(topic, now: now)
      return answerSnapshot(connection.id, topic, head, now: now)
    }
    topic.demand += 1
    hold(topic, HeldRequest(
      subscriber: connection.id, head: head, kind: .snapshot,
      deadline: now.monotonic + configuration.limits.snapshotDeadline.nanoseconds), connection)
  }

  private func answerSnapshot(_ id: SubscriberID, _ topic: Topic, _ head: AnswerHead, now: Moment) {
    line.removeAll()
    let seq = fanOut.lastSeq(of: topic.id) ?? fanOut.lastSeq
    Answer.result(&line, head, timeOut: now.wall) { $0.append(event: topic, seq: seq) }
    send(to: id)
  }

  // MARK: Held requests

  func hold(_ topic: Topic, _ request: HeldRequest, _ connection: Connection) {
    topic.held.append(request)
    connection.heldCount += 1
    let index = heldDeadlines.lastIndex { $0.deadline <= request.deadline }.map { $0 + 1 } ?? 0
    heldDeadlines.insert((request.deadline, topic.id), at: index)
  }

  /// Kraken has confirmed the topic, its data has come, or the connection is gone: nothing to wait for any more.
  func answerHeld(_ topic: Topic, now: Moment) {
    guard !topic.held.isEmpty else { return }
    release(topic, now: now) { bridge, request in
      switch request.kind {
      case .subscribe(let snapshot):
        bridge.answerSubscribed(request.subscriber, topic, snapshot, request.head, now: now)
        return true
      case .snapshot where topic.isLive:
        bridge.answerSnapshot(request.subscriber, topic, request.head, now: now)
        return true
      case .snapshot: return false
      }
    }
  }

  func refuseHeld(_ topic: Topic, error: String, now: Moment) {
    failHeld(topic, now: now) { _ in RequestFault(.upstreamRefused, error) }
  }

  /// Nobody is left who could answer later.
  func answerAllHeld(now: Moment) {
    for topic in catalog.sorted where !topic.held.isEmpty {
      answerHeld(topic, now: now)
      failHeld(topic, now: now) { _ in RequestFault(.upstreamOffline, "the bridge restarts; try again") }
    }
  }

  func expireHeld(now: Moment) {
    while let first = heldDeadlines.first, first.deadline <= now.monotonic {
      heldDeadlines.removeFirst()
      guard let topic = catalog[first.topic] else { continue }
      failHeld(topic, now: now) { request in
        guard request.deadline <= now.monotonic else { return nil }
        return RequestFault(.timeout, "Kraken has not answered in time; try again")
      }
    }
  }

  /// Answers the held requests for which `fault` gives one; a failed subscribe is no subscription.
  private func failHeld(_ topic: Topic, now: Moment, _ fault: (HeldRequest) -> RequestFault?) {
    release(topic, now: now) { bridge, request in
      guard var fault = fault(request) else { return false }
      fault.method = request.head.method
      fault.requestID = request.head.requestID
      fault.symbol = topic.key.name
      guard let connection = bridge.connections[request.subscriber] else { return true }
      if case .subscribe = request.kind, connection.explicit.remove(topic.id.index) != nil {
        if !bridge.isFollowing(connection, topic) { bridge.fanOut.unsubscribe(connection.id, from: topic.id) }
        topic.demand -= 1
        bridge.membershipChanges += 1
      }
      bridge.refuse(connection, fault, timeIn: request.head.timeIn, now: now)
      return true
    }
  }

  /// Takes every request that `answer` answers off the list of those that wait.
  func release(_ topic: Topic, now: Moment, _ answer: (Bridge, HeldRequest) -> Bool) {
    guard !topic.held.isEmpty else { return }
    let held = topic.held
    topic.held = []
    for request in held {
      guard answer(self, request) else {
        topic.held.append(request)
        continue
      }
      if case .snapshot = request.kind { topic.demand -= 1 }
      guard let connection = connections[request.subscriber] else { continue }
      connection.heldCount -= 1
      closeIfDone(connection)
    }
    demandFell(topic, now: now)
  }

  func dropHeld(of id: SubscriberID, now: Moment) {
    reloadRequests[id] = nil
    for topic in catalog.sorted where topic.held.contains(where: { $0.subscriber == id }) {
      for request in topic.held where request.subscriber == id {
        if case .snapshot = request.kind { topic.demand -= 1 }
      }
      topic.held.removeAll { $0.subscriber == id }
      demandFell(topic, now: now)
    }
  }
}
