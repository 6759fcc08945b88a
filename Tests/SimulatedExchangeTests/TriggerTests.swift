import Testing

@testable import SimulatedExchange

/// Orders that wait for a price, and orders that other orders start.
struct TriggerTests {
  private func last(_ client: Client) -> Int64 { ticks(client.exchange.lastTrade(of: "BTC/USD")!.price) }

  private func place(_ client: inout Client, _ side: String, _ type: String, _ rest: String) -> [JSONValue] {
    client.trade(
      "add_order", #""symbol":"BTC/USD","side":"\#(side)","order_type":"\#(type)","order_qty":0.1,\#(rest)"#)
    return client.takeReports()
  }

  /// Trades the market down or up by taking whole levels.
  private func move(_ client: inout Client, _ side: String) {
    client.trade("add_order", #""symbol":"BTC/USD","side":"\#(side)","order_type":"market","order_qty":20"#)
  }

  @Test(arguments: [
    ("sell", "stop-loss", -10, "sell"), ("buy", "stop-loss", 10, "buy"), ("sell", "take-profit", 10, "buy"),
    ("buy", "take-profit", -10, "sell"),
  ])
  func strikesWhenTheMarketGetsThere(_ side: String, _ type: String, _ distance: Int64, _ mover: String) throws {
    var client = Client.trader()
    let trigger = price(last(client) + distance)
    let placed = place(&client, side, type, #""triggers":{"price":\#(trigger)}"#)
    #expect(placed.kinds == ["pending_new", "new"])
    #expect(placed[0]["triggers"]?.text("status") == "untriggered")
    move(&client, mover)
    let id = placed[0].text("order_id")
    let reports = client.takeReports().filter { $0.text("order_id") == id }
    #expect(reports.kinds.first == "status" && reports.kinds.last == "filled")
    #expect(reports[0]["triggers"]?.text("status") == "triggered")
  }

  @Test func stopLimitRestsAtItsLimit() throws {
    var client = Client.trader()
    let placed = place(
      &client, "buy", "stop-loss-limit", #""triggers":{"price":\#(price(last(client) + 10))},"limit_price":70000.0"#)
    move(&client, "buy")
    let reports = client.takeReports().filter { $0.text("order_id") == placed[0].text("order_id") }
    #expect(reports.kinds == ["status"])
  }

  @Test func relativeTriggersCountFromTheLastTrade() throws {
    var client = Client.trader()
    let percent = place(&client, "sell", "stop-loss", #""triggers":{"price":-2.0,"price_type":"pct"}"#)
    let expected = Decimals.divide(Int128(last(client)) * 98, 100)
    #expect(percent[0]["triggers"]?.text("actual_price") == price(Int64(expected)))
    let quote = place(&client, "sell", "stop-loss", #""triggers":{"price":-150.5,"price_type":"quote"}"#)
    #expect(quote[0]["triggers"]?.text("actual_price") == price(last(client) - 1505))
  }

  @Test func trailingStopFollowsTheBestPrice() throws {
    var client = Client.trader()
    let before = last(client)
    let placed = place(&client, "sell", "trailing-stop", #""triggers":{"price":30.0,"price_type":"quote"}"#)
    #expect(placed[0]["triggers"]?.text("actual_price") == price(before - 300))
    move(&client, "buy")
    let peak = last(client)
    #expect(peak > before)
    let number = client.exchange.account[id: placed[0].text("order_id")!]!.number
    #expect(client.exchange.account.orders[number]?.trigger?.price == peak - 300)
    for _ in 0..<20 where client.exchange.account.orders[number]?.isOpen == true { move(&client, "sell") }
    let reports = client.takeReports().filter { $0.text("order_id") == placed[0].text("order_id") }
    #expect(reports.kinds.first == "status" && reports.kinds.last == "filled")
    #expect(reports[0]["triggers"]?.text("peak_price") == price(peak))
  }

  @Test func indexIsTheMiddleOfTheBook() throws {
    var client = Client.trader()
    let middle = (ticks(client.bestBid) + ticks(client.bestAsk)) / 2
    // Already reached by the index, though not by the last trade.
    let reports = place(
      &client, "buy", "stop-loss", #""triggers":{"price":\#(price(middle)),"reference":"index"}"#)
    #expect(reports.kinds.prefix(4) == ["pending_new", "new", "status", "trade"] && reports.kinds.last == "filled")
  }

  @Test func filledOrderOpensItsClosingOrder() throws {
    var client = Client.trader()
    let low = price(last(client) - 5000)
    client.trade(
      "add_order",
      #""symbol":"BTC/USD","side":"buy","order_type":"market","order_qty":0.1,"conditional":{"order_type":"stop-loss-limit","trigger_price":\#(low),"limit_price":60000}"#
    )
    let messages = client.takeMessages()
    let parent = messages.first { $0["method"] != nil }?["result"]?.text("order_id")
    let reports = messages.channel("executions").reports
    #expect(reports[0]["contingent"]?.text("order_type") == "stop-loss-limit")
    let closing = reports.filter { $0.text("order_id") != parent }
    #expect(closing.kinds == ["pending_new", "new"])
    #expect(closing[0].text("ord_ref_id") == parent && closing[0].text("side") == "sell")
    #expect(closing[0].text("limit_price") == "60000.0" && closing[0]["triggers"]?.text("price") == low)
  }
}
