import Testing

@testable import SimulatedExchange

/// Every fault does what its name says, and leaves the rest alone.
struct FaultTests {
  /// A client with books, trades and tickers of two pairs, past the snapshots.
  private func subscribed(rate: Double = 60) -> Client {
    var client = Client(symbols: 2, rate: rate)
    for channel in ["book", "trade", "ticker"] { client.subscribe(channel, "BTC/USD", "ETH/USD") }
    client.run(seconds: 0.2)
    return client
  }

  private func symbols(_ messages: [JSONValue]) -> Set<String> {
    Set(messages.compactMap { $0.item?.text("symbol") })
  }

  /// Verifies the book messages of one pair; gives which of them did not fit.
  private func misfits(_ messages: [JSONValue], of symbol: String = "BTC/USD") -> [Bool] {
    var replay = BookReplay(depth: 10)
    return messages.filter { $0["channel"]?.string == "book" && $0.item?.text("symbol") == symbol }.map {
      !replay.apply($0)
    }
  }

  // MARK: Connections

  @Test func drop() {
    var client = subscribed()
    let other = client.exchange.connect(.publicV2, now: client.exchange.now)
    client.inject(Fault(.drop, connection: client.id.ordinal))
    #expect(client.takeOutputs().last == .drop)
    #expect(client.exchange.openConnections == [other])
    client.inject(Fault(.drop))
    #expect(client.exchange.openConnections.isEmpty)
  }

  @Test func close() {
    var client = subscribed()
    client.inject(Fault(.close, code: 1013, text: "Market data unavailable"))
    #expect(client.takeOutputs().last == .close(code: 1013, reason: "Market data unavailable"))
    client.run(seconds: 5)
    #expect(client.takeOutputs().isEmpty)
  }

