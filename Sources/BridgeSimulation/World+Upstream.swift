// The network between bridge and exchange: latency, messages that arrive together, connections that are refused, cut,
// half-open, slow to open or never answered.

import BridgeCore
import KrakenSession
import MarketData
import SimulatedExchange

/// One of the bridge's connections with the exchange; at most one of each name at a time.
struct Link {
  enum Arrival {
    case text([UInt8])
    case binary
    case closed(code: UInt16?, reason: String)
  }

  /// What belongs to an earlier connection of the name is void.
  struct ID: Equatable {
    var name: LinkName
    /// Counts connections.
    var number = 0
  }

  var id: ID
  var isOpen = false
  var isOpening = false
  var connection: Exchange.ConnectionID?
  /// Nothing goes through any more, and nobody is told.
  var isDead = false
  var inbound: [Arrival] = []
  var lastArrival: Int64 = 0
  var lastRequest: Int64 = 0
  var closedAt = Int64.min
}

extension World {
  func latency() -> Int64 {
    let range = plan.latency
    let usual = network.time(Int64(range.lowerBound) * .millisecond, Int64(range.upperBound) * .millisecond)
    return network.onceIn(200) ? usual + network.time(0, .second) : usual
  }

  // MARK: Opening and closing

  func link(_ name: LinkName) -> Link { links[Int(name.rawValue)] }

  /// The link, if it is still the same connection.
  private func current(_ id: Link.ID) -> Link? {
    let link = link(id.name)
    return link.id == id ? link : nil
  }

  private func change(_ name: LinkName, _ body: (inout Link) -> Void) { body(&links[Int(name.rawValue)]) }

  func openLink(_ name: LinkName) throws(Violation) {
    let before = link(name)
    try require(!before.isOpen && !before.isOpening, "one connection at a time", "a second one is ordered")
    attempts.append(now)
    let window = plan.budgetWindow.nanoseconds
    let recent = attempts.count { $0 > now - window }
    try require(
      recent <= plan.budgetLimit, "attempts keep within the budget",
      "\(recent) in \(window / .second) s, \(plan.budgetLimit) allowed")
    let id = Link.ID(name: name, number: before.id.number + 1)
    links[Int(name.rawValue)] = Link(id: id, isOpening: true)
    trace("bridge opens \(name.text), attempt \(attempts.count)")
    if !isCalm, network.onceIn(40) {
      // The transport never reports anything: the session has a deadline of its own.
      return
    }
    if !isCalm, network.onceIn(20) {
      return agenda.plan(.failed(id, .timeout), at: now + 10 * .second)
    }
    agenda.plan(.upgrade(id), at: now + latency())
  }

  func upgrade(_ id: Link.ID) {
    guard current(id)?.isOpening ?? false else { return }
    guard exchange.isListening else {
      return agenda.plan(.failed(id, .connect("connection refused")), at: now + latency())
    }
    switch exchange.upgradeDecision(now: exchangeNow) {
    case .accept:
      let connection = exchange.connect(id.name.endpoint, now: exchangeNow)
      agenda.plan(.opened(id), at: now + latency())
      change(id.name) {
        $0.connection = connection
        $0.lastArrival = now
      }
    case .refuse(let status): agenda.plan(.failed(id, .httpStatus(status)), at: now + latency())
    case .drop: agenda.plan(.failed(id, .connect("connection reset")), at: now + latency())
    }
  }

  func opened(_ id: Link.ID) {
    guard let link = current(id), link.isOpening else { return }
    change(id.name) {
      $0.isOpening = false
      $0.isOpen = true
    }
    trace("\(id.name.text) opened")
    models[Int(id.name.rawValue)].opened()
    bridge.upstreamOpened(id.name, now: moment)
    for _ in link.inbound { agenda.plan(.arrival(id), at: now + latency()) }
  }

  func failed(_ id: Link.ID, _ failure: TransportFailure) {
    guard current(id)?.isOpening ?? false else { return }
    change(id.name) { $0.isOpening = false }
    trace("\(id.name.text) failed: \(failure)")
    bridge.upstreamFailed(id.name, failure, now: moment)
  }

