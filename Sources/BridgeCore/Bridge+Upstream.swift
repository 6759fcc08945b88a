// What happens to the connection with Kraken, and what the session wants done about it.

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  public func upstreamOpened(_ name: UpstreamName, now: Moment) {
    let upstream = upstream(name)
    perform(upstream.session.transportOpened(now: now), upstream, now: now)
  }

  public func upstreamFailed(_ name: UpstreamName, _ failure: TransportFailure, now: Moment) {
    let upstream = upstream(name)
    perform(upstream.session.transportFailed(failure, now: now), upstream, now: now)
  }

  public func upstreamClosed(_ name: UpstreamName, code: UInt16?, reason: String, now: Moment) {
    let upstream = upstream(name)
    perform(upstream.session.transportClosed(code: code, reason: reason, now: now), upstream, now: now)
  }

  /// One complete text message; the bytes are only borrowed.
  ///
  /// Items are passed on byte for byte, so a line break between two tokens would tear a subscriber's line: it becomes a
  /// space first. Kraken writes none.
  public func upstreamReceived(_ name: UpstreamName, text: UnsafeRawBufferPointer, now: Moment) {
    guard text.hasLineBreak else { return take(text, upstream(name), now: now) }
    let flat = text.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    flat.withUnsafeBytes { take($0, upstream(name), now: now) }
  }

  private func take(_ text: UnsafeRawBufferPointer, _ upstream: Upstream, now: Moment) {
    do throws(JSONError) {
      try upstreamParser.withDocument(text) { root in
        switch upstream.session.received(root, now: now) {
        case .nothing: takeStatus(root, upstream, now: now)
        case .actions(let actions):
          if upstream.name == .private { orders.desk.noteClock(root, now: now) }
          perform(actions, upstream, now: now)
          takeStatus(root, upstream, now: now)
        case .data(let data, let actions):
          perform(actions, upstream, now: now)
          take(data, upstream, now: now)
        case .tradingAnswer(let actions):
          perform(actions, upstream, now: now)
          takeTradingAnswer(root, now: now)
        }
      }
    } catch {
      perform(upstream.session.receivedGarbage("not JSON: \(error)", now: now), upstream, now: now)
    }
  }

  public func upstreamReceivedBinary(_ name: UpstreamName, now: Moment) {
    let upstream = upstream(name)
    perform(upstream.session.receivedGarbage("a binary message", now: now), upstream, now: now)
  }

  // MARK: What the session wants done

  func perform(_ wishes: [SessionAction], _ upstream: Upstream, now: Moment) {
    for wish in wishes {
      switch wish {
      case .openTransport: actions.append(.openTransport(upstream.name))
      case .closeTransport(let code, let why): actions.append(.closeTransport(upstream.name, code: code, why: why))
      case .send(let text): actions.append(.send(upstream.name, text))
      case .upstreamChanged(let change): upstreamChanged(change, upstream, now: now)
      case .allStale(let reason): everythingStale(Staleness(reason: reason.rawValue), upstream, now: now)
      case .stale(_, .refused): break  // `refused` follows and says why
      case .stale(let ids, let reason): topicsStale(ids, Staleness(reason: reason.rawValue), upstream, now: now)
      case .confirmed(let id):
        for topic in upstream.topics(of: id) { answerHeld(topic, now: now) }
      case .begun(let id): if let feed = upstream.feed(of: id) { begin(feed, now: now) }
      case .refused(let id, let error): topicRefused(id, error: error, upstream, now: now)
      case .needToken: actions.append(.requestToken(upstream.name))
      case .rateCeiling(let ceiling): orders.desk.rateCeiling = ceiling
      case .statusItem: break  // the item itself is in the message: see takeStatus
      case .budgetChanged: actions.append(.saveState)
      case .log(let event): log(event, upstream)
      }
    }
  }

  private func upstreamChanged(_ change: UpstreamChange, _ upstream: Upstream, now: Moment) {
    upstream.state = change.state
    publishBridgeLine(to: .subscribersOf(upstream.name.scope)) { line, seq in
      Line.state(
        &line, seq: seq, upstream: upstream.name.text, state: change.state.rawValue, reason: change.reason,
        attempt: change.attempt, retryIn: change.retryIn)
    }
    // `status` comes without a subscription, so it may have been live although no topic of the session was.
    if upstream.name == .public, change.state == .offline, let status = catalog[TopicKey(.status)], status.isLive {
      markStale([status], Staleness(reason: StaleReason.upstreamLost.rawValue), now: now)
    }
    // A request need not wait for a connection that is gone; its topic is subscribed when Kraken is back.
    if change.state == .offline { upstream.hadOutcome = upstream.isRunning }
    guard !upstream.isConnected else { return }
    if upstream.name == .private { tradingOffline(now: now) }
    guard !upstream.isComingUp else { return }
    for topic in catalog.sorted where topic.upstreamName == upstream.name && !topic.held.isEmpty {
      answerHeld(topic, now: now)
    }
  }

  /// Every topic of the upstream, those that never were live too: what they wait for will take longer.
  private func everythingStale(_ staleness: Staleness, _ upstream: Upstream, now: Moment) {
    for topic in catalog.sorted
    where topic.upstreamName == upstream.name && topic.stale?.reason != StaleReason.refused.rawValue {
      topic.isLive = false
      topic.stale = staleness
    }
    publishBridgeLine(to: .subscribersOf(upstream.name.scope)) { line, seq in
      Line.stale(&line, seq: seq, reason: staleness.reason, upstream: upstream.name.text, topics: nil)
    }
    retryRefusedDepths(of: upstream, now: now)
  }

  /// A topic that was already marked for the same reason is not marked again.
  private func topicsStale(
    _ ids: [UpstreamTopicID], _ staleness: Staleness, _ upstream: Upstream, now: Moment
  ) {
    let affected = ids.flatMap { upstream.topics(of: $0) }.filter { $0.stale != staleness }
    if !affected.isEmpty { markStale(affected, staleness, now: now) }
  }

  /// Kraken said no. Whoever waits for the answer gets it; whoever already reads is told that nothing will come.
  private func topicRefused(_ id: UpstreamTopicID, error: String, _ upstream: Upstream, now: Moment) {
    let staleness = Staleness(reason: StaleReason.refused.rawValue, error: error)
    let topics = keepShallowerBooks(upstream.topics(of: id), upstream, now: now)
    for topic in topics { refuseHeld(topic, error: error, now: now) }
    let affected = topics.filter { $0.stale != staleness }
    if !affected.isEmpty { markStale(affected, staleness, now: now) }
  }

  /// Publishes Kraken's `status` when it differs, and the first one after a loss in any case.
  private func takeStatus(_ root: JSONValue, _ upstream: Upstream, now: Moment) {
    guard upstream.name == .public, root["channel"]?.equals("status") == true, let data = root["data"], let topic = catalog[TopicKey(.status)]
    else { return }
    var items = data.elements
    guard let item = items.next() else { return }
    receivedText.set(wall: now.wall)
    let changed = statusFeed.take(item)
    if !topic.isLive {
      publishSnapshot(topic, now: now)
    } else if changed {
      publishUpdate(topic, time: nil, bytesMax: item.text.count, now: now) { $0.append(bytes: item.text) }
    }
  }

  private func log(_ event: SessionLogEvent, _ upstream: Upstream) {
    let level: LogRecord.Level =
      switch event.level {
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      }
    var fields = [("upstream", upstream.name.text)]
    if let topic = event.topic.flatMap({ upstream.topics(of: $0).first }) {
      fields.append(("channel", topic.key.channel.rawValue))
      if !topic.key.name.isEmpty { fields.append(("symbol", topic.key.name)) }
    }
    if let reason = event.reason { fields.append(("reason", reason)) }
    if event.count > 1 { fields.append(("count", String(event.count))) }
    log(level, LogRecord.Event(rawValue: event.kind.rawValue) ?? .warning, event.message, fields)
  }
}

extension UnsafeRawBufferPointer {
  /// Whether there is an LF or CR. Every message of Kraken's is looked through, words at a time, for anything
  /// below a space, of which it writes nothing.
  fileprivate var hasLineBreak: Bool {
    guard let start = baseAddress, count >= 8 else { return contains { $0 == 0x0A || $0 == 0x0D } }
    // Not zero exactly if a byte of the eight is below 0x20. Sound: asked only where eight are left.
    func controls(_ place: Int) -> UInt64 {
      let word = (start + place).loadUnaligned(as: UInt64.self)
      return (word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080
    }
    var place = 0
    while place &+ 8 <= count, controls(place) == 0 { place &+= 8 }
    // The last word may overlap with the one before it.
    if place &+ 8 > count, controls(count &- 8) == 0 { return false }
    return contains { $0 == 0x0A || $0 == 0x0D }
  }
}
