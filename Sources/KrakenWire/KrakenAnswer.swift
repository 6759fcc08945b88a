// An answer to a request: Kraken's acknowledgement, refusal, or pong.
//
// One request for N symbols brings N answers with the same req_id. On success channel and symbol are
// inside "result", on failure at the top level or missing; both places are read. A failed unsubscribe
// is answered with method "subscribe", so the method says less than the req_id does.
//
//   {"method":"subscribe","req_id":2,"result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}
//   {"error":"Already subscribed","method":"subscribe","req_id":2,"success":false,"symbol":"BTC/USD"}

import JSONText

/// The method named in an answer to a request of ours.
public enum KrakenMethod: String, Sendable, Hashable {
  case subscribe, unsubscribe, pong

  init?(_ value: JSONValue) {
    if value.equals("subscribe") {
      self = .subscribe
    } else if value.equals("unsubscribe") {
      self = .unsubscribe
    } else if value.equals("pong") {
      self = .pong
    } else {
      return nil
    }
  }
}

public struct KrakenAnswer: Sendable, Hashable {
  public var method: KrakenMethod
  public var reqID: UInt64?
  /// What "success" says; anything but true is a failure. Pongs normally lack it.
  public var isSuccess: Bool
  /// Kraken's words, on failure.
  public var error: String?
  public var channel: KrakenChannel?
  public var symbol: String?
  public var depth: Int?
  public var interval: Int?
  public var trigger: EventTrigger?
  /// `executions`: the ceiling of the account's trading rate counters.
  public var maxRateCount: Int?
  /// Notes on deprecated fields and the like.
  public var warnings: [String] = []
  /// When the server read the request and when it answered, RFC 3339 as sent.
  public var timeIn: String?
  public var timeOut: String?

  init(_ root: JSONValue, method: KrakenMethod) {
    self.method = method
    isSuccess = false
    for (key, value) in root.members {
      if key.equals("req_id") {
        reqID = value.uint64
      } else if key.equals("success") {
        isSuccess = value.bool ?? false
      } else if key.equals("error") {
        error = value.string
      } else if key.equals("time_in") {
        timeIn = value.string
      } else if key.equals("time_out") {
        timeOut = value.string
      } else if key.equals("result") {
        for (key, value) in value.members { readKey(key, value) }
      } else {
        readKey(key, value)
      }
    }
  }

  private mutating func readKey(_ key: JSONValue, _ value: JSONValue) {
    if key.equals("channel") {
      channel = KrakenChannel(value)
    } else if key.equals("symbol") {
      symbol = value.string
    } else if key.equals("depth") {
      depth = value.int64.map { Int($0) }
    } else if key.equals("interval") {
      interval = value.int64.map { Int($0) }
    } else if key.equals("event_trigger") {
      trigger = EventTrigger(value)
    } else if key.equals("maxratecount") {
      maxRateCount = value.int64.map { Int($0) }
    } else if key.equals("warnings") {
      warnings = value.elements.compactMap(\.string)
    }
  }
}
