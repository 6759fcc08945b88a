import Testing

@testable import SimulatedExchange

/// Books by order, rebuilt by a reader of the tests' own, which answers to the recorded messages first.
struct OrderBookReplay {
  struct Order: Equatable {
    var id: String
    var price: String
    var quantity: String
  }

  let depth: Int
  private(set) var bids: [[Order]] = []
  private(set) var asks: [[Order]] = []
  private(set) var additions = 0
  private(set) var changes = 0
  private(set) var deletions = 0

  init(depth: Int) { self.depth = depth }

  private static func number(_ text: String) -> Double { Double(text)! }

  /// False if the checksum does not fit.
  mutating func apply(_ message: JSONValue) -> Bool {
    guard let item = message.item else { return false }
    if message.type == "snapshot" { (bids, asks) = ([], []) }
    for (key, isBid) in [("bids", true), ("asks", false)] {
      for entry in item[key]?.array ?? [] {
        let order = Order(
          id: entry.text("order_id")!, price: entry.text("limit_price")!, quantity: entry.text("order_qty")!)
        var side = isBid ? bids : asks
        Self.apply(order, entry.text("event") ?? "add", to: &side, isBid: isBid)
        if isBid { bids = side } else { asks = side }
        switch entry.text("event") {
        case "add": additions += 1
        case "modify": changes += 1
        case "delete": deletions += 1
        default: break
        }
      }
    }
    bids = Array(bids.prefix(depth))
    asks = Array(asks.prefix(depth))
    return item["checksum"]?.numberText == String(checksum)
  }

  private static func apply(_ order: Order, _ event: String, to side: inout [[Order]], isBid: Bool) {
    for level in side.indices {
      guard let place = side[level].firstIndex(where: { $0.id == order.id }) else { continue }
      if event == "modify", side[level][place].price == order.price {
        side[level][place] = order
        return
      }
      side[level].remove(at: place)
    }
    side.removeAll { $0.isEmpty }
    guard event != "delete" else { return }
    let price = number(order.price)
    if let level = side.firstIndex(where: { number($0[0].price) == price }) { return side[level].append(order) }
    let place = side.firstIndex { isBid ? number($0[0].price) < price : number($0[0].price) > price } ?? side.count
    side.insert([order], at: place)
  }

  private var checksum: UInt32 {
    var checksum = Checksum()
    for side in [asks, bids] {
      for order in side.prefix(10).joined() {
        for text in [order.price, order.quantity] {
          let digits = text.filter { $0 != "." }.drop { $0 == "0" }
          for byte in digits.utf8 { checksum.feed(byte) }
        }
      }
    }
    return checksum.value
  }
}

