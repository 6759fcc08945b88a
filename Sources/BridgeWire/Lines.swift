// Lines the bridge says in its own name: answers, hello, state, stale, gap, goodbye, and the envelope of events.
// Everything is appended to a JSONBytes; each function writes one whole line with its LF.

import JSONText

extension JSONBytes {
  /// A key with its colon, preceded by a comma.
  mutating func key(_ name: StaticString) {
    append(UInt8(ascii: ","))
    append(UInt8(ascii: "\""))
    append(name)
    append("\":")
  }

  mutating func optional(_ name: StaticString, _ value: Int?) {
    guard let value else { return }
    key(name)
    append(value)
  }

  mutating func optional(_ name: StaticString, quoted value: String?) {
    guard let value else { return }
    key(name)
    append(quoted: value)
  }

  /// The topic's own keys: `,"symbol":…,"depth":…`.
  public mutating func appendTopicParameters(_ topic: TopicKey) {
    if !topic.name.isEmpty {
      key(topic.isAsset ? "asset" : "symbol")
      append(quoted: topic.name)
    }
    optional("depth", topic.depth)
    optional("interval", topic.interval)
    optional("event_trigger", quoted: topic.eventTrigger)
    for (name, value) in topic.executions?.parameters ?? [] {
      key(name)
      append(bytesOf: value)
    }
  }

  /// `{"channel":…,"symbol":…}`, as topics are named inside `stale`.
  public mutating func append(topic: TopicKey) {
    append("{\"channel\":\"")
    append(bytesOf: topic.channel.rawValue)
    append("\"")
    appendTopicParameters(topic)
    append("}")
  }

  /// Adds text that needs no escaping.
  public mutating func append(bytesOf text: String) {
    for byte in text.utf8 { append(byte) }
  }
}

public enum Line {
  /// The start of every event line of a topic, up to and including `"seq":`. Fixed per topic, so it is made once; in the
  /// channels of an account it depends on the symbol too, which is not of the topic's own.
  ///
  /// - Parameter isPartial: a snapshot that tells what has come so far, not all there is.
  public static func prefix(
    _ topic: TopicKey, type: StaticString, symbol: String? = nil, isPartial: Bool = false
  ) -> [UInt8] {
    var line = JSONBytes(reserving: 96)
    line.append("{\"channel\":\"")
    line.append(bytesOf: topic.channel.rawValue)
    line.append("\",\"type\":\"")
    line.append(type)
    line.append("\"")
    line.optional("symbol", quoted: symbol)
    line.appendTopicParameters(topic)
    if isPartial { line.append(",\"partial\":true") }
    line.key("seq")
    return line.bytes
  }

  /// The same for the stages of a connection's own orders.
  public static func ordersPrefix(type: StaticString, symbol: String?) -> [UInt8] {
    var line = JSONBytes(reserving: 96)
    line.append("{\"channel\":\"orders\",\"type\":\"")
    line.append(type)
    line.append("\"")
    line.optional("symbol", quoted: symbol)
    line.key("seq")
    return line.bytes
  }

  public static func hello(
    _ line: inout JSONBytes, seq: UInt64, version: String, scope: [String], upstreams: [(name: String, state: String)]
  ) {
    line.append("{\"channel\":\"bridge\",\"type\":\"hello\",\"seq\":")
    line.append(seq)
    line.append(",\"data\":{\"version\":")
    line.append(quoted: version)
    line.append(",\"protocol\":1,\"scope\":[")
    for (index, name) in scope.enumerated() {
      if index > 0 { line.append(",") }
      line.append(quoted: name)
    }
    line.append("],\"upstreams\":{")
    for (index, upstream) in upstreams.enumerated() {
      if index > 0 { line.append(",") }
      line.append(quoted: upstream.name)
      line.append(":")
      line.append(quoted: upstream.state)
    }
    line.append("}}}\n")
  }

  /// - Parameter retryIn: seconds with at most three decimals.
  public static func state(
    _ line: inout JSONBytes, seq: UInt64, upstream: String, state: String, reason: String?, attempt: Int,
    retryIn: Duration?
  ) {
    line.append("{\"channel\":\"bridge\",\"type\":\"state\",\"seq\":")
    line.append(seq)
    line.append(",\"data\":{\"upstream\":")
    line.append(quoted: upstream)
    line.key("state")
    line.append(quoted: state)
    line.optional("reason", quoted: reason)
    line.key("attempt")
    line.append(attempt)
    if let retryIn {
      line.key("retry_in")
      line.append(seconds: retryIn)
    }
    line.append("}}\n")
  }

  /// - Parameters:
  ///   - seq: nil for a line made for one reader that may overtake lines of the log: its number would claim to
  ///     whoever resumes from it that they had been read.
  ///   - topics: nil writes `"*"`, every topic of the upstream.
  public static func stale(
    _ line: inout JSONBytes, seq: UInt64?, reason: String, upstream: String, topics: [TopicKey]?, error: String? = nil
  ) {
    line.append("{\"channel\":\"bridge\",\"type\":\"stale\"")
    if let seq {
      line.key("seq")
      line.append(seq)
    }
    line.append(",\"data\":{\"reason\":")
    line.append(quoted: reason)
    line.key("upstream")
    line.append(quoted: upstream)
    line.key("topics")
    if let topics {
      line.append("[")
      for (index, topic) in topics.enumerated() {
        if index > 0 { line.append(",") }
        line.append(topic: topic)
      }
      line.append("]")
    } else {
      line.append("\"*\"")
    }
    line.optional("error", quoted: error)
    line.append("}}\n")
  }

  public static func gap(_ line: inout JSONBytes, reason: String, from: UInt64, to: UInt64, dropped: UInt64?) {
    line.append("{\"channel\":\"bridge\",\"type\":\"gap\",\"data\":{\"reason\":")
    line.append(quoted: reason)
    line.append(",\"from\":")
    line.append(from)
    line.append(",\"to\":")
    line.append(to)
    if let dropped {
      line.append(",\"dropped\":")
      line.append(dropped)
    }
    line.append("}}\n")
  }

  public static func goodbye(_ line: inout JSONBytes, reason: String) {
    line.append("{\"channel\":\"bridge\",\"type\":\"goodbye\",\"data\":{\"reason\":")
    line.append(quoted: reason)
    line.append("}}\n")
  }
}

extension JSONBytes {
  /// Seconds with up to three decimals, no exponent: `1.25`.
  public mutating func append(seconds duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    append(seconds)
    guard milliseconds > 0 else { return }
    append(UInt8(ascii: "."))
    for divisor in [Int64(100), 10, 1] where milliseconds % (divisor * 10) != 0 {
      append(UInt8(ascii: "0") + UInt8(milliseconds / divisor % 10))
    }
  }
}