  @Test func stallThatNeverEnds() {
    var client = subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.stall))
    #expect(client.takeOutputs() == [.stall(true)])
    client.send(#"{"method":"ping"}"#)
    client.run(seconds: 30)
    #expect(client.takeOutputs().isEmpty)
    #expect(client.exchange.openConnections == [client.id])
  }

  @Test func stallThatEndsWithACut() {
    var client = subscribed()
    client.inject(Fault(.stall, duration: 3 * second))
    _ = client.takeOutputs()
    client.run(seconds: 4)
    #expect(client.takeOutputs() == [.drop])
  }

  @Test func stallThatGoesOn() {
    var client = subscribed()
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
    var client = subscribed()
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
    var client = subscribed()
    client.inject(Fault(.maintenance, flag: true))
    #expect(client.takeOutputs().last == .close(code: 1001, reason: "Maintenance"))
    let id = client.exchange.connect(.publicV2, now: client.exchange.now)
    let status = client.exchange.takeOutput().first { $0.0 == id }
    guard case .text(let bytes)? = status?.1 else { return #expect(Bool(false), "no status") }
    #expect(JSONValue(bytes)?.item?.text("system") == "maintenance")
  }

  @Test func systemState() {
    var client = subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.system, text: "cancel_only"))
    #expect(client.takeData("status").first?.item?.text("system") == "cancel_only")
  }

  @Test func delisting() {
    var client = subscribed()
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
    var client = subscribed()
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
    var client = subscribed()
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

  // MARK: Answers

  @Test func refusedSymbol() {
    var client = Client()
    client.inject(Fault(.refuseSymbol, symbol: "BTC/USD", count: 1))
    client.subscribe("trade", "BTC/USD", "ETH/USD")
    #expect(client.takeAnswers().map(\.error) == ["Currency pair not supported BTC/USD", nil])
    client.subscribe("trade", "BTC/USD")
    #expect(client.takeAnswers().first?.succeeded == true)
  }

  @Test func lateAnswer() {
    var client = Client(rate: 0)
    client.inject(Fault(.lateAck, symbol: "BTC/USD", delay: 2 * second))
    client.subscribe("ticker", "BTC/USD", "ETH/USD")
    client.run(seconds: 1)
    let early = client.takeMessages()
    #expect(early.filter { $0["method"] != nil }.count == 1)
    #expect(early.filter { $0.type == "snapshot" }.count == 2)
    client.run(seconds: 1.5)
    #expect(client.takeAnswers().first?["result"]?.text("symbol") == "BTC/USD")
  }

  @Test func missingAnswer() {
    var client = Client(rate: 0)
    client.inject(Fault(.missingAck, symbol: "BTC/USD"))
    client.subscribe("ticker", "BTC/USD", "ETH/USD")
    client.run(seconds: 10)
    let messages = client.takeMessages()
    #expect(messages.filter { $0["method"] != nil }.count == 1)
    #expect(messages.filter { $0.type == "snapshot" }.count == 2)
  }

  @Test func duplicateAndReorderedAnswers() {
    var client = Client(rate: 0)
    _ = client.takeOutputs()
    client.inject(Fault(.duplicateAck, symbol: "ETH/USD"))
    client.inject(Fault(.reorderedAcks))
    client.subscribe("ticker", "BTC/USD", "ETH/USD")
    let symbols = client.takeAnswers().map { $0["result"]?.text("symbol") }
    #expect(symbols == ["ETH/USD", "ETH/USD", "BTC/USD"])
  }

  @Test func dataBeforeTheAnswer() {
    var client = Client(rate: 60)
    client.inject(Fault(.dataBeforeAck, symbol: "BTC/USD"))
    _ = client.takeOutputs()
    client.subscribe("book", "BTC/USD", "ETH/USD")
    client.run(seconds: 1)
    let messages = client.takeMessages().filter { $0["channel"]?.string == "book" || $0["method"] != nil }
    #expect(messages.prefix(4).map(\.type) == ["snapshot", nil, nil, "update"])
    #expect(messages[1]["result"]?.text("symbol") == "BTC/USD")
  }

  @Test func lostRequest() {
    var client = Client(rate: 0)
    client.inject(Fault(.lostRequest))
    _ = client.takeOutputs()
    client.subscribe("book", "BTC/USD")
    client.run(seconds: 5)
    #expect(client.takeOutputs().isEmpty)
    client.subscribe("book", "BTC/USD")
    #expect(client.takeAnswers().first?.succeeded == true)
  }

  /// The other two shapes are those of the recordings.
  @Test(arguments: [("bare", 13), ("v1", 14)])
  func rateLimitInOtherShapes(_ form: String, _ line: Int) throws {
    var client = Client(rate: 0)
    client.inject(Fault(.rateLimit, text: form))
    _ = client.takeOutputs()
    client.send(#"{"method":"ping","req_id":42}"#)
    let sent = client.takeMessages().first
    #expect(try sent == Fixtures.messages("errors")[line])
  }

  @Test func rateLimit() {
    var client = Client()
    client.inject(Fault(.rateLimit, count: 2))
    _ = client.takeOutputs()
    for _ in 0..<3 { client.subscribe("trade", "BTC/USD") }
    #expect(client.takeAnswers().map(\.error) == ["Exceeded msg rate", "Exceeded msg rate", nil])
  }

  // MARK: Data

  @Test func silenceOfOneTopic() {
    var client = subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.silence, symbol: "BTC/USD", channel: .book, duration: 5 * second))
    client.run(seconds: 4.9)
    let messages = client.takeMessages()
    let books = messages.filter { $0["channel"]?.string == "book" }
    #expect(symbols(books) == ["ETH/USD"])
    #expect(symbols(messages.filter { $0["channel"]?.string == "trade" }) == ["BTC/USD", "ETH/USD"])
    #expect(messages.contains { $0["channel"]?.string == "heartbeat" })
    client.run(seconds: 5)
    #expect(symbols(client.takeData("book")) == ["BTC/USD", "ETH/USD"])
  }

  @Test func heartbeatStop() {
    var client = subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.heartbeatStop, duration: 10 * second))
    client.run(seconds: 9.5)
    let messages = client.takeMessages()
    #expect(!messages.isEmpty && !messages.contains { $0["channel"]?.string == "heartbeat" })
    client.run(seconds: 5)
    #expect(!client.takeData("heartbeat").isEmpty)
  }

  @Test func missingSnapshot() {
    var client = Client(rate: 60)
    client.inject(Fault(.missingSnapshot, symbol: "BTC/USD", channel: .book))
    client.subscribe("book", "BTC/USD", "ETH/USD")
    client.run(seconds: 3)
    let books = client.takeData("book")
    #expect(symbols(books.filter { $0.type == "snapshot" }) == ["ETH/USD"])
    #expect(symbols(books.filter { $0.type == "update" }) == ["BTC/USD", "ETH/USD"])
  }

  @Test func duplicateSnapshot() {
    var client = subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.duplicateSnapshot, symbol: "BTC/USD", channel: .book))
    let books = client.takeData("book")
    #expect(books.map(\.type) == ["snapshot"])
    #expect(symbols(books) == ["BTC/USD"])
  }

  @Test func wrongChecksum() {
    var client = subscribed()
    client.run(seconds: 2)
    client.inject(Fault(.wrongChecksum, symbol: "BTC/USD", count: 2))
    client.run(seconds: 2)
    let messages = client.takeMessages()
    #expect(misfits(messages).filter { $0 }.count == 2)
    #expect(misfits(messages, of: "ETH/USD").firstIndex(of: true) == nil)
  }

  @Test func lostUpdate() {
    var client = subscribed()
    client.run(seconds: 2)
    client.inject(Fault(.lostUpdate, symbol: "BTC/USD", channel: .book, count: 3))
    client.run(seconds: 4)
    let messages = client.takeMessages()
    #expect(misfits(messages).contains(true))
    #expect(misfits(messages).first == false)
    #expect(misfits(messages, of: "ETH/USD").firstIndex(of: true) == nil)
  }

  @Test func duplicateUpdateDoesNoHarm() {
    var client = subscribed()
    client.inject(Fault(.duplicateUpdate, symbol: "BTC/USD", channel: .book, count: 5))
    client.run(seconds: 3)
    let messages = client.takeMessages()
    #expect(misfits(messages).firstIndex(of: true) == nil)
    let texts = messages.filter { $0["channel"]?.string == "book" }
    #expect(zip(texts, texts.dropFirst()).filter { $0 == $1 }.count == 5)
  }

  @Test func swappedUpdates() {
    var client = subscribed()
    client.run(seconds: 1)
    client.inject(Fault(.swappedUpdates, symbol: "BTC/USD", channel: .trade))
    client.run(seconds: 10)
    let ids = client.takeData("trade").filter { $0.type == "update" && $0.item?.text("symbol") == "BTC/USD" }
      .compactMap { $0.item?["trade_id"]?.integer }
    #expect(ids != ids.sorted())
    #expect(zip(ids, ids.dropFirst()).filter { $0 > $1 }.count == 1)
  }

  @Test func crossedBookWithAFittingChecksum() {
    var client = subscribed()
    client.run(seconds: 1)
    var replay = BookReplay(depth: 10)
    for message in client.takeData("book") where message.item?.text("symbol") == "BTC/USD" {
      let fits = replay.apply(message)
      #expect(fits && !replay.isCrossed)
    }
    client.inject(Fault(.crossedBook, symbol: "BTC/USD"))
    let messages = client.takeData("book")
    #expect(messages.count == 1)
    let fits = replay.apply(messages[0])
    #expect(fits && replay.isCrossed)
    let truth = client.exchange.book(of: "BTC/USD", depth: 1)
    #expect(truth?.bids.first?.price != replay.bids.first?.price)
  }

  @Test func strayUpdatesAfterUnsubscribing() {
    var client = subscribed()
    client.inject(Fault(.strayUpdates, symbol: "BTC/USD", channel: .book, delay: 2 * second))
    client.unsubscribe("book", "BTC/USD")
    _ = client.takeOutputs()
    client.run(seconds: 2)
    #expect(symbols(client.takeData("book")).contains("BTC/USD"))
    client.run(seconds: 3)
    #expect(!symbols(client.takeData("book")).contains("BTC/USD"))
  }

  @Test func strayUpdatesEndWithANewSubscription() {
    var client = subscribed()
    client.inject(Fault(.strayUpdates, symbol: "BTC/USD", channel: .book, delay: 3 * second))
    client.unsubscribe("book", "BTC/USD")
    client.subscribe("book", "BTC/USD")
    _ = client.takeOutputs()
    client.run(seconds: 10)
    let books = client.takeData("book").filter { $0.item?.text("symbol") == "BTC/USD" }
    #expect(books.first?.type == "snapshot")
    #expect(misfits(books).firstIndex(of: true) == nil)
    #expect(books.count > 20)
  }

  @Test func tickerWithMissingFields() {
    var client = subscribed()
    client.run(seconds: 1)
    _ = client.takeOutputs()
    client.inject(Fault(.missingFields, symbol: "BTC/USD"))
    client.run(seconds: 10)
    let tickers = client.takeData("ticker").filter { $0.item?.text("symbol") == "BTC/USD" }
    #expect(tickers.first?.item?["ask"] == nil)
    #expect(tickers.first?.item?["bid"] != nil)
    #expect(tickers.last?.item?["ask"] != nil)
  }

  @Test func tradesWithExponents() {
    var plain = subscribed()
    var odd = subscribed()
    _ = plain.takeOutputs()
    _ = odd.takeOutputs()
    odd.inject(Fault(.exponents, duration: 20 * second))
    plain.run(seconds: 10)
    odd.run(seconds: 10)
    let quantities = [plain.takeData("trade"), odd.takeData("trade")].map { messages in
      messages.filter { $0.type == "update" }.flatMap { $0["data"]?.array ?? [] }.compactMap { $0.text("qty") }
    }
    #expect(quantities[0].count > 50)
    #expect(quantities[0].map { Double($0) } == quantities[1].map { Double($0) })
    #expect(quantities[1].allSatisfy { $0.contains("e") })
  }

  // MARK: Frames and text

  @Test func fragmentedFrames() {
    var client = subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.fragmentedFrames, duration: 2 * second, size: 10))
    client.run(seconds: 1.9)
    let outputs = client.takeOutputs()
    #expect(outputs.count > 20)
    for output in outputs {
      guard case .fragments(let fragments, _) = output else { return #expect(Bool(false), "\(output)") }
      #expect(fragments.allSatisfy { $0.count <= 10 })
      #expect(JSONValue(Array(fragments.joined())) != nil)
    }
  }

  @Test func slowFrames() {
    var client = subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.slowFrames, count: 1, delay: 5_000_000, size: 3))
    client.run(seconds: 1)
    guard case .slow(_, let chunk, let interval)? = client.takeOutputs().first else {
      return #expect(Bool(false), "no slow frame")
    }
    #expect(chunk == 3 && interval == 5_000_000)
  }

  @Test(arguments: [
    Fault.Name.garbage, .invalidUTF8, .truncatedJSON, .unknownChannel, .unknownMethod, .binaryFrame, .ping, .oversized,
  ])
  func nonsense(_ name: Fault.Name) {
    var client = subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(name))
    let outputs = client.takeOutputs()
    #expect(outputs.count == 1)
    switch (name, outputs.first) {
    case (.garbage, .text(let text)), (.truncatedJSON, .text(let text)):
      #expect(JSONValue(text) == nil && String(validating: text, as: UTF8.self) != nil)
    case (.invalidUTF8, .text(let text)): #expect(String(validating: text, as: UTF8.self) == nil)
    case (.unknownChannel, .text(let text)): #expect(JSONValue(text)?["channel"]?.string == "weather")
    case (.unknownMethod, .text(let text)): #expect(JSONValue(text)?["method"]?.string == "dance")
    case (.oversized, .text(let text)): #expect(text.count == 17 << 20)
    case (.binaryFrame, .binary), (.ping, .ping): break
    default: #expect(Bool(false), "\(outputs)")
    }
    client.run(seconds: 1)
    #expect(!client.takeData("book").isEmpty)
  }

  @Test(arguments: [Fault.Name.extraFields, .shuffledKeys, .spacedJSON])
  func otherWordingSameMeaning(_ name: Fault.Name) {
    var plain = subscribed()
    var odd = subscribed()
    odd.inject(Fault(name, duration: 20 * second))
    plain.run(seconds: 5)
    odd.run(seconds: 5)
    #expect(misfits(odd.takeMessages()).firstIndex(of: true) == nil)
    _ = plain.takeOutputs()
    plain.run(seconds: 2)
    odd.run(seconds: 2)
    let (first, second) = (plain.takeTexts(), odd.takeTexts())
    #expect(first.count == second.count && first != second)
    func sorted(_ value: JSONValue) -> JSONValue {
      switch value {
      case .array(let elements): .array(elements.map(sorted))
      case .object(let members):
        .object(
          members.filter { !["novelty", "note\u{e9}"].contains($0.key) }.sorted { $0.key < $1.key }
            .map { .init(key: $0.key, value: sorted($0.value)) })
      default: value
      }
    }
    for (left, right) in zip(first, second) {
      let isSame = JSONValue(Array(left.utf8)).map(sorted) == JSONValue(Array(right.utf8)).map(sorted)
      #expect(isSame, "\(left)\n\(right)")
    }
  }

  // MARK: Time

  @Test func scheduledAndRepeatedFaults() {
    var client = subscribed()
    client.exchange.schedule(ScheduledFault(Fault(.system, text: "post_only"), at: 5 * second, every: 10 * second))
    _ = client.takeOutputs()
    client.run(seconds: 4.9)
    #expect(client.takeData("status").isEmpty)
    client.run(seconds: 20.2)
    #expect(client.takeData("status").count == 3)
    #expect(client.exchange.counters.faultsInjected == ["system": 3])
  }

  @Test func clearingEndsWhatLasts() {
    var client = subscribed()
    client.inject(Fault(.silence, duration: 1000 * second))
    client.inject(Fault(.maintenance, duration: 1000 * second))
    client.inject(Fault(.stall))
    _ = client.takeOutputs()
    client.exchange.clearFaults()
    client.run(seconds: 3)
    #expect(!client.takeData("book").isEmpty)
    #expect(client.exchange.systemState == .online)
  }
}
