import MarketData
import Testing

@testable import Trading

/// One desk ends, the next takes up its orders, as at a restart of the bridge.
@Suite struct DeskRestartTests {
  static let order =
    #"{"order_type":"limit","side":"buy","symbol":"BTC/USD","limit_price":26500.4,"order_qty":1.20,"cl_ord_id":"bot-1"}"#

  static func item(_ status: String, _ type: String, time: String = "2026-09-21T13:33:20.000001Z", more: String = "")
    -> String
  {
    #"{"order_id":"OA","cl_ord_id":"bot-1","symbol":"BTC/USD","exec_type":"\#(type)","order_status":"\#(status)","order_qty":1.20,"side":"buy"\#(more),"timestamp":"\#(time)"}"#
  }

  /// The next process: the holders that are still connected, and what was saved.
  static func next(_ harness: DeskHarness, connected: Bool = true) -> DeskHarness {
    var next = DeskHarness(isReady: false)
    next.now = harness.now.advanced(by: .seconds(1))
    next.actions = []
    if !connected { next.desk.holders = [:] }
    next.take(next.desk.restore(harness.desk.savedOrders, holds: harness.desk.savedHolds, now: next.now))
    return next
  }

  static func stages(_ harness: DeskHarness) -> [String] {
    harness.actions.compactMap { action in
      guard case .stage(_, _, _, let data) = action else { return nil }
      return member(String(decoding: data, as: UTF8.self), "stage")
    }
  }

  @Test func anOpenOrderIsFollowedOn() throws {
    var before = DeskHarness()
    try before.request("add_order", Self.order)
    before.answer(
      #"{"method":"add_order","req_id":4503599627370497,"result":{"order_id":"OA","cl_ord_id":"bot-1"},"success":true}"#
    )
    before.report(Self.item("new", "new", time: "2026-09-21T14:13:21.000001Z"))
    var after = Self.next(before)
    #expect(Self.stages(after).isEmpty, "nothing is in doubt")
    after.ready()
    after.snapshot([Self.item("new", "new", time: "2026-09-21T14:13:21.000001Z")])
    #expect(Self.stages(after).isEmpty, "and nothing has changed")
    after.report(Self.item("canceled", "canceled", time: "2026-09-21T14:13:25.000001Z"))
    #expect(Self.stages(after) == ["canceled"])
  }

  @Test func anOrderInFlightIsInDoubtAndThenFound() throws {
    var before = DeskHarness()
    try before.request("add_order", Self.order)
    var after = Self.next(before)
    #expect(Self.stages(after) == ["unknown"])
    after.ready()
    after.snapshot([Self.item("new", "new", time: "2026-09-21T14:13:21.000001Z")])
    #expect(Self.stages(after).last == "open")
    #expect(!after.actions.contains { if case .send = $0 { true } else { false } }, "it is not sent again")
  }

  @Test func whatIsOverIsNotCarried() throws {
    var before = DeskHarness()
    try before.request("add_order", Self.order)
    before.answer(
      #"{"method":"add_order","req_id":4503599627370497,"error":"EOrder:Insufficient funds","success":false}"#)
    #expect(before.desk.savedOrders.isEmpty)
  }

  @Test func anOrderWhoseConnectionDidNotComeBackGoesWithIt() throws {
    var before = DeskHarness()
    try before.request("add_order", Self.order.dropLast() + #","cancel_on_disconnect":true}"#)
    before.answer(
      #"{"method":"add_order","req_id":4503599627370497,"result":{"order_id":"OA","cl_ord_id":"bot-1"},"success":true}"#
    )
    var after = Self.next(before, connected: false)
    after.ready()
    let sent = after.actions.compactMap {
      if case .send(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil }
    }
    #expect(sent.contains { $0.contains("cancel_order") && $0.contains("OA") })
  }

  @Test func aKeptSwitchIsRenewedAtOnce() throws {
    var before = DeskHarness()
    try before.request("cancel_all_orders_after", #"{"timeout":60,"keep":true}"#)
    var after = Self.next(before)
    after.ready()
    after.pass(.seconds(1))
    let sent = after.actions.compactMap {
      if case .send(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil }
    }
    #expect(sent.contains { $0.contains("cancel_all_orders_after") && $0.contains(#""timeout":60"#) })
  }
}
