// Plays a scenario against a real `Bridge` in handed-in time and compares what comes out, line by line.
//
// Nothing may come out that the scenario does not expect: before each event and at the end, whatever Kraken or a reader
// was sent must have been expected. Pings are answered while time passes with `live` and are not shown, unless
// `config show-pings` says so.

import BridgeCore
import FanOut
import KrakenSession
import MarketData

final class ScenarioRunner {
  let scenario: ScenarioFile
  var configuration: BridgeConfiguration
  var bridge: Bridge?
  var now = Moment(monotonic: 1_000_000_000, wall: 1_791_506_060_084_312_907)
  var sockets = ScenarioSockets()

  /// Requests and orders about the connection that were not compared yet.
  var upstreamLines: [String] = []
  var links: [UpstreamName: Link] = [:]
  /// Whose turn it is at Kraken: what Kraken's lines of the scenario are about.
  var current = UpstreamName.public
  /// REST calls that were not answered yet, oldest first.
  var calls: [UInt64] = []
  var logged: [LogRecord.Event] = []
  var meanings: [String: String] = [:]
  var showsPings = false
  var failures: [String] = []
  let json = JSONParserBox()
  var recording: ScenarioRecording?

  /// A connection with Kraken.
  struct Link {
    enum State { case none, ordered, open }
    var state = State.none
    /// Requests that Kraken has not answered, oldest first.
    var unanswered: [SentRequest] = []
  }

  var link: Link {
    get { links[current, default: Link()] }
    set { links[current] = newValue }
  }

  struct SentRequest {
    var method: String
    var params: String
    var symbols: [String]
    var reqID: String
  }

  init(_ scenario: ScenarioFile) {
    self.scenario = scenario
    var session = SessionConfiguration()
    session.jitter = 0
    let lag = LagLimits(bytes: 1 << 20, duration: .seconds(10))
    configuration = BridgeConfiguration(
      version: "1.0.0", pid: 4711, publicURL: "wss://ws.kraken.com/v2", session: session,
      listeners: [
        ListenerPolicy(name: "bridge", lag: lag),
        ListenerPolicy(name: "feed", preset: .everything, lag: lag),
        ListenerPolicy(name: "private", allowsAccount: true, allowsTrade: true, lag: lag),
      ], ownUID: 990, budget: AttemptBudget())
    configuration.limits.ringBytes = 8 << 20
  }

  /// - Returns: what went wrong; empty when everything came as expected.
  func run() -> [String] {
    for step in scenario.steps {
      do {
        try play(step)
      } catch {
        failures.append("\(step.place): \(error)")
      }
      // What follows the first failure is mostly its consequence.
      if !failures.isEmpty, recording == nil { return failures }
    }
    expectNothingMore(before: "the end")
    return failures
  }

  private func play(_ step: ScenarioFile.Step) throws {
    if step.action.isExpectation {
      _ = started()
      let fault = try fault(with: step.action)
      recording?.expectation(step, passed: fault == nil)
      if let fault, recording == nil || step.isIncluded { failures.append("\(step.place): \(step.text)\n\(fault)") }
    } else {
      recording?.beforeOther(step, self)
      if step.action.isEvent {
        expectNothingMore(before: "\(step.place): \(step.text)")
        try perform(step.action)
        pump()
      }
      recording?.other(step)
    }
    if !sockets.violations.isEmpty {
      failures.append("\(step.place): \(step.text)\n" + sockets.violations.joined(separator: "\n"))
      sockets.violations = []
    }
  }

  // MARK: Events

  private func perform(_ action: ScenarioAction) throws {
    if case .config(let words) = action { return try configure(words) }
    let bridge = started()
    switch action {
    case .open:
      guard link.state == .ordered else {
        throw ScenarioSyntaxError(description: "the bridge has not ordered a connection")
      }
      link.state = .open
      bridge.upstreamOpened(current, now: now)
    case .close(let code, let reason):
      try leaveUpstream(.open)
      bridge.upstreamClosed(current, code: code, reason: reason, now: now)
    case .fail(let failure):
      try leaveUpstream(.ordered)
      bridge.upstreamFailed(current, failure, now: now)
    case .message(let text): try fromKraken(LinePattern.filledIn(text, meanings))
    case .binary:
      try checkIsOpen()
      bridge.upstreamReceivedBinary(current, now: now)
    case .fixture(let file, let lines):
      let all = try String(contentsOf: ScenarioFile.fixtures.appendingPathComponent(file), encoding: .utf8)
        .split(separator: "\n")
      for line in lines { try fromKraken(String(all[line - 1])) }
    case .acknowledge: try acknowledge()
    case .upstream(let name): current = name
    case .token(let outcome): bridge.tokenArrived(current, outcome, now: now)
    case .credentials(let available): bridge.credentialsChanged(available, now: now)
    case .restAnswer(let body, let error):
      guard !calls.isEmpty else { throw ScenarioSyntaxError(description: "nothing was asked of the REST API") }
      let call = calls.removeFirst()
      if let error {
        bridge.restAnswered(call, body: nil, error: error, now: now)
      } else {
        Array(try LinePattern.filledIn(body, meanings).utf8).withUnsafeBytes {
          bridge.restAnswered(call, body: $0, error: nil, now: now)
        }
      }
    case .advance(let duration): pass(duration)
    case .live(let duration): try live(duration)
    case .shutdown: bridge.beginShutdown(now: now)
    case .restart: restart()
    case .reloaded(let name, let error):
      bridge.reloadFinished(try reader(name).1, error: error, now: now)
    case .connect(let name, let listener, let uid): try connect(name, listener: listener, uid: uid)
    case .input(let name, let bytes): try input(name, bytes)
    case .inputByBytes(let name, let bytes):
      for byte in bytes {
        try input(name, [byte])
        pump()
      }
    case .halfClose(let name): bridge.subscriberHalfClosed(try reader(name).1, now: now)
    case .leave(let name):
      let (socket, id) = try reader(name)
      sockets.remove(socket)
      bridge.subscriberGone(id, now: now)
    case .stop(let name, let room): sockets.stop(try reader(name).0, room: room)
    case .breakOff(let name): sockets.breakOff(try reader(name).0)
    case .resume(let name):
      let (socket, id) = try reader(name)
      if sockets.resume(socket) { bridge.subscriberWritable(id, now: now) }
    case .comment, .include, .config, .expectRequest, .expectLine, .expectClosed, .expectNothing, .expectLogged,
      .expectListening:
      break
    }
  }

