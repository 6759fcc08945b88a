// Two bridges, one after the other, with the same readers: what a restart does to them, judged by the lines they get.
// Kraken is played by hand: it answers subscriptions to one ticker and sends what the test says.

import BridgeCore
import FanOut
import KrakenSession
import MarketData
import Testing

@Suite struct RestartTests {
  @Test func anOrderlyRestartGoesOnWhereItStopped() throws {
    let stage = RestartStage()
    let reader = stage.connect("reader")
    stage.send(reader, "subscribe ticker BTC/USD")
    stage.bringKraken()
    stage.tick(price: 1)
    let last = try #require(stage.take(reader).last)
    let seq = try #require(last.number("seq"))
    #expect(last.contains("\"last\":1,"))

    stage.stopOrderly()
    #expect(stage.take(reader).map(\.kind) == ["stale upstream_lost", "state offline"])
    try stage.startAgain()
    #expect(stage.take(reader).map(\.kind) == ["state connecting"])
    stage.bringKraken()
    let back = stage.take(reader)
    #expect(back.map(\.kind) == ["state online", "ticker snapshot"])
    #expect(try #require(back[1].number("seq")) > seq)
    #expect(try #require(back[1].number("seq")) < seq + 10, "numbers go on without a jump")
    stage.tick(price: 2)
    #expect(stage.take(reader).map { $0.number("prev") } == [back[1].number("seq")])
    #expect(stage.violations.isEmpty)
  }

  @Test func afterACrashEveryReaderIsToldOfAGap() throws {
    let stage = RestartStage()
    let reader = stage.connect("reader")
    stage.send(reader, "subscribe ticker BTC/USD")
    stage.bringKraken()
    stage.checkpoint()
    stage.tick(price: 1)
    let seq = try #require(stage.take(reader).last?.number("seq"))

    try stage.startAgain()
    let told = stage.take(reader)
    #expect(told.map(\.kind).prefix(2) == ["gap restart", "stale upstream_lost"])
    #expect(try #require(told[0].number("from")) <= seq)
    #expect(try #require(told[0].number("to")) >= seq)
    stage.bringKraken()
    #expect(stage.take(reader).map(\.kind).last == "ticker snapshot")
  }

  @Test func aRequestSentInTwoPartsAcrossTheRestartIsAnswered() throws {
    let stage = RestartStage()
    let reader = stage.connect("reader")
    stage.sendBytes(reader, "{\"method\":\"pi")
    stage.stopOrderly()
    try stage.startAgain()
    _ = stage.take(reader)
    stage.sendBytes(reader, "ng\",\"req_id\":7}\n")
    let answer = stage.take(reader)
    #expect(answer.count == 1 && answer[0].contains("\"pong\"") && answer[0].contains("\"req_id\":7"))
  }

  /// Found by simulation: the first half of a request was in the checkpoint, and the next request, after a crash, was
  /// taken for its second half, which had long been answered.
  @Test func whatWasAskedBeforeACrashIsNotAskedAgain() throws {
    let stage = RestartStage()
    let reader = stage.connect("reader")
    stage.sendBytes(reader, "{\"method\":\"pi")
    stage.checkpoint()
    stage.sendBytes(reader, "ng\",\"req_id\":7}\n")
    #expect(stage.take(reader).last?.contains("\"req_id\":7") == true)
    try stage.startAgain()
    stage.send(reader, "{\"method\":\"ping\",\"req_id\":8}")
    let answers = stage.take(reader).filter { $0.contains("\"method\"") || $0.contains("\"error\"") }
    #expect(answers.count == 1 && answers[0].contains("\"pong\"") && answers[0].contains("\"req_id\":8"))
  }

  @Test func wildcardsPresetsAndHalfClosedReadersGoOn() throws {
    let stage = RestartStage()
    let wide = stage.connect("wide", listener: 1)
    let half = stage.connect("half")
    stage.send(half, "subscribe ticker *")
    stage.bridge.subscriberHalfClosed(half, now: stage.now)
    let named = stage.connect("named")
    stage.send(named, "subscribe ticker BTC/USD")
    stage.bringKraken()
    stage.stopOrderly()
    try stage.startAgain()
    for reader in [wide, half] { _ = stage.take(reader) }
    stage.bringKraken()
    #expect(stage.take(wide).map(\.kind).contains("ticker snapshot"))
    #expect(stage.take(half).map(\.kind).contains("ticker snapshot"))
    #expect(stage.isClosed("half") == false)
    // Nobody else wants the topic, and it still goes when its last reader does.
    stage.send(named, "unsubscribe ticker BTC/USD")
    #expect(stage.take(named).last?.contains("\"success\":true") == true)
  }

