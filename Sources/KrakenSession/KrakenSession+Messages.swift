// What Kraken says, except for answers to subscriptions.

import JSONText
import KrakenWire
import MarketData

extension KrakenSession {
  /// One complete message, parsed. Items are not looked into: offer each to `admit`. Allocates nothing for data.
  public mutating func received(_ root: JSONValue, now: Moment) -> Received {
    guard phase == .open else { return .nothing }
    latest = now.monotonic
    messageCount += 1
    byteCount += root.text.count
    let isFirst = connection.firstMessage == nil
    connection.received(now: now.monotonic)
    let message = KrakenMessage.classify(root)
    if case .data(let data) = message, !isFirst { return .data(data, []) }

    var actions: [SessionAction] = []
    if isFirst { greeted(by: message, &actions) }
    switch message {
    case .data(let data):
      return .data(data, actions)
    case .tradingAnswer:
      return .tradingAnswer(actions)
    case .heartbeat:
      break
    case .status(let item):
      statusReceived(item, &actions)
    case .answer(let answer):
      answered(answer, now: now.monotonic, &actions)
    case .rateExceeded(let text):
      slowDown(text, now: now.monotonic, &actions)
    case .unknownChannel(let name):
      tolerate("unknown channel \(name.excerpt)", &actions)
    case .unknownMethod(let name):
      tolerate("unknown method \(name.excerpt)", &actions)
    case .versionOne:
      tolerate("a message of API version 1; the URL should end in /v2", &actions)
    case .unintelligible(let why):
      tolerate("\(why): \(root.excerpt)", &actions)
    }
    return actions.isEmpty ? .nothing : .actions(actions)
  }

  /// Something came that is not JSON text. It is a sign of life all the same.
  public mutating func receivedGarbage(_ why: String, now: Moment) -> [SessionAction] {
    guard phase == .open else { return [] }
    latest = now.monotonic
    messageCount += 1
    connection.received(now: now.monotonic)
    guard let count = offences.note(.garbage) else { return [] }
    return [.log(SessionLogEvent(.garbage, "message that is not JSON: \(why)", count: count))]
  }

  /// The first message: somebody is there. If it is a status, its word counts.
  private mutating func greeted(by message: KrakenMessage, _ actions: inout [SessionAction]) {
    if case .status(let item) = message, let name = item["system"]?.string { system = name }
    let word = system ?? "online"
    change(to: UpstreamState(system: word), reason: nil, &actions)
    actions.append(.log(SessionLogEvent(.upstreamBack, "connected, the exchange is \(word)", count: connectionsOpened)))
    requestToken(&actions)
  }

  private mutating func statusReceived(_ item: JSONValue, _ actions: inout [SessionAction]) {
    if let id = item["connection_id"] { connectionID = String(decoding: id.contents, as: UTF8.self) }
    if let name = item["system"]?.string {
      system = name
      let state = UpstreamState(system: name)
      if state != self.state {
        change(to: state, reason: state == .online ? nil : "the exchange is in \(name)", &actions)
        actions.append(.log(SessionLogEvent(.upstreamState, "the exchange is \(name)")))
      }
    }
    if !lastStatusItem.elementsEqual(item.text) {
      lastStatusItem = Array(item.text)
      actions.append(.statusItem)
    }
  }

  mutating func slowDown(_ text: String, now: Int64, _ actions: inout [SessionAction]) {
    bucket.slowDown(now: now)
    if let count = offences.note(.rateLimited) {
      actions.append(.log(SessionLogEvent(.rateLimited, "Kraken says: \(text); asking more slowly", count: count)))
    }
  }

  mutating func tolerate(_ what: String, _ actions: inout [SessionAction]) {
    guard let count = offences.note(.unknownMessage) else { return }
    actions.append(.log(SessionLogEvent(.unknownMessage, "passed over: \(what)", count: count)))
  }
}

extension JSONValue {
  /// The beginning of its text, for log lines.
  fileprivate var excerpt: String { String(decoding: text.prefix(200), as: UTF8.self) }
}
