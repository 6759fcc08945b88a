// Requests about topics: subscribe, unsubscribe, snapshot; and where the others are sent on to.

import BridgeWire
import FanOut
import KrakenSession
import MarketData

extension Bridge {
  func perform(_ request: Request, from connection: Connection, now: Moment) {
    let head = AnswerHead(method: request.name, requestID: request.requestID, timeIn: now.wall)
    do throws(RequestFault) {
      switch request.method {
      case .subscribe(let topics, let options):
        try checkChannel(topics.channel, connection)
        try subscribe(connection, topics, options, head, now: now)
      case .unsubscribe(let topics): try unsubscribe(connection, topics, head, now: now)
      case .snapshot(let topics):
        try checkChannel(topics.channel, connection)
        try snapshot(connection, topics, head, now: now)
      case .ping:
        line.removeAll()
        Answer.pong(&line, head, timeOut: now.wall)
        send(to: connection.id)
      case .order: throw orderFault(connection)
      case .reload:
        try checkIsOwner(connection, "reload")
        reloadRequests[connection.id, default: []].append(head)
        connection.heldCount += 1
        actions.append(.reload(connection.id))
      case .clients:
        try checkIsOwner(connection, "clients")
        report(.clients, to: connection, head, now: now)
      case .status, .topics, .subscriptions, .help, .metrics:
        report(request.method, to: connection, head, now: now)
      }
    } catch {
      var fault = error
      fault.method = fault.method ?? request.name
      fault.requestID = request.requestID
      refuse(connection, fault, timeIn: now.wall, now: now)
    }
  }

  func refuse(_ connection: Connection, _ fault: RequestFault, timeIn: Int64, now: Moment) {
    line.removeAll()
    Answer.failure(&line, fault, timeIn: timeIn, timeOut: now.wall)
    send(to: connection.id)
  }

  public func reloadFinished(_ id: SubscriberID, error: String?, now: Moment) {
    guard let connection = connections[id], let head = reloadRequests[id]?.first else { return }
    reloadRequests[id]!.removeFirst()
    if reloadRequests[id]!.isEmpty { reloadRequests[id] = nil }
    connection.heldCount -= 1
    if let error {
      let fault = RequestFault(.badParameter, error, method: head.method, requestID: head.requestID)
      refuse(connection, fault, timeIn: head.timeIn, now: now)
    } else {
      line.removeAll()
      Answer.result(&line, head, timeOut: now.wall) { $0.append("{\"reloaded\":true}") }
      send(to: id)
    }
    closeIfDone(connection)
  }

  // MARK: Who may do what

  private func checkChannel(_ channel: BridgeChannel, _ connection: Connection) throws(RequestFault) {
    guard channel.isAccount else { return }
    guard configuration.listeners[connection.listener].allowsAccount else {
      throw RequestFault(
        .notPermitted, "\(channel.rawValue) needs a listener with account scope; this one has market only")
    }
    throw RequestFault(.notConfigured, "no credentials are configured, so there is no \(channel.rawValue)")
  }

  private func orderFault(_ connection: Connection) -> RequestFault {
    configuration.listeners[connection.listener].allowsTrade
      ? RequestFault(.notConfigured, "trading is not configured")
      : RequestFault(.notPermitted, "orders need a listener with trade scope; this one has none")
  }

  private func checkIsOwner(_ connection: Connection, _ what: String) throws(RequestFault) {
    guard connection.peer.uid == 0 || connection.peer.uid == configuration.ownUID else {
      throw RequestFault(.notPermitted, "\(what) is for root and the bridge's own user")
    }
  }

  // MARK: Subscribe

  private func subscribe(
    _ connection: Connection, _ topics: TopicParameters, _ options: SubscribeOptions, _ head: AnswerHead, now: Moment
  ) throws(RequestFault) {
    if let policy = options.onSlow { fanOut.setPolicy(connection.id, policy == .resync ? .resync : .disconnect) }
    if topics.isEverySymbol { return try subscribeAll(connection, topics, options, head, now: now) }
    // One bad symbol does not spoil the others: each has its own answer, as at Kraken.
    var expired: UInt64?
    for key in topics.keys.map(canonical) {
      do throws(RequestFault) {
        try subscribe(connection, key, options, head, expired: &expired, now: now)
      } catch {
        var fault = error
        fault.method = head.method
        fault.requestID = head.requestID
        fault.symbol = key.name.isEmpty ? nil : key.name
        refuse(connection, fault, timeIn: head.timeIn, now: now)
      }
    }
    if let expired { sayExpired(connection, since: expired) }
  }

