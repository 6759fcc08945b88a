import Testing

@testable import SimulatedExchange

/// The faults of the private side, one by one, and that each is over when it is over.
struct PrivateFaultTests {
  /// Answers and reports in the order of their arrival.
  private func order(_ messages: [JSONValue]) -> [String] {
    messages.compactMap { $0["method"] != nil ? "answer" : $0["channel"]?.string == "executions" ? "report" : nil }
  }

  private func numbers(_ messages: [JSONValue]) -> [Int] {
    messages.channel("executions").compactMap { $0["sequence"]?.integer }
  }

  // MARK: Sequences

  @Test(arguments: [
    (Fault.Name.sequenceGap, [3, 4, 5]), (.sequenceRepeat, [1, 2, 3]), (.sequenceRestart, [1, 2, 3]),
  ])
  func sequenceGoesWrongOnce(_ name: Fault.Name, _ expected: [Int]) {
    var client = Client.trader()
    client.inject(Fault(name, channel: .executions))
    client.buyAtMarket("0.001")
    #expect(numbers(client.takeMessages()).prefix(3) == expected[...])
  }

  @Test func restartIsToldFromRepeatLater() {
    var client = Client.trader()
    _ = client.rest()
    client.inject(Fault(.sequenceRestart, channel: .executions))
    client.add("buy", "1", at: "50000.0")
    #expect(numbers(client.takeMessages()) == [1, 2])
    client.inject(Fault(.sequenceRepeat, channel: .executions))
    client.add("buy", "1", at: "50000.0")
    #expect(numbers(client.takeMessages()) == [2, 3])
  }

  @Test func faultStaysWithItsChannel() {
    var client = Client.trader()
    client.inject(Fault(.sequenceGap, channel: .balances))
    client.buyAtMarket("0.001")
    let messages = client.takeMessages()
    #expect(numbers(messages) == [2, 3, 4, 5])
    #expect(messages.channel("balances").compactMap { $0["sequence"]?.integer } == [3, 4])
  }

  @Test func lostMessageIsAGapToo() {
    var client = Client.trader()
    client.inject(Fault(.lostUpdate, channel: .executions))
    client.buyAtMarket("0.001")
    #expect(numbers(client.takeMessages()) == [3, 4, 5])
  }

