// Connections: admitted, read line by line, half-closed, gone.
//
// A bad line never costs a client its connection and never disturbs another; only a line that is too long does, since
// there is no telling where the next one starts.

import BridgeWire
import FanOut
import MarketData

extension Bridge {
  public enum Connected {
    case accepted(SubscriberID)
    /// Write this line, then close.
    case refused([UInt8])
  }

  /// A new connection on the listener with this index; its hello line is queued.
  public func subscriberConnected(listener: Int, peer: Peer, now: Moment) -> Connected {
    subscriberConnected(
      listener: listener, peer: peer, greeting: { [self] in sayHello(to: $0, configuration.listeners[listener]) },
      now: now)
  }

  func subscriberConnected(
    listener: Int, peer: Peer, greeting: (SubscriberID) -> Void, now: Moment
  ) -> Connected {
    let limits = configuration.limits
    let ofUID = connectionsByUID[peer.uid, default: 0]
    guard connections.count < limits.connections, ofUID < limits.connectionsPerUID, !isShuttingDown else {
      let policy = configuration.listeners[listener]
      let which = ofUID < limits.connectionsPerUID ? "connections" : "connections-per-uid"
      let why = isShuttingDown ? "the bridge is stopping" : "limits.\(which) is reached"
      log(
        isShuttingDown ? .info : .warning, .readerRefused, "a connection from uid \(peer.uid) was refused: \(why)",
        [("listener", policy.name), ("peer_uid", String(peer.uid)), ("peer_pid", String(peer.pid))])
      line.removeAll()
      Line.goodbye(&line, reason: isShuttingDown ? "shutdown" : "limit")
      return .refused(line.bytes)
    }
    let policy = configuration.listeners[listener]
    let id = fanOut.addSubscriber(scopes: policy.scopes, limits: policy.lag)
    let connection = Connection(id: id, listener: listener, peer: peer, connectedAt: now.monotonic)
    connections[id] = connection
    connectionsByUID[peer.uid] = ofUID + 1
    admitTrader(connection, policy, now: now)
    membershipChanges += 1
    greeting(id)
    follow(policy.preset, connection, now: now)
    return .accepted(id)
  }

  private func sayHello(to id: SubscriberID, _ policy: ListenerPolicy) {
    line.removeAll()
    let upstreams = upstreams.map { (name: $0.name.text, state: $0.stateText) }
    Line.hello(
      &line, seq: fanOut.lastSeq, version: configuration.version, scope: policy.scopeNames, upstreams: upstreams)
    send(to: id)
  }

  private func follow(_ preset: ListenerPolicy.Preset, _ connection: Connection, now: Moment) {
    switch preset {
    case .none: break
    case .everything:
      connection.followsEverything = true
      makeInstrumentTopics(now: now)
      _ = fanOut.subscribeToEverything(connection.id, start: .snapshotOwed)
    case .topics(let subscriptions):
      for subscription in subscriptions {
        guard let parameters = try? subscription.parameters else { continue }
        if parameters.isEverySymbol { _ = followAll(parameters, connection, SubscribeOptions(), now: now) }
        for key in parameters.keys.map(canonical) { follow(key, connection, start: .snapshotOwed, now: now) }
      }
    }
  }

  // MARK: Input

