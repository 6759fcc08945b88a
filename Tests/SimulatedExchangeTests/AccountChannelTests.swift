import Testing

@testable import SimulatedExchange

/// Executions and balances as channels: options, snapshots, sequences, tokens.
struct AccountChannelTests {
  private func keys(_ value: JSONValue?) -> [String] { (value?.members ?? []).map(\.key) }

  @Test func acknowledgementsLookLikeTheRecording() throws {
    let recorded = try Fixtures.messages("acks")
    var client = Client.trader(subscribed: false)
    client.subscribeAccount("executions")
    client.subscribeAccount("balances")
    let answers = client.takeAnswers()
    // The recording and the documentation show one half each.
    let seen = Set(keys(recorded[6]["result"])).union(keys(recorded[13]["result"]))
    #expect(Set(keys(answers[0]["result"])) == seen)
    #expect(answers[0]["result"]?["warnings"] == recorded[6]["result"]?["warnings"])
    #expect(keys(answers[1]["result"]) == keys(recorded[7]["result"]))
    for channel in ["executions", "balances"] {
      client.send(#"{"method":"unsubscribe","params":{"channel":"\#(channel)","token":"\#(client.token)"}}"#)
    }
    #expect(client.takeAnswers().map { keys($0["result"]) } == [["channel"], ["channel"]])
  }

  @Test(arguments: [(AccountTier.starter, 60), (.intermediate, 125), (.pro, 180)])
  func tierIsAnnounced(_ tier: AccountTier, _ count: Int) {
    var client = Client.trader(subscribed: false) { $0.accountTier = tier }
    client.subscribeAccount("executions")
    #expect(client.takeAnswers().first?["result"]?["maxratecount"]?.integer == count)
  }

  @Test func reportsLookLikeTheRecording() throws {
    let recorded = try Fixtures.messages("executions").reports
    let constructed = try Fixtures.messages("executions-constructed").reports
    var client = Client.trader()
    client.subscribeAccount("executions")
    let id = client.rest("50000.0", more: #""post_only":true"#)
    client.trade("amend_order", #""order_id":"\#(id)","order_qty":1"#)
    client.trade("cancel_order", #""order_id":["\#(id)"]"#)
    client.add("buy", "0.001", at: client.bestAsk)
    client.add("buy", "90", at: client.bestAsk, more: #""time_in_force":"ioc""#)
    client.run(seconds: 1)
    var known: [String: Set<String>] = [:]
    for report in recorded + constructed { known[report.text("exec_type")!, default: []].formUnion(keys(report)) }
    let reports = client.takeReports()
    #expect(Set(reports.kinds) == ["pending_new", "new", "amended", "canceled", "trade", "filled", "expired"])
    for report in reports {
      // The recordings are of orders with fewer terms.
      let more: Set = ["post_only", "stop_price", "order_userref"]
      #expect(Set(keys(report)).subtracting(known[report.text("exec_type")!]!).isSubset(of: more))
    }
  }

  @Test func ledgerLinesLookLikeTheRecording() throws {
    let recorded = try Fixtures.messages("balances")
    var client = Client.trader(subscribed: false)
    client.subscribeAccount("balances")
    client.buyAtMarket("0.1")
    let sent = client.takeData("balances")
    #expect(keys(sent[0]["data"]?.array?.first) == keys(recorded[0]["data"]?.array?.first))
    #expect(keys(sent[1].item) == keys(recorded[1].item))
    #expect(sent.map { keys($0) } == Array(repeating: ["channel", "type", "data", "sequence"], count: sent.count))
    #expect(sent.compactMap { $0["sequence"]?.integer } == Array(1...sent.count))
  }

  @Test func snapshotHoldsOpenOrdersAndFillsAsAsked() throws {
    var client = Client.trader(subscribed: false)
    client.buyAtMarket("0.1")
    let id = client.rest(more: #""cl_ord_id":"mine""#)
    for (options, count) in [("", 1), (#","snap_trades":true"#, 2), (#","snap_orders":false,"snap_trades":true"#, 1)] {
      client.subscribeAccount("executions", more: options)
      let snapshot = try #require(client.takeData("executions").first)
      #expect(snapshot.type == "snapshot" && snapshot["sequence"]?.integer == 1)
      let items = try #require(snapshot["data"]?.array)
      #expect(items.filter { $0.text("exec_type") == "new" }.allSatisfy { $0.text("order_id") == id })
      #expect(items.filter { $0.text("exec_type") == "trade" }.count >= count - 1)
      client.send(#"{"method":"unsubscribe","params":{"channel":"executions","token":"\#(client.token)"}}"#)
    }
    client.subscribeAccount("executions", more: #","snap_orders":false"#)
    #expect(client.takeData("executions").isEmpty)
    _ = client.rest("51000.0")
  }

  /// Without a snapshot numbers start at one all the same.
  @Test func executionsOfAllUsersHaveNoSnapshotAndNameTheirUser() {
    var client = Client.trader(subscribed: false)
    _ = client.rest("50000.0")
    client.subscribeAccount("executions", more: #","users":"all","ratecounter":true"#)
    let begun = client.takeMessages()
    #expect(begun.last { $0["method"] != nil }?["result"]?["snapshot"]?.bool == false)
    #expect(begun.channel("executions").isEmpty)
    client.add("buy", "1", at: "50000.0")
    let messages = client.takeData("executions")
    #expect(messages.compactMap { $0["sequence"]?.integer } == [1, 2])
    #expect(messages.map(\.type) == ["update", "update"])
    #expect(messages.reports.map { $0.text("user") } == [Exchange.user, Exchange.user])
    #expect(messages.reports.allSatisfy { $0["ratecount"] != nil })
    // A new subscription of one user's is as ever.
    client.send(#"{"method":"unsubscribe","params":{"channel":"executions","token":"\#(client.token)"}}"#)
    client.subscribeAccount("executions")
    let snapshot = client.takeData("executions")
    #expect(snapshot.map(\.type) == ["snapshot"])
    #expect(snapshot.first?["data"]?.array?.contains { $0["user"] != nil } == false)
  }

  @Test func balancesOfAllUsersNameTheirUser() throws {
    var client = Client.trader(subscribed: false)
    client.subscribeAccount("balances", more: #","users":"all","rebased":false"#)
    client.buyAtMarket("0.1")
    let messages = client.takeData("balances")
    #expect(messages.first?.type == "snapshot")
    #expect(messages.allSatisfy { $0["data"]?.array?.allSatisfy { $0.text("user") == Exchange.user } == true })
    #expect(messages.compactMap { $0["sequence"]?.integer } == Array(1...messages.count))
  }

  @Test(arguments: ["executions", "balances"])
  func usersAreAllOrNotNamed(channel: String) {
    var client = Client.trader(subscribed: false)
    for (more, error) in [
      (#","users":"some""#, "EGeneral:Invalid arguments:users"), (#","users":["all"]"#, "EGeneral:Invalid arguments:users"),
      (#","rebased":"no""#, "EGeneral:Invalid arguments:rebased"), (#","users":"all","rebased":false"#, nil),
    ] {
      client.subscribeAccount(channel, more: more)
      #expect(client.takeAnswers().last?.error == error)
    }
  }

  @Test func emptyAccountHasAnEmptySnapshot() {
    var client = Client.trader(subscribed: false)
    client.subscribeAccount("executions")
    #expect(client.takeData("executions").first?["data"] == .array([]))
  }

  @Test func partlyFilledOrderIsWholeInTheSnapshot() throws {
    var client = Client.trader(subscribed: false)
    let ask = client.exchange.book(of: "BTC/USD", depth: 1)!.asks[0]
    client.add("buy", "90", at: ask.price)
    client.subscribeAccount("executions")
    let order = try #require(client.takeData("executions").first?.item)
    #expect(order.text("order_status") == "partially_filled" && order.text("cum_qty") == ask.quantity)
    #expect(order.text("avg_price") == ask.price && order.text("order_qty") == "90.00000000")
  }

  @Test func fewerTransitionsOnRequest() {
    var client = Client.trader(subscribed: false)
    client.subscribeAccount("executions", more: #","order_status":false"#)
    _ = client.takeOutputs()
    client.buyAtMarket("0.1")
    let messages = client.takeData("executions")
    #expect(messages.reports.kinds == ["new", "filled"])
    #expect(messages.compactMap { $0["sequence"]?.integer } == [2, 3])
  }

  @Test func rateCounterOnRequest() {
    var client = Client.trader(subscribed: false)
    client.subscribeAccount("executions", more: #","ratecounter":true"#)
    client.add("buy", "1", at: "50000.0")
    client.add("buy", "1", at: "50000.0")
    #expect(client.takeReports().map { $0["ratecount"]?.integer } == [1, 1, 2, 2])
  }

  @Test func connectionsCountForThemselves() {
    var client = Client.trader()
    let other = client.exchange.connect(.privateV2, now: client.exchange.now)
    let request = #"{"method":"subscribe","params":{"channel":"executions","token":"\#(client.token)"}}"#
    client.add("buy", "1", at: "50000.0")
    client.exchange.receive(Array(request.utf8), from: other, now: client.exchange.now)
    client.exchange.advance(to: client.exchange.now)
    _ = client.exchange.takeOutput()
    let add = #""symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":1,"limit_price":50000"#
    let order = #"{"method":"add_order","params":{\#(add),"token":"\#(client.token)"}}"#
    client.exchange.receive(Array(order.utf8), from: other, now: client.exchange.now)
    var numbers: [Exchange.ConnectionID: [Int]] = [:]
    for case (let id, .text(let text)) in client.exchange.takeOutput() {
      guard let number = JSONValue(text)?["sequence"]?.integer else { continue }
      numbers[id, default: []].append(number)
    }
    #expect(numbers == [client.id: [4, 5], other: [2, 3]])
  }

  // MARK: Tokens

  @Test(arguments: ["executions", "balances"])
  func refusalsNameTheirReason(_ channel: String) {
    var client = Client.trader(subscribed: false)
    func error(_ request: String) -> String? {
      client.send(#"{"method":"subscribe","params":{"channel":\#(request)}}"#)
      return client.takeAnswers().last?.error
    }
    #expect(error(#""\#(channel)""#) == "Token(s) not found")
    #expect(error(#""\#(channel)","token":"x""#) == "ESession:Invalid session")
    #expect(error(#""\#(channel)","token":"\#(client.token)","depth":5"#) == "Unsupported field: 'depth'")
    #expect(error(#""ticker","symbol":["BTC/USD"]"#) == "Subscription name invalid")
    #expect(error(#""heartbeat""#) == "Symbol(s) not found")
    #expect(error(#""\#(channel)","token":"\#(client.token)""#) == nil)
    #expect(error(#""\#(channel)","token":"\#(client.token)""#) == "Already subscribed")
    let trader = client.exchange.issueToken(for: APIKey(key: "t", secret: "", permissions: [.trade]))
    #expect(error(#""\#(channel)","token":"\#(trader)""#) == "EGeneral:Permission denied")
  }

  @Test func unusedTokenLivesFifteenMinutes() {
    var client = Client(rate: 0, endpoint: .privateV2)
    client.token = client.exchange.issueToken()
    client.exchange.advance(to: client.exchange.now + 901 * second)
    let id = client.exchange.connect(.privateV2, now: client.exchange.now)
    #expect(id != client.id)
    let request = #"{"method":"subscribe","params":{"channel":"executions","token":"\#(client.token)"}}"#
    client.exchange.receive(Array(request.utf8), from: id, now: client.exchange.now)
    let texts = client.exchange.takeOutput().compactMap { output -> JSONValue? in
      if case .text(let text) = output.1 { JSONValue(text) } else { nil }
    }
    #expect(texts.last?.error == "ESession:Invalid session")
  }

  @Test func usedTokenLivesAsLongAsItsSubscription() {
    var client = Client.trader()
    client.run(seconds: 2000)
    client.add("buy", "1", at: "50000.0")
    #expect(client.takeAnswers().last?.succeeded == true)
    // On another connection it is old.
    let other = client.exchange.connect(.privateV2, now: client.exchange.now)
    client.exchange.receive(
      Array(#"{"method":"subscribe","params":{"channel":"executions","token":"\#(client.token)"}}"#.utf8), from: other,
      now: client.exchange.now)
    let text = client.exchange.takeOutput().last.flatMap { output -> JSONValue? in
      if case .text(let text) = output.1 { JSONValue(text) } else { nil }
    }
    #expect(text?.error == "ESession:Invalid session")
    for channel in ["executions", "balances"] {
      client.send(#"{"method":"unsubscribe","params":{"channel":"\#(channel)","token":"\#(client.token)"}}"#)
    }
    client.buyAtMarket("0.01")
    #expect(client.takeAnswers().last?.error == "ESession:Invalid session")
  }

  @Test func privateSubscriptionKeepsTheConnection() {
    var client = Client.trader()
    client.run(seconds: 200)
    #expect(client.exchange.openConnections == [client.id])
    #expect(client.takeTexts().filter { $0 == #"{"channel":"heartbeat"}"# }.count > 150)
    #expect(client.exchange.subscriptions(of: client.id) == ["balances", "executions"])
  }
}
