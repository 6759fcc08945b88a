// A real bridge with readers, between an exchange that says what a fuzzer wants and sockets that take a bit at a time.
//
// Every line that leaves it is checked: whole, valid JSON, numbers rising, chains of `prev` unbroken unless marked.

import BridgeCore
import FanOut
import JSONText
import KrakenSession
import MarketData

final class FuzzedBridge {
  let bridge: Bridge
  private(set) var now: Moment
  private var sockets = FuzzedSockets()
  private var parser = JSONParser()
  /// What the session has sent and the exchange has not answered yet.
  private var requests: [[UInt8]] = []
  private(set) var isOpen = false
  private var isOpening = false

  init(requestBytesMax: Int = 64 << 10) {
    // A clock that stands at a fixed time: an input must give the same lines always.
    now = Moment(monotonic: 1_000_000_000, wall: 1_800_000_000_000_000_000)
    var limits = BridgeLimits()
    limits.ringBytes = 256 << 10
    limits.lineBytesMax = 64 << 10
    limits.requestBytesMax = requestBytesMax
    limits.answerBytesMax = 32 << 10
    let lag = LagLimits(bytes: 64 << 10, duration: .seconds(10))
    bridge = Bridge(
      configuration: BridgeConfiguration(
        version: "1", pid: 1, publicURL: "wss://fuzz/v2", session: SessionConfiguration(),
        listeners: [
          ListenerPolicy(name: "bridge.sock", lag: lag), ListenerPolicy(name: "feed.sock", preset: .everything, lag: lag),
        ],
        limits: limits, ownUID: 1, budget: AttemptBudget()),
      seed: 1, now: now)
    bridge.start(now: now)
  }

  // MARK: Readers

  func connect(listener: Int = 0, requests: [String] = [], roomPerWrite: Int = .max) throws(BrokenRule) -> SubscriberID {
    guard case .accepted(let id) = bridge.subscriberConnected(listener: listener, peer: Peer(uid: 1, gid: 1, pid: 2), now: now)
    else { throw BrokenRule("a reader was refused") }
    sockets.add(id, roomPerWrite: roomPerWrite)
    for request in requests { send(Array(request.utf8) + [0x0A], from: id) }
    return id
  }

  func send(_ bytes: [UInt8], from id: SubscriberID) {
    bytes.withUnsafeBytes { bridge.subscriberReceived(id, $0, now: now) }
  }

  func isConnected(_ id: SubscriberID) -> Bool { sockets.isOpen(id) }
  func read(by id: SubscriberID) -> [[UInt8]] { sockets.lines(of: id) }

  // MARK: The exchange

  func receive(_ message: [UInt8]) throws(BrokenRule) {
    guard isOpen else { return }
    message.withUnsafeBytes { bridge.upstreamReceived(.public, text: $0, now: now) }
    try settle()
  }

  func receiveBinary() throws(BrokenRule) {
    guard isOpen else { return }
    bridge.upstreamReceivedBinary(.public, now: now)
    try settle()
  }

  func cut(code: UInt16?) throws(BrokenRule) {
    guard isOpen else { return }
    isOpen = false
    requests = []
    bridge.upstreamClosed(.public, code: code, reason: "", now: now)
    try settle()
  }

  /// The exchange confirms everything that was asked of it.
  func acknowledge() throws(BrokenRule) {
    let asked = requests
    requests = []
    for request in asked where isOpen {
      for answer in answers(to: request) { try receive(answer) }
    }
  }

  private func answers(to request: [UInt8]) -> [[UInt8]] {
    let answers = try? parser.withDocument(request) { root in
      guard let method = root["method"]?.string, let params = root["params"], let channel = params["channel"]?.text.asString
      else { return [String]() }
      let others = params.members.filter { $0.key.equals("depth") || $0.key.equals("interval") || $0.key.equals("event_trigger") }
      let tail = others.map { ",\($0.key.text.asString):\($0.value.text.asString)" }.joined()
      let identifier = root["req_id"].map { ",\"req_id\":\($0.text.asString)" } ?? ""
      return (params["symbol"]?.elements.map { ",\"symbol\":\($0.text.asString)" } ?? [""]).map {
        "{\"method\":\"\(method)\",\"result\":{\"channel\":\(channel)\($0)\(tail)},\"success\":true\(identifier)}"
      }
    }
    return (answers ?? []).map { Array($0.utf8) }
  }

  // MARK: Time

