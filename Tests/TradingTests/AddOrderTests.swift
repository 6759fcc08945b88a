import Testing

@testable import Trading

@Suite struct AddOrderTests {
  static let limit =
    #"{"order_type":"limit","side":"buy","order_qty":0.0100,"limit_price":26500.40,"symbol":"BTC/USD","cl_ord_id":"mine"}"#

  @Test func anOrderThatIsFilled() throws {
    var harness = DeskHarness()
    let sent = try #require(try harness.request("add_order", Self.limit).sent.first)
    #expect(
      sent == #"""
        {"method":"add_order","params":{"symbol":"BTC/USD","order_type":"limit","side":"buy","order_qty":0.0100,"limit_price":26500.40,"cl_ord_id":"mine","token":"TOPSECRETTOKEN"},"req_id":4503599627370497}
        """#)
    let answers = harness.answer(
      #"{"method":"add_order","req_id":4503599627370497,"result":{"order_id":"O1","cl_ord_id":"mine"},"success":true}"#
    ).answers
    #expect(member(answers[0], "result") == #"{"order_id":"O1","cl_ord_id":"mine"}"#)
    #expect(member(answers[0], "req_id") == "7")
    #expect(member(answers[0], "success") == "true")
    harness.report(
      #"{"order_id":"O1","cl_ord_id":"mine","exec_type":"pending_new","order_status":"pending_new","order_qty":0.0100}"#
    )
    harness.report(
      #"{"order_id":"O1","exec_type":"new","order_status":"new","timestamp":"2026-01-05T10:00:01.000101Z"}"#)
    harness.report(
      #"{"order_id":"O1","exec_type":"trade","exec_id":"T1","order_status":"partially_filled","last_qty":0.0040,"cum_qty":0.0040}"#
    )
    harness.report(
      #"{"order_id":"O1","exec_type":"trade","exec_id":"T2","order_status":"partially_filled","last_qty":0.0060,"cum_qty":0.0100}"#
    )
    harness.report(
      #"{"order_id":"O1","exec_type":"filled","order_status":"filled","cum_qty":0.0100,"avg_price":26500.40}"#)
    #expect(
      harness.actions.stages == [
        "submitted", "accepted", "pending", "open", "partially_filled", "partially_filled", "filled",
      ])
    #expect(
      harness.actions.told.last?.data == #"""
        {"req_id":7,"stage":"filled","order_id":"O1","cl_ord_id":"mine","exec_type":"filled","order_status":"filled","cum_qty":0.0100,"avg_price":26500.40}
        """#)
    #expect(harness.actions.told.allSatisfy { $0.symbol == "BTC/USD" && $0.holder == DeskHarness.client })
  }
}
