// What happens to the connection with Kraken, and what the session wants done about it.

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  public func upstreamOpened(_ name: UpstreamName, now: Moment) {
    perform(session.transportOpened(now: now), now: now)
  }

  public func upstreamFailed(_ name: UpstreamName, _ failure: TransportFailure, now: Moment) {
    perform(session.transportFailed(failure, now: now), now: now)
  }

  public func upstreamClosed(_ name: UpstreamName, code: UInt16?, reason: String, now: Moment) {
    perform(session.transportClosed(code: code, reason: reason, now: now), now: now)
  }

  /// One complete text message; the bytes are only borrowed.
  ///
  /// Items are passed on byte for byte, so a line break between two tokens would tear a subscriber's line: it becomes a
  /// space first. Kraken writes none.
  public func upstreamReceived(_ name: UpstreamName, text: UnsafeRawBufferPointer, now: Moment) {
    guard text.hasLineBreak else { return take(text, now: now) }
    let flat = text.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    flat.withUnsafeBytes { take($0, now: now) }
  }

  private func take(_ text: UnsafeRawBufferPointer, now: Moment) {
    do throws(JSONError) {
      try upstreamParser.withDocument(text) { root in
        switch session.received(root, now: now) {
        case .nothing: takeStatus(root, now: now)
        case .actions(let actions):
          perform(actions, now: now)
          takeStatus(root, now: now)
        case .data(let data, let actions):
          perform(actions, now: now)
          take(data, now: now)
        }
      }
    } catch {
      perform(session.receivedGarbage("not JSON: \(error)", now: now), now: now)
    }
  }

  public func upstreamReceivedBinary(_ name: UpstreamName, now: Moment) {
    perform(session.receivedGarbage("a binary message", now: now), now: now)
  }

  // MARK: Orders of the session

  func perform(_ orders: [SessionAction], now: Moment) {
    for order in orders {
      switch order {
      case .openTransport: actions.append(.openTransport(.public))
      case .closeTransport(let code, let why): actions.append(.closeTransport(.public, code: code, why: why))
      case .send(let text): actions.append(.send(.public, text))
      case .upstreamChanged(let change): upstreamChanged(change, now: now)
      case .allStale(let reason): everythingStale(Staleness(reason: reason.rawValue), now: now)
      case .stale(_, .refused): break  // `refused` follows and says why
      case .stale(let ids, let reason): topicsStale(ids, Staleness(reason: reason.rawValue), now: now)
      case .confirmed(let id):
        for topic in catalog.topics(of: id) { answerHeld(topic, now: now) }
      case .refused(let id, let error): topicRefused(id, error: error, now: now)
      case .statusItem: break  // the item itself is in the message: see takeStatus
      case .budgetChanged: actions.append(.saveState)
      case .log(let event): log(event)
      }
    }
  }

  private func upstreamChanged(_ change: UpstreamChange, now: Moment) {
    upstreamState = change.state
    publishBridgeLine(to: .subscribersOf(.market)) { line, seq in
      Line.state(
        &line, seq: seq, upstream: UpstreamName.public.text, state: change.state.rawValue, reason: change.reason,
        attempt: change.attempt, retryIn: change.retryIn)
    }
    // `status` comes without a subscription, so it may have been live although no topic of the session was.
    if change.state == .offline, let status = catalog[TopicKey(.status)], status.isLive {
      markStale([status], Staleness(reason: StaleReason.upstreamLost.rawValue), now: now)
    }
    // A request need not wait for a connection that is gone; its topic is subscribed when Kraken is back.
    guard change.state == .offline || change.state == .connecting else { return }
    for topic in catalog.sorted where !topic.held.isEmpty { answerHeld(topic, now: now) }
  }

  /// Every topic of the upstream, those that never were live too: what they wait for will take longer.
  private func everythingStale(_ staleness: Staleness, now: Moment) {
    for topic in catalog.sorted where topic.stale?.reason != StaleReason.refused.rawValue {
      topic.isLive = false
      topic.stale = staleness
    }
    publishBridgeLine(to: .subscribersOf(.market)) { line, seq in
      Line.stale(
        &line, seq: seq, reason: staleness.reason, upstream: UpstreamName.public.text, topics: nil)
    }
  }

  /// A topic that was already marked for the same reason is not marked again.
  private func topicsStale(_ ids: [UpstreamTopicID], _ staleness: Staleness, now: Moment) {
    let affected = ids.flatMap { catalog.topics(of: $0) }.filter { $0.stale != staleness }
    if !affected.isEmpty { markStale(affected, staleness, now: now) }
  }

  /// Kraken said no. Whoever waits for the answer gets it; whoever already reads is told that nothing will come.
  private func topicRefused(_ id: UpstreamTopicID, error: String, now: Moment) {
    let staleness = Staleness(reason: StaleReason.refused.rawValue, error: error)
    let topics = catalog.topics(of: id)
    for topic in topics { refuseHeld(topic, error: error, now: now) }
    let affected = topics.filter { $0.stale != staleness }
    if !affected.isEmpty { markStale(affected, staleness, now: now) }
  }

  /// Publishes Kraken's `status` when it differs, and the first one after a loss in any case.
  private func takeStatus(_ root: JSONValue, now: Moment) {
    guard root["channel"]?.equals("status") == true, let data = root["data"], let topic = catalog[TopicKey(.status)]
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

  private func log(_ event: SessionLogEvent) {
    let level: LogRecord.Level =
      switch event.level {
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      }
    var fields = [("upstream", UpstreamName.public.text)]
    if let topic = event.topic.flatMap({ catalog.topics(of: $0).first }) {
      fields.append(("channel", topic.key.channel.rawValue))
      if !topic.key.name.isEmpty { fields.append(("symbol", topic.key.name)) }
    }
    if let reason = event.reason { fields.append(("reason", reason)) }
    if event.count > 1 { fields.append(("count", String(event.count))) }
    log(level, LogRecord.Event(rawValue: event.kind.rawValue) ?? .warning, event.message, fields)
  }
}

extension UnsafeRawBufferPointer {
  /// Whether there is an LF or CR, eight bytes at a time: every message of Kraken's is looked through.
  fileprivate var hasLineBreak: Bool {
    // The highest bit of some byte is set exactly if a byte is zero.
    func zeros(_ word: UInt64) -> UInt64 { (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 }
    var place = 0
    while place &+ 8 <= count {
      let word = loadUnaligned(fromByteOffset: place, as: UInt64.self)
      if zeros(word ^ 0x0A0A_0A0A_0A0A_0A0A) | zeros(word ^ 0x0D0D_0D0D_0D0D_0D0D) != 0 { return true }
      place &+= 8
    }
    return self[place...].contains { $0 == 0x0A || $0 == 0x0D }
  }
}
