// The token that requests on a private endpoint carry: one for each connection, and a new one when it is refused.
//
// It is asked for once the connection lives, so that attempts which fail cost none, and nothing is requested before it
// has come.
//
// Source: docs.kraken.com/api/docs/guides/spot-ws-auth

import KrakenWire
import MarketData

/// What this connection may do, and by which token.
struct Authority: Sendable {
  var token: Secret?
  var isAwaited = false
  /// Requests with this id or a higher one carry the token; refusals of older ones say nothing about it.
  var firstRequest: UInt64 = 0
  /// Replacements, the last of them at this time; monotonic.
  var renewals = 0
  var renewedAt: Int64?
}

extension KrakenSession {
  /// The token of this connection, once it has come.
  public var token: Secret? { authority.token }

  /// Whether requests can be made at all.
  var mayRequest: Bool { !configuration.usesToken || authority.token != nil }

  mutating func requestToken(_ actions: inout [SessionAction]) {
    guard configuration.usesToken, authority.token == nil, !authority.isAwaited else { return }
    authority.isAwaited = true
    actions.append(.needToken)
  }

  /// The answer to `needToken`. One that comes after its connection was lost is dropped.
  public mutating func tokenArrived(_ token: Secret, now: Moment) {
    guard authority.isAwaited else { return }
    latest = now.monotonic
    authority.isAwaited = false
    authority.token = token
    authority.firstRequest = requests.makeID()
    ledger.isUnsettled = true
  }

  /// There is no token. The connection is of no use without one.
  /// - Parameter isFinal: trying again does not help; the session stops, and can be started again.
  public mutating func tokenFailed(_ why: String, isFinal: Bool, now: Moment) -> [SessionAction] {
    guard authority.isAwaited else { return [] }
    latest = now.monotonic
    var actions: [SessionAction] = []
    abandon("no token: \(why)", isUseless: true, now: now.monotonic, &actions)
    if isFinal {
      phase = .stopped
      change(to: .offline, reason: "no token: \(why)", &actions)
    }
    return actions
  }

  /// Kraken has refused a token, of a subscription or of an order. Harmless when it is replaced already.
  public mutating func tokenRefused(now: Moment) -> [SessionAction] {
    latest = now.monotonic
    var actions: [SessionAction] = []
    if authority.token != nil { _ = replacesToken(refused: .max, &actions) }
    return actions
  }

  /// Whether the refused request can be made again with another token.
  mutating func replacesToken(refused request: UInt64, _ actions: inout [SessionAction]) -> Bool {
    guard configuration.usesToken else { return false }
    guard authority.token != nil, request >= authority.firstRequest else { return true }
    // A token may well be refused again, days later.
    if let renewedAt = authority.renewedAt, latest - renewedAt >= forgivenAfter { authority.renewals = 0 }
    guard authority.renewals < configuration.tokenRenewalsMax else { return false }
    authority.renewals += 1
    authority.renewedAt = latest
    authority.token = nil
    requestToken(&actions)
    return true
  }
}
