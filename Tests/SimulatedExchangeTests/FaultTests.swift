import Testing

@testable import SimulatedExchange

/// Every fault does what its name says, and leaves the rest alone: connections, the exchange and time.
struct FaultTests {
  // MARK: Connections

  @Test func drop() {
    var client = Client.subscribed()
    let other = client.exchange.connect(.publicV2, now: client.exchange.now)
    client.inject(Fault(.drop, connection: client.id.ordinal))
    #expect(client.takeOutputs().last == .drop)
    #expect(client.exchange.openConnections == [other])
    client.inject(Fault(.drop))
    #expect(client.exchange.openConnections.isEmpty)
  }

  @Test func dropOfWhatCarriesAChannel() {
    var client = Client.subscribed()
    let idle = client.exchange.connect(.publicV2, now: client.exchange.now)
    #expect(client.exchange.control("drop channel=ohlc") == "ok")
    #expect(client.exchange.openConnections == [client.id, idle])
    #expect(client.exchange.control("drop channel=book") == "ok")
    #expect(client.exchange.openConnections == [idle])
  }

  @Test func close() {
    var client = Client.subscribed()
    client.inject(Fault(.close, code: 1013, text: "Market data unavailable"))
    #expect(client.takeOutputs().last == .close(code: 1013, reason: "Market data unavailable"))
    client.run(seconds: 5)
    #expect(client.takeOutputs().isEmpty)
  }

