// Answers to requests, in Kraken's envelope: one per symbol, `req_id` echoed, both times of the bridge's clock.

import JSONText

/// What every answer repeats of its request.
public struct AnswerHead: Sendable, Equatable {
  public var method: String
  public var requestID: String?
  /// Wall clock, nanoseconds: when the request was read.
  public var timeIn: Int64

  public init(method: String, requestID: String?, timeIn: Int64) {
    self.method = method
    self.requestID = requestID
    self.timeIn = timeIn
  }
}

public enum Answer {
  /// `{"method":…,"result":{"channel":…,"symbol":…,…},"success":true,…}` for one topic.
  public static func topic(
    _ line: inout JSONBytes, _ head: AnswerHead, _ topic: TopicKey, snapshot: Bool? = nil, timeOut: Int64
  ) {
    result(&line, head, timeOut: timeOut) { line in
      line.append("{\"channel\":\"")
      line.append(bytesOf: topic.channel.rawValue)
      line.append("\"")
      line.appendTopicParameters(topic)
      if topic.channel == .ticker, topic.eventTrigger == nil { line.append(",\"event_trigger\":\"trades\"") }
      if let snapshot {
        line.key("snapshot")
        line.append(snapshot ? "true" : "false")
      }
      line.append("}")
    }
  }

  /// A success whose `result` the caller writes: one JSON value.
  public static func result(
    _ line: inout JSONBytes, _ head: AnswerHead, timeOut: Int64, _ result: (inout JSONBytes) -> Void
  ) {
    line.append("{\"method\":")
    line.append(quoted: head.method)
    line.append(",\"result\":")
    result(&line)
    line.append(",\"success\":true")
    tail(&line, head, timeOut)
  }

  public static func failure(_ line: inout JSONBytes, _ fault: RequestFault, timeIn: Int64, timeOut: Int64) {
    line.append("{")
    if let method = fault.method {
      line.append("\"method\":")
      line.append(quoted: method)
      line.append(",")
    }
    line.append("\"error\":")
    line.append(quoted: fault.message)
    line.append(",\"code\":\"")
    line.append(bytesOf: fault.code.rawValue)
    line.append("\",\"success\":false")
    if let symbol = fault.symbol {
      line.append(",\"symbol\":")
      line.append(quoted: symbol)
    }
    tail(&line, AnswerHead(method: "", requestID: fault.requestID, timeIn: timeIn), timeOut)
  }

  /// Kraken answers `ping` with method `pong` and neither `result` nor `success`.
  public static func pong(_ line: inout JSONBytes, _ head: AnswerHead, timeOut: Int64) {
    line.append("{\"method\":\"pong\"")
    tail(&line, head, timeOut)
  }

  private static func tail(_ line: inout JSONBytes, _ head: AnswerHead, _ timeOut: Int64) {
    if let id = head.requestID {
      line.append(",\"req_id\":")
      line.append(bytesOf: id)
    }
    line.append(",\"time_in\":\"")
    line.append(bytesOf: Timestamp.text(wall: head.timeIn))
    line.append("\",\"time_out\":\"")
    line.append(bytesOf: Timestamp.text(wall: timeOut))
    line.append("\"}\n")
  }
}
