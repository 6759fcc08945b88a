import Testing

@testable import SimulatedExchange

/// Orders over REST: other names for the same requests, the same engine, the same reports.
struct RESTTradingTests {
  private func ask(_ client: inout Client, _ name: String, _ form: String = "") -> JSONValue? {
    defer { client.collect() }
    return JSONValue(
      client.exchange.privateREST(path: "/0/private/" + name, form: form, now: client.exchange.now).body)
  }

  private func error(_ client: inout Client, _ name: String, _ form: String = "") -> String? {
    ask(&client, name, form)?["error"]?.array?.first?.string
  }

  /// An accepted order, as the engine has it.
  private func place(_ client: inout Client, _ form: String) throws -> Order {
    let answer = try #require(ask(&client, "AddOrder", form))
    let id = try #require(answer["result"]?["txid"]?.array?.first?.string, "\(form): \(answer)")
    return try #require(client.exchange.account[id: id])
  }

  @Test func aLimitOrderFromItsBeginningToItsEnd() throws {
    var client = Client.trader()
    let form = "pair=XBTUSD&type=buy&ordertype=limit&volume=0.5&price=50000.5&cl_ord_id=mine&oflags=post,fciq"
    let answer = try #require(ask(&client, "AddOrder", form)?["result"])
    #expect(answer["descr"]?.text("order") == "buy 0.50000000 XBTUSD @ limit 50000.5")
    let id = try #require(answer["txid"]?.array?.first?.string)
    #expect(client.takeReports().kinds == ["pending_new", "new"])
    let order = try #require(client.exchange.account[id: id])
    #expect(order.isPostOnly && order.clientID == "mine" && order.limitPrice == 500_005)

    let amended = ask(&client, "AmendOrder", "txid=\(id)&order_qty=0.75&limit_price=50001.0")
    #expect(amended?["result"]?.members?.map(\.key) == ["amend_id"])
    #expect(client.takeReports().kinds == ["amended"])
    #expect(client.exchange.account[id: id]?.quantity == 75_000_000)

    #expect(ask(&client, "CancelOrder", "cl_ord_id=mine")?["result"]?["count"]?.integer == 1)
    #expect(client.takeReports().kinds == ["canceled"])
    #expect(error(&client, "CancelOrder", "txid=\(id)") == "EOrder:Unknown order")
    #expect(error(&client, "AmendOrder", "txid=\(id)&order_qty=1") == "EOrder:Unknown order")
    #expect(error(&client, "CancelOrder") == "EGeneral:Invalid arguments:txid")
  }

  /// Each field where the engine reads it.
  @Test func everyFieldArrives() throws {
    var client = Client.trader()
    let common = "pair=XBT/USD&type=sell&volume=2&"
    let stop = try place(&client, common + "ordertype=stop-loss-limit&price=60000&price2=59000.5&trigger=index")
    #expect(stop.trigger?.price == 600_000 && stop.limitPrice == 590_005 && stop.trigger?.followsIndex == true)
    let distance = try place(&client, common + "ordertype=trailing-stop&price=%2B25.5")
    #expect(distance.trigger?.term == PriceTerm(form: .quote, value: 255))
    let share = try place(&client, common + "ordertype=trailing-stop-limit&price=%2B0.5%25&price2=-10")
    #expect(share.trigger?.term == PriceTerm(form: .percent, value: 5000))
    #expect(share.limit == PriceTerm(form: .quote, value: -100))
    let limit = common + "ordertype=limit&price=90000&"
    let timed = try place(&client, limit + "timeinforce=GTD&expiretm=%2B3600&starttm=1791509000&userref=7")
    #expect(timed.expiresAt == client.exchange.now + 3600 * second && timed.effectiveAt == 1_791_509_000 * second)
    #expect(timed.timeInForce == .gtd && timed.reference == 7)
    let shown = try place(&client, limit + "displayvol=0.5&oflags=fcib&stptype=cancel-oldest&expiretm=0")
    #expect(shown.display == 50_000_000 && shown.feesInBase && shown.expiresAt == nil)
    let cash = try place(&client, "pair=BTCUSD&type=buy&ordertype=market&volume=100&oflags=viqc,nompp")
    #expect(cash.cashQuantity == 10_000_000)
    #expect(ask(&client, "CancelOrder", "txid=7")?["result"]?["count"]?.integer == 1)
    #expect(ask(&client, "CancelAll")?["result"]?["count"]?.integer == 4)
  }

