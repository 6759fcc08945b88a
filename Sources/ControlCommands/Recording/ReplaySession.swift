// One reader of a replay, as a value: requests in, lines out. Each reader has the recording from its
// beginning, from the moment of its first subscription; so a bot meets the same data however often
// it is started.

import KrakenBridgeClient

/// What a recording holds.
struct RecordingIndex: Sendable, Equatable {
  var topics: Set<Topic> = []
  var lines = 0
  var firstSeq: UInt64?

  mutating func note(_ message: BridgeMessage) {
    lines += 1
    if let seq = message.seq, firstSeq == nil { firstSeq = seq }
    if case .event(let event) = message { topics.insert(event.topic) }
  }
}

struct ReplaySession: Sendable {
  let index: RecordingIndex
  let speed: String
  /// Whether something has been subscribed to, so that the recording runs for this reader.
  private(set) var isRunning = false
  private var interests: Set<Topic> = []
  private var states: [Topic: TopicState] = [:]
  private var since: UInt64 = 0
  private var position: UInt64

  init(index: RecordingIndex, speed: String) {
    self.index = index
    self.speed = speed
    position = (index.firstSeq ?? 1) - 1
  }

  var hello: [UInt8] {
    let line: JSON = [
      "channel": "bridge", "type": "hello", "seq": .number(String(position)),
      "data": [
        "version": .string(krakenBridgeVersion), "protocol": 1, "scope": ["market"],
        "upstreams": ["public": "online", "private": "disabled", "level3": "disabled"],
        "replay": ["lines": .number(String(index.lines)), "speed": .string(speed)],
      ],
    ]
    return line.bytes
  }

  // MARK: The recording

  /// Takes the next recorded line; true if this reader gets it.
  mutating func play(_ message: BridgeMessage) -> Bool {
    if let seq = message.seq { position = max(position, seq) }
    switch message {
    case .event(let event):
      states[event.topic, default: TopicState(topic: event.topic)].apply(event)
      return interests.contains(event.topic) && event.seq > since
    case .state, .stale, .gap:
      return isRunning && (message.seq ?? .max) > since
    case .hello, .answer, .goodbye, .other:
      return false
    }
  }

  // MARK: Requests

  /// Takes a request line and returns what to write.
  mutating func receive(_ line: String) -> [[UInt8]] {
    guard let request = ReplayRequest(line) else {
      return [answer(to: .null, "", failure: ("malformed", "not a request"))]
    }
    switch request.method {
    case "ping": return [answer(to: request.id, "pong")]
    case "subscribe": return forEachTopic(of: request) { session, topic in session.subscribe(topic, request) }
    case "unsubscribe":
      return forEachTopic(of: request) { session, topic in
        guard session.interests.remove(topic) != nil else {
          return [session.answer(to: request.id, "unsubscribe", failure: ("not_subscribed", "Subscription not found"), symbol: topic.symbol)]
        }
        return [session.answer(to: request.id, "unsubscribe", result: .object(topic.keyMembers))]
      }
    case "snapshot":
      return forEachTopic(of: request) { session, topic in
        let state = session.states[topic]?.snapshotLine ?? TopicState(topic: topic).snapshotLine
        return [session.answer(to: request.id, "snapshot", result: JSON(parsing: state) ?? .null)]
      }
    case "topics":
      let topics = index.topics.map { topic in
        JSON.object(topic.keyMembers + [JSON.Member("state", "live"), JSON.Member("subscribers", interests.contains(topic) ? 1 : 0)])
      }
      return [answer(to: request.id, "topics", result: ["topics": .array(topics.sorted { $0.text < $1.text })])]
    case "subscriptions":
      let topics = interests.map { JSON.object($0.keyMembers) }.sorted { $0.text < $1.text }
      return [answer(to: request.id, "subscriptions", result: ["subscriptions": .array(topics)])]
    case "status":
      return [
        answer(
          to: request.id, "status",
          result: [
            "version": .string(krakenBridgeVersion), "seq": .number(String(position)), "ready": true,
            "replay": ["lines": .number(String(index.lines)), "speed": .string(speed)],
          ])
      ]
    default:
      return [answer(to: request.id, request.method, failure: ("unknown_method", "a replay does not know \(request.method)"))]
    }
  }

