// What the bridge asks of the daemon, which owns sockets, files and the log.

import FanOut

public enum BridgeAction: Sendable {
  case openTransport(UpstreamName)
  case closeTransport(UpstreamName, code: UInt16, why: String)
  /// One text message.
  case send(UpstreamName, [UInt8])
  case log(LogRecord)
  /// The attempt budget or the sequence floor changed: write `Bridge.savedState` to the state directory.
  case saveState
  /// Get a token for a connection of this upstream; answer with `Bridge.tokenArrived`.
  case requestToken(UpstreamName)
  /// Ask Kraken's REST API, signed; `form` is the body without the nonce. Answer with `Bridge.restAnswered`.
  case rest(UInt64, path: String, form: String)
  /// A subscriber that may do so asked for a reload; answer with `Bridge.reloadFinished`.
  case reload(SubscriberID)
}

/// A log entry with an identity, so that repeated ones can be counted and the journal can index them.
public struct LogRecord: Sendable, Equatable {
  public enum Level: Sendable { case debug, info, notice, warning, error }
  /// Stable identities; the daemon maps them to the journal's message ids.
  public enum Event: String, Sendable, CaseIterable {
    case upstreamBack = "upstream_back"
    case upstreamLost = "upstream_lost"
    case upstreamState = "upstream_state"
    case attemptFailed = "attempt_failed"
    case budgetExhausted = "budget_exhausted"
    case topicFault = "topic_fault"
    case quarantined, recovered, refused, unanswered, silent
    case rateLimited = "rate_limited"
    case garbage
    case unknownMessage = "unknown_message"
    case warning
    case readerDeparted = "reader_departed"
    case readerRefused = "reader_refused"
    case readerGap = "reader_gap"
    case configurationRefused = "configuration_refused"
    case order
  }

  public var level: Level
  public var event: Event
  public var message: String
  /// Structured fields: upstream, channel, symbol, reason, uid, pid. Never a secret.
  public var fields: [(String, String)]

  public init(_ level: Level, _ event: Event, _ message: String, _ fields: [(String, String)] = []) {
    self.level = level
    self.event = event
    self.message = message
    self.fields = fields
  }

  public static func == (a: LogRecord, b: LogRecord) -> Bool {
    a.level == b.level && a.event == b.event && a.message == b.message
      && a.fields.elementsEqual(b.fields, by: ==)
  }
}