  /// Any chunk of input; lines are cut here.
  public func subscriberReceived(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer, now: Moment) {
    guard let connection = connections[id], !connection.isClosing else { return }
    guard connection.input.isEmpty, !connection.isInputPaused else {
      connection.input.append(contentsOf: bytes)
      return takeInput(of: connection, now: now)
    }
    // The usual case: whole lines in one chunk, read where they are.
    let rest = takeLines(of: connection, bytes, now: now)
    connection.input.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[rest...]))
    refuseOverlongLine(of: connection, now: now)
  }

  private func takeInput(of connection: Connection, now: Moment) {
    let input = connection.input
    connection.input = []
    let rest = input.withUnsafeBytes { takeLines(of: connection, $0, now: now) }
    connection.input = rest == 0 ? input : Array(input[rest...])
    refuseOverlongLine(of: connection, now: now)
  }

  /// - Returns: where the first line begins that was not taken.
  private func takeLines(of connection: Connection, _ bytes: UnsafeRawBufferPointer, now: Moment) -> Int {
    var start = 0
    while !connection.isClosing {
      connection.isInputPaused = !mayAnswer(connection.id)
      if connection.isInputPaused { pausedInput.insert(connection.id) }
      guard !connection.isInputPaused, let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { break }
      let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
      guard !mustWait(line, from: connection) else { break }
      start = end + 1
      if line.count > configuration.limits.requestBytesMax { return overlong(connection, now: now, bytes.count) }
      take(line, from: connection, now: now)
    }
    return start
  }

  /// The answer to a ping says that what was asked for before it has come, also when it had to be read from the log:
  /// so a ping, and what was sent after it, is taken only then.
  private func mustWait(_ line: UnsafeRawBufferPointer, from connection: Connection) -> Bool {
    guard fanOut.isCatchingUp(connection.id), case .ping? = try? requestParser.parse(line)?.method else { return false }
    connection.pingWaits = true
    connection.isInputPaused = true
    pausedInput.insert(connection.id)
    return true
  }

  private func refuseOverlongLine(of connection: Connection, now: Moment) {
    guard !connection.isInputPaused, connection.input.count > configuration.limits.requestBytesMax else { return }
    _ = overlong(connection, now: now, 0)
    connection.input = []
  }

  private func overlong(_ connection: Connection, now: Moment, _ rest: Int) -> Int {
    let bytesMax = configuration.limits.requestBytesMax
    refuse(
      connection, RequestFault(.lineTooLong, "a request line may have at most \(bytesMax) bytes"), timeIn: now.wall,
      now: now)
    line.removeAll()
    Line.goodbye(&line, reason: "protocol")
    send(to: connection.id)
    close(connection)
    return rest
  }

  private func take(_ bytes: UnsafeRawBufferPointer, from connection: Connection, now: Moment) {
    do throws(RequestFault) {
      guard let request = try requestParser.parse(bytes) else { return }
      membershipChanges += 1
      perform(request, from: connection, now: now)
    } catch {
      refuse(connection, error, timeIn: now.wall, now: now)
    }
  }

  /// Requests that had to wait because the client did not read its answers, or for a replay.
  func takePausedInput(now: Moment) {
    guard !pausedInput.isEmpty else { return }
    for id in pausedInput.sorted(by: { $0.slot < $1.slot }) {
      guard let connection = connections[id] else {
        pausedInput.remove(id)
        continue
      }
      guard mayAnswer(id) else { continue }
      pausedInput.remove(id)
      connection.isInputPaused = false
      connection.pingWaits = false
      takeInput(of: connection, now: now)
      if connection.isHalfClosed, !connection.isInputPaused { endOfInput(connection, now: now) }
    }
  }

  /// Whether few enough answers wait to be written to take further requests, and none of these waits for a replay.
  func mayAnswer(_ id: SubscriberID) -> Bool {
    fanOut.directedBytes(id) <= configuration.limits.answerBytesMax
      && !(connections[id]?.pingWaits == true && fanOut.isCatchingUp(id))
  }

  /// False while the connection's requests have to wait: stop reading from its socket.
  public func wantsInput(_ id: SubscriberID) -> Bool {
    guard let connection = connections[id] else { return false }
    return !connection.isInputPaused && !connection.isClosing
  }

  // MARK: The end

  /// The client has shut down its writing side; it goes on reading until it really goes away.
  public func subscriberHalfClosed(_ id: SubscriberID, now: Moment) {
    guard let connection = connections[id] else { return }
    connection.isHalfClosed = true
    membershipChanges += 1
    if !connection.isInputPaused { endOfInput(connection, now: now) }
  }

  private func endOfInput(_ connection: Connection, now: Moment) {
    if !connection.input.isEmpty {
      // What a `printf` without newline sent is a line all the same.
      let last = connection.input
      connection.input = []
      last.withUnsafeBytes { take($0, from: connection, now: now) }
    }
    closeIfDone(connection)
  }

  /// Who can not ask any more, follows nothing and waits for nothing is closed once its last answer is written.
  func closeIfDone(_ connection: Connection) {
    guard connection.isHalfClosed, connection.heldCount == 0, connection.wildcards.isEmpty else { return }
    guard connection.mayTrade, connection.orderStream != nil else {
      if !fanOut.isFollowing(connection.id), !isWaitingForOrders(connection) { close(connection) }
      return
    }
    let followsOrdersOnly = !connection.followsEverything && fanOut.subscriptionCount(connection.id) == 1
    // Its last stages are in the log and have to be written first.
    if followsOrdersOnly, !isWaitingForOrders(connection) { orders.finishing.insert(connection.id) }
  }

  func close(_ connection: Connection) {
    connection.isClosing = true
    fanOut.closeWhenWritten(connection.id)
  }

  public func subscriberWritable(_ id: SubscriberID, now: Moment) { fanOut.writable(id) }

  public func subscriberGone(_ id: SubscriberID, now: Moment) {
    guard connections[id] != nil else { return }
    if let lines = fanOut.status(of: id)?.statistics.lines { forget(id, reason: "client_closed", lines: lines, now: now) }
    fanOut.removeSubscriber(id)
  }

  func take(_ notice: FanOutNotice, now: Moment) {
    switch notice {
    case .gap(let id, let from, let to, let dropped):
      guard let connection = connections[id] else { return }
      log(
        .warning, .readerGap, "a slow reader missed \(dropped) lines (\(from) to \(to))", fields(of: connection))
    case .departed(let id, let reason, let statistics):
      forget(id, reason: reason.text, lines: statistics.lines, now: now)
    }
  }

  private func forget(_ id: SubscriberID, reason: String, lines: UInt64, now: Moment) {
    guard let connection = connections.removeValue(forKey: id) else { return }
    membershipChanges += 1
    pausedInput.remove(id)
    let uid = connection.peer.uid
    connectionsByUID[uid] = connectionsByUID[uid, default: 1] - 1
    if connectionsByUID[uid] == 0 { connectionsByUID[uid] = nil }
    for index in connection.explicit.sorted() {
      guard let topic = catalog[TopicID(index: index)] else { continue }
      topic.demand -= 1
      demandFell(topic, now: now)
    }
    traderGone(connection, now: now)
    if connection.heldCount > 0 { dropHeld(of: id, now: now) }
    for _ in 0..<connection.instrumentListsFollowed { instrumentsFell(now: now) }
    departures.append(
      .init(
        wall: now.wall, reason: reason, peer: connection.peer,
        listener: configuration.listeners[connection.listener].name, lines: lines))
    log(
      reason.hasPrefix("slow_reader") ? .warning : .info, .readerDeparted, "a reader left: \(reason)",
      fields(of: connection) + [("reason", reason)])
  }

  private func fields(of connection: Connection) -> [(String, String)] {
    [
      ("listener", configuration.listeners[connection.listener].name), ("peer_uid", String(connection.peer.uid)),
      ("peer_pid", String(connection.peer.pid)),
    ]
  }
}

extension DepartureReason {
  var text: String {
    switch self {
    case .finished: "finished"
    case .peerGone: "client_closed"
    case .slowReader(.bytes): "slow_reader_bytes"
    case .slowReader(.duration): "slow_reader_seconds"
    case .slowReader(.ring): "slow_reader_ring"
    case .stuckWhileClosing: "slow_reader_closing"
    }
  }
}

extension ListenerPolicy {
  var scopes: Scope { allowsAccount || allowsTrade ? [.market, .account] : .market }

  var scopeNames: [String] {
    ["market"] + (allowsAccount || allowsTrade ? ["account"] : []) + (allowsTrade ? ["trade"] : [])
  }
}
