// How kraken-ctl ends, in the words of sysexits(3). Scripts rely on these numbers.

import KrakenBridgeClient

enum ExitStatus: Int32 {
  case ok = 0
  /// The command line is wrong.
  case usage = 64
  /// The request or a file makes no sense: unknown symbol, bad parameter, malformed line.
  case badData = 65
  /// The daemon, or Kraken behind it, cannot be reached.
  case unavailable = 69
  case internalError = 70
  /// A file cannot be written.
  case cannotCreate = 73
  /// No answer in time, or a limit that passes.
  case tryAgain = 75
  case notPermitted = 77
  case badConfiguration = 78

  init(_ error: BridgeError) {
    self =
      switch error.code {
      case .unreachable, .connectionLost, .closedByBridge, .closed: .unavailable
      case .notPermitted: .notPermitted
      case .badAddress: .usage
      case .protocolViolation: .badData
      case .timedOut: .tryAgain
      case .refused(let code): ExitStatus(answerCode: code)
      case .system: .internalError
      }
  }

  /// The status for the `code` of an answer that says `"success":false`.
  init(answerCode: String) {
    self =
      switch answerCode {
      case "not_permitted": .notPermitted
      case "not_configured": .badConfiguration
      case "upstream_offline": .unavailable
      case "limit_exceeded", "rate_limited", "timeout", "outcome_unknown": .tryAgain
      case "internal": .internalError
      default: .badData
      }
  }
}

/// A failure that is not the bridge's: what happened and what to do next.
struct CommandFailure: Error, CustomStringConvertible {
  var status: ExitStatus
  var message: String
  var advice: String?

  init(_ status: ExitStatus, _ message: String, advice: String? = nil) {
    self.status = status
    self.message = message
    self.advice = advice
  }

  var description: String { advice.map { "\(message): \($0)" } ?? message }
}
