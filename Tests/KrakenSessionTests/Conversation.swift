// The session together with a clock and a budget: tests speak as Kraken and as the owner, and look
// at what the session does.

import JSONText
import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

final class Conversation {
  static let start = Moment(monotonic: 5_000_000_000_000, wall: 1_790_000_000_000_000_000)

  var session: KrakenSession
  var now = Conversation.start
  var budget: AttemptBudget
  /// When Kraken sends its next one.
  private var heartbeat: Int64 = 0
  /// What `admit` said about each item of the last message.
  var admissions: [Admission] = []

  init(
    _ configuration: SessionConfiguration = .test, seed: UInt64 = 1, budget: AttemptBudget = AttemptBudget()
  ) {
    session = KrakenSession(configuration: configuration, seed: seed)
    self.budget = budget
  }

  // MARK: The owner

  func want(_ topic: UpstreamTopic) -> UpstreamTopicID { session.want(topic, now: now) }
  func unwant(_ id: UpstreamTopicID) { session.unwant(id, now: now) }

  func stop() -> [SessionAction] { session.stop(now: now) }
  func fail(_ id: UpstreamTopicID, _ fault: TopicFault) -> [SessionAction] { session.topicFailed(id, fault, now: now) }

  /// Calls `deadlineReached` as long as something is due now.
  func settle() -> [SessionAction] {
    var actions: [SessionAction] = []
    var rounds = 0
    while let deadline = session.nextDeadline, deadline <= now.monotonic {
      actions += session.deadlineReached(now: now, budget: &budget)
      rounds += 1
      guard rounds < 100 else {
        Issue.record("a deadline stays due: \(String(describing: session.nextDeadline)) at \(now.monotonic)")
        break
      }
    }
    return actions
  }

