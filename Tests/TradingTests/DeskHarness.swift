// A desk with one client and a clock that stands still until it is told otherwise.

import BridgeWire
import JSONText
import KrakenWire
import MarketData
import Testing

@testable import Trading

struct DeskHarness {
  static let token = "TOPSECRETTOKEN"
  static let client = HolderID(1)

  var desk: OrderDesk
  var now = Moment(monotonic: 1_000_000_000_000, wall: 1_790_000_000_000_000_000)
  /// Everything the desk has wanted so far.
  var actions: [DeskAction] = []
  var prices: [String: String] = [:]
  private var requestCount = 0

  init(_ configuration: TradingConfiguration = .trading, isReady: Bool = true) {
    desk = OrderDesk(configuration: configuration, seed: 42)
    if isReady { ready() }
    connect(Self.client)
  }

  // MARK: - Events

  @discardableResult
  mutating func take(_ actions: [DeskAction]) -> [DeskAction] {
    self.actions += actions
    return actions
  }

  @discardableResult
  mutating func ready() -> [DeskAction] { take(desk.upstreamReady(token: Secret(Self.token), now: now)) }

  @discardableResult
  mutating func lose() -> [DeskAction] { take(desk.upstreamLost(now: now)) }

  @discardableResult
  mutating func connect(_ holder: HolderID) -> [DeskAction] { take(desk.connected(holder, now: now)) }

  @discardableResult
  mutating func leave(_ holder: HolderID) -> [DeskAction] { take(desk.gone(holder, now: now)) }

  @discardableResult
  mutating func request(
    _ method: String, _ params: String? = nil, from holder: HolderID = client, id: String? = "7"
  ) throws(RequestFault) -> [DeskAction] {
    let head = AnswerHead(method: method, requestID: id, timeIn: now.wall)
    guard let params else {
      return take(
        try desk.request(head, params: nil, from: holder, now: now, price: { [prices] in price(prices, $0, $1) }))
    }
    let outcome = parsed(params) { [prices] root in
      Result { () throws(RequestFault) in
        try desk.request(head, params: root, from: holder, now: now, price: { price(prices, $0, $1) })
      }
    }
    return take(try outcome.get())
  }

  @discardableResult
  mutating func answer(_ text: String) -> [DeskAction] { take(parsed(text) { desk.answered($0, now: now) }) }

  @discardableResult
  mutating func report(_ text: String) -> [DeskAction] { take(parsed(text) { desk.executed($0, now: now) }) }

  @discardableResult
  mutating func snapshot(_ items: [String] = []) -> [DeskAction] {
    take(parsed("[\(items.joined(separator: ","))]") { desk.snapshotTaken($0.elements, now: now) })
  }

  @discardableResult
  mutating func begin() -> [DeskAction] { take(desk.beganWithoutSnapshot(now: now)) }

  @discardableResult
  mutating func queryAnswer(_ id: UInt64, _ text: String?, error: String? = nil) -> [DeskAction] {
    guard let text else { return take(desk.queryAnswered(id, nil, error: error, now: now)) }
    return take(parsed(text) { desk.queryAnswered(id, $0, error: error, now: now) })
  }

  /// Lets time pass, stopping at every deadline on the way.
  @discardableResult
  mutating func pass(_ duration: Duration) -> [DeskAction] {
    let end = now.advanced(by: duration)
    var actions: [DeskAction] = []
    while let deadline = desk.nextDeadline, deadline <= end.monotonic {
      now = now.advanced(by: .nanoseconds(max(0, deadline - now.monotonic)))
      actions += take(desk.deadlineReached(now: now))
    }
    now = end
    return actions
  }
}

extension TradingConfiguration {
  static var trading: TradingConfiguration {
    var configuration = TradingConfiguration()
    configuration.isEnabled = true
    return configuration
  }
}

extension Secret {
  convenience init(_ text: String) {
    let bytes = Array(text.utf8)
    self.init(byteCount: bytes.count) { $0.copyBytes(from: bytes) }
  }
}

private func price(_ prices: [String: String], _ symbol: String, _ isBuy: Bool) -> NumberText? {
  prices[symbol].flatMap { NumberText($0) }
}

func parsed<R>(_ text: String, _ body: (JSONValue) -> R) -> R {
  var parser = JSONParser()
  do {
    return try parser.withDocument(Array(text.utf8), body)
  } catch {
    preconditionFailure("a test's JSON is wrong: \(error) in \(text)")
  }
}

/// One member of a JSON object as text; strings without their quotes.
func member(_ text: String, _ path: String...) -> String? {
  parsed(text) { root in
    var value: JSONValue? = root
    for name in path {
      value = value.flatMap { parent in
        parent.members.first { $0.key.string == name }?.value
          ?? Int(name).flatMap { Array(parent.elements).dropFirst($0).first }
      }
    }
    return value.map { $0.string ?? String(decoding: $0.text, as: UTF8.self) }
  }
}

/// A stage line that went out.
struct ToldStage: Equatable {
  var holder: HolderID
  var symbol: String?
  var data: String
  var stage: String { member(data, "stage") ?? "" }
}

extension [DeskAction] {
  var sent: [String] {
    compactMap { if case .send(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil } }
  }
  var answers: [String] {
    compactMap { if case .answer(_, let line) = $0 { String(decoding: line, as: UTF8.self) } else { nil } }
  }
  var told: [ToldStage] {
    compactMap {
      guard case .stage(let holder, let symbol, _, let data) = $0 else { return nil }
      return ToldStage(holder: holder, symbol: symbol, data: String(decoding: data, as: UTF8.self))
    }
  }
  var stages: [String] { told.map(\.stage) }
  var queries: [(id: UInt64, path: String, form: String)] {
    compactMap { if case .query(let id, let path, let form) = $0 { (id, path, form) } else { nil } }
  }
  var logs: [DeskLogEvent] { compactMap { if case .log(let event) = $0 { event } else { nil } } }
}
