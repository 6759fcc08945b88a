// One connection's signs of life, and what they say about when to ping and when to give up.
//
// Any message counts as life. With a subscription Kraken sends a heartbeat each second, so a short
// silence is enough to give up; without one only pings draw answers, so a ping comes first.

import MarketData

struct Connection: Sendable {
  let openedAt: Int64
  private(set) var firstMessage: Int64?
  private(set) var lastMessage: Int64
  /// Since when at least one subscription is asked for or held; heartbeats are due from here on.
  var subscribedSince: Int64?
  private(set) var pingedAt: Int64
  private(set) var pingID: UInt64?
  /// A message came after the last ping.
  private var isPingAnswered = true

  /// Whether any subscription was acknowledged, or any topic became live, on this connection.
  var wasAcknowledged = false
  var wasLive = false

  init(openedAt: Int64) {
    self.openedAt = openedAt
    lastMessage = openedAt
    pingedAt = openedAt
  }

  mutating func received(now: Int64) {
    if firstMessage == nil { firstMessage = now }
    lastMessage = now
    isPingAnswered = true
  }

  mutating func pinged(id: UInt64, now: Int64) {
    pingID = id
    pingedAt = now
    isPingAnswered = false
  }

  /// The round trip in nanoseconds, if this answers the last ping.
  mutating func ponged(id: UInt64?, now: Int64) -> Int64? {
    guard let id, id == pingID else { return nil }
    pingID = nil
    return now - pingedAt
  }

  func isStable(_ limits: LivenessLimits) -> Bool {
    guard let firstMessage else { return false }
    return lastMessage - firstMessage >= limits.stableAfter
  }

  /// When to ping.
  func pingDue(_ limits: LivenessLimits) -> Int64 {
    pingedAt + (subscribedSince == nil ? limits.idlePingInterval : limits.pingInterval)
  }

  /// When to take the connection for dead unless something comes.
  func deadAt(_ limits: LivenessLimits) -> Int64 {
    var deadline = Int64.max
    if firstMessage == nil { deadline = openedAt + limits.firstMessage }
    if let subscribedSince {
      deadline = min(deadline, max(lastMessage, subscribedSince) + limits.silenceMax)
    } else if !isPingAnswered {
      deadline = min(deadline, pingedAt + limits.pong)
    }
    return deadline
  }
}

/// The durations above in nanoseconds, converted once: they are looked at after every message.
struct LivenessLimits: Sendable {
  let stableAfter, firstMessage, silenceMax, idlePingInterval, pingInterval, pong: Int64

  init(_ configuration: SessionConfiguration) {
    stableAfter = configuration.stableAfter.nanoseconds
    firstMessage = configuration.firstMessageDeadline.nanoseconds
    silenceMax = configuration.silenceMax.nanoseconds
    idlePingInterval = configuration.idlePingInterval.nanoseconds
    pingInterval = configuration.pingInterval.nanoseconds
    pong = configuration.pongDeadline.nanoseconds
  }
}
