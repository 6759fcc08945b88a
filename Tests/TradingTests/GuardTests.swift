// What the owner of the account forbids is refused before anything is sent.

import BridgeWire
import MarketData
import Testing

@testable import Trading

@Suite struct GuardTests {
  static let head = #"{"symbol":"BTC/USD","side":"buy","order_type":"limit""#

  static func configured(_ change: (inout TradingConfiguration) -> Void) -> DeskHarness {
    var configuration = TradingConfiguration.trading
    change(&configuration)
    return DeskHarness(configuration)
  }

  func expect(
    _ code: FaultCode?, _ harness: inout DeskHarness, _ method: String, _ params: String,
    _ place: SourceLocation = #_sourceLocation
  ) {
    do throws(RequestFault) {
      let actions = try harness.request(method, params)
      #expect(code == nil, sourceLocation: place)
      #expect(actions.sent.count == 1, sourceLocation: place)
    } catch {
      #expect(error.code == code, sourceLocation: place)
      #expect(error.requestID == "7" && error.method == method, sourceLocation: place)
    }
  }

  @Test func offByDefault() {
    var harness = DeskHarness(TradingConfiguration())
    expect(.notPermitted, &harness, "add_order", AddOrderTests.limit)
  }

  @Test func nothingIsSentWithoutAConnection() {
    var harness = DeskHarness(isReady: false)
    expect(.upstreamOffline, &harness, "add_order", AddOrderTests.limit)
    harness.ready()
    harness.lose()
    expect(.upstreamOffline, &harness, "cancel_all", "{}")
    #expect(harness.actions.sent.isEmpty && harness.actions.told.isEmpty)
  }