  private func subscribe(
    _ connection: Connection, _ key: TopicKey, _ options: SubscribeOptions, _ head: AnswerHead,
    expired: inout UInt64?, now: Moment
  ) throws(RequestFault) {
    if let topic = catalog[key],
      connection.explicit(topic) || connection.followsEverything && fanOut.isSubscribed(connection.id, to: topic.id)
    {
      throw RequestFault(.alreadySubscribed, "Already subscribed")
    }
    try checkKnown(key)
    guard connection.explicit.count < configuration.limits.subscriptionsPerConnection else {
      throw RequestFault(
        .limitExceeded, "a connection may have \(configuration.limits.subscriptionsPerConnection) subscriptions")
    }
    try checkRefused(key)
    let start: Start = options.since.map { .since($0) } ?? (options.snapshot ? .snapshotOwed : .live)
    let topic = follow(key, connection, start: start, expired: &expired, now: now)
    if mustAskKraken(topic) {
      hold(topic, HeldRequest(
        subscriber: connection.id, head: head, kind: .subscribe(snapshot: options.snapshot),
        deadline: now.monotonic + configuration.limits.answerDeadline.nanoseconds), connection)
    } else {
      answerSubscribed(connection.id, topic, options.snapshot, head, now: now)
    }
  }

  func follow(_ key: TopicKey, _ connection: Connection, start: Start, now: Moment) {
    var expired: UInt64?
    follow(key, connection, start: start, expired: &expired, now: now)
  }

  @discardableResult
  private func follow(
    _ key: TopicKey, _ connection: Connection, start: Start, expired: inout UInt64?, now: Moment
  ) -> Topic {
    let topic = topic(key, now: now)
    if connection.explicit.insert(topic.id.index).inserted { topic.demand += 1 }
    var start = start
    if case .since(let seq) = start {
      // A topic made after that line was seen has not been followed without a break since.
      if seq < topic.createdAfter || fanOut.subscribe(connection.id, to: topic.id, start: start) == .expired {
        expired = seq
        start = .snapshotOwed
      } else {
        return topic
      }
    }
    _ = fanOut.subscribe(connection.id, to: topic.id, start: start)
    return topic
  }

  private func sayExpired(_ connection: Connection, since: UInt64) {
    line.removeAll()
    let last = fanOut.lastSeq
    Line.gap(&line, reason: "resume_expired", from: min(since + 1, last), to: last, dropped: nil)
    send(to: connection.id)
  }

  private func checkKnown(_ key: TopicKey) throws(RequestFault) {
    guard instruments.isKnown, !key.name.isEmpty else { return }
    if key.isAsset {
      guard instruments.assets[key.name] == nil else { return }
      throw RequestFault(.unknownSymbol, "unknown asset '\(key.name)'")
    }
    guard instruments.pairs[key.name] == nil else { return }
    suggestionsLeft -= 1
    let hint = suggestionsLeft < 0 ? nil : Spelling.nearest(to: key.name, among: instruments.pairs.keys)
    throw RequestFault(
      .unknownSymbol, "Currency pair not supported \(key.name)" + (hint.map { "; did you mean \($0)?" } ?? ""))
  }

  private func checkRefused(_ key: TopicKey) throws(RequestFault) {
    let isDelisted = key.channel != .instrument && delistedPairs.contains(key.name)
    let stale = isDelisted ? Staleness(delisted: key.name) : catalog[key]?.stale
    guard let stale, stale.reason == StaleReason.refused.rawValue else { return }
    throw RequestFault(.upstreamRefused, stale.error ?? "refused by Kraken")
  }

  /// Whether Kraken's word on this topic is still out, and Kraken is there to give it.
  private func mustAskKraken(_ topic: Topic) -> Bool {
    guard let upstream = topic.upstream, upstreamState != .offline, upstreamState != .connecting else { return false }
    switch session.topicState(upstream)?.state {
    case .wanted, .asked: return true
    default: return false
    }
  }

  private func answerSubscribed(
    _ id: SubscriberID, _ topic: Topic, _ snapshot: Bool, _ head: AnswerHead, now: Moment
  ) {
    line.removeAll()
    Answer.topic(&line, head, topic.key, snapshot: snapshot, timeOut: now.wall)
    send(to: id)
  }

  private func subscribeAll(
    _ connection: Connection, _ topics: TopicParameters, _ options: SubscribeOptions, _ head: AnswerHead, now: Moment
  ) throws(RequestFault) {
    guard !connection.followsEverything, !connection.wildcards.contains(topics) else {
      throw RequestFault(.alreadySubscribed, "Already subscribed")
    }
    answerAll(connection.id, topics, head, snapshot: options.snapshot, now: now)
    let isExpired = followAll(topics, connection, options, now: now)
    if isExpired, let since = options.since { sayExpired(connection, since: since) }
  }