  func wait(milliseconds: Int64) throws(BrokenRule) {
    let until = now.monotonic + milliseconds * 1_000_000
    // A bridge that is always due would stop the clock.
    for _ in 0..<10_000 {
      guard let deadline = bridge.nextDeadline, deadline <= until else { break }
      now = now.advanced(by: .nanoseconds(max(deadline - now.monotonic, 0)))
      try settle()
    }
    now = now.advanced(by: .nanoseconds(until - now.monotonic))
  }

  /// Ends the turn and does what the bridge asks for, until it asks for nothing.
  func settle() throws(BrokenRule) {
    for round in 0... {
      bridge.endTurn(now: now, transport: &sockets)
      var isQuiet = true
      for action in bridge.takeActions() {
        switch action {
        case .openTransport:
          try require(!isOpen && !isOpening, "a second connection is ordered")
          isOpening = true
        case .closeTransport:
          isOpen = false
          isOpening = false
          requests = []
        case .send(_, let text): requests.append(text)
        case .reload(let id): bridge.reloadFinished(id, error: nil, now: now)
        case .log, .saveState, .requestToken, .rest: continue
        }
        isQuiet = false
      }
      if isOpening {
        isOpening = false
        isOpen = true
        bridge.upstreamOpened(.public, now: now)
      }
      for id in sockets.drained() {
        bridge.subscriberWritable(id, now: now)
        isQuiet = false
      }
      if let violation = sockets.violation { throw BrokenRule(violation) }
      if let deadline = bridge.nextDeadline, deadline <= now.monotonic {
        bridge.deadlineReached(now: now)
      } else if isQuiet {
        return
      }
      try require(round < 20_000, "the bridge does not come to rest")
    }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate var asString: String { String(decoding: self, as: UTF8.self) }
}

/// Sockets that take at most so many bytes at once; what is parked goes out with the next turn.
struct FuzzedSockets: SubscriberTransport {
  private final class Socket {
    let roomPerWrite: Int
    var partialLine: [UInt8] = []
    var parked: [UInt8] = []
    var lines: [[UInt8]] = []
    var sequence = SequenceChecker()
    var isOpen = true

    init(roomPerWrite: Int) {
      self.roomPerWrite = roomPerWrite
      sequence.mayBeginWithUpdate = true
      sequence.isResuming = true
    }
  }

  private var sockets: [SubscriberID: Socket] = [:]
  private(set) var violation: String?

  mutating func add(_ id: SubscriberID, roomPerWrite: Int) { sockets[id] = Socket(roomPerWrite: roomPerWrite) }

  func isOpen(_ id: SubscriberID) -> Bool { sockets[id]?.isOpen ?? false }
  func lines(of id: SubscriberID) -> [[UInt8]] { sockets[id]?.lines ?? [] }

  mutating func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
    guard let socket = sockets[id], socket.isOpen else { return .closed }
    if !socket.parked.isEmpty { violation = "written to while a remainder is parked" }
    if bytes.isEmpty { violation = "nothing was written" }
    let taken = min(socket.roomPerWrite, bytes.count)
    deliver(Array(bytes.prefix(taken)), to: socket)
    return .wrote(taken)
  }

  mutating func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) {
    sockets[id]?.parked += remainder
  }

  mutating func close(_ id: SubscriberID) {
    guard let socket = sockets[id] else { return }
    deliver(socket.parked, to: socket)
    socket.parked = []
    socket.isOpen = false
    if !socket.partialLine.isEmpty { violation = "closed within a line: \(socket.partialLine.text)" }
  }

  private mutating func deliver(_ bytes: [UInt8], to socket: Socket) {
    for byte in bytes {
      guard byte == 0x0A else {
        socket.partialLine.append(byte)
        continue
      }
      let line = socket.partialLine
      socket.partialLine = []
      socket.lines.append(line)
      if !ReferenceChecker.accepts(line) { violation = "a line that is no JSON: \(line.text)" }
      if let fault = socket.sequence.check(String(decoding: line, as: UTF8.self)).first { violation = "\(fault): \(line.text)" }
    }
  }

  /// Those whose parked remainder has now been taken.
  mutating func drained() -> [SubscriberID] {
    let waiting = sockets.filter { !$0.value.parked.isEmpty }.sorted { $0.key.slot < $1.key.slot }
    for (_, socket) in waiting {
      let parked = socket.parked
      socket.parked = []
      deliver(parked, to: socket)
    }
    return waiting.map(\.key)
  }

}
