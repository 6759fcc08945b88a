// A program that trades through the bridge, and everything it was told of each of its orders, in the order it was told:
// only then can a test say that a doubt came before the truth, or a report before the answer. It keeps reading until an
// order is where it stays, so that no test has to wait for a time.

import Foundation

struct Trader {
  struct Order {
    /// Filled at once; the others rest far from the market.
    let isTaker: Bool
    /// The stages, and between them the answer to the request, as `answer` and `true` or the code of the failure.
    var history: [String] = []
    var orderIDs: Set<String> = []
    var clientIDs: Set<String> = []

    var answers: [String] { history.filter { $0.hasPrefix("answer ") } }
    var stages: [String] { history.filter { !$0.hasPrefix("answer ") } }

    /// Where in its history the order came to be in doubt; an order whose end had been told never was.
    var doubt: Int? {
      history.firstIndex(of: "answer outcome_unknown").flatMap { history[..<$0].contains("filled") ? nil : $0 }
    }

    /// Answered, and in the stage where it stays, told after any doubt; an order that was never sent has none.
    var isSettled: Bool {
      guard let answer = answers.first else { return false }
      guard !stages.isEmpty else { return answer == "answer upstream_offline" }
      let stage = doubt.map { history.dropFirst($0 + 1).last } ?? stages.last
      return stage == (isTaker ? "filled" : "open") || stage == "rejected"
    }

    private static let ranks = ["submitted", "accepted", "pending", "open", "partially_filled", "filled"]

    /// Whether stages only go forwards, each but partial fills once, and in doubt once at most.
    var isForwards: Bool {
      let ranks = stages.filter { $0 != "unknown" && $0 != "rejected" }.map { Self.ranks.firstIndex(of: $0) ?? -1 }
      // After a doubt, what was known is said again.
      let doubts = stages.count { $0 == "unknown" }
      let isRising = zip(ranks, ranks.dropFirst()).allSatisfy { $0 <= $1 }
      let repeats = zip(ranks, ranks.dropFirst()).count { $0 == $1 && Self.ranks[$0] != "partially_filled" }
      return (ranks.first ?? 0) == 0 && isRising && repeats <= doubts && doubts <= 1
    }
  }

  let reader: Reader
  /// By `req_id`.
  private(set) var orders: [Int: Order] = [:]
  /// Snapshots of the balances: one for each time the account was connected.
  private(set) var connections = 0

  init(_ world: TradingWorld) throws {
    reader = try world.reader()
    reader.send("subscribe balances")
    while connections == 0 { try read("the balances") }
  }

  /// Every second order is a taker.
  /// - Parameter clientID: the order's `cl_ord_id`; the bridge makes one up if there is none.
  mutating func place(_ request: Int, clientID: String? = nil) {
    let order = Order(isTaker: !request.isMultiple(of: 2))
    orders[request] = order
    let kind = order.isTaker ? #""order_type":"market""# : #""order_type":"limit","limit_price":20000.0"#
    let name = clientID.map { #""cl_ord_id":"\#($0)","# } ?? ""
    let rest = #""side":"buy","order_qty":0.001,"symbol":"BTC/USD""#
    reader.send(#"{"method":"add_order","params":{\#(name)\#(kind),\#(rest)},"req_id":\#(request)}"#)
  }

  mutating func readUntilSettled(_ requests: some Sequence<Int>) throws {
    try read(requests, until: "settled", \.isSettled)
  }

  /// Reads until all have left for Kraken, or will not.
  mutating func readUntilSent(_ requests: some Sequence<Int>) throws {
    try read(requests, until: "sent") { !$0.history.isEmpty }
  }

  mutating func readUntilConnected(_ count: Int) throws {
    while connections < count { try read("connection \(count) to the account") }
  }

  private mutating func read(
    _ requests: some Sequence<Int>, until what: String, _ isReached: (Order) -> Bool
  ) throws {
    for request in requests {
      while let order = orders[request], !isReached(order) { try read("\(what) order \(request): \(order.history)") }
    }
  }

  private mutating func read(_ what: String) throws {
    let line = try reader.first(what) { _ in true }
    let data = line["data"] as? [String: Any]
    switch (line["channel"] as? String, line["type"] as? String) {
    case ("balances", "snapshot"): connections += 1
    case ("orders", "update"):
      guard let request = data?["req_id"] as? Int, let stage = data?["stage"] as? String else { return }
      orders[request]?.history.append(stage)
      if let id = data?["order_id"] as? String { orders[request]?.orderIDs.insert(id) }
      if let id = data?["cl_ord_id"] as? String { orders[request]?.clientIDs.insert(id) }
    default:
      guard line["method"] as? String == "add_order", let request = line["req_id"] as? Int else { return }
      orders[request]?.history.append("answer " + (line["code"] as? String ?? "true"))
    }
  }
}