  @Test func afterResubscribingNumbersAreSoundAgain() {
    var client = Client.trader()
    client.inject(Fault(.sequenceGap, channel: .executions))
    client.buyAtMarket("0.001")
    client.send(#"{"method":"unsubscribe","params":{"channel":"executions","token":"\#(client.token)"}}"#)
    _ = client.takeOutputs()
    client.subscribeAccount("executions")
    client.buyAtMarket("0.001")
    #expect(numbers(client.takeMessages()) == [1, 2, 3, 4, 5])
  }

  // MARK: Answer and report

  @Test func answerComesFirstUnlessToldOtherwise() {
    var client = Client.trader()
    client.add("buy", "1", at: "50000.0")
    #expect(order(client.takeMessages()) == ["answer", "report", "report"])
  }

  @Test func answerMayComeAfterTheReports() {
    var client = Client.trader()
    client.inject(Fault(.orderAnswerLate, delay: 50_000_000))
    client.add("buy", "1", at: "50000.0")
    #expect(order(client.takeMessages()) == ["report", "report"])
    client.run(seconds: 0.05)
    #expect(order(client.takeMessages()) == ["answer"])
    client.inject(Fault(.orderAnswerLate, delay: 0))
    client.add("buy", "1", at: "50000.0")
    #expect(order(client.takeMessages()) == ["report", "report", "answer"])
    client.add("buy", "1", at: "50000.0")
    #expect(order(client.takeMessages()) == ["answer", "report", "report"])
  }

  @Test func reportsMayComeLongAfterTheAnswer() {
    var client = Client.trader()
    client.inject(Fault(.orderAnswerFirst, delay: 50_000_000))
    client.add("buy", "1", at: "50000.0")
    #expect(order(client.takeMessages()) == ["answer"])
    // What is newer waits for what is older.
    client.buyAtMarket("0.001")
    #expect(order(client.takeMessages()) == ["answer"])
    client.run(seconds: 0.05)
    let messages = client.takeMessages()
    #expect(numbers(messages) == [2, 3, 4, 5, 6, 7])
    #expect(messages.channel("executions").reports.kinds.prefix(3) == ["pending_new", "new", "pending_new"])
  }

  @Test func delaysCanBeConfigured() {
    var slow = Client.trader { $0.orderLatency = 5_000_000 }
    slow.add("buy", "1", at: "50000.0")
    #expect(slow.takeMessages().isEmpty && slow.exchange.account.open.isEmpty)
    slow.run(seconds: 0.005)
    let messages = slow.takeMessages()
    #expect(order(messages) == ["answer", "report", "report"])
    #expect(messages[0].text("time_in") == "2026-10-09T00:34:00.000000Z")
    #expect(messages[0].text("time_out") == "2026-10-09T00:34:00.005000Z")

    var late = Client.trader { $0.answerLatency = 5_000_000 }
    late.add("buy", "1", at: "50000.0")
    #expect(order(late.takeMessages()) == ["report", "report"])
    late.run(seconds: 0.005)
    #expect(order(late.takeMessages()) == ["answer"])

    var early = Client.trader { $0.reportLatency = 5_000_000 }
    early.add("buy", "1", at: "50000.0")
    #expect(order(early.takeMessages()) == ["answer"])
    early.run(seconds: 0.005)
    #expect(order(early.takeMessages()) == ["report", "report"])
  }

  @Test func lostAnswerLeavesTheOrder() {
    var client = Client.trader()
    client.inject(Fault(.orderAnswerLost))
    client.add("buy", "1", at: "50000.0")
    #expect(order(client.takeMessages()) == ["report", "report"])
    #expect(client.exchange.account.open.count == 1)
  }

  @Test(arguments: [(Fault.Name.cutBeforeOrder, 0), (.cutAfterOrder, 1)])
  func connectionIsCutAroundTheOrder(_ name: Fault.Name, _ orders: Int) {
    var client = Client.trader()
    client.inject(Fault(name))
    client.add("buy", "1", at: "50000.0", more: #""cl_ord_id":"mine""#)
    #expect(client.takeOutputs() == [.drop])
    #expect(client.exchange.account.open.map(\.clientID) == Array(repeating: "mine", count: orders))
    #expect(client.exchange.openConnections.isEmpty)
  }

  @Test func slowEngineTakesTheOrderOfALostConnection() {
    var client = Client.trader { $0.orderLatency = second }
    client.add("buy", "1", at: "50000.0")
    client.exchange.inject(Fault(.drop))
    client.exchange.advance(to: client.exchange.now + 2 * second)
    #expect(client.exchange.account.open.count == 1)
  }

  @Test func ordersAreRefusedOnDemand() {
    var client = Client.trader()
    client.inject(Fault(.refuseOrder, text: "EService:Busy"))
    client.add("buy", "1", at: "50000.0")
    client.add("buy", "1", at: "50000.0")
    #expect(client.takeAnswers().map { $0.error } == ["EService:Busy", nil])
  }

  @Test func engineRestates() throws {
    var client = Client.trader()
    let id = client.rest()
    client.inject(Fault(.restate, symbol: "BTC/USD"))
    let report = try #require(client.takeReports().first)
    #expect(report.text("exec_type") == "restated" && report.text("order_id") == id)
    #expect(report.text("order_qty") == "0.45000000" && report.text("reason") == "Reduce non-tradable liquidity")
  }

  // MARK: Tokens and REST

  @Test func everyTokenExpires() {
    var client = Client.trader()
    client.inject(Fault(.tokenExpired))
    client.add("buy", "1", at: "50000.0")
    #expect(client.takeAnswers().first?.error == "ESession:Invalid session")
    client.token = client.exchange.issueToken()
    client.add("buy", "1", at: "50000.0")
    #expect(client.takeMessages().map { $0["sequence"]?.integer } == [nil, 2, 3])
  }

  @Test func oneTokenIsRefused() {
    var client = Client.trader()
    client.inject(Fault(.tokenRefused, text: "EAPI:Invalid token"))
    for _ in 0..<2 { client.add("buy", "1", at: "50000.0") }
    #expect(client.takeAnswers().map { $0.error } == ["EAPI:Invalid token", nil])
  }

  /// What the account has, and what was asked for in vain, for somebody who does not believe the other side.
  @Test func ordersAreTold() throws {
    var client = Client.trader()
    let unnamed = client.rest()
    let named = client.rest(more: #""cl_ord_id":"a""#)
    for _ in 0..<2 { client.add("buy", "1", at: "50000.0", more: #""cl_ord_id":"a""#) }
    client.trade("cancel_order", #""cl_ord_id":["a"]"#)
    client.inject(Fault(.cutBeforeOrder))
    client.add("buy", "1", at: "50000.0", more: #""cl_ord_id":"b""#)
    let told = try #require(JSONValue(Array(client.exchange.control("orders").utf8)))
    #expect(told["received"]?["a"]?.integer == 3 && told["received"]?["b"]?.integer == 1)
    #expect(told["orders"]?.members?.map(\.key) == [unnamed, named])
    #expect(told["orders"]?[unnamed]?.text("status") == "new" && told["orders"]?[unnamed]?["cl_ord_id"] == nil)
    #expect(told["orders"]?[named]?.text("status") == "canceled" && told["orders"]?[named]?.text("cl_ord_id") == "a")
  }

  /// Every new fault can be written as text, and its parameters with it.
  @Test(arguments: [
    "sequence-gap channel=executions count=2", "sequence-repeat channel=balances", "sequence-restart connection=1",
    "token-expired", "token-refused text=EAPI:Invalid_token", "nonce-error count=3", "rest-status code=502 count=2",
    "rest-error text=EGeneral:Temporary_lockout", "rest-delay delay=2s", "rest-cut duration=5",
    "order-answer-late delay=5ms", "order-answer-first delay=5ms", "order-answer-lost", "cut-before-order",
    "cut-after-order every=30 at=1", "refuse-order text=EOrder:Invalid_price", "restate symbol=BTC/USD",
    "other-shapes count=2",
  ])
  func faultsAreWrittenAsText(_ line: String) {
    var client = Client.trader()
    #expect(client.exchange.control(line) == "ok")
  }
}