  /// The bridge's end is closed; the exchange hears of it later.
  func closeLink(_ name: LinkName) {
    let link = link(name)
    if let id = link.connection, !link.isDead { agenda.plan(.disconnected(id), at: now + latency()) }
    // An order that has gone into the network may not come out of it when it counts as never received.
    let late = name == .private ? 2 * Int64.second : 30 * .second
    if let id = link.connection, link.isDead { agenda.plan(.disconnected(id), at: now + late) }
    end(name)
  }

  func closeLinks() { for link in links { closeLink(link.id.name) } }

  /// Nothing of the present connection is heard any more.
  private func end(_ name: LinkName) {
    change(name) {
      $0.isOpen = false
      $0.isOpening = false
      $0.connection = nil
      $0.inbound = []
      $0.closedAt = now
    }
    models[Int(name.rawValue)].closed()
    if name == .private { register.doubts += 1 }
  }

  // MARK: Messages

  func advanceExchange() {
    guard !isFrozen else { return }
    exchange.advance(to: exchangeNow)
    for (id, output) in exchange.takeOutput() {
      guard let link = links.first(where: { $0.connection == id }), !link.isDead else { continue }
      carry(output, on: link)
    }
  }

  private func carry(_ output: Exchange.Output, on link: Link) {
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
    let at = max(link.lastArrival, now + latency() + delay)
    change(link.id.name) {
      $0.inbound.append(arrival)
      $0.lastArrival = at
    }
    if link.isOpen { agenda.plan(.arrival(link.id), at: at) }
  }

  func arrive(_ id: Link.ID) throws(Violation) {
    guard let link = current(id), link.isOpen, !link.inbound.isEmpty, !link.isDead else { return }
    let name = id.name
    change(name) { $0.inbound.removeFirst() }
    switch link.inbound[0] {
    case .text(let bytes):
      trace("\(name.text) says \(String(decoding: bytes.prefix(400), as: UTF8.self))")
      models[Int(name.rawValue)].received(bytes, now: now)
      if name == .private { noteBreaks() }
      bytes.withUnsafeBytes { bridge.upstreamReceived(name, text: $0, now: moment) }
    case .binary: bridge.upstreamReceivedBinary(name, now: moment)
    case .closed(let code, let reason):
      trace("\(name.text) closed: \(code.map(String.init) ?? "no code") \(reason)")
      end(name)
      bridge.upstreamClosed(name, code: code, reason: reason, now: moment)
    }
  }

  func send(_ name: LinkName, _ bytes: [UInt8]) throws(Violation) {
    trace("bridge asks \(name.text) \(String(decoding: bytes.prefix(400), as: UTF8.self))")
    let link = link(name)
    let isOrder = name == .private ? try register.sent(bytes) : false
    // What was said in the moment of the end is lost with the connection.
    let isLost = isOrder && link.closedAt == now
    try require(link.isOpen || isLost, "requests need a connection", String(decoding: bytes, as: UTF8.self))
    if !isOrder, let fault = models[Int(name.rawValue)].asked(bytes, now: now) {
      throw Violation("requests to Kraken are right", "\(fault): \(String(decoding: bytes, as: UTF8.self))")
    }
    guard link.isOpen, !link.isDead else { return }
    let at = max(link.lastRequest, now + latency())
    change(name) { $0.lastRequest = at }
    agenda.plan(.request(link.id, bytes), at: at)
  }

  func takeRequest(_ id: Link.ID, _ bytes: [UInt8]) {
    guard let link = current(id), let connection = link.connection, !link.isDead, !isFrozen else { return }
    exchange.receive(bytes, from: connection, now: exchangeNow)
  }
}

extension LinkName {
  var endpoint: Exchange.Endpoint {
    switch self {
    case .public: .publicV2
    case .private: .privateV2
    case .level3: .level3
    }
  }
}
