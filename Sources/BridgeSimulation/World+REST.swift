// Signed REST calls, carried out as the daemon does: one after the other, each with a nonce above the last one, a refused
// nonce tried once more, and nothing sent while Kraken asks for patience. Between bridge and exchange calls and answers
// take their time and may get lost.

import BridgeCore
import KrakenWire
import MarketData
import SimulatedExchange

typealias RESTAnswer = Exchange.RESTAnswer

struct RESTCalls {
  enum Purpose {
    case token(LinkName)
    case query(UInt64)
  }

  struct Call {
    var purpose: Purpose
    var path: String
    var form: String
    var isRepeated = false
  }

  var waiting: [Call] = []
  var current: Call?
  /// Counts attempts: what belongs to an earlier one is void.
  var attempt = 0
  var nonce: UInt64 = 0
  /// Nothing is sent before this time.
  var pause: (until: Int64, why: String) = (0, "")
  var tokens = SecretWatch()

  static let deadline = 10 * Int64.second

  var isIdle: Bool { current == nil && waiting.isEmpty }

  /// The bridge that asked is gone. Nonces and what the exchange has given out stay.
  mutating func abandon() {
    waiting = []
    current = nil
    attempt += 1
    pause = (0, "")
  }
}

extension World {
  func call(_ purpose: RESTCalls.Purpose, _ path: String, _ form: String) {
    rest.waiting.append(.init(purpose: purpose, path: path, form: form))
    startCall()
  }

  private func startCall() {
    guard rest.current == nil, !rest.waiting.isEmpty else { return }
    rest.current = rest.waiting.removeFirst()
    rest.attempt += 1
    guard rest.pause.until <= now else { return agenda.plan(.restTimeout(call: rest.attempt), at: now) }
    let isLost = !isCalm && network.onceIn(50)
    if !isLost { agenda.plan(.restArrival(call: rest.attempt), at: now + latency()) }
    agenda.plan(.restTimeout(call: rest.attempt), at: now + RESTCalls.deadline)
  }

  func restArrived(_ attempt: Int) {
    guard attempt == rest.attempt, let call = rest.current, !isFrozen else { return }
    rest.nonce = max(rest.nonce + 1, UInt64(max(now + wallOffset, 0)) / 1000)
    let key = APIKey.demonstration
    let body = "nonce=\(rest.nonce)" + (call.form.isEmpty ? "" : "&" + call.form)
    let request = Exchange.RESTRequest(
      path: call.path, body: Array(body.utf8), apiKey: key.key, signature: "\(rest.nonce) \(call.path)")
    let answer = exchange.rest(request, now: exchangeNow) { _, path, nonce, _ in "\(nonce) \(path)" }
    trace("rest \(call.path) \(call.form): \(answer.status) \(String(decoding: answer.body.prefix(300), as: UTF8.self))")
    if let token = WireText(answer.body)?.root["result"]?["token"] { rest.tokens.add(token.slice) }
    let isLost = !isCalm && network.onceIn(50)
    guard !isLost else { return }
    agenda.plan(
      .restAnswer(call: attempt, answer.isCut ? nil : answer), at: now + latency() + answer.delay)
  }

  func restAnswered(_ attempt: Int, _ answer: RESTAnswer?) {
    guard attempt == rest.attempt, rest.current != nil else { return }
    guard let answer else { return endCall(.failure("the connection was closed before the answer was complete")) }
    let verdict = answer.body.withUnsafeBytes { RESTVerdict.judge(status: answer.status, body: $0, wall: now + wallOffset) }
    switch verdict {
    case .done: endCall(.done(answer.body))
    case .keyRefused(let why): endCall(.failure(why, isFinal: true))
    case .later(let why, let pause):
      if pause > .zero { rest.pause = (now + pause.nanoseconds, why) }
      endCall(.failure(why))
    case .nonceRefused(let why):
      guard var call = rest.current, !call.isRepeated else { return endCall(.failure(why)) }
      call.isRepeated = true
      rest.current = nil
      rest.waiting.insert(call, at: 0)
      startCall()
    }
  }

  func restTimedOut(_ attempt: Int) {
    guard attempt == rest.attempt, rest.current != nil else { return }
    endCall(.failure(rest.pause.until > now ? rest.pause.why : "timed out"))
  }

  private enum CallEnd {
    case done([UInt8])
    case failure(String, isFinal: Bool = false)
  }

  private func endCall(_ end: CallEnd) {
    guard let call = rest.current else { return }
    rest.current = nil
    rest.attempt += 1
    switch (call.purpose, end) {
    case (.token(let name), .done(let body)):
      let token = body.withUnsafeBytes { RESTVerdict.token(in: $0) }
      bridge.tokenArrived(name, token.map { .token($0) } ?? .failed("no token", mayRetry: true), now: moment)
    case (.token(let name), .failure(let why, let isFinal)):
      bridge.tokenArrived(name, .failed(why, mayRetry: !isFinal), now: moment)
    case (.query(let id), .done(let body)):
      body.withUnsafeBytes { bridge.restAnswered(id, body: $0, error: nil, now: moment) }
    case (.query(let id), .failure(let why, _)): bridge.restAnswered(id, body: nil, error: why, now: moment)
    }
    startCall()
  }
}

/// Looks for what no reader may ever see, in everything readers and the log are given.
struct SecretWatch {
  /// The first eight bytes of each secret: forty random letters that begin alike are none of the bridge's making.
  private var beginnings: Set<UInt64> = []

  init() {
    add(Array(APIKey.demonstration.key.utf8)[...])
    add(Array(APIKey.demonstration.secret.utf8)[...])
  }

  mutating func add(_ secret: ArraySlice<UInt8>) {
    beginnings.insert(secret.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
  }

  func check(_ bytes: ArraySlice<UInt8>, _ place: @autoclosure () -> String) throws(Violation) {
    var window: UInt64 = 0
    var isFound = false
    for byte in bytes {
      window = window << 8 | UInt64(byte)
      if beginnings.contains(window) { isFound = true }
    }
    try require(!isFound, "no secret leaves the bridge", "\(place()): \(String(decoding: bytes.prefix(300), as: UTF8.self))")
  }
}