  @Test func aReaderWhoseListenerIsGoneIsSentAway() throws {
    let stage = RestartStage()
    let reader = stage.connect("reader", listener: 1)
    stage.stopOrderly()
    stage.configuration.listeners.removeLast()
    try stage.startAgain()
    #expect(stage.take(reader).map(\.kind).last == "goodbye shutdown")
    #expect(stage.isClosed("reader"))
  }

  @Test func aReaderWithoutStateIsKeptAndTold() throws {
    let stage = RestartStage()
    _ = stage.connect("before")
    stage.stopOrderly()
    stage.state[20] ^= 0xFF
    #expect(throws: (any Error).self) { try BridgeState(stage.state) }
    stage.start(restoring: nil)
    guard case .accepted(let id) = stage.bridge.subscriberFound(
      listener: 0, peer: stage.peer, lineMayBeTorn: true, now: stage.now)
    else {
      Issue.record("not kept")
      return
    }
    stage.adopt("found", id)
    let told = stage.take(id)
    #expect(told.map(\.kind) == ["", "gap restart", "stale dropped"])
  }

  /// The configuration may be another after a restart: then a view may be followed that can not be told any more.
  @Test func aViewThatCanNotBeToldAnyMoreIsRefused() throws {
    let stage = RestartStage()
    stage.configuration.hasCredentials = true
    stage.configuration.listeners[0].allowsAccount = true
    stage.start(restoring: nil)
    let reader = stage.connect("reader")
    stage.send(reader, "subscribe open_orders")
    stage.stopOrderly()
    #expect(stage.take(reader).contains { $0.contains("\"success\":true") })

    stage.configuration.account.coversAllUsers = true
    try stage.startAgain()
    let refusals = stage.take(reader).filter { $0.kind == "stale refused" }
    #expect(refusals.count == 1 && refusals[0].contains("open_orders") && refusals[0].contains("account.users"))
    stage.send(reader, "snapshot open_orders")
    #expect(stage.take(reader).map { $0.contains("\"code\":\"not_configured\"") } == [true])
    #expect(stage.violations.isEmpty)
  }

  @Test func anotherVersionIsNoState() throws {
    let stage = RestartStage()
    stage.stopOrderly()
    _ = try BridgeState(stage.state)
    // The version follows the magic word with its length.
    var other = stage.state
    other[1 + "kraken-bridge state ".utf8.count] += 1
    #expect(throws: StateFault.self) { try BridgeState(other) }
    #expect(throws: StateFault.self) { try BridgeState([]) }
    #expect(throws: StateFault.self) { try BridgeState(stage.state + [0]) }
  }
}

final class RestartStage {
  var bridge: Bridge
  var now = Moment(monotonic: 1_000_000_000, wall: 1_791_506_060_084_312_907)
  var configuration: BridgeConfiguration
  var state: [UInt8] = []
  let peer = Peer(uid: 990, gid: 990, pid: 4242)
  private var sockets = ScenarioSockets()
  private var names: [SubscriberID: String] = [:]
  private var requests: [String] = []

  var violations: [String] { sockets.violations }

  init(limits: BridgeLimits = BridgeLimits()) {
    let lag = LagLimits(bytes: 1 << 20, duration: .seconds(10))
    var session = SessionConfiguration()
    session.jitter = 0
    configuration = BridgeConfiguration(
      version: "1.0.0", pid: 4711, publicURL: "wss://ws.kraken.com/v2", session: session,
      listeners: [
        ListenerPolicy(name: "bridge", lag: lag), ListenerPolicy(name: "feed", preset: .everything, lag: lag),
      ], limits: limits, ownUID: 990, budget: AttemptBudget())
    bridge = Bridge(configuration: configuration, seed: 1, now: now)
    bridge.start(now: now)
    turn()
  }

  func turn() {
    bridge.endTurn(now: now, transport: &sockets)
    for case .send(_, let text) in bridge.takeActions() { requests.append(String(decoding: text, as: UTF8.self)) }
  }

  func connect(_ name: String, listener: Int = 0) -> SubscriberID {
    guard case .accepted(let id) = bridge.subscriberConnected(listener: listener, peer: peer, now: now) else {
      preconditionFailure("refused")
    }
    adopt(name, id)
    return id
  }

