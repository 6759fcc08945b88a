import Testing

@testable import SimulatedExchange

/// Amending, editing, cancelling, batches and the dead man's switch.
struct OrderChangeTests {
  // MARK: Amend

  @Test func amendedOrderKeepsItsID() throws {
    var client = Client.trader()
    let id = client.rest()
    client.trade("amend_order", #""order_id":"\#(id)","order_qty":0.7,"limit_price":51000.0"#)
    let messages = client.takeMessages()
    #expect(messages.first?["result"]?.text("amend_id")?.hasPrefix("T") == true)
    let report = try #require(messages.channel("executions").reports.first)
    #expect(report.text("exec_type") == "amended" && report.text("order_id") == id)
    #expect(report.text("order_qty") == "0.70000000" && report.text("limit_price") == "51000.0")
    #expect(report["amended"]?.bool == true && report.text("reason") == "User requested")
  }

  @Test func amendedIntoTheMarketItTrades() {
    var client = Client.trader()
    _ = client.rest(more: #""cl_ord_id":"mine""#)
    client.trade("amend_order", #""cl_ord_id":"mine","limit_price":\#(client.bestAsk)"#)
    let messages = client.takeMessages()
    #expect(messages.first?["result"]?.text("cl_ord_id") == "mine")
    #expect(messages.channel("executions").reports.kinds.prefix(2) == ["amended", "trade"])
  }

  @Test(arguments: [
    (#""order_id":"OXXXXX-XXXXX-XXXXXX","order_qty":1"#, "EOrder:Unknown order"),
    (#""order_qty":1"#, "EGeneral:Invalid arguments:order_id"),
    (#""cl_ord_id":"mine","order_qty":0.00000001"#, "EOrder:Order minimum not met"),
    (#""cl_ord_id":"mine","limit_price":1.25"#, "EOrder:Tick size check failed"),
    (#""cl_ord_id":"mine","limit_price":0.1"#, "EOrder:Cost minimum not met"),
    (#""cl_ord_id":"mine","order_qty":900"#, "EOrder:Insufficient funds"),
    (#""cl_ord_id":"mine","limit_price":90000,"post_only":true"#, "EOrder:Post only order"),
    (#""cl_ord_id":"mine","trigger_price":90000"#, "EGeneral:Invalid arguments:trigger_price"),
    (#""cl_ord_id":"mine","display_qty":0.01"#, "EGeneral:Invalid arguments:display_qty"),
    (#""cl_ord_id":"mine","side":"sell""#, "Unsupported field: 'side'"),
  ])
  func badAmendmentIsRefused(_ params: String, _ error: String) {
    var client = Client.trader()
    _ = client.rest(more: #""cl_ord_id":"mine""#)
    client.trade("amend_order", params)
    let messages = client.takeMessages()
    #expect(messages.count == 1 && messages[0].error == error)
  }

  @Test func quantityCannotFallBelowWhatIsFilled() {
    var client = Client.trader()
    let ask = client.exchange.book(of: "BTC/USD", depth: 1)!.asks[0]
    client.add("buy", "90", at: ask.price, more: #""cl_ord_id":"mine""#)
    client.trade("amend_order", #""cl_ord_id":"mine","order_qty":\#(ask.quantity)"#)
    #expect(client.takeAnswers().last?.error == "EGeneral:Invalid arguments:order_qty")
  }

  @Test func triggersCanBeMoved() throws {
    var client = Client.trader()
    client.trade(
      "add_order",
      #""symbol":"BTC/USD","side":"sell","order_type":"stop-loss","order_qty":1,"triggers":{"price":50000},"cl_ord_id":"s""#
    )
    client.trade("amend_order", #""cl_ord_id":"s","trigger_price":51000.5"#)
    #expect(client.takeReports().last?["triggers"]?.text("price") == "51000.5")
  }

  // MARK: Edit

  @Test func editedOrderHasANewID() throws {
    var client = Client.trader()
    let id = client.rest(more: #""order_userref":5"#)
    client.trade("edit_order", #""order_id":"\#(id)","symbol":"BTC/USD","limit_price":51000,"order_qty":0.6"#)
    let messages = client.takeMessages()
    let result = try #require(messages.first?["result"])
    let new = try #require(result.text("order_id"))
    #expect(result.text("original_order_id") == id && new != id)
    let reports = messages.channel("executions").reports
    #expect(reports.kinds == ["canceled", "pending_new", "new"])
    #expect(reports.map { $0.text("order_id") } == [id, new, new])
    #expect(reports[1].text("limit_price") == "51000.0" && reports[1]["order_userref"]?.integer == 5)
    client.trade("edit_order", #""order_id":"\#(id)","symbol":"BTC/USD","order_qty":0.6"#)
    #expect(client.takeAnswers().last?.error == "EOrder:Unknown order")
  }

  @Test func ordersWithAClientIDCannotBeEdited() {
    var client = Client.trader()
    let id = client.rest(more: #""cl_ord_id":"mine""#)
    client.trade("edit_order", #""order_id":"\#(id)","symbol":"BTC/USD","order_qty":0.6"#)
    #expect(client.takeAnswers().last?.error == "EOrder:Invalid order")
  }

  @Test func validatedEditChangesNothing() {
    var client = Client.trader()
    let id = client.rest()
    client.trade("edit_order", #""order_id":"\#(id)","symbol":"BTC/USD","order_qty":0.6,"validate":true"#)
    let messages = client.takeMessages()
    #expect(messages.count == 1 && messages[0].succeeded)
    #expect(client.exchange.account.open.map(\.id) == [id])
  }

  // MARK: Cancel

  @Test func everyNamedOrderHasAnAnswer() {
    var client = Client.trader()
    let first = client.rest()
    _ = client.rest(more: #""cl_ord_id":"c""#)
    let third = client.rest(more: #""order_userref":9"#)
    let fourth = client.rest(more: #""order_userref":9"#)
    client.trade(
      "cancel_order", #""order_id":["\#(first)","OGONE0-00000-000000"],"cl_ord_id":["c","d"],"order_userref":[9,10]"#)
    let messages = client.takeMessages()
    let answers = messages.filter { $0["method"] != nil }
    #expect(answers.allSatisfy { $0["req_id"]?.integer == 7 })
    #expect(
      answers.map { $0["result"]?.members?.first?.value.string ?? $0.error } == [
        first, "EOrder:Unknown order", "c", "EOrder:Unknown order", third, fourth, "EOrder:Unknown order",
      ])
    #expect(messages.channel("executions").reports.kinds == Array(repeating: "canceled", count: 4))
    client.trade("cancel_order")
    #expect(client.takeAnswers().first?.error == "EGeneral:Invalid arguments:order_id")
  }

  @Test func cancelAllCounts() {
    var client = Client.trader()
    for _ in 0..<3 { _ = client.rest() }
    client.trade("cancel_all")
    let messages = client.takeMessages()
    #expect(messages.first?["result"]?["count"]?.integer == 3)
    // One message for all of them.
    let reports = messages.channel("executions")
    #expect(reports.count == 1 && reports.reports.kinds == ["canceled", "canceled", "canceled"])
  }

  // MARK: Dead man's switch

  @Test func switchCancelsWhenNobodyRenewsIt() throws {
    var client = Client.trader()
    _ = client.rest()
    client.trade("cancel_all_orders_after", #""timeout":60"#)
    let result = try #require(client.takeAnswers().first?["result"])
    #expect(result.text("currentTime") == "2026-10-09T00:34:00Z" && result.text("triggerTime") == "2026-10-09T00:35:00Z")
    client.run(seconds: 50)
    client.trade("cancel_all_orders_after", #""timeout":60"#)
    client.run(seconds: 50)
    #expect(client.takeReports().isEmpty)
    client.run(seconds: 11)
    let reports = client.takeReports()
    #expect(reports.kinds == ["canceled"] && reports[0].text("reason") == "CancelAllOrdersAfter Timeout")
  }

  @Test func zeroSwitchesItOff() {
    var client = Client.trader()
    _ = client.rest()
    client.trade("cancel_all_orders_after", #""timeout":5"#)
    client.trade("cancel_all_orders_after", #""timeout":0"#)
    client.run(seconds: 10)
    #expect(client.takeReports().isEmpty)
    for timeout in ["86400", "-1", "1.5", "\"60\""] {
      client.trade("cancel_all_orders_after", #""timeout":\#(timeout)"#)
      #expect(client.takeAnswers().last?.error == "EGeneral:Invalid arguments:timeout")
    }
  }

  @Test func switchWorksWithoutAConnection() {
    var client = Client.trader()
    _ = client.rest()
    client.trade("cancel_all_orders_after", #""timeout":5"#)
    client.exchange.disconnected(client.id, now: client.exchange.now)
    client.run(seconds: 10)
    #expect(client.exchange.account.open.isEmpty)
  }

  // MARK: Batches

  private static let order = #"{"side":"buy","order_type":"limit","order_qty":1,"limit_price":50000"#

  @Test func batchIsReportedTogether() throws {
    var client = Client.trader()
    client.trade(
      "batch_add", #""symbol":"BTC/USD","orders":[\#(Self.order),"order_userref":1},\#(Self.order),"cl_ord_id":"b"}]"#)
    let messages = client.takeMessages()
    let results = try #require(messages.first?["result"]?.array)
    #expect(results.map { $0["order_userref"]?.integer } == [1, nil])
    #expect(results.map { $0.text("cl_ord_id") } == [nil, "b"])
    let executions = messages.channel("executions")
    #expect(executions.map { $0["data"]?.array?.count } == [2, 2])
    #expect(executions.reports.kinds == ["pending_new", "pending_new", "new", "new"])
  }

  @Test func oneBadOrderRefusesTheBatch() {
    var client = Client.trader()
    for (orders, error) in [
      ("\(Self.order)},\(Self.order),\"colour\":1}", "Unsupported field: 'colour'"),
      ("\(Self.order)}", "EGeneral:Invalid arguments:orders"),
      ("\(Self.order),\"cl_ord_id\":\"x\"},\(Self.order),\"cl_ord_id\":\"x\"}", "EGeneral:Invalid arguments:cl_ord_id"),
    ] {
      client.trade("batch_add", #""symbol":"BTC/USD","orders":[\#(orders)]"#)
      let messages = client.takeMessages()
      #expect(messages.count == 1 && messages[0].error == error)
    }
  }

  @Test func moneyIsLookedAtOrderByOrder() throws {
    var client = Client.trader()
    let large = Self.order.replacing("\"order_qty\":1", with: "\"order_qty\":150")
    client.trade("batch_add", #""symbol":"BTC/USD","orders":[\#(large)},\#(large),"order_userref":4}]"#)
    let messages = client.takeMessages()
    let results = try #require(messages.first?["result"]?.array)
    #expect(results.map { $0.text("error") } == [nil, "EOrder:Insufficient funds"])
    #expect(messages.channel("executions").reports.kinds == ["pending_new", "new"])
  }

  @Test func batchCancelCountsWhatItFound() {
    var client = Client.trader()
    let first = client.rest()
    _ = client.rest(more: #""order_userref":12"#)
    _ = client.rest(more: #""cl_ord_id":"c""#)
    client.trade("batch_cancel", #""orders":["\#(first)","12","OGONE0-00000-000000"],"cl_ord_id":["c"]"#)
    #expect(client.takeAnswers().first?["result"]?["count"]?.integer == 3)
    client.trade("batch_cancel", #""orders":["\#(first)"]"#)
    #expect(client.takeAnswers().first?.error == "EGeneral:Invalid arguments:orders")
  }

  @Test func otherShapesHaveBeenSeenToo() {
    var client = Client.trader()
    client.inject(Fault(.otherShapes, count: 2))
    client.trade("batch_add", #""symbol":"BTC/USD","orders":[\#(Self.order)},\#(Self.order)}]"#)
    #expect(client.takeAnswers().first?["result"]?["orders"]?.array?.count == 2)
    let ids = client.exchange.account.open.map(\.id)
    client.trade("batch_cancel", #""orders":["\#(ids[0])","\#(ids[1])"]"#)
    let answer = client.takeAnswers().first
    #expect(answer?["orders_cancelled"]?.integer == 2 && answer?["result"] == nil)
  }

  // MARK: Limits

  @Test func pairCounterRisesAndDecays() {
    var client = Client.trader { $0.accountTier = .starter }
    for _ in 0..<6 {
      let id = client.rest()
      // Cancelling a young order costs eight more.
      client.trade("cancel_order", #""order_id":["\#(id)"]"#)
    }
    for _ in 0..<6 { _ = client.rest() }
    _ = client.takeOutputs()
    client.add("buy", "1", at: "50000.0")
    #expect(client.takeAnswers().first?.error == "EOrder:Rate limit exceeded")
    client.trade("add_order", #""symbol":"ETH/USD","side":"buy","order_type":"market","order_qty":1"#)
    #expect(client.takeAnswers().first?.succeeded == true)
    client.run(seconds: 1)
    client.add("buy", "1", at: "50000.0")
    #expect(client.takeAnswers().first?.succeeded == true)
  }

  @Test(arguments: [(0, 4.0, 7.0, 8.0), (7, 3, 6, 6), (12, 2, 5, 5), (20, 1, 3, 4), (60, 1, 2, 2), (200, 1, 1, 1), (400, 1, 1, 0)])
  func changingYoungOrdersIsDear(_ age: Int64, _ amend: Double, _ edit: Double, _ cancel: Double) {
    #expect(RateCounter.amendCost(age: age * second) == amend)
    #expect(RateCounter.editCost(age: age * second) == edit)
    #expect(RateCounter.cancelCost(age: age * second) == cancel)
  }

  @Test(arguments: [(AccountTier.starter, 60), (.intermediate, 80), (.pro, 225)])
  func openOrdersHaveALimit(_ tier: AccountTier, _ limit: Int) {
    var client = Client.trader { $0.accountTier = tier }
    for _ in 0..<limit {
      _ = client.rest()
      client.run(seconds: 1)
    }
    client.add("buy", "0.1", at: "50000.0")
    #expect(client.takeAnswers().first?.error == "EOrder:Orders limit exceeded")
  }
}
