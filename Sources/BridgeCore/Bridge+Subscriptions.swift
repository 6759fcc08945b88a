// Subscribe and unsubscribe: topics by name, and everything of a channel.
//
// A subscription by name makes a topic wanted; following everything takes what is there. The answer to the former waits
// for Kraken's, so that a refusal reaches whoever asked.

import BridgeWire
import FanOut
import KrakenSession
import MarketData

extension Bridge {
  // MARK: Subscribe

  func subscribe(
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
    try checkTold(key)
    try checkRefused(key)
    try checkOrderQueues(key)
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

  func checkKnown(_ key: TopicKey) throws(RequestFault) {
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

  func checkRefused(_ key: TopicKey) throws(RequestFault) {
    let isDelisted = key.channel != .instrument && delistedPairs.contains(key.name)
    let stale = isDelisted ? Staleness(delisted: key.name) : catalog[key]?.stale
    guard let stale, stale.reason == StaleReason.refused.rawValue else { return }
    throw RequestFault(.upstreamRefused, stale.error ?? "refused by Kraken")
  }

  /// Whether Kraken's word on this topic is still out, and Kraken is there to give it.
  private func mustAskKraken(_ topic: Topic) -> Bool {
    let upstream = upstream(of: topic)
    guard let id = topic.upstream, upstream.isConnected || upstream.isComingUp else { return false }
    switch upstream.session.topicState(id)?.state {
    case .wanted, .asked: return true
    default: return false
    }
  }

  func answerSubscribed(
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

  func unsubscribe(
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
  func isFollowing(_ connection: Connection, _ topic: Topic) -> Bool {
    connection.followsEverything || connection.explicit(topic) || connection.wildcards.contains { $0.covers(topic.key) }
  }
}

extension Connection {
  fileprivate func explicit(_ topic: Topic?) -> Bool { topic.map { explicit.contains($0.id.index) } ?? false }
}