  private mutating func subscribe(_ topic: Topic, _ request: ReplayRequest) -> [[UInt8]] {
    guard interests.insert(topic).inserted else {
      return [answer(to: request.id, "subscribe", failure: ("already_subscribed", "Already subscribed"), symbol: topic.symbol)]
    }
    if !isRunning { since = request.parameters["since"]?.uint64 ?? 0 }
    isRunning = true
    var lines = [answer(to: request.id, "subscribe", result: .object(topic.keyMembers + [JSON.Member("snapshot", true)]))]
    // At the beginning the recording's own snapshot comes first; later, the state as it is by now.
    if let state = states[topic], request.parameters["snapshot"]?.bool != false { lines.append(state.snapshotLine) }
    return lines
  }

  /// Finds the topics that a request names and answers for each, or says what is wrong.
  private mutating func forEachTopic(of request: ReplayRequest, _ act: (inout ReplaySession, Topic) -> [[UInt8]]) -> [[UInt8]] {
    let channel = request.parameters["channel"]?.string?.lowercased() ?? ""
    let candidates = index.topics.filter { $0.channel == channel && request.allows($0) }
      .sorted { ($0.symbol ?? "", $0.depth ?? 0, $0.interval ?? 0) < ($1.symbol ?? "", $1.depth ?? 0, $1.interval ?? 0) }
    guard !candidates.isEmpty else {
      return [answer(to: request.id, request.method, failure: ("unknown_channel", "the recording holds no \(channel) like that"))]
    }
    guard let symbols = request.symbols else { return candidates.flatMap { act(&self, $0) } }
    return symbols.flatMap { symbol in
      guard let topic = candidates.first(where: { $0.symbol == symbol }) else {
        return [answer(to: request.id, request.method, failure: ("unknown_symbol", "\(symbol) is not in the recording"), symbol: symbol)]
      }
      return act(&self, topic)
    }
  }

  private func answer(
    to id: JSON, _ method: String, result: JSON? = nil, failure: (code: String, error: String)? = nil, symbol: String? = nil
  ) -> [UInt8] {
    var members = [JSON.Member("method", .string(method))]
    if let result { members.append(JSON.Member("result", result)) }
    if let failure { members += [JSON.Member("error", .string(failure.error)), JSON.Member("code", .string(failure.code))] }
    if let symbol { members.append(JSON.Member("symbol", .string(symbol))) }
    members.append(JSON.Member("success", .bool(failure == nil)))
    if !id.isNull { members.append(JSON.Member("req_id", id)) }
    return JSON.object(members).bytes
  }
}

/// A request as the replay understands it: JSON, or the plain-text form.
private struct ReplayRequest {
  let method: String
  let parameters: JSON
  let id: JSON

  init?(_ line: String) {
    if line.hasPrefix("{") {
      guard let json = JSON(parsing: line), let method = json["method"]?.string else { return nil }
      self.method = method
      parameters = json["params"] ?? .null
      id = json["req_id"] ?? .null
    } else {
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      guard let method = words.first else { return nil }
      self.method = method.lowercased()
      let subscription = words.count == 2 ? try? Subscription(words: words[1]) : nil
      parameters = subscription?.request.parameters ?? .null
      id = .null
    }
  }

  /// `nil` for every symbol.
  var symbols: [String]? {
    switch parameters["symbol"] {
    case .array(let list)?: list == ["*"] ? nil : list.compactMap(\.string).map(Self.current)
    case .string("*")?, nil: nil
    case let one?: one.string.map { [Self.current($0)] }
    }
  }

  /// Names of today, in capitals.
  private static func current(_ symbol: String) -> String {
    symbol.uppercased().split(separator: "/", omittingEmptySubsequences: false)
      .map { $0 == "XBT" ? "BTC" : $0 == "XDG" ? "DOGE" : $0 }.joined(separator: "/")
  }

  /// Whether the topic has the parameters that are asked for, as far as they are asked for.
  func allows(_ topic: Topic) -> Bool {
    func matches(_ key: String, _ own: Int?) -> Bool { parameters[key]?.int.map { $0 == own } ?? true }
    return matches("depth", topic.depth) && matches("interval", topic.interval)
  }
}
