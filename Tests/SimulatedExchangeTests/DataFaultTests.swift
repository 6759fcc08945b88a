import Testing

@testable import SimulatedExchange

/// Faults of market data.
struct DataFaultTests {
  @Test func silenceOfOneTopic() {
    var client = Client.subscribed()
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
    var client = Client.subscribed()
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
    var client = Client.subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.duplicateSnapshot, symbol: "BTC/USD", channel: .book))
    let books = client.takeData("book")
    #expect(books.map(\.type) == ["snapshot"])
    #expect(symbols(books) == ["BTC/USD"])
  }

  @Test func wrongChecksum() {
    var client = Client.subscribed()
    client.run(seconds: 2)
    client.inject(Fault(.wrongChecksum, symbol: "BTC/USD", count: 2))
    client.run(seconds: 2)
    let messages = client.takeMessages()
    #expect(misfits(messages).filter { $0 }.count == 2)
    #expect(misfits(messages, of: "ETH/USD").firstIndex(of: true) == nil)
  }

  @Test func lostUpdate() {
    var client = Client.subscribed()
    client.run(seconds: 2)
    client.inject(Fault(.lostUpdate, symbol: "BTC/USD", channel: .book, count: 3))
    client.run(seconds: 4)
    let messages = client.takeMessages()
    #expect(misfits(messages).contains(true))
    #expect(misfits(messages).first == false)
    #expect(misfits(messages, of: "ETH/USD").firstIndex(of: true) == nil)
  }

  @Test func duplicateUpdateDoesNoHarm() {
    var client = Client.subscribed()
    client.inject(Fault(.duplicateUpdate, symbol: "BTC/USD", channel: .book, count: 5))
    client.run(seconds: 3)
    let messages = client.takeMessages()
    #expect(misfits(messages).firstIndex(of: true) == nil)
    let texts = messages.filter { $0["channel"]?.string == "book" }
    #expect(zip(texts, texts.dropFirst()).filter { $0 == $1 }.count == 5)
  }

  @Test func swappedUpdates() {
    var client = Client.subscribed()
    client.run(seconds: 1)
    client.inject(Fault(.swappedUpdates, symbol: "BTC/USD", channel: .trade))
    client.run(seconds: 10)
    let ids = client.takeData("trade").filter { $0.type == "update" && $0.item?.text("symbol") == "BTC/USD" }
      .compactMap { $0.item?["trade_id"]?.integer }
    #expect(ids != ids.sorted())
    #expect(zip(ids, ids.dropFirst()).filter { $0 > $1 }.count == 1)
  }

  @Test func crossedBookWithAFittingChecksum() {
    var client = Client.subscribed()
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
    var client = Client.subscribed()
    client.inject(Fault(.strayUpdates, symbol: "BTC/USD", channel: .book, delay: 2 * second))
    client.unsubscribe("book", "BTC/USD")
    _ = client.takeOutputs()
    client.run(seconds: 2)
    #expect(symbols(client.takeData("book")).contains("BTC/USD"))
    client.run(seconds: 3)
    #expect(!symbols(client.takeData("book")).contains("BTC/USD"))
  }

  @Test func strayUpdatesEndWithANewSubscription() {
    var client = Client.subscribed()
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
    var client = Client.subscribed()
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
    var plain = Client.subscribed()
    var odd = Client.subscribed()
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
}