  @Test(arguments: [
    ("pair=NOPE&volume=1&type=buy&ordertype=market", "EQuery:Unknown asset pair"),
    ("volume=1&type=buy&ordertype=market", "EQuery:Unknown asset pair"),
    ("pair=XBTUSD&type=buy&ordertype=market", "EGeneral:Invalid arguments:volume"),
    ("pair=XBTUSD&volume=x&type=buy&ordertype=market", "EGeneral:Invalid arguments:order_qty"),
    ("pair=XBTUSD&volume=1&ordertype=market", "EGeneral:Invalid arguments:side"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=limit", "EGeneral:Invalid arguments:limit_price"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=limit&price=1.23", "EOrder:Tick size check failed"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=limit&price=%2B5", "EGeneral:Invalid arguments:limit_price_type"),
    ("pair=XBTUSD&volume=0.00000001&type=buy&ordertype=market", "EOrder:Order minimum not met"),
    ("pair=XBTUSD&volume=100000&type=buy&ordertype=limit&price=50000", "EOrder:Insufficient funds"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=market&oflags=odd", "EGeneral:Invalid arguments:oflags"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=market&leverage=2:1", "EOrder:Cannot open position"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=market&reduce_only=true", "EOrder:Reduce only:No position exists"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=market&deadline=2026-10-09T00:33:59Z", "EService:Deadline elapsed"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=limit&price=5&expiretm=soon", "EGeneral:Invalid arguments:expiretm"),
    ("pair=XBTUSD&volume=1&type=buy&ordertype=market&close[ordertype]=limit",
      "EGeneral:Invalid arguments:close[ordertype]"),
  ])
  func mistakesAreRefused(_ form: String, _ text: String) {
    var client = Client.trader()
    #expect(error(&client, "AddOrder", form) == text)
    #expect(client.takeReports().isEmpty && client.exchange.account.orders.isEmpty)
  }

  @Test func anOrderThatIsOnlyCheckedHasNoID() throws {
    var client = Client.trader()
    let form = "pair=XBTUSD&type=buy&ordertype=limit&volume=0.5&price=50000&validate=true"
    let result = try #require(ask(&client, "AddOrder", form)?["result"])
    #expect(result.members?.map(\.key) == ["descr"] && client.exchange.account.orders.isEmpty)
  }

  @Test func fillsAndWhatIsBoundAreTold() throws {
    var client = Client.trader()
    let bought = try place(&client, "pair=XBTUSD&type=buy&ordertype=market&volume=0.001")
    let reports = client.takeReports()
    _ = try place(&client, "pair=XBTUSD&type=sell&ordertype=limit&volume=2&price=90000")
    let history = try #require(ask(&client, "TradesHistory")?["result"])
    #expect(history["count"]?.integer == 1)
    let (id, fill) = try #require(history["trades"]?.members?.first.map { ($0.key, $0.value) })
    let report = try #require(reports.first { $0.text("exec_type") == "trade" })
    #expect(id == report.text("exec_id") && fill.text("ordertxid") == bought.id && fill.text("pair") == "XXBTZUSD")
    #expect(fill.text("price") == report.text("last_price") && fill.text("cost") == report.text("cost"))
    #expect(fill.text("fee") == report["fees"]?.array?.first?.text("qty") && fill["maker"]?.bool == false)
    #expect(ask(&client, "TradesHistory", "ofs=1")?["result"]?["trades"] == .object([]))
    #expect(ask(&client, "TradesHistory", "end=1791506000")?["result"]?["count"]?.integer == 0)

    let balances = try #require(ask(&client, "BalanceEx")?["result"])
    #expect(balances["XXBT"]?.text("balance") == "1000.0010000000")
    #expect(balances["XXBT"]?.text("hold_trade") == "2.0000000000")
    #expect(balances["ZUSD"]?.text("hold_trade") == "0.0000")
  }

  @Test func theSwitchCancelsWhatRESTHasPlaced() throws {
    var client = Client.trader()
    let order = try place(&client, "pair=XBTUSD&type=buy&ordertype=limit&volume=1&price=50000")
    let answer = try #require(ask(&client, "CancelAllOrdersAfter", "timeout=60")?["result"])
    #expect(answer.text("triggerTime") == "2026-10-09T00:35:00Z")
    client.run(seconds: 61)
    #expect(client.exchange.account[id: order.id]?.status == .canceled)
    #expect(error(&client, "CancelAllOrdersAfter") == "EGeneral:Invalid arguments:timeout")
  }
}
