// What the simulation has found in the desk, each as the shortest conversation that shows it.

import JSONText
import MarketData
import Testing

@testable import Trading

@Suite struct FoundBySimulationTests {
  private static let granted =
    #"{"method":"add_order","req_id":4503599627370497,"result":{"order_id":"O1","cl_ord_id":"mine"},"success":true}"#

  /// An order sent before the executions were subscribed to may be over when their snapshot is made, and its answer come
  /// behind that: no report follows, and the order used to stay `accepted` for ever.
  @Test func anOrderThatASnapshotPassedOverIsLookedUp() throws {
    var harness = try DoubtTests.placed()
    harness.pass(.milliseconds(5))
    harness.snapshot()
    harness.pass(.milliseconds(5))
    let actions = harness.answer(Self.granted)
    #expect(actions.stages == ["accepted"])
    #expect(actions.queries.map(\.form) == ["txid=O1"])
    let outcome = harness.queryAnswer(
      actions.queries[0].id, #"{"error":[],"result":{"O1":{"status":"canceled","vol_exec":"0.0"}}}"#)
    #expect(outcome.stages == ["canceled"])
  }

  /// Late answers to a request are waited for quite long, and requests behind it used to have to wait with it.
  @Test func oneRequestWithoutAnswerDoesNotDelayTheNext() throws {
    var harness = try DoubtTests.placed()
    #expect(harness.pass(.seconds(10)).stages == ["unknown"])
    try harness.request("cancel_all")
    #expect(harness.pass(.seconds(10)).answers.map { member($0, "code") } == ["outcome_unknown"])
  }

  /// After a restart an order in doubt was judged by the wall clock. When that had been set back, the order seemed to be
  /// older than itself, and was called rejected although the exchange had it.
  @Test(arguments: [-3600, 0, 3600]) func aWallClockThatIsSetBeforeARestartLosesNoOrder(seconds: Int64) throws {
    var before = try DoubtTests.placed()
    before.lose()
    let saved = before.desk.savedOrders
    var after = DeskHarness(isReady: false)
    after.now = before.now.advanced(by: .seconds(20))
    after.now.wall += seconds * 1_000_000_000
    after.take(after.desk.restore(saved, holds: [], now: after.now))
    after.ready()
    after.answer(#"{"method":"cancel_all","req_id":1,"success":true,"time_out":"2026-09-21T14:13:40.000000Z"}"#)
    let search = after.snapshot()
    let next = after.queryAnswer(search.queries[0].id, #"{"error":[],"result":{"open":{}}}"#)
    let last = after.queryAnswer(
      next.queries[0].id,
      #"{"error":[],"result":{"closed":{"O1":{"cl_ord_id":"mine","status":"closed","vol_exec":"1.2","opentm":1790000000.5}}}}"#)
    #expect(last.stages == ["filled"])
  }

  /// An edit whose answer a restart had cut off used to be forgotten: the order was told to be canceled, and lived on.
  @Test func anEditSurvivesARestart() throws {
    var before = try DoubtTests.open()
    try before.request("edit_order", #"{"order_id":"O1","symbol":"BTC/USD","order_qty":2}"#, id: "8")
    #expect(before.lose().stages == ["unknown"])
    var after = DeskHarness(isReady: false)
    after.now = before.now
    after.take(after.desk.restore(before.desk.savedOrders, holds: [], now: after.now))
    after.ready()
    let edited = #"{"order_id":"O2","ord_ref_id":"O1","exec_type":"new","order_status":"new","order_qty":2}"#
    let told = after.snapshot([edited]).told
    #expect(told.map(\.stage) == ["open"])
    #expect(told.map { member($0.data, "order_id") } == ["O2"])
    #expect(after.report(#"{"order_id":"O2","exec_type":"canceled","order_status":"canceled"}"#).stages == ["canceled"])
  }

  /// Reports may be slower than a look-up. What they tell of an order that is over used to be told as its end again.
  @Test func nothingIsToldAfterTheEnd() throws {
    var harness = try DoubtTests.open()
    let search = harness.snapshot()
    let end = harness.queryAnswer(
      search.queries[0].id, #"{"error":[],"result":{"O1":{"status":"closed","vol_exec":"1.2"}}}"#)
    #expect(end.stages == ["filled"])
    let late = [
      #"{"order_id":"O1","exec_type":"amended","order_status":"new","order_qty":1.2}"#,
      #"{"order_id":"O1","exec_id":"T1","exec_type":"trade","order_status":"partially_filled","last_qty":1.2,"cum_qty":1.2}"#,
      #"{"order_id":"O1","exec_type":"filled","order_status":"filled","cum_qty":1.2}"#,
    ]
    for report in late { #expect(harness.report(report).stages == []) }
  }

  /// Which order a report is of was judged by the wall clock. When that was set, reports that came before the answer
  /// seemed to be older than the order, and were lost to it.
  @Test(arguments: [-3600, 3600]) func aWallClockThatIsSetLosesNoReport(seconds: Int64) throws {
    var harness = DeskHarness()
    harness.answer(#"{"method":"cancel_all","req_id":1,"success":true,"time_out":"2026-09-21T14:13:20.000000Z"}"#)
    harness.now.wall += seconds * 1_000_000_000
    try harness.request("add_order", AddOrderTests.limit)
    let actions = harness.report(
      #"{"order_id":"O1","cl_ord_id":"mine","exec_type":"new","order_status":"new","timestamp":"2026-09-21T14:13:20.100000Z"}"#)
    #expect(actions.stages == ["accepted", "pending", "open"])
  }

  /// Nor does a wall clock that was wrong from the beginning, when no answer has told the time yet.
  @Test func theFirstReportTellsTheTime() throws {
    var harness = DeskHarness()
    harness.now.wall += 3_600_000_000_000
    try harness.request("add_order", AddOrderTests.limit)
    let actions = harness.report(
      #"{"order_id":"O1","cl_ord_id":"mine","exec_type":"new","order_status":"new","timestamp":"2026-09-21T14:13:20.100000Z"}"#)
    #expect(actions.stages == ["accepted", "pending", "open"])
  }

  /// An order that closes another bears its `order_userref`. When the answer was lost, its fill used to be taken for the
  /// first order's.
  @Test func aClosingOrderIsAnother() throws {
    var harness = DeskHarness()
    let sent = try harness.request(
      "add_order",
      #"{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":1,"limit_price":2,"conditional":{"order_type":"limit","limit_price":3}}"#)
    let userref = try #require(member(sent.sent[0], "params", "order_userref"))
    func fill(_ id: String, _ side: String) -> String {
      """
      {"order_id":"\(id)","order_userref":\(userref),"symbol":"BTC/USD","side":"\(side)","exec_id":"T\(id)",\
      "exec_type":"trade","order_status":"filled","last_qty":1,"cum_qty":1}
      """
    }
    harness.lose()
    harness.ready()
    let actions = harness.snapshot([fill("O2", "sell"), fill("O1", "buy")])
    #expect(actions.told.map { member($0.data, "order_id") } == [String?](repeating: "O1", count: actions.told.count))
    #expect(actions.stages.last == "filled")
  }

  /// It also names the first order, like an order that an edit has made of it. With an edit in doubt it used to be taken
  /// for that, in the executions or over REST.
  @Test(arguments: [true, false]) func aClosingOrderIsNoEdit(isInTheSnapshot: Bool) throws {
    var harness = try DoubtTests.open()
    try harness.request("edit_order", #"{"order_id":"O1","symbol":"BTC/USD","order_qty":2}"#, id: "8")
    harness.lose()
    harness.ready()
    let closing = #"{"order_id":"O2","ord_ref_id":"O1","side":"sell","exec_type":"new","order_status":"new","order_qty":2}"#
    let search = harness.snapshot(isInTheSnapshot ? [closing] : [])
    #expect(search.stages == [])
    let next = harness.queryAnswer(
      search.queries[0].id,
      #"{"error":[],"result":{"open":{"O2":{"refid":"O1","status":"open","vol_exec":"0.0","descr":{"type":"sell"}}}}}"#)
    let last = harness.queryAnswer(
      next.queries[0].id,
      #"{"error":[],"result":{"closed":{"O1":{"status":"closed","vol_exec":"2.0","descr":{"type":"buy"}}}}}"#)
    let byID = try #require(last.queries.first)
    let end = harness.queryAnswer(
      byID.id, #"{"error":[],"result":{"O1":{"status":"closed","vol_exec":"2.0","descr":{"type":"buy"}}}}"#)
    #expect(end.stages == ["filled"])
  }

  /// A name may be used again once its order is over. After a restart the desk does not know the first order any more,
  /// and used to take its end for the second's, whatever that asked for.
  @Test func anotherOrderOfTheNameIsNotTakenForIt() throws {
    var harness = try DoubtTests.placed()
    let actions = harness.pass(.seconds(10))
    let next = harness.queryAnswer(actions.queries[0].id, #"{"error":[],"result":{"open":{}}}"#)
    let last = harness.queryAnswer(
      next.queries[0].id,
      #"{"error":[],"result":{"closed":{"O9":{"cl_ord_id":"mine","status":"closed","vol_exec":"1.2","descr":{"type":"sell"}}}}}"#)
    #expect(last.stages == ["rejected"])
  }
}