  private func started() -> Bridge {
    if let bridge { return bridge }
    let bridge = Bridge(configuration: configuration, seed: 1, now: now)
    self.bridge = bridge
    bridge.start(now: now)
    pump()
    return bridge
  }

  private func restart() {
    if let saved = bridge?.savedState {
      configuration.seqFloor = saved.seq
      configuration.budget = saved.budget
    }
    for reader in sockets.readers { sockets.remove(reader) }
    links = [:]
    calls = []
    bridge = nil
    _ = started()
  }

  // MARK: Time

  /// Lets time pass as a shell would: every deadline is met when it is due.
  private func pass(_ duration: Duration) {
    let end = now.monotonic + duration.nanoseconds
    while let deadline = bridge?.nextDeadline, deadline <= end {
      move(to: max(deadline, now.monotonic))
      pump()
    }
    move(to: end)
    pump()
  }

  private func move(to monotonic: Int64) {
    now.wall += monotonic - now.monotonic
    now.monotonic = monotonic
  }

  private func live(_ duration: Duration) throws {
    try checkIsOpen()
    let was = current
    defer { current = was }
    var left = duration
    while left > .zero {
      let step = min(left, .seconds(1))
      left -= step
      pass(step)
      for name in UpstreamName.allCases where links[name]?.state == .open {
        current = name
        try fromKraken(#"{"channel":"heartbeat"}"#)
      }
      guard links[was]?.state == .open else { return }
    }
  }

  // MARK: Readers

  private func reader(_ name: String) throws -> (ScenarioSockets.Reader, SubscriberID) {
    guard let reader = sockets[name], let id = reader.id else {
      throw ScenarioSyntaxError(description: "\(name) is not connected")
    }
    return (reader, id)
  }

  private func connect(_ name: String, listener: String, uid: UInt32) throws {
    guard let index = configuration.listeners.firstIndex(where: { $0.name == listener }) else {
      throw ScenarioSyntaxError(description: "no listener '\(listener)'")
    }
    switch started().subscriberConnected(listener: index, peer: Peer(uid: uid, gid: uid, pid: 1234), now: now) {
    case .accepted(let id): sockets.add(.init(name: name, id: id))
    case .refused(let bytes):
      let reader = ScenarioSockets.Reader(name: name, id: nil)
      sockets.add(reader)
      sockets.deliver(bytes, to: reader)
      reader.isClosed = true
    }
  }

  private func input(_ name: String, _ bytes: [UInt8]) throws {
    let (socket, _) = try reader(name)
    let text = String(decoding: bytes, as: UTF8.self)
    let filled = text.contains("$") ? Array(try LinePattern.filledIn(text, meanings).utf8) : bytes
    if text.contains("since") { socket.sequence.isResuming = true }
    if text.contains("since") || text.contains("snapshot\":false") || text.contains("snapshot=false") {
      socket.sequence.mayBeginWithUpdate = true
    }
    socket.waitingInput += filled
    takeInput()
  }

  /// As a shell does: a socket is read only while the bridge wants its input.
  /// - Returns: whether any was read.
  @discardableResult
  private func takeInput() -> Bool {
    var hasRead = false
    for socket in sockets.readers {
      guard !socket.waitingInput.isEmpty, !socket.isClosed, let id = socket.id, let bridge, bridge.wantsInput(id)
      else { continue }
      let bytes = socket.waitingInput
      socket.waitingInput = []
      bytes.withUnsafeBytes { bridge.subscriberReceived(id, $0, now: now) }
      hasRead = true
    }
    return hasRead
  }

  // MARK: Turns

  /// Ends the turn, and does whatever is due now, until nothing is.
  func pump() {
    guard let bridge else { return }
    for _ in 0..<10_000 {
      bridge.endTurn(now: now, transport: &sockets)
      for action in bridge.takeActions() { carryOut(action) }
      if takeInput() { continue }
      guard let deadline = bridge.nextDeadline, deadline <= now.monotonic else { return }
      bridge.deadlineReached(now: now)
    }
    failures.append("the bridge finds no rest: a deadline stays due")
  }
}
