import Testing

@testable import SimulatedExchange

/// Every error text that an order can meet, in Kraken's words; a refused order leaves no report.
struct OrderRefusalTests {
  private static let limit = #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":0.5,"limit_price":50000"#

  @Test(arguments: [
    (#""side":"buy","order_type":"limit","order_qty":1,"limit_price":50000"#, "EGeneral:Invalid arguments:symbol"),
    (
      #""symbol":"XBT/USD","side":"buy","order_type":"limit","order_qty":1,"limit_price":50000"#,
      "EQuery:Unknown asset pair"
    ),
    (#""symbol":"BTC/USD","order_type":"limit","order_qty":1,"limit_price":5"#, "EGeneral:Invalid arguments:side"),
    (#""symbol":"BTC/USD","side":"hold","order_type":"limit""#, "EGeneral:Invalid arguments:side"),
    (#""symbol":"BTC/USD","side":"buy","order_type":"guess","order_qty":1"#, "EGeneral:Invalid arguments:order_type"),
    (#""symbol":"BTC/USD","side":"buy","order_type":"limit","limit_price":5"#, "EGeneral:Invalid arguments:order_qty"),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":"1","limit_price":50000"#,
      "EGeneral:Invalid arguments:order_qty"
    ),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":0.000000001,"limit_price":5"#,
      "EGeneral:Invalid arguments:order_qty"
    ),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":0.00000001,"limit_price":50000"#,
      "EOrder:Order minimum not met"
    ),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":0.0001,"limit_price":50.0"#,
      "EOrder:Cost minimum not met"
    ),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":1,"limit_price":50000.05"#,
      "EOrder:Tick size check failed"
    ),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":1,"limit_price":-5"#, "EOrder:Invalid price"
    ),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":1"#, "EGeneral:Invalid arguments:limit_price"
    ),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"market","order_qty":1,"limit_price":50000"#,
      "EGeneral:Invalid arguments:limit_price"
    ),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":500,"limit_price":50000"#,
      "EOrder:Insufficient funds"
    ),
    (#""symbol":"BTC/USD","side":"sell","order_type":"market","order_qty":5000"#, "EOrder:Insufficient funds"),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"market","cash_order_qty":20000000"#, "EOrder:Insufficient funds"
    ),
    (#""symbol":"BTC/USD","side":"buy","order_type":"market","cash_order_qty":0.1"#, "EOrder:Cost minimum not met"),
    (
      #""symbol":"BTC/USD","side":"sell","order_type":"market","cash_order_qty":100"#,
      "EGeneral:Invalid arguments:cash_order_qty"
    ),
    (limit + #","cl_ord_id":"a","order_userref":1"#, "EGeneral:Invalid arguments:cl_ord_id"),
    (limit + #","cl_ord_id":"longer-than-eighteen-characters""#, "EGeneral:Invalid arguments:cl_ord_id"),
    (limit + #","cl_ord_id":"with space""#, "EGeneral:Invalid arguments:cl_ord_id"),
    (limit + #","order_userref":3000000000"#, "EGeneral:Invalid arguments:order_userref"),
    (
      limit + #","cl_ord_id":"a","conditional":{"order_type":"stop-loss","trigger_price":40000}"#,
      "EGeneral:Invalid arguments:conditional"
    ),
    (
      limit + #","conditional":{"order_type":"stop-loss-limit","trigger_price":40000}"#,
      "EGeneral:Invalid arguments:conditional"
    ),
    (limit + #","cancel_on_disconnect":true"#, "Unsupported field: 'cancel_on_disconnect'"),
    (limit + #","time_in_force":"gtd""#, "EGeneral:Invalid arguments:expire_time"),
    (limit + #","expire_time":"2026-10-10T00:00:00Z""#, "EGeneral:Invalid arguments:expire_time"),
    (
      limit + #","time_in_force":"gtd","expire_time":"2026-10-01T00:00:00Z""#,
      "EGeneral:Invalid arguments:expire_time"
    ),
    (
      limit + #","time_in_force":"gtd","expire_time":"2027-10-10T00:00:00Z""#,
      "EGeneral:Invalid arguments:expire_time"
    ),
    (limit + #","effective_time":"2026-10-01T00:00:00Z""#, "EGeneral:Invalid arguments:effective_time"),
    (limit + #","deadline":"2026-10-09T00:33:00.000Z""#, "EService:Deadline elapsed"),
    (limit + #","deadline":"2026-10-09T00:34:00.400Z""#, "EGeneral:Invalid arguments:deadline"),
    (limit + #","deadline":"2026-10-09T00:35:30.000Z""#, "EGeneral:Invalid arguments:deadline"),
    (limit + #","deadline":"soon""#, "EGeneral:Invalid arguments:deadline"),
    (limit + #","display_qty":0.01"#, "EGeneral:Invalid arguments:display_qty"),
    (limit + #","display_qty":0.6"#, "EGeneral:Invalid arguments:display_qty"),
    (
      #""symbol":"BTC/USD","side":"buy","order_type":"iceberg","order_qty":1,"limit_price":50000"#,
      "EGeneral:Invalid arguments:display_qty"
    ),
    (limit + #","post_only":true,"time_in_force":"ioc""#, "EGeneral:Invalid arguments:post_only"),
    (limit + #","post_only":"yes""#, "EGeneral:Invalid arguments:post_only"),
    (limit + #","stp_type":"cancel_nobody""#, "EGeneral:Invalid arguments:stp_type"),
    (limit + #","margin":true"#, "EOrder:Cannot open position"),
    (limit + #","reduce_only":true"#, "EOrder:Reduce only:No position exists"),
    (limit + #","triggers":{"price":60000}"#, "EGeneral:Invalid arguments:triggers"),
    (
      #""symbol":"BTC/USD","side":"sell","order_type":"stop-loss","order_qty":1"#,
      "EGeneral:Invalid arguments:triggers"
    ),
    (
      #""symbol":"BTC/USD","side":"sell","order_type":"trailing-stop","order_qty":1,"triggers":{"price":80000}"#,
      "EGeneral:Invalid arguments:triggers.price_type"
    ),
    (#""symbol":"BTC/USD","side":"sell","order_type":"settle-position","order_qty":1"#, "EOrder:Unknown position"),
    (
      #""symbol":"KSM/BTC","side":"buy","order_type":"market","order_qty":20,"margin":true"#,
      "EGeneral:Invalid arguments:margin"
    ),
  ])
  func badOrderIsRefused(_ params: String, _ error: String) throws {
    var client = Client.trader()
    client.trade("add_order", params)
    let messages = client.takeMessages()
    #expect(messages.count == 1)
    let answer = try #require(messages.first)
    #expect(answer.error == error)
    #expect(answer["success"]?.bool == false && answer["req_id"]?.integer == 7 && answer["result"] == nil)
  }

  @Test(arguments: [
    ("state=cancel_only", "EService:Market in cancel_only mode"), ("state=post_only", "EService:Market in post_only mode"),
    ("state=maintenance", "EService:Unavailable"),
  ])
  func exchangeStatesRefuse(_ state: String, _ error: String) {
    var client = Client.trader()
    let id = client.rest()
    for command in ["system \(state)", "pair-status symbol=BTC/USD \(state)"] {
      #expect(client.exchange.control(command) == "ok")
      client.buyAtMarket("0.01")
      #expect(client.takeAnswers().last?.error == error)
      _ = client.exchange.control("system state=online")
    }
    _ = client.exchange.control("system state=cancel_only")
    client.trade("cancel_order", #""order_id":["\#(id)"]"#)
    #expect(client.takeAnswers().last?.succeeded == true)
  }

  @Test func postOnlyModeTakesPostOnlyOrders() {
    var client = Client.trader()
    _ = client.exchange.control("system state=post_only")
    client.add("buy", "0.1", at: "50000.0", more: #""post_only":true"#)
    #expect(client.takeReports().kinds == ["pending_new", "new"])
  }

  @Test func limitOnlyPairsRefuseMarketOrders() {
    var client = Client.trader()
    _ = client.exchange.control("pair-status symbol=BTC/USD state=limit_only")
    client.buyAtMarket("0.01")
    #expect(client.takeAnswers().last?.error == "EService:Market in limit_only mode")
    client.add("buy", "0.01", at: client.bestAsk)
    #expect(client.takeReports().kinds == ["pending_new", "new", "trade", "filled"])
  }

  @Test func moneyInOpenOrdersIsBound() {
    var client = Client.trader()
    client.add("buy", "150", at: "50000.0")
    client.add("buy", "50", at: "50000.0")
    #expect(client.takeAnswers().map { $0.error } == [nil, "EOrder:Insufficient funds"])
    client.trade("cancel_all")
    client.add("buy", "50", at: "50000.0")
    #expect(client.takeAnswers().map(\.succeeded) == [true, true])
  }

  @Test func clientIDsAreUniqueAmongOpenOrders() {
    var client = Client.trader()
    let id = client.rest(more: #""cl_ord_id":"2c6be801-1f53-4f79-a0bb-4ea1c95dfae9""#)
    client.add("buy", "1", at: "50000.0", more: #""cl_ord_id":"2c6be801-1f53-4f79-a0bb-4ea1c95dfae9""#)
    #expect(client.takeAnswers().last?.error == "EGeneral:Invalid arguments:cl_ord_id")
    client.trade("cancel_order", #""order_id":["\#(id)"]"#)
    client.add("buy", "1", at: "50000.0", more: #""cl_ord_id":"2c6be801-1f53-4f79-a0bb-4ea1c95dfae9""#)
    #expect(client.takeAnswers().last?.succeeded == true)
  }

  @Test func tokensAndRightsAreNeeded() {
    var client = Client.trader()
    let token = client.token
    client.token = "nonsense"
    client.buyAtMarket("0.01")
    #expect(client.takeAnswers().last?.error == "ESession:Invalid session")
    client.send(#"{"method":"cancel_all","params":{}}"#)
    #expect(client.takeAnswers().last?.error == "Token(s) not found")
    client.token = client.exchange.issueToken(
      for: APIKey(key: "reader", secret: "", permissions: [.webSockets, .query]))
    client.buyAtMarket("0.01")
    #expect(client.takeAnswers().last?.error == "EGeneral:Permission denied")
    client.token = token
    client.buyAtMarket("0.01")
    #expect(client.takeAnswers().last?.succeeded == true)
    client.trade("dance")
    #expect(client.takeAnswers().last?.error == "EGeneral:Unknown method")
  }

  @Test func tradingBelongsToThePrivateEndpoint() {
    for endpoint in [Exchange.Endpoint.publicV2, .level3] {
      var client = Client(rate: 0, endpoint: endpoint)
      client.token = client.exchange.issueToken()
      client.buyAtMarket("0.01")
      #expect(client.takeAnswers().last?.error == "EGeneral:Unknown method")
    }
  }

  @Test func deadlineCountsWhenTheEngineIsSlow() {
    var client = Client.trader { $0.orderLatency = 2 * second }
    client.add("buy", "1", at: "50000.0", more: #""deadline":"2026-10-09T00:34:01.000Z""#)
    client.run(seconds: 3)
    #expect(client.takeAnswers().last?.error == "EService:Deadline elapsed")
    client.add("buy", "1", at: "50000.0", more: #""deadline":"2026-10-09T00:34:08.000+00:00""#)
    client.run(seconds: 3)
    #expect(client.takeAnswers().last?.succeeded == true)
  }
}
