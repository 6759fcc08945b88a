import Testing

@testable import SimulatedExchange

/// What a reader of `book` is sent, replayed by the documentation's rules.
struct BookTests {
  @Test(arguments: [10, 25, 100, 500, 1000], [1, 2] as [UInt64])
  func everyViewIsTheTopOfTheTrueBook(_ depth: Int, _ seed: UInt64) throws {
    var client = Client(seed: seed, rate: 60)
    let symbols = client.exchange.instruments.map(\.symbol).suffix(depth > 100 ? 4 : 12)
    for symbol in symbols { client.subscribe("book", symbol, more: ",\"depth\":\(depth)") }
    var replays = Dictionary(uniqueKeysWithValues: symbols.map { ($0, BookReplay(depth: depth)) })
    for index in symbols.indices where index.isMultiple(of: 2) { replays[symbols[index]]!.cutsAfterEveryEntry = true }
    var updates = 0
    for _ in 0..<10 {
      client.run(seconds: 0.5)
      for message in client.takeData("book") {
        let symbol = try #require(message.item?.text("symbol"))
        let fits = replays[symbol]!.apply(message)
        #expect(fits, "\(symbol)")
        #expect(!replays[symbol]!.isCrossed)
        updates += 1
      }
      for symbol in symbols {
        let truth = try #require(client.exchange.book(of: symbol, depth: depth))
        let replay = try #require(replays[symbol])
        #expect(replay.bids == truth.bids.map { .init(price: $0.price, quantity: $0.quantity) })
        #expect(replay.asks == truth.asks.map { .init(price: $0.price, quantity: $0.quantity) })
      }
    }
    #expect(updates > 300)
  }

  @Test func manyMadeUpPairsHoldToo() {
    var client = Client(seed: 9, symbols: 150, rate: 10)
    let symbols = client.exchange.instruments.map(\.symbol)
    #expect(Set(symbols).count == 150)
    var replays: [String: BookReplay] = [:]
    for symbol in symbols { client.subscribe("book", symbol) }
    client.run(seconds: 10)
    for message in client.takeData("book") {
      let fits = replays[message.item?.text("symbol") ?? "", default: BookReplay(depth: 10)].apply(message)
      #expect(fits)
    }
    #expect(replays.count == 150)
  }

  @Test func levelsThatAreOnlyPushedOutAreNotMentioned() throws {
    var client = Client(symbols: 1, rate: 100)
    client.subscribe("book", "BTC/USD")
    var replay = BookReplay(depth: 10)
    var removals = 0
    var pushedOut = 0
    var returned = 0
    client.run(seconds: 30)
    for message in client.takeData("book") {
      let before = replay
      let fits = replay.apply(message)
      #expect(fits)
      guard message.type == "update" else { continue }
      let entries = (message.item?["bids"]?.array ?? []) + (message.item?["asks"]?.array ?? [])
      let removed = Set(entries.filter { $0.text("qty") == "0.00000000" }.compactMap { $0.text("price") })
      removals += removed.count
      // A removal names a level that the reader had.
      #expect(removed.isSubset(of: (before.bids + before.asks).map(\.price)))
      for (old, new) in [(before.bids, replay.bids), (before.asks, replay.asks)] {
        pushedOut += Set(old.map(\.price)).subtracting(new.map(\.price)).subtracting(removed).count
        returned += max(0, entries.count - removed.count - 1)
      }
    }
    #expect(removals > 50)
    #expect(pushedOut > 50)
    #expect(returned > 0)
  }

  @Test func thinPairsHaveFewerThanTenLevels() throws {
    var client = Client()
    client.subscribe("book", "KSM/BTC", more: ",\"depth\":1000")
    client.run(seconds: 1)
    let snapshot = try #require(client.takeData("book").first?.item)
    #expect((2..<10).contains(snapshot["bids"]?.array?.count ?? 0))
    #expect((2..<10).contains(snapshot["asks"]?.array?.count ?? 0))
  }

  @Test func deepPairsFillAThousandLevels() throws {
    var client = Client()
    client.subscribe("book", "BTC/USD", more: ",\"depth\":1000")
    client.run(seconds: 1)
    let snapshot = try #require(client.takeData("book").first?.item)
    #expect(snapshot["bids"]?.array?.count == 1000)
    #expect(snapshot["asks"]?.array?.count == 1000)
  }

  @Test func digitsHaveTheWidthOfThePair() throws {
    var client = Client(rate: 30)
    for pair in client.exchange.instruments { client.subscribe("book", pair.symbol) }
    client.run(seconds: 5)
    let precisions = Dictionary(uniqueKeysWithValues: client.exchange.instruments.map { ($0.symbol, $0) })
    for message in client.takeData("book") {
      let item = try #require(message.item)
      let pair = try #require(precisions[item.text("symbol") ?? ""])
      for entry in (item["bids"]?.array ?? []) + (item["asks"]?.array ?? []) {
        #expect(decimals(entry.text("price")) == pair.pricePrecision)
        #expect(decimals(entry.text("qty")) == pair.quantityPrecision)
      }
    }
  }

  private func decimals(_ text: String?) -> Int? {
    text.flatMap { text in text.firstIndex(of: ".").map { text.distance(from: $0, to: text.endIndex) - 1 } }
  }

  @Test func aPriceMayComeTwiceInOneMessage() {
    var client = Client(symbols: 1, rate: 100)
    client.subscribe("book", "BTC/USD")
    client.run(seconds: 30)
    let doubled = client.takeData("book").filter { message in
      let prices = (message.item?["bids"]?.array ?? []).compactMap { $0.text("price") }
      return Set(prices).count < prices.count
    }
    #expect(!doubled.isEmpty)
  }
}
