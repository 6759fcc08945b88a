// Executions without a snapshot (`users: all`): whatever may have been missed before they began is looked up.

import JSONText
import Testing

@testable import Trading

@Suite struct AllUsersTests {
  @Test func openOrdersAreLookedUpByTheirIDs() throws {
    var harness = try DoubtTests.open()
    try harness.request("add_order", AddOrderTests.limit.replacing("mine", with: "other"), id: "8")
    harness.answer(#"{"method":"add_order","req_id":4503599627370498,"result":{"order_id":"O2"},"success":true}"#)
    let query = try #require(harness.begin().queries.first)
    #expect(query.path == "/0/private/QueryOrders" && query.form == "txid=O1%2CO2")
    let actions = harness.queryAnswer(
      query.id,
      #"{"error":[],"result":{"O1":{"status":"closed","vol_exec":"0.01"},"O2":{"status":"open","vol_exec":"0"}}}"#)
    #expect(actions.stages == ["filled", "open"])
    #expect(harness.pass(.seconds(600)).queries.isEmpty)
  }

  @Test func ordersInDoubtAreLookedUpByName() throws {
    var harness = try DoubtTests.placed()
    #expect(harness.lose().stages == ["unknown"])
    harness.ready()
    let query = try #require(harness.begin().queries.first)
    #expect(query.path == "/0/private/OpenOrders" && query.form == "cl_ord_id=mine")
    #expect(
      harness.queryAnswer(
        query.id, #"{"error":[],"result":{"open":{"O1":{"status":"open","cl_ord_id":"mine","vol_exec":"0"}}}}"#
      ).stages == ["open"])
    #expect(harness.actions.sent.count == 1)
  }

  /// It was filled before the executions began, and Kraken's answer comes after: no report is to come any more.
  @Test func anOrderOnItsWayIsLookedUpWhenItsAnswerComes() throws {
    var harness = try DoubtTests.placed()
    #expect(harness.begin().queries.isEmpty)
    let actions = harness.answer(
      #"{"method":"add_order","req_id":4503599627370497,"result":{"order_id":"O1"},"success":true}"#)
    #expect(actions.stages == ["accepted"])
    let query = try #require(actions.queries.first)
    #expect(query.form == "txid=O1")
    #expect(
      harness.queryAnswer(query.id, #"{"error":[],"result":{"O1":{"status":"closed","vol_exec":"0.01"}}}"#).stages
        == ["filled"])
    try harness.request("add_order", AddOrderTests.limit.replacing("mine", with: "later"), id: "8")
    let later = harness.answer(
      #"{"method":"add_order","req_id":4503599627370498,"result":{"order_id":"O2"},"success":true}"#)
    #expect(later.stages == ["accepted"] && later.queries.isEmpty, "of this one nothing was missed")
  }

  /// The order's id may change any moment, so it is looked up under whichever it has after the edit.
  @Test(arguments: [
    (#""result":{"order_id":"O2","original_order_id":"O1"},"success":true"#, "txid=O2"),
    (#""error":"EOrder:Unknown order","success":false"#, "txid=O1"),
  ])
  func anOrderUnderEditIsLookedUpAfterIt(answer: String, form: String) throws {
    var harness = try DoubtTests.open()
    try harness.request("edit_order", #"{"order_id":"O1","symbol":"BTC/USD","order_qty":2}"#, id: "8")
    #expect(harness.begin().queries.isEmpty)
    let queries = harness.answer(#"{"method":"edit_order","req_id":4503599627370498,\#(answer)}"#).queries
    let query = try #require(queries.first)
    #expect(query.form == form)
    let id = String(form.dropFirst(5))
    #expect(
      harness.queryAnswer(query.id, #"{"error":[],"result":{"\#(id)":{"status":"canceled","vol_exec":"0"}}}"#).stages
        == ["canceled"])
  }

  @Test func anEditWithoutAnswerIsLookedUpToo() throws {
    var harness = try DoubtTests.open()
    try harness.request("edit_order", #"{"order_id":"O1","symbol":"BTC/USD","order_qty":2}"#, id: "8")
    #expect(harness.begin().queries.isEmpty)
    let query = try #require(harness.pass(.seconds(10)).queries.first)
    #expect(query.path == "/0/private/OpenOrders")
    #expect(
      harness.queryAnswer(
        query.id, #"{"error":[],"result":{"open":{"O2":{"status":"open","cl_ord_id":"mine","vol_exec":"0"}}}}"#
      ).told.last.flatMap { member($0.data, "order_id") } == "O2")
  }

  @Test func countersOfOtherUsersAreNotOurs() throws {
    var harness = try DoubtTests.open()
    func count() -> String? {
      var status = JSONBytes()
      harness.desk.writeStatus(into: &status, now: harness.now)
      return member(String(decoding: status.bytes, as: UTF8.self), "rate_counters", "BTC/USD", "count")
    }
    let before = count()
    harness.report(
      #"{"order_id":"X","symbol":"BTC/USD","exec_type":"new","order_status":"new","user":"u2","ratecount":90}"#)
    #expect(count() == before)
    harness.report(#"{"order_id":"O1","exec_type":"amended","order_status":"new","user":"u1","ratecount":91}"#)
    #expect(count()?.hasPrefix("91") == true)
    // Where users are not named there is one.
    harness.report(#"{"order_id":"Y","symbol":"BTC/USD","exec_type":"new","order_status":"new","ratecount":92}"#)
    #expect(count()?.hasPrefix("92") == true)
  }

  /// Connections break and reports are lost, with nothing but REST to tell what became of the orders.
  @Test(arguments: 0..<60)
  func gapsAndCutsAtRandomMoments(seed: UInt64) {
    var world = TradingWorld(seed: seed, coversAllUsers: true)
    world.kraken.mood = KrakenModel.Mood.allCases[Int(seed % 3)]
    world.restFailureOdds = seed % 2 == 0 ? 3 : 0
    var chance = Chance(state: seed + 1000)
    for index in 0..<60 {
      world.schedule(.place(client: index % 3, RandomWorldTests.params(index, &chance)), in: index * 2)
    }
    for _ in 0..<3 { world.schedule(.cut, in: Int.random(in: 0..<130, using: &chance)) }
    for _ in 0..<5 { world.schedule(.gap, in: Int.random(in: 0..<130, using: &chance)) }
    world.run()
    world.check(wasEverCut: true)
  }

  /// One order, one gap, at every millisecond of its way.
  @Test(arguments: KrakenModel.Mood.allCases)
  func oneGapAtEveryMoment(mood: KrakenModel.Mood) {
    for seed in 0..<UInt64(40) {
      for moment in 0..<16 {
        var world = TradingWorld(seed: seed, coversAllUsers: true)
        world.kraken.mood = mood
        var chance = Chance(state: seed)
        world.schedule(.place(client: 1, RandomWorldTests.params(Int(seed), &chance)), in: 1)
        world.schedule(.gap, in: moment)
        world.run()
        world.check(wasEverCut: true)
        #expect(world.placed.values.allSatisfy { !$0.stages.contains("unknown") })
      }
    }
  }
}
