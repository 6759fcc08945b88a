// Orders through real processes: a thousand of ten programs at once, whenever the exchange answers, and orders whose
// connection to the exchange is cut.

import Foundation
import Testing

@Suite(.serialized) struct OrdersTests {
  /// One program with its connection: the stages of its orders by `req_id`, and what it was answered.
  private struct Program {
    let reader: Reader
    var stages: [Int: [String]] = [:]
    /// `true` or the code of the failure.
    var answers: [Int: [String]] = [:]
    var orderIDs: [Int: Set<String>] = [:]

    init(_ world: TradingWorld) throws { reader = try world.reader() }

    /// Every second order is filled at once; the others rest far from the market.
    func place(_ request: Int) {
      let kind = Self.isTaker(request) ? #""order_type":"market""# : #""order_type":"limit","limit_price":20000.0"#
      reader.send(
        #"{"method":"add_order","params":{\#(kind),"side":"buy","order_qty":0.001,"symbol":"BTC/USD"},"req_id":\#(request)}"#)
    }

    static func isTaker(_ request: Int) -> Bool { !request.isMultiple(of: 2) }

    /// Answered, and in the stage where it stays; an order that was never sent has none.
    func isSettled(_ request: Int) -> Bool {
      guard let answer = answers[request]?.first else { return false }
      guard let stage = stages[request]?.last else { return answer == "upstream_offline" }
      return stage == (Self.isTaker(request) ? "filled" : "open") || stage == "rejected"
    }

    mutating func readUntilSettled(_ requests: Range<Int>) throws {
      while let open = requests.first(where: { !isSettled($0) }) {
        let line = try reader.first("settled order \(open), now \(stages[open] ?? []), answers \(answers[open] ?? [])") { _ in true }
        take(line)
      }
    }

    private mutating func take(_ line: [String: Any]) {
      if line["method"] as? String == "add_order", let request = line["req_id"] as? Int {
        answers[request, default: []].append(line["code"] as? String ?? "true")
      }
      guard line["channel"] as? String == "orders", let data = line["data"] as? [String: Any],
        let request = data["req_id"] as? Int, let stage = data["stage"] as? String
      else { return }
      stages[request, default: []].append(stage)
      if let id = data["order_id"] as? String { orderIDs[request, default: []].insert(id) }
    }
  }

  private static let order = ["submitted", "accepted", "pending", "open", "partially_filled", "filled"]

  /// Whether stages only go forwards, each but partial fills once, and in doubt once at most.
  private static func isForwards(_ stages: [String]) -> Bool {
    let ranks = stages.filter { $0 != "unknown" && $0 != "rejected" }.map { order.firstIndex(of: $0) ?? -1 }
    // After a doubt, what was known is said again.
    let repeats = stages.count { $0 == "unknown" }
    let isRising = zip(ranks, ranks.dropFirst()).allSatisfy { $0 <= $1 }
    let twice = zip(ranks, ranks.dropFirst()).count { $0 == $1 && order[$0] != "partially_filled" }
    return ranks.first == 0 && isRising && twice <= repeats && repeats <= 1
  }

  /// The ids in the account's `open_orders` or `own_trades`.
  private func orderIDs(_ channel: String, _ world: TradingWorld) throws -> Set<String> {
    let reader = try world.reader()
    reader.send("subscribe \(channel)")
    let snapshot = try reader.first(channel: channel, type: "snapshot")
    return Set((snapshot["data"] as? [[String: Any]] ?? []).compactMap { $0["order_id"] as? String })
  }

  @Test(arguments: [
    (when: "at once", settings: []), (when: "after five milliseconds", settings: ["--set", "order-delay=0.005"]),
    (when: "after the execution report", settings: ["--set", "answer-delay=0.005"]),
  ])
  func aThousandOrdersOfTenProgramsAllEndWhereTheyMust(when: String, settings: [String]) throws {
    let world = try TradingWorld(exchange: settings)
    var programs = try (0..<10).map { _ in try Program(world) }
    // A hundred at a time, so that even a slow machine answers each before it is in doubt.
    for first in stride(from: 0, to: 100, by: 10) {
      for request in first..<first + 10 {
        for program in programs { program.place(request) }
      }
      for index in programs.indices { try programs[index].readUntilSettled(first..<first + 10) }
    }

    var ids: Set<String> = []
    for program in programs {
      #expect(program.answers.count == 100 && program.answers.values.allSatisfy { $0 == ["true"] }, "\(when)")
      for (request, stages) in program.stages {
        #expect(Self.isForwards(stages) && !stages.contains("unknown"), "\(request): \(stages)")
      }
      #expect(program.orderIDs.values.allSatisfy { $0.count == 1 })
      ids.formUnion(program.orderIDs.values.joined())
    }
    #expect(ids.count == 1000)
    #expect(try world.requests("add_order") == 1000)
    #expect(try orderIDs("open_orders", world).count == 500)
  }

  /// Cut before an order takes effect, after it and before the answer, at any moment, and an answer that never comes: no
  /// order is sent again, and the bridge finds out about each. The exchange is asked what is true.
  @Test func ordersWhoseConnectionIsCutAreSentOnceAndEndKnown() throws {
    let world = try TradingWorld(exchange: ["--set", "order-delay=0.005"])
    var program = try Program(world)
    var sent = 0
    let faults = ["order-answer-lost"] + (0..<6).flatMap { _ in ["cut-before-order", "cut-after-order", "drop"] }
    for fault in faults {
      let requests = sent..<sent + 4
      if fault != "drop" { try world.tell(fault) }
      for request in requests { program.place(request) }
      if fault == "drop" {
        usleep(UInt32.random(in: 0..<10_000))
        try world.tell(fault)
      }
      try program.readUntilSettled(requests)
      sent = requests.upperBound
    }

    var doubtful = 0
    for (request, stages) in program.stages {
      #expect(Self.isForwards(stages), "\(request): \(stages)")
      #expect(program.answers[request]?.count == 1)
      doubtful += stages.contains("unknown") ? 1 : 0
    }
    #expect(doubtful > 0)
    // Some never left the socket that was cut. What has come to be at the exchange is what the program was told.
    #expect(try world.requests("add_order") <= program.stages.count)
    for (channel, stage) in [("open_orders", "open"), ("own_trades", "filled")] {
      let told = program.stages.filter { $0.value.last == stage }.keys.flatMap { program.orderIDs[$0] ?? [] }
      #expect(try orderIDs(channel, world) == Set(told) && Set(told).count == told.count)
    }
  }
}
