// Orders through real processes: a thousand of ten programs at once, whenever the exchange answers, and orders that
// are in doubt, because their connection to the exchange is cut or no answer comes.

import Foundation
import Testing

@Suite(.serialized) struct OrdersTests {
  @Test(arguments: [
    (when: "at once", settings: []), (when: "after five milliseconds", settings: ["--set", "order-delay=0.005"]),
    (when: "after the execution report", settings: ["--set", "answer-delay=0.005"]),
  ])
  func aThousandOrdersOfTenProgramsAllEndWhereTheyMust(when: String, settings: [String]) throws {
    let world = try TradingWorld(exchange: settings)
    var traders = try (0..<10).map { _ in try Trader(world) }
    // A hundred at a time, so that even a slow machine answers each before it is in doubt.
    for first in stride(from: 0, to: 100, by: 10) {
      for request in first..<first + 10 {
        for index in traders.indices { traders[index].place(request) }
      }
      for index in traders.indices { try traders[index].readUntilSettled(first..<first + 10) }
    }

    var ids: Set<String> = []
    for order in traders.flatMap(\.orders.values) {
      #expect(order.answers == ["answer true"], "\(when)")
      #expect(order.isForwards && !order.stages.contains("unknown"), "\(when): \(order.history)")
      #expect(order.orderIDs.count == 1)
      ids.formUnion(order.orderIDs)
    }
    #expect(ids.count == 1000)
    #expect(try world.requests("add_order") == 1000)
    #expect(try world.orders().orders.values.count { $0.status == "new" } == 500)
  }

  /// Two hundred cuts while orders are on their way, at random moments: before the exchange has seen them, before they
  /// take effect, after it and before the answer. Twenty-five worlds side by side, because a bridge does not connect
  /// more often than Kraken bears. The exchange itself is asked what is true.
  @Test func ordersWhoseConnectionIsCutAreSentOnceAndEndKnown() throws {
    let cuts = 8
    var worlds = try (0..<25).map { _ in
      let world = try TradingWorld(
        exchange: ["--symbols", "1", "--set", "order-delay=0.03", "--set", "answer-delay=0.03"])
      return (world: world, trader: try Trader(world), doubtful: 0)
    }
    for round in 0..<3 * cuts where worlds.contains(where: { $0.doubtful < cuts }) {
      // A connection with five seconds of messages behind it is replaced at once, others after pauses that grow. A
      // wait too short makes the test longer, and that is all.
      Thread.sleep(forTimeInterval: 6.2)
      for index in worlds.indices where worlds[index].doubtful < cuts {
        let world = worlds[index].world
        let requests = round * 4..<round * 4 + 4
        let fault = [1: "cut-before-order", 3: "cut-after-order"][round]
        if let fault { try world.tell(fault) }
        // The bridge makes up names for the others.
        for request in requests {
          worlds[index].trader.place(request, clientID: request % 4 < 2 ? "order-\(request)" : nil)
        }
        if fault == nil {
          try worlds[index].trader.readUntilSent(requests)
          usleep(UInt32.random(in: 0..<55_000))
          try world.tell("drop channel=executions")
        }
      }
      for index in worlds.indices where worlds[index].doubtful < cuts {
        try worlds[index].trader.readUntilConnected(round + 2)
        let orders = worlds[index].trader.orders.filter { $0.key / 4 == round }.values
        if orders.contains(where: { $0.history.contains("answer outcome_unknown") }) { worlds[index].doubtful += 1 }
      }
    }
    for index in worlds.indices {
      try worlds[index].trader.readUntilSettled(worlds[index].trader.orders.keys)
      #expect(worlds[index].doubtful == cuts)
      try judge(worlds[index].trader, worlds[index].world)
    }
  }

  @Test func anOrderThatIsNotAnsweredIsFoundOutAbout() throws {
    let world = try TradingWorld()
    var trader = try Trader(world)
    try world.tell("order-answer-lost count=2")
    for request in 0..<2 { trader.place(request) }
    try trader.readUntilSettled(0..<2)
    try judge(trader, world)
  }

  /// Holds what a program was told against what the exchange has.
  private func judge(_ trader: Trader, _ world: TradingWorld) throws {
    let truth = try world.orders()
    var known: Set<String> = []
    for (request, order) in trader.orders {
      let about = Comment(rawValue: "\(request): \(order.history)")
      #expect(order.isForwards && order.answers.count == 1, about)
      guard let stage = order.stages.last else { continue }
      let name = try #require(order.clientIDs.first, about)
      #expect(order.clientIDs.count == 1 && order.orderIDs.count <= 1, about)
      #expect(truth.received[name] ?? 0 <= 1, "sent twice; \(about)")
      // Told of the doubt first, and of none where there is none.
      #expect(order.history.firstIndex(of: "unknown") == order.doubt.map { $0 + 1 }, about)
      if stage == "rejected" {
        #expect(order.orderIDs.isEmpty && !truth.orders.values.contains { $0.clientID == name }, about)
      } else {
        let id = try #require(order.orderIDs.first, about)
        #expect(truth.orders[id]?.status == (order.isTaker ? "filled" : "new"), about)
        #expect(truth.orders[id]?.clientID == name, about)
        known.insert(id)
      }
    }
    #expect(Set(truth.orders.keys) == known)
    #expect(try world.requests("add_order") == truth.received.values.reduce(0, +))
  }
}