  func adopt(_ name: String, _ id: SubscriberID) {
    names[id] = name
    sockets.add(.init(name: name, id: id))
    turn()
  }

  func send(_ id: SubscriberID, _ line: String) { sendBytes(id, line + "\n") }

  func sendBytes(_ id: SubscriberID, _ text: String) {
    Array(text.utf8).withUnsafeBytes { bridge.subscriberReceived(id, $0, now: now) }
    turn()
  }

  func take(_ id: SubscriberID) -> [String] {
    guard let reader = sockets[names[id]!] else { return [] }
    defer { reader.lines = [] }
    return reader.lines
  }

  func isClosed(_ name: String) -> Bool { sockets[name]?.isClosed ?? true }

  // MARK: Kraken

  private func receive(_ text: String, endsTurn: Bool = true) {
    Array(text.utf8).withUnsafeBytes { bridge.upstreamReceived(.public, text: $0, now: now) }
    if endsTurn || bridge.isTurnFull { turn() }
  }

  /// Lets it connect and answers every subscription to the ticker, with a snapshot.
  func bringKraken() {
    if let due = bridge.nextDeadline { now = now.advanced(by: .nanoseconds(max(0, due - now.monotonic))) }
    bridge.deadlineReached(now: now)
    turn()
    bridge.upstreamOpened(.public, now: now)
    turn()
    receive(
      "{\"channel\":\"status\",\"type\":\"update\",\"data\":[{\"version\":\"2.0.0\",\"system\":\"online\",\"api_version\":\"v2\",\"connection_id\":1}]}"
    )
    for _ in 0..<20 {
      bridge.deadlineReached(now: now)
      turn()
      let sent = requests
      requests = []
      for request in sent where request.contains("\"ticker\"") {
        receive(
          "{\"method\":\"subscribe\",\"result\":{\"channel\":\"ticker\",\"symbol\":\"BTC/USD\",\"event_trigger\":\"trades\",\"snapshot\":true},\"success\":true,\"time_in\":\"2026-10-09T00:34:21.060761Z\",\"time_out\":\"2026-10-09T00:34:21.060762Z\",\"req_id\":\(request.number("req_id")!)}"
        )
        ticker("snapshot", price: 0)
      }
      now = now.advanced(by: .milliseconds(100))
    }
  }

  func tick(price: Int, endsTurn: Bool = true) { ticker("update", price: price, endsTurn: endsTurn) }

  private func ticker(_ type: String, price: Int, endsTurn: Bool = true) {
    receive(
      "{\"channel\":\"ticker\",\"type\":\"\(type)\",\"data\":[{\"symbol\":\"BTC/USD\",\"last\":\(price),\"bid\":1,\"ask\":2}]}",
      endsTurn: endsTurn)
  }

  // MARK: Restarts

  func stopOrderly() {
    bridge.beginHandover(now: now)
    turn()
    state = bridge.handOver(lineBytesMax: 1 << 20) { _ in [] }.bytes
  }

  func checkpoint() { state = bridge.checkpoint().bytes }

  func startAgain() throws { start(restoring: try BridgeState(state)) }

  func start(restoring state: BridgeState?) {
    requests = []
    now = now.advanced(by: .seconds(1))
    bridge = Bridge(configuration: configuration, seed: 2, restoring: state, now: now)
    bridge.start(now: now)
    turn()
    if let due = bridge.nextDeadline, due <= now.monotonic { bridge.deadlineReached(now: now) }
    turn()
  }
}

extension String {
  fileprivate func number(_ key: String) -> UInt64? {
    guard let place = firstRange(of: "\"\(key)\":") else { return nil }
    return UInt64(self[place...].prefix { $0.isNumber })
  }

  /// Where the text after `word` begins.
  private func firstRange(of word: String) -> String.Index? {
    var place = startIndex
    while place < endIndex {
      if self[place...].hasPrefix(word) { return index(place, offsetBy: word.count) }
      place = index(after: place)
    }
    return nil
  }

  private func word(_ key: String) -> String? {
    firstRange(of: "\"\(key)\":\"").map { String(self[$0...].prefix { $0 != "\"" }) }
  }

  /// A line in short: for bridge lines type and reason or state, for others channel and type.
  fileprivate var kind: String {
    guard let channel = word("channel"), let type = word("type") else { return self }
    return channel == "bridge" ? "\(type) \(word("state") ?? word("reason") ?? "")" : "\(channel) \(type)"
  }
}
