// Why a request was refused: a stable code for programs, words for people.

public enum FaultCode: String, Sendable, CaseIterable {
  case malformed
  case lineTooLong = "line_too_long"
  case unknownMethod = "unknown_method"
  case unknownChannel = "unknown_channel"
  case unknownSymbol = "unknown_symbol"
  case badParameter = "bad_parameter"
  case alreadySubscribed = "already_subscribed"
  case notSubscribed = "not_subscribed"
  case notPermitted = "not_permitted"
  case notConfigured = "not_configured"
  case limitExceeded = "limit_exceeded"
  case rateLimited = "rate_limited"
  case upstreamOffline = "upstream_offline"
  case upstreamRefused = "upstream_refused"
  case timeout
  case outcomeUnknown = "outcome_unknown"
  case `internal`
}

public struct RequestFault: Error, Equatable, Sendable {
  public var code: FaultCode
  /// What was wrong and what would be right.
  public var message: String
  /// The method the line asked for, when it could be read.
  public var method: String?
  public var symbol: String?
  /// The request's `req_id` as JSON text, for the echo.
  public var requestID: String?

  public init(
    _ code: FaultCode, _ message: String, method: String? = nil, symbol: String? = nil, requestID: String? = nil
  ) {
    self.code = code
    self.message = message
    self.method = method
    self.symbol = symbol
    self.requestID = requestID
  }
}
