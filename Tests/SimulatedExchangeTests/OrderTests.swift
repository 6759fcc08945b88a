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

  @Test func fillsAreSeenByEverybody() throws {
    var client = Client.trader()
    let watcher = client.exchange.connect(.publicV2, now: client.exchange.now)
    for channel in ["trade", "book"] {
      let request = #"{"method":"subscribe","params":{"channel":"\#(channel)","symbol":["BTC/USD"],"snapshot":true}}"#
      client.exchange.receive(Array(request.utf8), from: watcher, now: client.exchange.now)
    }
    client.run(seconds: 0)
    var replay = BookReplay(depth: 10)
    func texts(_ client: inout Client) -> [JSONValue] {
      client.exchange.takeOutput().compactMap { id, output in
        guard id == watcher, case .text(let text) = output else { return nil }
        return JSONValue(text)
      }
    }
    client.exchange.receive(
      Array(#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#.utf8), from: watcher,
      now: client.exchange.now)
    client.exchange.receive(
      Array(#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#.utf8), from: watcher,
      now: client.exchange.now)
    client.exchange.advance(to: client.exchange.now + 2 * second)
    for message in texts(&client).channel("book") where message.type == "snapshot" {
      let fits = replay.apply(message)
      #expect(fits)
    }
    let request = #"""
      {"method":"add_order","params":{"symbol":"BTC/USD","side":"sell","order_type":"market","order_qty":2,"token":"\#(client.token)"}}
      """#
    client.exchange.receive(Array(request.utf8), from: client.id, now: client.exchange.now)
    let messages = texts(&client)
    let trades = messages.channel("trade").reports
    #expect(trades.reduce(0) { $0 + ticks($1.text("qty")!, 8) } == 2_0000_0000)
    #expect(trades.allSatisfy { $0.text("side") == "sell" && $0.text("ord_type") == "market" })
    #expect(messages.channel("book").count == 1)
    for message in messages.channel("book") {
      let fits = replay.apply(message)
      #expect(fits)
    }
  }

  @Test func limitOrderTakesWhatItCanAndRests() throws {
    var client = Client.trader()
    let ask = client.exchange.book(of: "BTC/USD", depth: 1)!.asks[0]
    let quantity = price(ticks(ask.quantity, 8) + 1_0000_0000, 8)
    client.add("buy", quantity, at: ask.price)
    let reports = client.takeReports()
    #expect(reports.kinds == ["pending_new", "new", "trade"])
    #expect(reports.last?.text("order_status") == "partially_filled")
    #expect(reports.last?.text("last_qty") == ask.quantity)
  }

  @Test func balancesFollowFillsAndFees() throws {
    var client = Client.trader()
    client.buyAtMarket("1")
    client.trade("add_order", #""symbol":"BTC/USD","side":"sell","order_type":"market","order_qty":0.4"#)
    let messages = client.takeMessages()
    var balances = ["BTC": ticks("1000", 10), "USD": ticks("10000000", 4)]
    for line in messages.channel("balances").reports {
      let asset = line.text("asset")!
      let decimals = asset == "BTC" ? 10 : 4
      balances[asset]! += ticks(line.text("amount")!, decimals) - ticks(line.text("fee")!, decimals)
      #expect(balances[asset] == ticks(line.text("balance")!, decimals))
    }
    #expect(balances["BTC"] == ticks("1000.6", 10))
    #expect(client.exchange.account.balance("USD") == balances["USD"])
    // A taker pays 0.4 percent.
    for trade in messages.channel("executions").reports where trade.text("exec_type") == "trade" {
      let cost = ticks(trade.text("cost")!, 5)
      let fee = ticks((trade["fees"]?.array?.first?.text("qty"))!, 5)
      #expect(abs(fee - cost * 40 / 10_000) <= 1)
    }
  }

  @Test func ordersFillAsTheMarketMoves() throws {
    var client = Client.trader(rate: 50)
    client.add("buy", "0.3", at: client.bestBid)
    client.add("sell", "0.3", at: client.bestAsk)
    for _ in 0..<60 where !client.exchange.account.open.isEmpty { client.run(seconds: 30) }
    let reports = client.takeReports()
    let fills = reports.filter { $0.text("exec_type") == "trade" }
    #expect(reports.kinds.filter { $0 == "filled" }.count == 2)
    #expect(fills.allSatisfy { $0.text("liquidity_ind") == "m" })
    // Its trades have ids of their own, rising like everybody's.
    let ids = fills.compactMap { $0["trade_id"]?.integer }
    #expect(Set(ids).count == ids.count)
  }

  @Test func cashOrdersSpendAnAmount() throws {
    var client = Client.trader()
    client.trade("add_order", #""symbol":"BTC/USD","side":"buy","order_type":"market","cash_order_qty":100000"#)
    let reports = client.takeReports()
    #expect(reports.first?.text("cash_order_qty") == "100000.00000")
    let last = try #require(reports.last)
    #expect(last.text("exec_type") == "filled")
    let spent = ticks(last.text("cum_cost")!, 5)
    #expect(spent <= 100_000_00000 && spent > 99_999_00000)
  }

  @Test func postOnlyThatWouldCrossIsCancelled() {
    var client = Client.trader()
    client.add("buy", "0.1", at: client.bestAsk, more: #""post_only":true"#)
    let messages = client.takeMessages()
    #expect(messages.first?.succeeded == true)
    let reports = messages.channel("executions").reports
    #expect(reports.kinds == ["pending_new", "canceled"])
    #expect(reports.last?.text("reason") == "Post only order")
  }

  @Test func immediateOrCancelLosesItsRest() {
    var client = Client.trader()
    let ask = client.exchange.book(of: "BTC/USD", depth: 1)!.asks[0]
    client.add("buy", "90", at: ask.price, more: #""time_in_force":"ioc""#)
    let reports = client.takeReports()
    #expect(reports.kinds == ["pending_new", "new", "trade", "expired"])
    #expect(reports.last?.text("cum_qty") == ask.quantity)
  }

  @Test func fillOrKillIsAllOrNothing() {
    var client = Client.trader()
    client.add("buy", "90", at: client.bestAsk, more: #""time_in_force":"fok""#)
    #expect(client.takeReports().kinds == ["pending_new", "new", "expired"])
    client.add("buy", "0.001", at: client.bestAsk, more: #""time_in_force":"fok""#)
    #expect(client.takeReports().kinds == ["pending_new", "new", "trade", "filled"])
  }

  @Test func goodTillDateExpires() {
    var client = Client.trader()
    _ = client.rest(more: #""time_in_force":"gtd","expire_time":"2026-10-09T00:34:10Z""#)
    client.run(seconds: 9)
    #expect(client.takeReports().isEmpty)
    client.run(seconds: 2)
    let reports = client.takeReports()
    #expect(reports.kinds == ["expired"] && reports[0].text("timestamp")?.hasPrefix("2026-10-09T00:34:10") == true)
  }

  @Test func scheduledOrderStartsLater() {
    var client = Client.trader()
    client.add("buy", "0.001", at: client.bestAsk, more: #""effective_time":"2026-10-09T00:34:10Z""#)
    #expect(client.takeReports().kinds == ["pending_new"])
    client.run(seconds: 11)
    #expect(client.takeReports().kinds == ["new", "trade", "filled"])
  }

  @Test func marketOrderLargerThanTheBookIsCutShort() {
    var client = Client.trader()
    let before = client.exchange.book(of: "KSM/BTC")!
    client.trade("add_order", #""symbol":"KSM/BTC","side":"sell","order_type":"market","order_qty":90000"#)
    let reports = client.takeReports()
    #expect(reports.kinds.last == "canceled" && reports.last?.text("reason") == "Insufficient liquidity")
    #expect(reports.kinds.filter { $0 == "trade" }.count == before.bids.count - 1)
    #expect(client.exchange.book(of: "KSM/BTC")?.bids.count == 1)
  }

  @Test func icebergShowsASliceAtATime() {
    var client = Client.trader(rate: 50)
    client.trade(
      "add_order",
      #""symbol":"BTC/USD","side":"buy","order_type":"iceberg","order_qty":3,"display_qty":0.5,"limit_price":\#(client.bestBid)"#
    )
    client.run(seconds: 120)
    let reports = client.takeReports()
    #expect(reports.kinds.last == "filled")
    #expect(reports.kinds.filter { $0 == "iceberg_refill" }.count == 5)
    for report in reports where report.text("exec_type") == "trade" {
      #expect(ticks(report.text("last_qty")!, 8) <= 5000_0000)
    }
  }

  @Test func feesCanBePaidInTheBase() throws {
    var client = Client.trader()
    client.trade(
      "add_order", #""symbol":"BTC/USD","side":"buy","order_type":"market","order_qty":1,"fee_preference":"base""#)
    let messages = client.takeMessages()
    let fill = try #require(messages.channel("executions").reports.first { $0.text("exec_type") == "trade" })
    #expect(fill["fees"]?.array?.first?.text("asset") == "BTC")
    let lines = messages.channel("balances").reports
    #expect(lines.filter { $0.text("asset") == "USD" }.allSatisfy { $0.text("fee") == "0.0000" })
    #expect(lines.filter { $0.text("asset") == "BTC" }.allSatisfy { ticks($0.text("fee")!, 10) > 0 })
  }

  @Test func validatedOrderIsNotPlaced() {
    var client = Client.trader()
    client.add("buy", "1", at: "50000.0", more: #""validate":true"#)
    let messages = client.takeMessages()
    #expect(messages.count == 1 && messages[0].succeeded && messages[0]["result"]?.text("order_id") == "")
    client.add("buy", "1000", at: "50000.0", more: #""validate":true"#)
    #expect(client.takeAnswers().first?.error == "EOrder:Insufficient funds")
  }

  @Test func tradingMovesNoOtherMarket() {
    var trader = Client.trader(rate: 20)
    var plain = Client(rate: 20)
    trader.buyAtMarket("1")
    trader.run(seconds: 20)
    plain.run(seconds: 20)
    #expect(trader.exchange.checksum(of: "BTC/USD") != plain.exchange.checksum(of: "BTC/USD"))
    for symbol in plain.exchange.instruments.map(\.symbol) where symbol != "BTC/USD" {
      #expect(trader.exchange.checksum(of: symbol) == plain.exchange.checksum(of: symbol))
    }
  }

  @Test func sameSeedAndRequestsGiveTheSameBytes() {
    func run() -> [Exchange.Output] {
      var client = Client.trader(rate: 20)
      for round in 0..<10 {
        client.buyAtMarket("0.\(round + 1)")
        client.add("sell", "0.1", at: client.bestAsk)
        client.run(seconds: 1)
      }
      return client.takeOutputs()
    }
    #expect(run() == run())
  }
}