  @Test func symbols() {
    var harness = Self.configured { $0.symbols = ["ETH/USD"] }
    expect(.notPermitted, &harness, "add_order", AddOrderTests.limit)
    expect(nil, &harness, "add_order", AddOrderTests.limit.replacing("BTC/USD", with: "eth/usd"))
    expect(.notPermitted, &harness, "amend_order", #"{"order_id":"OX","symbol":"ETH/USD","order_qty":1}"#)
    expect(nil, &harness, "cancel_order", #"{"order_id":["OX"]}"#)
  }

  @Test func quantities() {
    var harness = Self.configured { $0.orderQtyMax = NumberText("1.5") }
    expect(nil, &harness, "add_order", Self.head + #","limit_price":1,"order_qty":1.50}"#)
    expect(.limitExceeded, &harness, "add_order", Self.head + #","limit_price":1,"order_qty":1.500000001}"#)
    expect(
      .limitExceeded, &harness, "add_order", Self.head + #","limit_price":1,"order_qty":15e-1,"cash_order_qty":1}"#)
    expect(.badParameter, &harness, "add_order", Self.head + #","limit_price":1,"order_qty":"1"}"#)
    expect(.badParameter, &harness, "add_order", Self.head + #","limit_price":1,"order_qty":1,"order_qty":9}"#)
    expect(
      .limitExceeded, &harness, "batch_add",
      #"{"symbol":"BTC/USD","orders":[{"side":"buy","order_type":"market","order_qty":1},{"side":"buy","order_type":"market","order_qty":2}]}"#
    )
  }

  @Test func notionals() {
    var harness = Self.configured { $0.notionalMax = NumberText("100") }
    expect(nil, &harness, "add_order", Self.head + #","limit_price":33.3,"order_qty":3}"#)
    expect(.limitExceeded, &harness, "add_order", Self.head + #","limit_price":33.4,"order_qty":3}"#)
    let market = Self.head.replacing("limit", with: "market") + #","order_qty":2}"#
    expect(.limitExceeded, &harness, "add_order", market)
    harness.prices["BTC/USD"] = "50.00"
    expect(nil, &harness, "add_order", market)
    harness.prices["BTC/USD"] = "50.01"
    expect(.limitExceeded, &harness, "add_order", market)
    // A sale at a low limit is worth what the market pays.
    expect(
      .limitExceeded, &harness, "add_order",
      #"{"symbol":"BTC/USD","side":"sell","order_type":"limit","limit_price":1,"order_qty":2}"#)
    expect(
      .limitExceeded, &harness, "add_order", Self.head + #","limit_price":5,"limit_price_type":"pct","order_qty":2}"#)
  }

  @Test func changesAreJudgedByTheOrderTheyChange() {
    var harness = Self.configured { $0.notionalMax = NumberText("100") }
    harness.snapshot([
      #"{"order_id":"OX","symbol":"BTC/USD","side":"buy","order_qty":2,"limit_price":40,"exec_type":"new","order_status":"new"}"#
    ])
    expect(nil, &harness, "amend_order", #"{"order_id":"OX","limit_price":50}"#)
    expect(.limitExceeded, &harness, "amend_order", #"{"order_id":"OX","limit_price":51}"#)
    expect(.limitExceeded, &harness, "edit_order", #"{"order_id":"OX","symbol":"BTC/USD","order_qty":3}"#)
    expect(.notPermitted, &harness, "amend_order", #"{"order_id":"OY","limit_price":1}"#)
  }

  @Test func postOnly() {
    var harness = Self.configured { $0.postOnly = true }
    expect(.notPermitted, &harness, "add_order", AddOrderTests.limit)
    expect(nil, &harness, "add_order", Self.head + #","limit_price":1,"order_qty":1,"post_only":true}"#)
    expect(.notPermitted, &harness, "edit_order", #"{"order_id":"OX","symbol":"BTC/USD","order_qty":3}"#)
  }

  @Test func ordersPerMinute() {
    var harness = Self.configured { $0.ordersPerMinute = 3 }
    let order = Self.head + #","limit_price":1,"order_qty":1}"#
    for _ in 0..<3 { expect(nil, &harness, "add_order", order) }
    expect(.rateLimited, &harness, "add_order", order)
    harness.pass(.seconds(60))
    expect(nil, &harness, "add_order", order)
  }

  @Test func onlyChecked() throws {
    var harness = Self.configured { $0.validateOnly = true }
    let sent = try harness.request("add_order", Self.head + #","limit_price":1,"order_qty":1,"validate":false}"#)
    #expect(member(sent.sent[0], "params", "validate") == "true")
    #expect(sent.stages.isEmpty)
    expect(.notPermitted, &harness, "amend_order", #"{"order_id":"OX","order_qty":1}"#)
    let edit = try harness.request("edit_order", #"{"order_id":"OX","symbol":"BTC/USD","order_qty":3}"#)
    #expect(member(edit.sent[0], "params", "validate") == "true")
  }

  @Test func overTheRate() {
    var harness = Self.configured { $0.refusesOverRate = true }
    let order = Self.head + #","limit_price":1,"order_qty":1}"#
    for _ in 0..<60 { expect(nil, &harness, "add_order", order) }
    expect(.rateLimited, &harness, "add_order", order)
    harness.pass(.seconds(1))
    expect(nil, &harness, "add_order", order)
  }

  @Test func costsOfYoungOrders() {
    let second: Int64 = 1_000_000_000
    func units(_ cost: Int64) -> Double { Double(cost) / Double(second) }
    let seconds: [Int64] = [0, 5, 10, 15, 45, 90, 300]
    let ages: [Int64?] = seconds.map { $0 * second } + [nil]
    #expect(ages.map { units(RateCost.amend(age: $0)) } == [4, 3, 2, 1, 1, 1, 1, 1])
    #expect(ages.map { units(RateCost.edit(age: $0)) } == [7, 6, 5, 3, 2, 1, 1, 1])
    #expect(ages.map { units(RateCost.cancel(age: $0)) } == [8, 6, 5, 4, 2, 1, 0, 0])
    #expect(units(RateCost.batchAdd(5)) == 2.5)
  }

  @Test(arguments: [(60, 1000), (125, 2340), (180, 3750)])
  func decay(ceiling: Int, perSecond: Int64) {
    var rates = RateCounters()
    rates.ceiling = ceiling
    rates.add(50 * RateCounters.one, to: "BTC/USD", now: 0)
    #expect(rates.count(of: "btc/usd", now: 2 * RateCounters.one) == 50 * RateCounters.one - 2 * perSecond * 1_000_000)
    #expect(rates.count(of: "BTC/USD", now: 100 * RateCounters.one) == 0)
  }
}
