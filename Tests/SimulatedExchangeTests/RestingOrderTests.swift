import Testing

@testable import SimulatedExchange

/// The account's orders in everybody's books: there while they rest, with the right checksums, gone when they end.
struct RestingOrderTests {
  /// A trader, and readers of one symbol's `book` and `level3` that verify every message.
  private struct World {
    static let symbol = "BTC/USD"

    var exchange: Exchange
    let trader: Exchange.ConnectionID
    let reader: Exchange.ConnectionID
    let queueReader: Exchange.ConnectionID
    let token: String
    let depth: Int
    var book: BookReplay
    var queue: OrderBookReplay
    var answers: [JSONValue] = []

    init(seed: UInt64 = 1, rate: Double = 0, depth: Int = 10) {
      var configuration = ExchangeConfiguration()
      configuration.updatesPerSecond = rate
      configuration.snapshotLatency = 0
      configuration.resubscribedSnapshotLatency = 0
      configuration.accountTier = .unlimited
      exchange = Exchange(configuration: configuration, seed: seed, now: start)
      trader = exchange.connect(.privateV2, now: start)
      reader = exchange.connect(.publicV2, now: start)
      queueReader = exchange.connect(.level3, now: start)
      token = exchange.issueToken()
      self.depth = depth
      book = BookReplay(depth: depth)
      queue = OrderBookReplay(depth: depth)
      subscribe()
    }

