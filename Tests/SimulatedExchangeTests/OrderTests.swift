import Testing

@testable import SimulatedExchange

/// Orders from their answer to their end.
struct OrderTests {
  @Test func restingOrderIsPendingThenNew() throws {
    var client = Client.trader()
    client.add("buy", "0.5", at: "50000.0", more: #""cl_ord_id":"bot-1""#)
    let messages = client.takeMessages()
    let answer = try #require(messages.first)
    #expect(answer.succeeded && answer["result"]?.text("cl_ord_id") == "bot-1")
    let reports = messages.channel("executions").reports
    #expect(reports.kinds == ["pending_new", "new"])
    #expect(reports.allSatisfy { $0.text("order_id") == answer["result"]?.text("order_id") })
    #expect(reports[0].text("limit_price") == "50000.0" && reports[0].text("order_qty") == "0.50000000")
    #expect(messages.channel("executions").compactMap { $0["sequence"]?.integer } == [2, 3])
  }

  @Test func marketOrderIsFilledAtOnce() throws {
    var client = Client.trader()
    let ask = client.bestAsk
    client.buyAtMarket("0.001")
    let messages = client.takeMessages()
    let reports = messages.channel("executions").reports
    #expect(reports.kinds == ["pending_new", "new", "trade", "filled"])
    #expect(reports[2].text("last_price") == ask && reports[2].text("liquidity_ind") == "t")
    #expect(reports[3].text("order_status") == "filled" && reports[3].text("cum_qty") == "0.00100000")
    // Two ledger lines of one event, base first.
    let lines = messages.channel("balances").reports
    #expect(lines.map { $0.text("asset") } == ["BTC", "USD"])
    #expect(Set(lines.compactMap { $0.text("ref_id") }) == [reports[2].text("exec_id")!])
    #expect(messages.channel("balances").compactMap { $0["sequence"]?.integer } == [2, 3])
    // The fill is the market's last trade.
    #expect(client.exchange.lastTrade(of: "BTC/USD")?.id == reports[2]["trade_id"]?.integer.map(Int64.init))
  }

  @Test func cancelledOrderSaysWhy() throws {
    var client = Client.trader()
    let id = client.rest()
    client.trade("cancel_order", #""order_id":["\#(id)"]"#)
    let messages = client.takeMessages()
    #expect(messages.first?["result"]?.text("order_id") == id)
    let report = try #require(messages.channel("executions").reports.first)
    #expect(report.text("exec_type") == "canceled" && report.text("reason") == "User requested")
    client.trade("cancel_order", #""order_id":["\#(id)"]"#)
    #expect(client.takeAnswers().first?.error == "EOrder:Unknown order")
  }
}
