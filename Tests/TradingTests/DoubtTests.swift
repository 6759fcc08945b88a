// Answers that do not come, connections that break, edits, and what goes with a connection.

import JSONText
import Testing

@testable import Trading

@Suite struct DoubtTests {
  static func placed() throws -> DeskHarness {
    var harness = DeskHarness()
    try harness.request("add_order", AddOrderTests.limit)
    return harness
  }
  static func open() throws -> DeskHarness {
    var harness = try placed()
    harness.answer(#"{"method":"add_order","req_id":4503599627370497,"result":{"order_id":"O1"},"success":true}"#)
    harness.report(#"{"order_id":"O1","exec_type":"new","order_status":"new"}"#)
    return harness
  }

  @Test func noAnswerAndNothingAtKraken() throws {
    var harness = try Self.placed()
    let actions = harness.pass(.seconds(10))
    #expect(actions.stages == ["unknown"])
    #expect(member(actions.answers[0], "code") == "outcome_unknown")
    #expect(actions.queries.map(\.path) == ["/0/private/OpenOrders"])
    #expect(actions.queries[0].form == "cl_ord_id=mine")
    let next = harness.queryAnswer(actions.queries[0].id, #"{"error":[],"result":{"open":{}}}"#)
    #expect(next.queries.map(\.path) == ["/0/private/ClosedOrders"])
    let last = harness.queryAnswer(next.queries[0].id, #"{"error":[],"result":{"closed":{},"count":0}}"#)
    #expect(last.stages == ["rejected"])
    #expect(member(last.told[0].data, "reason") == "Kraken never received it")
  }

  @Test func aLateAnswerCounts() throws {
    var harness = try Self.placed()
    harness.pass(.seconds(10))
    let actions = harness.answer(
      #"{"method":"add_order","req_id":4503599627370497,"result":{"order_id":"O1"},"success":true}"#)
    #expect(actions.stages == ["accepted"])
    #expect(actions.answers.isEmpty)
  }

  @Test func executionsTellWhatTheAnswerDoesNot() throws {
    var harness = try Self.placed()
    harness.report(#"{"order_id":"O1","cl_ord_id":"mine","exec_type":"new","order_status":"new"}"#)
    #expect(harness.pass(.seconds(10)).stages == ["unknown", "open"])
  }

  /// An order that is known again is no more in doubt than others when the connection is lost; one that is not, still is.
  @Test func anAnswerThatNeverCameCastsDoubtOnce() throws {
    var known = try Self.placed()
    known.report(#"{"order_id":"O1","cl_ord_id":"mine","exec_type":"new","order_status":"new"}"#)
    #expect(known.pass(.seconds(10)).stages == ["unknown", "open"])
    #expect(known.lose().stages == [])
    known.ready()
    #expect(known.snapshot([#"{"order_id":"O1","cl_ord_id":"mine","exec_type":"new","order_status":"new","order_qty":1}"#]).stages == [])

    var doubtful = try Self.placed()
    #expect(doubtful.pass(.seconds(10)).stages == ["unknown"])
    #expect(doubtful.lose().stages == [])
    doubtful.ready()
    #expect(
      doubtful.snapshot([#"{"order_id":"O1","cl_ord_id":"mine","exec_type":"new","order_status":"new","order_qty":1}"#]).stages
        == ["accepted", "pending", "open"])
  }

  /// The exchange has edited the order and its answer is lost: with the connection, or alone.
  @Test(arguments: [true, false]) func anEditWhoseAnswerIsLost(withTheConnection: Bool) throws {
    var harness = try Self.open()
    try harness.request("edit_order", #"{"order_id":"O1","symbol":"BTC/USD","order_qty":2}"#, id: "8")
    let edited = #"{"order_id":"O2","cl_ord_id":"mine","exec_type":"new","order_status":"new","order_qty":2}"#
    var actions: [DeskAction]
    if withTheConnection {
      actions = harness.lose()
      harness.ready()
      actions += harness.snapshot([edited])
    } else {
      harness.report(#"{"order_id":"O1","exec_type":"canceled","order_status":"canceled"}"#)
      harness.report(edited)
      actions = harness.pass(.seconds(10))
      for query in actions.queries {
        actions += harness.queryAnswer(
          query.id, #"{"error":[],"result":{"open":{"O2":{"status":"open","cl_ord_id":"mine","vol":"2","vol_exec":"0"}}}}"#)
      }
    }
    #expect(actions.answers.map { member($0, "code") } == ["outcome_unknown"])
    // In doubt first, then as it is: never the end of the old id.
    #expect(actions.stages.first == "unknown" && actions.stages.count > 1)
    #expect(actions.stages.dropFirst().allSatisfy { $0 == "open" }, "\(actions.stages)")
    #expect(actions.told.last.flatMap { member($0.data, "order_id") } == "O2")
    #expect(harness.report(#"{"order_id":"O2","exec_type":"filled","order_status":"filled"}"#).stages == ["filled"])
  }

  @Test func failuresOfRESTArePaced() throws {
    var harness = try Self.placed()
    var id = try #require(harness.pass(.seconds(10)).queries.first?.id)
    for pause in [1, 2, 5, 10, 30, 30] {
      #expect(harness.queryAnswer(id, nil, error: "HTTP 502").queries.isEmpty)
      #expect(harness.pass(.milliseconds(pause * 1000 - 1)).queries.isEmpty)
      id = try #require(harness.pass(.milliseconds(1)).queries.first?.id)
    }
    #expect(
      harness.queryAnswer(
        id, #"{"error":[],"result":{"open":{"O1":{"status":"open","cl_ord_id":"mine","vol_exec":"0.50"}}}}"#
      ).stages == ["partially_filled"])
    #expect(member(harness.actions.told.last!.data, "cum_qty") == "0.50")
  }

  @Test func lostBetweenOrderAndAnswer() throws {
    var harness = try Self.placed()
    let lost = harness.lose()
    #expect(lost.stages == ["unknown"])
    #expect(member(lost.answers[0], "code") == "outcome_unknown")
    #expect(harness.ready().sent.isEmpty)
    let found = harness.snapshot([
      #"{"order_id":"O1","cl_ord_id":"mine","order_qty":1,"exec_type":"new","order_status":"new"}"#
    ])
    #expect(found.stages.last == "open")
    #expect(harness.actions.sent.count == 1)
  }

  @Test func endedWhileAway() throws {
    var harness = try Self.open()
    #expect(harness.lose().told.isEmpty)
    harness.ready()
    let query = try #require(harness.snapshot().queries.first)
    #expect(query.path == "/0/private/QueryOrders" && query.form == "txid=O1")
    let actions = harness.queryAnswer(
      query.id, #"{"error":[],"result":{"O1":{"status":"canceled","vol_exec":"0","reason":"User requested"}}}"#)
    #expect(actions.stages == ["canceled"])
    #expect(member(actions.told[0].data, "reason") == "User requested")
  }

  /// An edit ends the order's id and not the order, whatever comes first.
  @Test(arguments: 0..<4)
  func edits(answerPlace: Int) throws {
    var harness = try Self.open()
    try harness.request("edit_order", #"{"order_id":"O1","symbol":"BTC/USD","order_qty":2}"#, id: "8")
    var texts = [
      #"{"order_id":"O2","exec_type":"pending_new","order_status":"pending_new","order_qty":2}"#,
      #"{"order_id":"O1","exec_type":"canceled","order_status":"canceled"}"#,
      #"{"order_id":"O2","exec_type":"new","order_status":"new"}"#,
    ]
    texts.insert(
      #"{"method":"edit_order","req_id":4503599627370498,"result":{"order_id":"O2","original_order_id":"O1"},"success":true}"#,
      at: answerPlace)
    for text in texts { if text.contains("method") { harness.answer(text) } else { harness.report(text) } }
    harness.report(#"{"order_id":"O2","exec_type":"filled","order_status":"filled"}"#)
    #expect(Set(harness.actions.stages.dropFirst(4).dropLast()) == ["open"])
    #expect(harness.actions.stages.last == "filled")
    #expect(member(harness.actions.told.last!.data, "order_id") == "O2")
  }

  @Test func aFailedEditLeavesTheEndThatWasHeld() throws {
    var harness = try Self.open()
    try harness.request("edit_order", #"{"order_id":"O1","symbol":"BTC/USD","order_qty":2}"#, id: "8")
    #expect(harness.report(#"{"order_id":"O1","exec_type":"canceled","order_status":"canceled"}"#).told.isEmpty)
    let actions = harness.answer(
      #"{"method":"edit_order","req_id":4503599627370498,"error":"EOrder:Unknown order","success":false}"#)
    #expect(actions.stages == ["canceled"])
  }

  @Test func batches() throws {
    var harness = DeskHarness()
    let order = #"{"side":"buy","order_type":"limit","order_qty":1.20,"limit_price":5}"#
    let sent = try harness.request("batch_add", #"{"symbol":"XBT/USD","orders":[\#(order),\#(order)]}"#)
    #expect(sent.stages == ["submitted", "submitted"])
    #expect(member(sent.sent[0], "params", "symbol") == "BTC/USD")
    #expect(member(sent.sent[0], "params", "orders", "1", "order_qty") == "1.20")
    let actions = harness.answer(
      #"{"method":"batch_add","req_id":4503599627370497,"success":true,"result":{"orders":[{"order_id":"O1","success":true},{"success":false,"error":"EOrder:Invalid price"}]}}"#
    )
    #expect(actions.stages == ["accepted", "rejected"])
    #expect(actions.answers.count == 1)
  }

  @Test func ordersGoWithTheirConnection() throws {
    var harness = DeskHarness()
    try harness.request("add_order", AddOrderTests.limit.replacing("}", with: #","cancel_on_disconnect":true}"#))
    #expect(!harness.actions.sent[0].contains("cancel_on_disconnect"))
    #expect(harness.leave(DeskHarness.client).sent.isEmpty)
    // As soon as its id is known; nobody is told any more.
    let actions = harness.report(#"{"order_id":"O1","cl_ord_id":"mine","exec_type":"new","order_status":"new"}"#)
    #expect(actions.sent.map { member($0, "params", "order_id", "0") } == ["O1"])
    #expect(actions.told.isEmpty)
    #expect(harness.report(#"{"order_id":"O1","exec_type":"canceled","order_status":"canceled"}"#).sent.isEmpty)
    #expect(harness.pass(.seconds(3600)).sent.isEmpty)
  }

  @Test func tokensAreSeenOnTheWireAlone() throws {
    var harness = try Self.open()
    try harness.request("cancel_all", #"{"token":"MINE"}"#)
    harness.pass(.seconds(30))
    harness.lose()
    var status = JSONBytes()
    harness.desk.writeStatus(into: &status, now: harness.now)
    harness.desk.writeState(of: DeskHarness.client, into: &status)
    #expect(harness.actions.sent.allSatisfy { $0.contains(DeskHarness.token) && !$0.contains("MINE") })
    let texts = [
      "\(harness.actions)", String(reflecting: harness.actions), "\(harness.desk)",
      String(decoding: status.bytes, as: UTF8.self),
    ]
    for text in texts { #expect(!text.contains(DeskHarness.token)) }
  }
}
