// A client of the model as tests want one: it keeps what it was sent, by kind.

@testable import SimulatedExchange

let second: Int64 = 1_000_000_000
/// 2026-10-09T00:34:00Z.
let start: Int64 = 1_791_506_040 * second

struct Client {
  var exchange: Exchange
  let id: Exchange.ConnectionID
  /// For private requests.
  var token = ""
  /// Everything for this connection, in order.
  private(set) var outputs: [Exchange.Output] = []

  init(
    seed: UInt64 = 1, symbols: Int = 12, rate: Double = 20, endpoint: Exchange.Endpoint = .publicV2,
    _ change: (inout ExchangeConfiguration) -> Void = { _ in }
  ) {
    var configuration = ExchangeConfiguration()
    configuration.symbolCount = symbols
    configuration.updatesPerSecond = rate
    change(&configuration)
    exchange = Exchange(configuration: configuration, seed: seed, now: start)
    id = exchange.connect(endpoint, now: start)
    collect()
  }

  mutating func collect() {
    outputs += exchange.takeOutput().filter { $0.0 == id }.map(\.1)
  }

  mutating func send(_ request: String, after seconds: Double = 0) {
    exchange.receive(Array(request.utf8), from: id, now: exchange.now + Int64(seconds * 1e9))
    collect()
  }

  mutating func subscribe(_ channel: String, _ symbols: String..., more: String = "") {
    let list = symbols.map { "\"\($0)\"" }.joined(separator: ",")
    let symbol = symbols.isEmpty ? "" : ",\"symbol\":[\(list)]"
    send(#"{"method":"subscribe","params":{"channel":"\#(channel)"\#(symbol)\#(more)}}"#)
  }

  mutating func unsubscribe(_ channel: String, _ symbol: String, more: String = "") {
    send(#"{"method":"unsubscribe","params":{"channel":"\#(channel)","symbol":["\#(symbol)"]\#(more)}}"#)
  }

  mutating func run(seconds: Double) {
    exchange.advance(to: exchange.now + Int64(seconds * 1e9))
    collect()
  }

  mutating func inject(_ fault: Fault) {
    exchange.inject(fault)
    collect()
  }

  /// What has come since the last call.
  mutating func takeOutputs() -> [Exchange.Output] {
    defer { outputs = [] }
    return outputs
  }

  mutating func takeTexts() -> [String] {
    takeOutputs().compactMap { if case .text(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil } }
  }

  mutating func takeMessages() -> [JSONValue] {
    takeTexts().compactMap { JSONValue(Array($0.utf8)) }
  }

  /// The data messages of a channel, taking everything.
  mutating func takeData(_ channel: String) -> [JSONValue] {
    takeMessages().filter { $0["channel"]?.string == channel && $0["method"] == nil }
  }

  /// Answers to requests, taking everything.
  mutating func takeAnswers() -> [JSONValue] { takeMessages().filter { $0["method"] != nil } }
}

extension JSONValue {
  /// First element of `data`.
  var item: JSONValue? { self["data"]?.array?.first }
  var type: String? { self["type"]?.string }
  var error: String? { self["error"]?.string }
  var succeeded: Bool { self["success"]?.bool == true }

  func text(_ key: String) -> String? { self[key]?.numberText ?? self[key]?.string }
}
