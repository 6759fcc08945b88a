// The network between bridge and exchange: latency, messages that arrive together, connections that are refused, cut,
// half-open, slow to open or never answered.

import BridgeCore
import KrakenSession
import MarketData
import SimulatedExchange

/// The bridge's connection with the exchange; at most one at a time.
struct Link {
  enum Arrival {
    case text([UInt8])
    case binary
    case closed(code: UInt16?, reason: String)
  }

  /// Counts connections: what belongs to an earlier one is void.
  var number = 0
  var isOpen = false
  var isOpening = false
  var connection: Exchange.ConnectionID?
  /// Nothing goes through any more, and nobody is told.
  var isDead = false
  var inbound: [Arrival] = []
  var lastArrival: Int64 = 0
  var lastRequest: Int64 = 0
}

extension World {
  func latency() -> Int64 {
    let range = plan.latency
    let usual = network.time(Int64(range.lowerBound) * .millisecond, Int64(range.upperBound) * .millisecond)
    return network.onceIn(200) ? usual + network.time(0, .second) : usual
  }

  // MARK: Opening and closing

  func openLink() throws(Violation) {
    try require(!link.isOpen && !link.isOpening, "one connection at a time", "a second one is ordered")
    attempts.append(now)
    let window = plan.budgetWindow.nanoseconds
    let recent = attempts.count { $0 > now - window }
    try require(
      recent <= plan.budgetLimit, "attempts keep within the budget",
      "\(recent) in \(window / .second) s, \(plan.budgetLimit) allowed")
    link = Link(number: link.number + 1)
    link.isOpening = true
    trace("bridge opens the upstream, attempt \(attempts.count)")
    if !isCalm, network.onceIn(40) {
      // The transport never reports anything: the session has a deadline of its own.
      return
    }
    if !isCalm, network.onceIn(20) {
      return agenda.plan(.failed(link: link.number, .timeout), at: now + 10 * .second)
    }
    agenda.plan(.upgrade(link: link.number), at: now + latency())
  }

  func upgrade(_ number: Int) {
    guard number == link.number, link.isOpening else { return }
    guard exchange.isListening else {
      return agenda.plan(.failed(link: number, .connect("connection refused")), at: now + latency())
    }
    switch exchange.upgradeDecision(now: exchangeNow) {
    case .accept:
      link.connection = exchange.connect(.publicV2, now: exchangeNow)
      agenda.plan(.opened(link: number), at: now + latency())
      link.lastArrival = now
    case .refuse(let status): agenda.plan(.failed(link: number, .httpStatus(status)), at: now + latency())
    case .drop: agenda.plan(.failed(link: number, .connect("connection reset")), at: now + latency())
    }
  }

  func opened(_ number: Int) {
    guard number == link.number, link.isOpening else { return }
    link.isOpening = false
    link.isOpen = true
    trace("upstream opened")
    upstream.opened()
    bridge.upstreamOpened(.public, now: moment)
    guard !link.inbound.isEmpty else { return }
    for _ in link.inbound { agenda.plan(.arrival(link: number), at: now + latency()) }
  }

  func failed(_ number: Int, _ failure: TransportFailure) {
    guard number == link.number, link.isOpening else { return }
    link.isOpening = false
    trace("upstream failed: \(failure)")
    bridge.upstreamFailed(.public, failure, now: moment)
  }

  /// The bridge's end is closed; the exchange hears of it later.
  func closeLink() {
    if let id = link.connection, !link.isDead { agenda.plan(.disconnected(id), at: now + latency()) }
    if let id = link.connection, link.isDead { agenda.plan(.disconnected(id), at: now + 30 * .second) }
    link.isOpen = false
    link.isOpening = false
    link.connection = nil
    link.inbound = []
    upstream.closed()
  }

  // MARK: Messages

  func advanceExchange() {
    guard !isFrozen else { return }
    exchange.advance(to: exchangeNow)
    for (id, output) in exchange.takeOutput() where id == link.connection && !link.isDead { carry(output) }
  }

  private func carry(_ output: Exchange.Output) {
    var delay: Int64 = 0
    let arrival: Link.Arrival
    switch output {
    case .text(let bytes): arrival = .text(bytes)
    case .fragments(let fragments, _): arrival = .text(Array(fragments.joined()))
    case .slow(let bytes, let chunk, let interval):
      arrival = .text(bytes)
      delay = Int64(bytes.count / max(chunk, 1)) * interval
    case .binary: arrival = .binary
    case .close(let code, let reason): arrival = .closed(code: code, reason: reason)
    case .drop: arrival = .closed(code: nil, reason: "")
    case .ping, .stall: return  // frames that the transport answers by itself; silence shows by itself
    }
    link.inbound.append(arrival)
    link.lastArrival = max(link.lastArrival, now + latency() + delay)
    if link.isOpen { agenda.plan(.arrival(link: link.number), at: link.lastArrival) }
  }

  func arrive(_ number: Int) throws(Violation) {
    guard number == link.number, link.isOpen, !link.inbound.isEmpty, !link.isDead else { return }
    switch link.inbound.removeFirst() {
    case .text(let bytes):
      trace("upstream says \(String(decoding: bytes.prefix(300), as: UTF8.self))")
      upstream.received(bytes, now: now)
      bytes.withUnsafeBytes { bridge.upstreamReceived(.public, text: $0, now: moment) }
    case .binary: bridge.upstreamReceivedBinary(.public, now: moment)
    case .closed(let code, let reason):
      trace("upstream closed: \(code.map(String.init) ?? "no code") \(reason)")
      link.connection = nil
      link.isOpen = false
      link.inbound = []
      upstream.closed()
      bridge.upstreamClosed(.public, code: code, reason: reason, now: moment)
    }
  }

  func send(_ bytes: [UInt8]) throws(Violation) {
    trace("bridge asks \(String(decoding: bytes.prefix(300), as: UTF8.self))")
    try require(link.isOpen, "requests need a connection", String(decoding: bytes, as: UTF8.self))
    if let fault = upstream.asked(bytes, now: now) {
      throw Violation("requests to Kraken are right", "\(fault): \(String(decoding: bytes, as: UTF8.self))")
    }
    guard !link.isDead else { return }
    link.lastRequest = max(link.lastRequest, now + latency())
    agenda.plan(.request(link: link.number, bytes), at: link.lastRequest)
  }

  func takeRequest(_ number: Int, _ bytes: [UInt8]) {
    guard number == link.number, let id = link.connection, !link.isDead, !isFrozen else { return }
    exchange.receive(bytes, from: id, now: exchangeNow)
  }
}