  /// Lets time pass, serving every deadline on the way. With `heartbeats`, Kraken says something each second.
  func pass(_ duration: Duration, heartbeats: Bool = true) -> [SessionAction] {
    let end = now.monotonic + duration.nanoseconds
    var actions = settle()
    if heartbeat <= now.monotonic { heartbeat = now.monotonic + 1_000_000_000 }
    while true {
      let next = min(session.nextDeadline ?? .max, heartbeats ? heartbeat : .max, end)
      now = now.advanced(by: .nanoseconds(max(0, next - now.monotonic)))
      if now.monotonic >= heartbeat {
        heartbeat += 1_000_000_000
        if heartbeats, session.status.connectedSince != nil { actions += say(#"{"channel":"heartbeat"}"#) }
      }
      actions += settle()
      if now.monotonic >= end { return actions }
    }
  }

  // MARK: The transport

  func opened() -> [SessionAction] { session.transportOpened(now: now) + settle() }
  func closed(_ code: UInt16? = 1006, _ reason: String = "") -> [SessionAction] {
    session.transportClosed(code: code, reason: reason, now: now)
  }
  func failed(_ failure: TransportFailure) -> [SessionAction] {
    session.transportFailed(failure, now: now)
  }

  /// Starts, opens, and hears Kraken's first message.
  func connect() -> [SessionAction] {
    session.start(now: now)
    return settle() + opened() + say(Kraken.status())
  }

  /// Waits for the next attempt, opens, and hears Kraken's first message.
  func reconnect() -> [SessionAction] {
    var actions: [SessionAction] = []
    while case .waiting(let until) = session.phase {
      now = now.advanced(by: .nanoseconds(max(0, until - now.monotonic)))
      actions += settle()
    }
    return actions + opened() + say(Kraken.status())
  }

  // MARK: Kraken

  /// One message; its items are offered to `admit`.
  func say(_ text: String) -> [SessionAction] {
    admissions = []
    var parser = JSONParser()
    let result: [SessionAction]? = try? parser.withDocument(Array(text.utf8)) { (root: JSONValue) -> [SessionAction] in
      switch session.received(root, now: now) {
      case .nothing:
        return []
      case .actions(let actions), .tradingAnswer(let actions):
        return actions
      case .data(let data, let actions) where data.sequence != nil:
        let (admission, faults) = session.admit(data, now: now)
        admissions.append(admission)
        return actions + faults
      case .data(let data, let actions):
        for item in data.items {
          let symbol = item["symbol"]?.contents ?? UnsafeRawBufferPointer(start: nil, count: 0)
          let interval = item["interval"]?.int64.map { Int($0) }
          admissions.append(
            session.admit(data.channel, symbol: symbol, interval: interval, isSnapshot: data.isSnapshot, now: now))
        }
        return actions
      }
    }
    guard let result else {
      Issue.record("test message is not JSON: \(text)")
      return []
    }
    return result
  }

  func garbage(_ why: String) -> [SessionAction] { session.receivedGarbage(why, now: now) }

  /// Acknowledges everything in the requests, then sends snapshots.
  func grant(_ actions: [SessionAction], snapshots: Bool = true) -> [SessionAction] {
    var answers: [SessionAction] = []
    for request in actions.requests where request.method != "ping" {
      for symbol in request.symbolsOrNone {
        answers += say(Kraken.granted(request, symbol))
        guard snapshots, request.method == "subscribe" else { continue }
        answers += say(Kraken.data(request, symbol))
      }
    }
    return answers
  }

  /// Wants a topic and brings it to life.
  func live(_ topic: UpstreamTopic) -> UpstreamTopicID {
    let id = want(topic)
    _ = grant(settle())
    #expect(state(id) == .live)
    return id
  }

  func state(_ id: UpstreamTopicID) -> TopicState? { session.topicState(id)?.state }
}

extension SessionConfiguration {
  /// Without jitter, so that times can be written down.
  static var test: SessionConfiguration {
    var configuration = SessionConfiguration()
    configuration.jitter = 0
    return configuration
  }
}

// MARK: - Reading requests

struct SentRequest: Equatable {
  var method = ""
  var reqID: UInt64 = 0
  var channel = ""
  var symbols: [String] = []
  var depth: Int?
  var interval: Int?
  var trigger: String?
  var token: String?

  /// The symbols, or one nil for a channel without.
  var symbolsOrNone: [String?] { symbols.isEmpty ? [nil] : symbols }

  init(_ bytes: [UInt8]) {
    var parser = JSONParser()
    let read: ()? = try? parser.withDocument(bytes) { root in
      method = root["method"]?.string ?? ""
      reqID = root["req_id"]?.uint64 ?? 0
      guard let params = root["params"] else { return }
      channel = params["channel"]?.string ?? ""
      symbols = params["symbol"]?.elements.compactMap(\.string) ?? []
      depth = params["depth"]?.int64.map { Int($0) }
      interval = params["interval"]?.int64.map { Int($0) }
      trigger = params["event_trigger"]?.string
      token = params["token"]?.string
    }
    if read == nil { Issue.record("request is not JSON: \(String(decoding: bytes, as: UTF8.self))") }
  }

  var topics: [UpstreamTopic] {
    symbolsOrNone.map { symbol in
      UpstreamTopic(
        channel: KrakenChannel(name: channel)!, symbol: symbol ?? "", depth: depth, interval: interval,
        trigger: trigger.flatMap { EventTrigger(rawValue: $0) })
    }
  }
}

extension [SessionAction] {
  var requests: [SentRequest] {
    compactMap { if case .send(let bytes) = $0 { SentRequest(bytes) } else { nil } }
  }
  var subscribes: [SentRequest] { requests.filter { $0.method == "subscribe" } }
  var unsubscribes: [SentRequest] { requests.filter { $0.method == "unsubscribe" } }
  var pings: [SentRequest] { requests.filter { $0.method == "ping" } }
  var opens: Int { count { $0 == .openTransport } }
  var closes: [UInt16] { compactMap { if case .closeTransport(let code, _) = $0 { code } else { nil } } }
  var changes: [UpstreamChange] { compactMap { if case .upstreamChanged(let change) = $0 { change } else { nil } } }
  var states: [UpstreamState] { changes.map(\.state) }
  var logs: [SessionLogEvent] { compactMap { if case .log(let event) = $0 { event } else { nil } } }
  func logs(_ kind: SessionLogEvent.Kind) -> [SessionLogEvent] { logs.filter { $0.kind == kind } }
  var confirmed: [UpstreamTopicID] { compactMap { if case .confirmed(let id) = $0 { id } else { nil } } }
  var refused: [UpstreamTopicID] { compactMap { if case .refused(let id, _) = $0 { id } else { nil } } }
  var stale: [UpstreamTopicID] {
    flatMap { action -> [UpstreamTopicID] in if case .stale(let ids, _) = action { ids } else { [] } }
  }
}

// MARK: - Kraken's side

enum Kraken {
  static func status(_ system: String = "online", connection: String = "18266300427528990701") -> String {
    #"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"\#(system)","api_version":"v2","connection_id":\#(connection)}]}"#
  }

  private static func keys(_ request: SentRequest, _ symbol: String?) -> String {
    var text = #""channel":"\#(request.channel)""#
    if let symbol { text += #","symbol":"\#(symbol)""# }
    if let depth = request.depth { text += #","depth":\#(depth)"# }
    if let interval = request.interval { text += #","interval":\#(interval)"# }
    if let trigger = request.trigger { text += #","event_trigger":"\#(trigger)""# }
    return text
  }

  static func granted(_ request: SentRequest, _ symbol: String?) -> String {
    #"{"method":"\#(request.method)","req_id":\#(request.reqID),"result":{\#(keys(request, symbol))},"success":true,"time_in":"2026-10-09T00:34:21.060761Z","time_out":"2026-10-09T00:34:21.060791Z"}"#
  }

  /// A failure as Kraken sends it: method "subscribe" whatever was asked.
  static func refused(_ request: SentRequest, _ symbol: String?, _ error: String) -> String {
    let named = symbol.map { #","symbol":"\#($0)""# } ?? ""
    return #"{"error":"\#(error)","method":"subscribe","req_id":\#(request.reqID),"success":false\#(named)}"#
  }

  static func data(_ request: SentRequest, _ symbol: String?, snapshot: Bool = true) -> String {
    let type = snapshot ? "snapshot" : "update"
    guard let symbol else {
      return #"{"channel":"\#(request.channel)","type":"\#(type)","data":{"assets":[],"pairs":[]}}"#
    }
    let interval = request.interval.map { #","interval":\#($0)"# } ?? ""
    return #"{"channel":"\#(request.channel)","type":"\#(type)","data":[{"symbol":"\#(symbol)"\#(interval)}]}"#
  }

  static func data(_ topic: UpstreamTopic, snapshot: Bool) -> String {
    let type = snapshot ? "snapshot" : "update"
    guard !topic.symbol.isEmpty else {
      return #"{"channel":"\#(topic.channel.name)","type":"\#(type)","data":{"assets":[],"pairs":[]}}"#
    }
    let interval = topic.interval.map { #","interval":\#($0)"# } ?? ""
    return #"{"channel":"\#(topic.channel.name)","type":"\#(type)","data":[{"symbol":"\#(topic.symbol)"\#(interval)}]}"#
  }
  static func snapshot(_ topic: UpstreamTopic) -> String { data(topic, snapshot: true) }
  static func update(_ topic: UpstreamTopic) -> String { data(topic, snapshot: false) }
}