  @Test func stallThatNeverEnds() {
    var client = Client.subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.stall))
    #expect(client.takeOutputs() == [.stall(true)])
    client.send(#"{"method":"ping"}"#)
    client.run(seconds: 30)
    #expect(client.takeOutputs().isEmpty)
    #expect(client.exchange.openConnections == [client.id])
  }

  @Test func stallThatEndsWithACut() {
    var client = Client.subscribed()
    client.inject(Fault(.stall, duration: 3 * second))
    _ = client.takeOutputs()
    client.run(seconds: 4)
    #expect(client.takeOutputs() == [.drop])
  }

  @Test func stallThatGoesOn() {
    var client = Client.subscribed()
    client.inject(Fault(.stall, duration: 3 * second, flag: true))
    var before = client.takeOutputs()
    client.send(#"{"method":"ping","req_id":5}"#)
    client.run(seconds: 4)
    let after = client.takeOutputs()
    #expect(after.first == .stall(false))
    #expect(after.count > 20)
    // What was held back is complete and in order.
    before += after
    let messages = before.compactMap { if case .text(let bytes) = $0 { JSONValue(bytes) } else { nil } }
    #expect(misfits(messages).firstIndex(of: true) == nil)
    #expect(messages.contains { $0["method"]?.string == "pong" && $0["req_id"]?.integer == 5 })
  }

  @Test func refusedConnectionsAndStatusCodes() {
    var exchange = Client().exchange
    exchange.inject(Fault(.httpStatus, count: 2, code: 429))
    #expect(exchange.upgradeDecision(now: start) == .refuse(status: 429))
    #expect(exchange.upgradeDecision(now: start) == .refuse(status: 429))
    #expect(exchange.upgradeDecision(now: start) == .accept)
    exchange.inject(Fault(.httpStatus))
    #expect(exchange.upgradeDecision(now: start) == .refuse(status: 503))
    exchange.inject(Fault(.refuseConnections, duration: 5 * second))
    #expect(!exchange.isListening)
    #expect(exchange.upgradeDecision(now: start + second) == .drop)
    exchange.advance(to: start + 6 * second)
    #expect(exchange.isListening)
    #expect(exchange.upgradeDecision(now: start + 6 * second) == .accept)
    #expect(exchange.counters.connectionsRefused == 4)
  }

  // MARK: The exchange

  @Test func maintenanceCycle() {
    var client = Client.subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.maintenance, duration: 20 * second))
    #expect(client.takeData("status").first?.item?.text("system") == "maintenance")
    client.run(seconds: 9.9)
    let quiet = client.takeMessages()
    #expect(!quiet.isEmpty && quiet.allSatisfy { $0["channel"]?.string == "heartbeat" })
    client.run(seconds: 4.9)
    #expect(client.takeMessages().compactMap { $0.item?.text("system") } == ["cancel_only"])
    client.run(seconds: 5)
    let postOnly = client.takeMessages()
    #expect(postOnly.compactMap { $0.item?.text("system") } == ["post_only"])
    // Orders come and go, but nothing is matched.
    #expect(postOnly.contains { $0["channel"]?.string == "book" })
    #expect(!postOnly.contains { $0["channel"]?.string == "trade" })
    client.run(seconds: 5)
    let online = client.takeMessages()
    #expect(online.compactMap { $0.item?.text("system") } == ["online"])
    #expect(online.contains { $0["channel"]?.string == "trade" })
  }

  @Test func maintenanceThatCloses() {
    var client = Client.subscribed()
    client.inject(Fault(.maintenance, flag: true))
    #expect(client.takeOutputs().last == .close(code: 1001, reason: "Maintenance"))
    let id = client.exchange.connect(.publicV2, now: client.exchange.now)
    let status = client.exchange.takeOutput().first { $0.0 == id }
    guard case .text(let bytes)? = status?.1 else { return #expect(Bool(false), "no status") }
    #expect(JSONValue(bytes)?.item?.text("system") == "maintenance")
  }

  @Test func systemState() {
    var client = Client.subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.system, text: "cancel_only"))
    #expect(client.takeData("status").first?.item?.text("system") == "cancel_only")
  }

  @Test func delisting() {
    var client = Client.subscribed()
    client.subscribe("instrument", more: #","snapshot":false"#)
    _ = client.takeOutputs()
    client.inject(Fault(.delist, symbol: "btc/usd"))
    let update = client.takeData("instrument").first
    #expect(update?["data"]?["pairs"]?.array?.first?.text("status") == "delisted")
    #expect(update?["data"]?["pairs"]?.array?.count == 1)
    client.run(seconds: 5)
    #expect(symbols(client.takeMessages()) == ["ETH/USD"])
    client.unsubscribe("trade", "BTC/USD")
    #expect(client.takeAnswers().first?.succeeded == true)
    client.subscribe("trade", "BTC/USD")
    #expect(client.takeAnswers().first?.error == "Currency pair not supported BTC/USD")
  }

  @Test func pairStatusAndItsEnd() {
    var client = Client.subscribed()
    client.inject(Fault(.delist, symbol: "BTC/USD"))
    client.run(seconds: 1)
    _ = client.takeOutputs()
    client.inject(Fault(.pairStatus, symbol: "BTC/USD", text: "online"))
    client.run(seconds: 3)
    #expect(symbols(client.takeMessages()).contains("BTC/USD"))
  }

  @Test func instrumentUpdate() {
    var client = Client(rate: 0)
    client.subscribe("instrument")
    client.run(seconds: 1)
    let before = client.takeData("instrument").first?["data"]?["pairs"]?.array?.first
    client.inject(Fault(.instrumentUpdate, symbol: "BTC/USD"))
    let after = client.takeData("instrument").first?["data"]?["pairs"]?.array?.first
    #expect(before?.members?.map(\.key) == after?.members?.map(\.key))
    #expect(before?.text("qty_min") != after?.text("qty_min"))
  }

  @Test(arguments: [("bids", "bid"), ("asks", "ask")])
  func emptySide(_ side: String, _ field: String) throws {
    var client = Client.subscribed()
    client.inject(Fault(.emptySide, symbol: "BTC/USD", duration: 5 * second, text: side))
    client.run(seconds: 4)
    var messages = client.takeMessages()
    let isSound = !misfits(messages).contains(true)
    #expect(isSound)
    #expect(client.exchange.book(of: "BTC/USD").map { side == "bids" ? $0.bids : $0.asks }?.isEmpty == true)
    client.subscribe("ticker", "BTC/USD", more: #","event_trigger":"bbo""#)
    client.run(seconds: 0.2)
    let late = client.takeMessages()
    let ticker = try #require(
      late.first { $0["channel"]?.string == "ticker" && $0.type == "snapshot" }?.item)
    #expect(ticker[field] == nil && ticker["last"] != nil)
    client.run(seconds: 30)
    #expect(client.exchange.book(of: "BTC/USD").map { side == "bids" ? $0.bids : $0.asks }?.isEmpty == false)
    messages += late + client.takeMessages()
    let isSoundToTheEnd = !misfits(messages).contains(true)
    #expect(isSoundToTheEnd)
  }

  // MARK: Time

  @Test func scheduledAndRepeatedFaults() {
    var client = Client.subscribed()
    client.exchange.schedule(ScheduledFault(Fault(.system, text: "post_only"), at: 5 * second, every: 10 * second))
    _ = client.takeOutputs()
    client.run(seconds: 4.9)
    #expect(client.takeData("status").isEmpty)
    client.run(seconds: 20.2)
    #expect(client.takeData("status").count == 3)
    #expect(client.exchange.counters.faultsInjected == ["system": 3])
  }

  @Test func clearingEndsWhatLasts() {
    var client = Client.subscribed()
    client.inject(Fault(.silence, duration: 1000 * second))
    client.inject(Fault(.maintenance, duration: 10 * second))
    client.inject(Fault(.stall, duration: 5 * second))
    client.exchange.schedule(ScheduledFault(Fault(.drop), at: 4 * second, every: second))
    _ = client.takeOutputs()
    client.exchange.clearFaults()
    // A stall of its own, which the end of the cleared one must not end.
    client.run(seconds: 4)
    #expect(!client.takeData("book").isEmpty)
    #expect(client.exchange.systemState == .online)
    client.inject(Fault(.stall, duration: 5 * second, flag: true))
    client.run(seconds: 4)
    #expect(client.takeOutputs() == [.stall(true)])
    client.run(seconds: 4)
    // None of the cleared maintenance's states was announced.
    let states = client.takeData("status").compactMap { $0.item?.text("system") }
    #expect(states.isEmpty)
    #expect(client.exchange.openConnections == [client.id])
  }
}
