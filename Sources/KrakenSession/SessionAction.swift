// What the session asks of its owner. The owner carries them out in order and decides nothing.

import KrakenWire

/// The state of an upstream as subscribers are told.
public enum UpstreamState: String, Sendable, Hashable, CaseIterable {
  case connecting, online, offline, maintenance
  case cancelOnly = "cancel_only"
  case postOnly = "post_only"

  /// What Kraken's `system` means; a word nobody knows does not stop market data.
  init(system: String) {
    switch system {
    case "maintenance": self = .maintenance
    case "cancel_only": self = .cancelOnly
    case "post_only": self = .postOnly
    default: self = .online
    }
  }
}

public struct UpstreamChange: Equatable, Sendable {
  public var state: UpstreamState
  public var reason: String?
  /// Attempts since the connection was last stable; 0 when connected.
  public var attempt: Int
  /// Until the next attempt, when offline.
  public var retryIn: Duration?

  public init(state: UpstreamState, reason: String? = nil, attempt: Int, retryIn: Duration? = nil) {
    self.state = state
    self.reason = reason
    self.attempt = attempt
    self.retryIn = retryIn
  }
}

/// Why topics stopped being live; the words of the local protocol.
public enum StaleReason: String, Sendable, Hashable, CaseIterable {
  case upstreamLost = "upstream_lost"
  case silent, checksum, sequence, crossed, refused
}

/// Why a transport could not be opened.
public enum TransportFailure: Equatable, Sendable {
  /// The upgrade was answered with something else than 101.
  case httpStatus(Int)
  case connect(String)
  case tls(String)
  case timeout
}

public enum SessionAction: Equatable, Sendable {
  case openTransport
  /// From here on the session knows nothing of this transport: no event of it may be reported any more.
  case closeTransport(code: UInt16, why: String)
  /// One text message.
  case send([UInt8])
  case upstreamChanged(UpstreamChange)
  /// Every topic of this upstream stopped being live.
  case allStale(StaleReason)
  case stale([UpstreamTopicID], StaleReason)
  /// Kraken acknowledged the subscription; it is live once data comes.
  case confirmed(UpstreamTopicID)
  /// It is live without a snapshot: what was known before is void, and what there is at Kraken is not known.
  case begun(UpstreamTopicID)
  case refused(UpstreamTopicID, error: String)
  /// Get a token and hand it to `tokenArrived`, or say in `tokenFailed` why there is none.
  case needToken
  /// The ceiling of the account's trading rate counters, as the acknowledgement of `executions` tells it.
  case rateCeiling(Int)
  /// The `status` item just received differs from the one before.
  case statusItem
  /// An attempt was spent: the budget has to be stored.
  case budgetChanged
  case log(SessionLogEvent)
}

/// What came of one message.
public enum Received {
  case nothing
  case actions([SessionAction])
  /// Items to `admit` one by one, after the actions.
  case data(KrakenData, [SessionAction])
  /// The message answers a trading request, of which the session knows nothing.
  case tradingAnswer([SessionAction])
}