  /// - Returns: whether lines that were asked for are not in the log any more; snapshots come instead.
  func followAll(
    _ topics: TopicParameters, _ connection: Connection, _ options: SubscribeOptions, now: Moment
  ) -> Bool {
    // Topics made now are followed below as the request says, not as those that are made later.
    if topics.channel == .instrument { makeInstrumentTopics(now: now) }
    connection.wildcards.append(topics)
    var isExpired = false
    for topic in catalog.sorted where topics.covers(topic.key) && !connection.explicit(topic) {
      var start: Start = options.snapshot ? .snapshotOwed : .live
      if let since = options.since {
        start = .since(since)
        guard since < topic.createdAfter || fanOut.subscribe(connection.id, to: topic.id, start: start) == .expired
        else { continue }
        isExpired = true
        start = .snapshotOwed
      }
      _ = fanOut.subscribe(connection.id, to: topic.id, start: start)
    }
    return isExpired
  }

  private func answerAll(
    _ id: SubscriberID, _ topics: TopicParameters, _ head: AnswerHead, snapshot: Bool?, now: Moment
  ) {
    line.removeAll()
    Answer.result(&line, head, timeOut: now.wall) { result in
      result.append("{\"channel\":\"")
      result.append(bytesOf: topics.channel.rawValue)
      result.append("\"")
      if !topics.symbols.isEmpty { result.append(",\"symbol\":\"*\"") }
      if !topics.assets.isEmpty { result.append(",\"asset\":\"*\"") }
      if let depth = topics.depth {
        result.append(",\"depth\":")
        result.append(depth)
      }
      if let interval = topics.interval {
        result.append(",\"interval\":")
        result.append(interval)
      }
      if let trigger = topics.eventTrigger {
        result.append(",\"event_trigger\":")
        result.append(quoted: trigger)
      }
      if let snapshot { result.append(snapshot ? ",\"snapshot\":true" : ",\"snapshot\":false") }
      result.append("}")
    }
    send(to: id)
  }

  // MARK: Unsubscribe

  private func unsubscribe(
    _ connection: Connection, _ topics: TopicParameters, _ head: AnswerHead, now: Moment
  ) throws(RequestFault) {
    if topics.isEverySymbol {
      guard let index = connection.wildcards.firstIndex(of: topics) else {
        throw RequestFault(.notSubscribed, "Subscription Not Found")
      }
      connection.wildcards.remove(at: index)
      for topic in catalog.sorted where topics.covers(topic.key) && !isFollowing(connection, topic) {
        fanOut.unsubscribe(connection.id, from: topic.id)
      }
      if topics.channel == .instrument { instrumentsFell(now: now) }
      answerAll(connection.id, topics, head, snapshot: nil, now: now)
    } else {
      for key in topics.keys.map(canonical) { unsubscribe(connection, key, head, now: now) }
    }
    closeIfDone(connection)
  }

  private func unsubscribe(_ connection: Connection, _ key: TopicKey, _ head: AnswerHead, now: Moment) {
    guard let topic = catalog[key], fanOut.isSubscribed(connection.id, to: topic.id) else {
      let fault = RequestFault(
        .notSubscribed, "Subscription Not Found", method: head.method, symbol: key.name.isEmpty ? nil : key.name,
        requestID: head.requestID)
      return refuse(connection, fault, timeIn: head.timeIn, now: now)
    }
    // Its subscribe may still wait for Kraken's answer, which does not matter any more.
    release(topic, now: now) { bridge, request in
      guard request.subscriber == connection.id, case .subscribe(let snapshot) = request.kind else { return false }
      bridge.answerSubscribed(request.subscriber, topic, snapshot, request.head, now: now)
      return true
    }
    if connection.explicit.remove(topic.id.index) != nil {
      topic.demand -= 1
      demandFell(topic, now: now)
    }
    fanOut.unsubscribe(connection.id, from: topic.id)
    line.removeAll()
    Answer.topic(&line, head, topic.key, timeOut: now.wall)
    send(to: connection.id)
  }

  /// By name or by any of its wildcards.
  private func isFollowing(_ connection: Connection, _ topic: Topic) -> Bool {
    connection.followsEverything || connection.explicit(topic) || connection.wildcards.contains { $0.covers(topic.key) }
  }

  // MARK: Snapshot

  private func snapshot(
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
    try checkRefused(key)
    if let topic = catalog[key], topic.isLive {
      return answerSnapshot(connection.id, topic, head, now: now)
    }
    guard upstreamState != .offline, upstreamState != .connecting else {
      let what = key.name.isEmpty ? key.channel.rawValue : "\(key.channel.rawValue) \(key.name)"
      throw RequestFault(.upstreamOffline, "no connection to Kraken, and \(what) is not at hand")
    }
    // Not carried: asked for now, answered when it has come, and kept for a while in case somebody asks again.
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

  private func hold(_ topic: Topic, _ request: HeldRequest, _ connection: Connection) {
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
      }
      bridge.refuse(connection, fault, timeIn: request.head.timeIn, now: now)
      return true
    }
  }

  private func release(_ topic: Topic, now: Moment, _ answer: (Bridge, HeldRequest) -> Bool) {
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

extension Connection {
  fileprivate func explicit(_ topic: Topic?) -> Bool { topic.map { explicit.contains($0.id.index) } ?? false }
}