    mutating func subscribe() {
      send(#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":\#(depth)}}"#, from: reader)
      send(
        #"{"method":"subscribe","params":{"channel":"level3","symbol":["BTC/USD"],"depth":\#(depth),"token":"\#(token)"}}"#,
        from: queueReader)
    }

    mutating func send(_ text: String, from id: Exchange.ConnectionID) {
      exchange.receive(Array(text.utf8), from: id, now: exchange.now)
      run(seconds: 0)
    }

    mutating func trade(_ method: String, _ params: String) {
      send(#"{"method":"\#(method)","params":{"token":"\#(token)",\#(params)},"req_id":1}"#, from: trader)
    }

    /// Gives the order's id.
    mutating func add(_ side: String, _ quantity: String, at price: String, more: String = "") -> String {
      trade(
        "add_order",
        #""symbol":"BTC/USD","side":"\#(side)","order_type":"limit","order_qty":\#(quantity),"limit_price":\#(price)\#(more)"#)
      return answers.last?["result"]?.text("order_id") ?? ""
    }

    mutating func run(seconds: Double) {
      exchange.advance(to: exchange.now + Int64(seconds * 1e9))
      for (id, output) in exchange.takeOutput() {
        guard case .text(let bytes) = output, let message = JSONValue(bytes) else { continue }
        if message["method"] != nil {
          if id == trader { answers.append(message) }
        } else if message["channel"]?.string == "book" {
          let fits = book.apply(message)
          #expect(fits && !book.isCrossed)
        } else if message["channel"]?.string == "level3" {
          let fits = queue.apply(message)
          #expect(fits)
        }
      }
    }

    /// The touch after the best asks have been bought away, so that there is room between bid and ask.
    mutating func widened() -> (bids: [Exchange.LevelText], asks: [Exchange.LevelText]) {
      trade("add_order", #""symbol":"BTC/USD","side":"buy","order_type":"market","order_qty":3.0"#)
      return exchange.book(of: Self.symbol, depth: 1)!
    }

    /// Both readers see the same levels, and those are the exchange's.
    func expectAgreement() throws {
      let truth = try #require(exchange.book(of: Self.symbol, depth: depth))
      for (levels, replayed, orders) in [(truth.bids, book.bids, queue.bids), (truth.asks, book.asks, queue.asks)] {
        #expect(replayed == levels.map { .init(price: $0.price, quantity: $0.quantity) })
        #expect(orders.map { $0[0].price } == levels.map(\.price))
        #expect(orders.map { $0.reduce(0) { $0 + ticks($1.quantity, 8) } } == levels.map { ticks($0.quantity, 8) })
      }
    }

    /// Where an order stands in the queue of its level.
    func place(_ id: String) -> (price: String, quantity: String, isLast: Bool)? {
      for level in queue.bids + queue.asks {
        if let order = level.first(where: { $0.id == id }) { return (order.price, order.quantity, level.last?.id == id) }
      }
      return nil
    }

    func quantity(at price: String) -> Int64? { book.bids.first { $0.price == price }.map { ticks($0.quantity, 8) } }
  }

  @Test func anOrderComesAndGoes() throws {
    var world = World()
    let best = try #require(world.exchange.book(of: World.symbol, depth: 1)).bids[0]
    let before = world.book
    let id = world.add("buy", "0.50000000", at: best.price)
    #expect(world.quantity(at: best.price) == ticks(best.quantity, 8) + ticks("0.5", 8))
    #expect(world.place(id)?.quantity == "0.50000000" && world.place(id)?.isLast == true)
    try world.expectAgreement()
    world.trade("cancel_order", #""order_id":["\#(id)"]"#)
    #expect(world.place(id) == nil)
    #expect(world.book.bids == before.bids && world.book.asks == before.asks)
    try world.expectAgreement()
  }

  /// A level of its own, before everybody else's; who comes later is shown it too.
  @Test func anOrderCanBeTheBest() throws {
    var world = World()
    let best = world.widened()
    let between = price(ticks(best.asks[0].price) - 1)
    try #require(ticks(best.bids[0].price) < ticks(between))
    let id = world.add("buy", "0.25000000", at: between)
    #expect(world.book.bids[0] == .init(price: between, quantity: "0.25000000"))
    #expect(world.queue.bids[0].map(\.id) == [id])
    world.send(#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}"#, from: world.reader)
    world.book = BookReplay(depth: 10)
    world.subscribe()
    #expect(world.book.bids[0].price == between)
    try world.expectAgreement()
  }

  /// Less keeps the place in the queue, more and another price lose it.
  @Test func amendingMovesItInTheQueue() throws {
    var world = World()
    let level = try #require(world.exchange.book(of: World.symbol, depth: 3)).bids
    let first = world.add("buy", "0.50000000", at: level[1].price)
    let second = world.add("buy", "0.50000000", at: level[1].price)
    func amend(_ world: inout World, _ change: String) throws {
      world.trade("amend_order", #""order_id":"\#(first)",\#(change)"#)
      try world.expectAgreement()
    }
    try amend(&world, #""order_qty":0.40000000"#)
    #expect(world.place(first)?.quantity == "0.40000000" && world.place(second)?.isLast == true)
    try amend(&world, #""order_qty":0.60000000"#)
    #expect(world.place(first)?.quantity == "0.60000000" && world.place(first)?.isLast == true)
    try amend(&world, #""limit_price":\#(level[2].price)"#)
    #expect(world.place(first)?.price == level[2].price && world.place(second)?.price == level[1].price)
  }

  /// Only what an iceberg displays, and nothing of a stop that has not been struck.
  @Test func whatIsHiddenIsNotShown() throws {
    var world = World()
    let level = try #require(world.exchange.book(of: World.symbol, depth: 2)).bids[1]
    world.trade(
      "add_order",
      #""symbol":"BTC/USD","side":"buy","order_type":"iceberg","order_qty":3.0,"display_qty":0.30000000,"limit_price":\#(level.price)"#)
    let id = try #require(world.answers.last?["result"]?.text("order_id"))
    #expect(world.place(id)?.quantity == "0.30000000")
    let before = world.book
    world.trade(
      "add_order",
      #""symbol":"BTC/USD","side":"sell","order_type":"stop-loss-limit","order_qty":0.5,"limit_price":\#(level.price),"triggers":{"price":50000.0}"#)
    #expect(world.answers.last?.succeeded == true)
    #expect(world.book.bids == before.bids && world.book.asks == before.asks)
    try world.expectAgreement()
  }

  /// The account's orders among each other, and those that come in while nothing is matched.
  @Test func theBookIsNeverCrossed() throws {
    var world = World()
    let best = world.widened()
    try #require(ticks(best.asks[0].price) - ticks(best.bids[0].price) > 2)
    let ask = world.add("sell", "0.5", at: price(ticks(best.bids[0].price) + 1))
    let bid = world.add("buy", "0.5", at: price(ticks(best.bids[0].price) + 2))
    #expect(world.place(ask) != nil && world.place(bid) == nil)
    world.trade("cancel_order", #""order_id":["\#(ask)"]"#)
    #expect(world.place(bid) != nil)
    #expect(world.exchange.control("system state=post_only") == "ok")
    let crossing = world.add("buy", "0.5", at: best.asks[0].price, more: #","post_only":true"#)
    #expect(!crossing.isEmpty && world.place(crossing) == nil)
    try world.expectAgreement()
  }

  /// Orders of every kind come, change and go while the market moves through them.
  @Test(arguments: 0..<6 as Range<UInt64>, [10, 100])
  func booksStayRightWhateverOrdersDo(_ seed: UInt64, _ depth: Int) throws {
    var world = World(seed: seed, rate: 60, depth: depth)
    var chance = SeededGenerator(seed: seed, purpose: 3)
    var ids: [String] = []
    var seen = 0
    for _ in 0..<200 {
      let best = try #require(world.exchange.book(of: World.symbol, depth: 8))
      let id = ids.isEmpty ? "" : ids[chance.below(ids.count)]
      let isBuy = chance.chance(1, in: 2)
      let level = (isBuy ? best.bids : best.asks)[chance.below(8)].price
      let target = price(ticks(level) + chance.between(-8, 8))
      let size = "0.\(1 + chance.below(9))"
      switch chance.below(10) {
      case 0...4: ids.append(world.add(isBuy ? "buy" : "sell", size, at: target))
      case 5: world.trade("cancel_order", #""order_id":["\#(id)"]"#)
      case 6: world.trade("amend_order", #""order_id":"\#(id)","order_qty":\#(size)"#)
      case 7: world.trade("amend_order", #""order_id":"\#(id)","limit_price":\#(target)"#)
      case 8: world.trade("edit_order", #""order_id":"\#(id)","symbol":"BTC/USD","order_qty":\#(size)"#)
      default: #expect(world.exchange.control("restate symbol=BTC/USD") == "ok")
      }
      world.run(seconds: Double(chance.below(200)) / 1000)
      try world.expectAgreement()
      seen += ids.contains { world.place($0) != nil } ? 1 : 0
    }
    #expect(seen > 20)
    world.send(#"{"method":"cancel_all","params":{"token":"\#(world.token)"},"req_id":1}"#, from: world.trader)
    #expect(ids.allSatisfy { world.place($0) == nil })
    try world.expectAgreement()
  }
}