struct Level3Tests {
  private func client(_ symbol: String = "BTC/USD", depth: Int = 10, rate: Double = 60) -> Client {
    var client = Client(rate: rate, endpoint: .level3)
    client.token = client.exchange.issueToken()
    client.subscribe("level3", symbol, more: #","depth":\#(depth),"token":"\#(client.token)""#)
    return client
  }

  @Test func readerOfTheTestsAnswersToTheRecording() throws {
    var replay = OrderBookReplay(depth: 10)
    let messages = try Fixtures.messages("level3").prefix(4)
    #expect(messages.count == 4)
    for message in messages {
      let fits = replay.apply(message)
      #expect(fits)
    }
  }

  @Test(arguments: [("BTC/USD", 10), ("BTC/USD", 100), ("BTC/USD", 1000), ("KSM/BTC", 10), ("SHIB/USD", 10)])
  func everyMessageFitsItsChecksumAndTheBook(_ symbol: String, _ depth: Int) throws {
    var client = client(symbol, depth: depth)
    client.run(seconds: 30)
    let messages = client.takeData("level3")
    #expect(messages.first?.type == "snapshot" && messages.count > 100)
    var replay = OrderBookReplay(depth: depth)
    for message in messages {
      let fits = replay.apply(message)
      #expect(fits)
    }
    #expect(replay.additions > 0 && replay.changes > 0 && replay.deletions > 0)
    // The orders of every level add up to the level.
    let book = try #require(client.exchange.book(of: symbol, depth: depth))
    let decimals = client.exchange.instruments.first { $0.symbol == symbol }!.quantityPrecision
    for (levels, side) in [(book.bids, replay.bids), (book.asks, replay.asks)] {
      #expect(levels.map(\.price) == side.map { $0[0].price })
      for (level, orders) in zip(levels, side) {
        #expect(ticks(level.quantity, decimals) == orders.reduce(0) { $0 + ticks($1.quantity, decimals) })
      }
    }
  }

  @Test func watchingByOrderDoesNotMoveTheMarket() {
    var watched = client()
    var plain = Client(rate: 60)
    watched.run(seconds: 20)
    plain.run(seconds: 20)
    #expect(watched.exchange.checksum(of: "BTC/USD") == plain.exchange.checksum(of: "BTC/USD"))
    #expect(watched.exchange.lastTrade(of: "BTC/USD") == plain.exchange.lastTrade(of: "BTC/USD"))
  }

  @Test func messagesLookLikeTheRecording() throws {
    let recorded = try Fixtures.messages("level3")
    var client = client()
    let answer = try #require(client.takeAnswers().first)
    #expect(answer["result"]?.members?.map(\.key) == ["channel", "snapshot", "symbol"])
    client.run(seconds: 10)
    let sent = client.takeData("level3")
    func keys(_ value: JSONValue?) -> Set<String> { Set(value?.members?.map(\.key) ?? []) }
    func entry(_ message: JSONValue?) -> JSONValue? {
      (message?.item?["bids"]?.array ?? []).first ?? message?.item?["asks"]?.array?.first
    }
    #expect(keys(entry(sent[0])) == keys(entry(recorded[0])))
    #expect(keys(entry(sent[1])) == keys(entry(recorded[1])))
    #expect(keys(sent[1].item) == keys(recorded[1].item))
    #expect(entry(sent[1])?.text("timestamp")?.count == 30)
  }

  @Test func refusalsNameTheirReason() {
    var client = client()
    let token = #","token":"\#(client.token)""#
    func error(_ client: inout Client) -> String? { client.takeAnswers().last?.error }
    _ = client.takeAnswers()
    client.subscribe("level3", "ETH/USD")
    #expect(error(&client) == "Token(s) not found")
    client.subscribe("level3", "ETH/USD", more: #","token":"wrong""#)
    #expect(error(&client) == "ESession:Invalid session")
    client.subscribe("level3", "ETH/USD", more: token + #","depth":25"#)
    #expect(error(&client) == "Subscription depth not supported")
    client.subscribe("level3", "BTC/USD", more: token + #","depth":100"#)
    #expect(error(&client) == "Already subscribed")
    client.subscribe("level3", "XBT/USD", more: token)
    #expect(error(&client) == "Currency pair not supported XBT/USD")
    client.subscribe("level3", more: token)
    #expect(error(&client) == "Symbol(s) not found")
    client.subscribe("book", "BTC/USD")
    #expect(error(&client) == "Subscription name invalid")
    client.unsubscribe("level3", "ETH/USD", more: token)
    #expect(error(&client) == "Subscription Not Found")
  }

  @Test func snapshotsHaveARate() throws {
    var client = Client(symbols: 12, rate: 0, endpoint: .level3)
    client.token = client.exchange.issueToken()
    let more = #","depth":1000,"token":"\#(client.token)""#
    let symbols = client.exchange.instruments.map(\.symbol)
    client.send(
      #"{"method":"subscribe","params":{"channel":"level3","symbol":\#(symbols)\#(more)},"req_id":3}"#)
    let answers = client.takeAnswers()
    #expect(answers.filter(\.succeeded).count == 5)
    let refusal = try #require(answers.last)
    let symbol = symbols[11]
    #expect(
      refusal.error
        == "Rate limit for snapshot requests exceeded, when trying to subscribe to \(symbol) level3 snapshot")
    #expect(refusal["channel"]?.string == "level3" && refusal["status"]?.string == "error")
    client.run(seconds: 1)
    client.subscribe("level3", symbol, more: more)
    #expect(client.takeAnswers().first?.succeeded == true)
  }

  @Test func oneConnectionTakesTwoHundredSymbols() {
    var client = Client(symbols: 201, rate: 0, endpoint: .level3) { $0.accountTier = .unlimited }
    client.token = client.exchange.issueToken()
    let symbols = client.exchange.instruments.map(\.symbol)
    client.send(
      #"{"method":"subscribe","params":{"channel":"level3","symbol":\#(symbols),"token":"\#(client.token)"}}"#)
    let answers = client.takeAnswers()
    #expect(answers.filter(\.succeeded).count == 200)
    #expect(answers.last?.error == "EGeneral:Too many requests")
  }

  @Test func wrongChecksumStrikesHereToo() {
    var client = client()
    client.run(seconds: 1)
    client.inject(Fault(.wrongChecksum, channel: .level3))
    client.run(seconds: 5)
    var replay = OrderBookReplay(depth: 10)
    var misfits = 0
    for message in client.takeData("level3") where !replay.apply(message) { misfits += 1 }
    #expect(misfits == 1)
  }

  @Test func nothingComesAfterUnsubscribing() {
    var client = client()
    client.run(seconds: 1)
    client.unsubscribe("level3", "BTC/USD", more: #","token":"\#(client.token)""#)
    #expect(client.takeAnswers().last?["result"]?.members?.map(\.key) == ["channel", "symbol"])
    client.run(seconds: 5)
    #expect(client.takeData("level3").isEmpty)
  }
}
