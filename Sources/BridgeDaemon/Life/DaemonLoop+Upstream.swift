// The connections with Kraken: opened and closed by order, their events handed to the bridge.

import BridgeCore
import KrakenSession
import NIOCore

extension DaemonLoop: UpstreamTransportOwner {
  func openUpstream(_ name: UpstreamName) {
    // An earlier attempt that is still under way would be nobody's.
    closeUpstream(name, code: 1000, why: "")
    let transport = UpstreamTransport(endpoint: settings.upstream.endpoint(name), eventLoop: eventLoop, owner: self)
    upstreams[name] = transport
    transport.open(userAgent: DaemonLoop.userAgent(version)) { [trust] in try trust.context() }
  }

  static func userAgent(_ version: String) -> String { "kraken-bridge/\(version)" }

  func closeUpstream(_ name: UpstreamName, code: UInt16, why: String) {
    upstreams.removeValue(forKey: name)?.close(code: code, why: why)
  }

  private func name(of transport: UpstreamTransport) -> UpstreamName? {
    upstreams.first { $0.value === transport }?.key
  }

  func transportOpened(_ transport: UpstreamTransport) {
    guard let name = name(of: transport) else { return }
    bridge.upstreamOpened(name, now: SystemClock.now)
    scheduleTurn()
  }

  func transportFailed(_ transport: UpstreamTransport, _ failure: TransportFailure) {
    guard let name = name(of: transport) else { return }
    upstreams[name] = nil
    bridge.upstreamFailed(name, failure, now: SystemClock.now)
    scheduleTurn()
  }

  func transportReceived(_ transport: UpstreamTransport, text: UnsafeRawBufferPointer) {
    guard let name = name(of: transport) else { return }
    bridge.upstreamReceived(name, text: text, now: SystemClock.now)
    // One read can hold more than the log does.
    if bridge.isTurnFull { endTurn() }
  }

  func transportReceivedBinary(_ transport: UpstreamTransport) {
    guard let name = name(of: transport) else { return }
    bridge.upstreamReceivedBinary(name, now: SystemClock.now)
  }

  func transportReadCompleted(_ transport: UpstreamTransport) {
    endTurn()
  }

  func transportEnded(_ transport: UpstreamTransport, code: UInt16?, reason: String) {
    guard let name = name(of: transport) else { return }
    upstreams[name] = nil
    bridge.upstreamClosed(name, code: code, reason: reason, now: SystemClock.now)
    scheduleTurn()
  }
}
