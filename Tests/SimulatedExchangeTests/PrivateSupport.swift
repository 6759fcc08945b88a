// What tests of the private side share: a client with a token, its reports by kind, and requests in few words.

@testable import SimulatedExchange

extension Client {
  /// On a market that stands still unless told otherwise; the executions snapshot is taken.
  static func trader(
    rate: Double = 0, subscribed: Bool = true, _ change: (inout ExchangeConfiguration) -> Void = { _ in }
  ) -> Client {
    var client = Client(rate: rate, endpoint: .privateV2) {
      $0.snapshotLatency = 0
      change(&$0)
    }
    client.token = client.exchange.issueToken()
    if subscribed {
      client.subscribeAccount("executions")
      client.subscribeAccount("balances")
      client.run(seconds: 0)
    }
    _ = client.takeOutputs()
    return client
  }

  /// A trading request; `params` without its braces.
  mutating func trade(_ method: String, _ params: String = "", number: Int = 7) {
    let rest = params.isEmpty ? "" : "," + params
    send(#"{"method":"\#(method)","params":{"token":"\#(token)"\#(rest)},"req_id":\#(number)}"#)
  }

  mutating func subscribeAccount(_ channel: String, more: String = "") {
    send(#"{"method":"subscribe","params":{"channel":"\#(channel)","token":"\#(token)"\#(more)}}"#)
    run(seconds: 0)
  }

  mutating func add(_ side: String, _ quantity: String, at price: String, more: String = "") {
    let rest = more.isEmpty ? "" : "," + more
    trade(
      "add_order",
      #""symbol":"BTC/USD","side":"\#(side)","order_type":"limit","order_qty":\#(quantity),"limit_price":\#(price)\#(rest)"#
    )
  }

  mutating func buyAtMarket(_ quantity: String, symbol: String = "BTC/USD") {
    trade("add_order", #""symbol":"\#(symbol)","side":"buy","order_type":"market","order_qty":\#(quantity)"#)
  }

  /// A buy far below the market; gives its id.
  mutating func rest(_ price: String = "50000.0", more: String = "") -> String {
    add("buy", "0.5", at: price, more: more)
    return takeMessages().last { $0["method"] != nil }?["result"]?.text("order_id") ?? ""
  }

  var bestAsk: String { exchange.book(of: "BTC/USD", depth: 1)!.asks[0].price }
  var bestBid: String { exchange.book(of: "BTC/USD", depth: 1)!.bids[0].price }

  /// Execution reports, taking everything.
  mutating func takeReports() -> [JSONValue] { takeData("executions").reports }
}

extension [JSONValue] {
  var reports: [JSONValue] { flatMap { $0["data"]?.array ?? [] } }
  var kinds: [String] { compactMap { $0.text("exec_type") } }
  func channel(_ name: String) -> [JSONValue] { filter { $0["channel"]?.string == name && $0["method"] == nil } }
}

/// Prices are text in the model's view; tests count in ticks.
func ticks(_ price: String, _ decimals: Int = 1) -> Int64 { Decimals.scaled(price, decimals: decimals)!.value }

func price(_ ticks: Int64, _ decimals: Int = 1) -> String {
  var text = Text()
  text.add(scaled: ticks, decimals: decimals)
  return String(decoding: text, as: UTF8.self)
}
