// From a line to a typed message. Tolerant on purpose: a key that is missing or new never costs the
// reader the line, which is always there as it came.

extension BridgeMessage {
  /// Reads a line; `nil` when it is not a JSON object.
  public init?(line bytes: [UInt8]) {
    guard let envelope = Envelope(reading: bytes) else { return nil }
    let line = RawLine(bytes)
    switch (envelope.channel, envelope.type) {
    case (nil, _) where envelope.method != nil:
      self = .answer(Answer(line, envelope))
    case ("bridge", "hello"):
      self = .hello(Hello(line, envelope))
    case ("bridge", "state"):
      self = .state(UpstreamState(line, envelope))
    case ("bridge", "stale"):
      self = .stale(Stale(line, envelope))
    case ("bridge", "gap"):
      self = .gap(Gap(line, envelope))
    case ("bridge", "goodbye"):
      self = .goodbye(Goodbye(line: line, reason: line.text("reason") ?? "unknown"))
    case (let channel?, let type?) where channel != "bridge" && envelope.seq != nil:
      self = .event(Event(line, envelope, channel: channel, type: type))
    default:
      self = envelope.success == nil ? .other(line) : .answer(Answer(line, envelope))
    }
  }
}

extension RawLine {
  /// The text of a member of `data`.
  fileprivate func text(_ name: String) -> String? {
    json["data"]?[name]?.string
  }
}

extension Hello {
  init(_ line: RawLine, _ envelope: Envelope) {
    let data = line.json["data"]
    self.init(
      line: line,
      seq: envelope.seq ?? 0,
      version: data?["version"]?.plainText ?? "unknown",
      protocolVersion: data?["protocol"]?.int ?? 0,
      scope: data?["scope"]?.elements.map(\.plainText) ?? [])
  }

  public static func == (left: Hello, right: Hello) -> Bool { left.line == right.line }
}

extension Answer {
  init(_ line: RawLine, _ envelope: Envelope) {
    self.init(
      line: line,
      method: envelope.method ?? "",
      success: envelope.success ?? (envelope.error == nil),
      requestID: envelope.requestID,
      symbol: envelope.symbol ?? envelope.resultSymbol,
      code: envelope.code,
      error: envelope.error)
  }
}

extension Event {
  init(_ line: RawLine, _ envelope: Envelope, channel: String, type: String) {
    self.init(
      line: line,
      topic: Topic(
        channel: channel, symbol: envelope.symbol, asset: envelope.asset, depth: envelope.depth,
        interval: envelope.interval, eventTrigger: envelope.eventTrigger),
      kind: type == "snapshot" ? .snapshot : type == "update" ? .update : .other(type),
      isPartial: envelope.partial ?? false,
      seq: envelope.seq ?? 0,
      previous: envelope.previous,
      time: envelope.time,
      received: envelope.received)
  }
}

extension UpstreamState {
  init(_ line: RawLine, _ envelope: Envelope) {
    let data = line.json["data"]
    self.init(
      line: line,
      seq: envelope.seq,
      upstream: data?["upstream"]?.plainText ?? "unknown",
      state: data?["state"]?.plainText ?? "unknown",
      reason: data?["reason"]?.string,
      attempt: data?["attempt"]?.int,
      retryInSeconds: data?["retry_in"]?.digits)
  }
}

extension Stale {
  init(_ line: RawLine, _ envelope: Envelope) {
    let data = line.json["data"]
    let topics: [Topic]? =
      if case .array(let listed) = data?["topics"] { listed.compactMap(Topic.init(keys:)) } else { nil }
    self.init(
      line: line, seq: envelope.seq, reason: data?["reason"]?.plainText ?? "unknown",
      upstream: data?["upstream"]?.string, topics: topics)
  }
}

extension Topic {
  /// A topic from an object with its own keys, as `stale` lists them and `topics` answers.
  public init?(keys: JSON) {
    guard let channel = keys["channel"]?.string else { return nil }
    self.init(
      channel: channel, symbol: keys["symbol"]?.string, asset: keys["asset"]?.string, depth: keys["depth"]?.int,
      interval: keys["interval"]?.int, eventTrigger: keys["event_trigger"]?.string)
  }
}

extension Gap {
  init(_ line: RawLine, _ envelope: Envelope) {
    let data = line.json["data"]
    self.init(
      line: line, seq: envelope.seq, reason: data?["reason"]?.plainText ?? "unknown",
      from: data?["from"]?.uint64, to: data?["to"]?.uint64, dropped: data?["dropped"]?.uint64)
  }
}
