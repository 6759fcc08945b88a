// The level-3 book: the published vector and its follow-ups, the queue rules one by one, and
// random events against a naive book that is an array of orders.

import JSONText
import Testing

@testable import MarketData

@Suite struct OrderQueueBookTests {
  struct Event {
    var side: BookSide
    var id: String
    var price: String
    var qty: String
    var isDelete = false
  }

  private static func apply(_ event: Event, to book: inout OrderQueueBook) throws(BookFault) {
    let (id, price, qty) = (Array(event.id.utf8), Array(event.price.utf8), Array(event.qty.utf8))
    let time = Array("2024-01-08T12:26:39.526146327Z".utf8)
    let result = id.withUnsafeBytes { id in
      price.withUnsafeBytes { price in
        qty.withUnsafeBytes { qty in
          time.withUnsafeBytes { time in
            Result { () throws(BookFault) in
              if event.isDelete {
                try book.remove(orderID: id)
              } else {
                try book.set(event.side, orderID: id, price: price, qty: qty, timestamp: time)
              }
            }
          }
        }
      }
    }
    try result.get()
  }

  private func orders(_ book: borrowing OrderQueueBook, _ side: BookSide, levels: Int = .max) -> [String] {
    var result: [String] = []
    book.forEachOrder(side, levels: levels) { id, price, qty, timestamp in
      let fields = [id, price, qty].map { String(decoding: $0, as: UTF8.self) }
      #expect(timestamp.count == 30)
      result.append(fields.joined(separator: " "))
    }
    return result
  }

  /// Applies events and finishes with the checksum that naive orders (best first) give.
  private func send(
    _ book: inout OrderQueueBook, _ events: [Event], bids: [(String, String)], asks: [(String, String)]
  ) throws {
    for event in events { try Self.apply(event, to: &book) }
    // All orders in these tests lie within the ten best prices, so there is nothing to leave out.
    let tokens = (asks + bids).map { price, qty in
      [price, qty].map { String($0.filter { $0 != "." }.drop { $0 == "0" }) }.joined()
    }
    try book.finish(checksum: slowCRC(tokens.joined()))
  }

  // MARK: Published messages

  @Test func publishedMessagesVerify() throws {
    var book = OrderQueueBook(depth: 10)
    var parser = JSONParser()
    let lines = try recorded("level3.jsonl")
    var checksums: [UInt32] = []
    for line in lines.prefix(4) {
      try parser.withDocument(line) { root in
        let item = root["data"]!.elements.first { _ in true }!
        if root["type"]!.equals("snapshot") { book.beginSnapshot() } else { book.beginUpdate() }
        for (side, key) in [(BookSide.bids, "bids" as StaticString), (.asks, "asks")] {
          for order in item[key]!.elements {
            if order["event"]?.equals("delete") == true {
              try book.remove(orderID: order["order_id"]!.contents)
            } else {
              try book.set(
                side, orderID: order["order_id"]!.contents, price: order["limit_price"]!.contents,
                qty: order["order_qty"]!.contents, timestamp: order["timestamp"]!.contents)
            }
          }
        }
        checksums.append(UInt32(item["checksum"]!.uint64!))
        try book.finish(checksum: checksums.last!)
      }
      #expect(book.isUsable == true)
      #expect(book.count(.bids) == 10 && book.count(.asks) == 10)
      if checksums.count == 1 { #expect(book.orderCount == 14 + 21) }
    }
    #expect(checksums == [1_063_832_831, 4_214_623_937, 1_052_444_130, 800_786_314])
    #expect(orders(book, .bids, levels: 1) == ["O2RTGU-LEM5C-PXH7QD 44945.0 0.12000000"])
  }

  /// The documentation prints this book without its trailing zeros: with the precision known it can be read all the
  /// same, were it whole; printed shortened, its checksum cannot come out.
  @Test func shortenedExampleIsRefused() throws {
    var book = OrderQueueBook(depth: 10)
    book.precision = BookPrecision(price: 4, qty: 8)
    book.beginSnapshot()
    try Self.apply(Event(side: .bids, id: "A", price: "0.5629", qty: "111.56125344"), to: &book)
    #expect(throws: BookFault.self) { try book.finish(checksum: 281_817_320) }
    #expect(book.isUsable == false)
  }

  // MARK: Rules

  @Test func placesInTheQueue() throws {
    var book = OrderQueueBook(depth: 10)
    book.beginSnapshot()
    try send(
      &book,
      [
        Event(side: .asks, id: "A", price: "5.0", qty: "1.0"),
        Event(side: .asks, id: "B", price: "5.0", qty: "2.0"),
        Event(side: .asks, id: "C", price: "5.0", qty: "3.0"),
        Event(side: .asks, id: "D", price: "6.0", qty: "4.0"),
      ], bids: [], asks: [("5.0", "1.0"), ("5.0", "2.0"), ("5.0", "3.0"), ("6.0", "4.0")])

    // In place: A is filled in part and stays first.
    book.beginUpdate()
    try send(
      &book, [Event(side: .asks, id: "A", price: "5.0", qty: "0.5")], bids: [],
      asks: [("5.0", "0.5"), ("5.0", "2.0"), ("5.0", "3.0"), ("6.0", "4.0")])

    // To another price: to the back there.
    book.beginUpdate()
    try send(
      &book, [Event(side: .asks, id: "A", price: "6.0", qty: "0.5")], bids: [],
      asks: [("5.0", "2.0"), ("5.0", "3.0"), ("6.0", "4.0"), ("6.0", "0.5")])

    // There and back within one message: now it is last.
    book.beginUpdate()
    try send(
      &book,
      [
        Event(side: .asks, id: "B", price: "7.0", qty: "9.0"),
        Event(side: .asks, id: "B", price: "5.0", qty: "2.0"),
      ],
      bids: [], asks: [("5.0", "3.0"), ("5.0", "2.0"), ("6.0", "4.0"), ("6.0", "0.5")])

    // From the middle, the front and the back; the last of a price takes the price along.
    book.beginUpdate()
    try send(
      &book,
      [
        Event(side: .asks, id: "C", price: "", qty: "", isDelete: true),
        Event(side: .asks, id: "A", price: "", qty: "", isDelete: true),
        Event(side: .asks, id: "D", price: "6.0", qty: "0.0"),
      ], bids: [], asks: [("5.0", "2.0")])
    #expect(orders(book, .asks) == ["B 5.0 2.0"])
    #expect(book.count(.asks) == 1 && book.orderCount == 1)

    // The other side of the market.
    book.beginUpdate()
    try send(&book, [Event(side: .bids, id: "B", price: "4.00", qty: "2.0")], bids: [("4.00", "2.0")], asks: [])
    #expect(orders(book, .asks) == [] && orders(book, .bids) == ["B 4.00 2.0"])
  }

  /// Price zero sorts alike on both sides, and still is not the same queue.
  @Test func aSideChangeAtPriceZero() throws {
    var book = OrderQueueBook(depth: 10)
    book.beginSnapshot()
    try send(
      &book,
      [Event(side: .bids, id: "A", price: "0", qty: "1"), Event(side: .asks, id: "A", price: "0", qty: "2")],
      bids: [], asks: [("0", "2")])
    #expect(orders(book, .asks) == ["A 0 2"] && orders(book, .bids) == [])
  }

  @Test func unknownOrdersAreTakenAtTheirWord() throws {
    var book = OrderQueueBook(depth: 10)
    book.beginSnapshot()
    try send(&book, [], bids: [], asks: [])
    book.beginUpdate()
    try send(
      &book,
      [
        Event(side: .bids, id: "gone", price: "", qty: "", isDelete: true),
        Event(side: .bids, id: "new", price: "1", qty: "1"),
        Event(side: .bids, id: "none", price: "2", qty: "0"),
      ], bids: [("1", "1")], asks: [])
    #expect(orders(book, .bids) == ["new 1 1"])
  }

  @Test func cutToPriceLevels() throws {
    var book = OrderQueueBook(depth: 2)
    book.beginSnapshot()
    let events = (0..<4).flatMap { price in
      (0..<3).map { Event(side: .bids, id: "\(price)-\($0)", price: "\(9 - price)", qty: "1") }
    }
    try send(&book, events, bids: (0..<6).map { ("\(9 - $0 / 3)", "1") }, asks: [])
    #expect(book.count(.bids) == 2 && book.orderCount == 6)
    // What was cut off is forgotten: a late delete does nothing.
    book.beginUpdate()
    try send(
      &book, [Event(side: .bids, id: "3-0", price: "", qty: "", isDelete: true)],
      bids: (0..<6).map { ("\(9 - $0 / 3)", "1") }, asks: [])
  }

  @Test func faults() throws {
    func fault(_ body: () throws(BookFault) -> Void) -> BookFault? {
      do throws(BookFault) { try body() } catch { return error }
      return nil
    }
    let order = Event(side: .bids, id: "A", price: "1", qty: "1")
    var book = OrderQueueBook(depth: 10)
    #expect(fault { () throws(BookFault) in try Self.apply(order, to: &book) } == .noSnapshot)
    book.beginUpdate()
    #expect(fault { () throws(BookFault) in try book.finish(checksum: 0) } == .noSnapshot)

    let malformed: [(Event, BookFault)] = [
      (Event(side: .bids, id: "A", price: "x", qty: "1"), .malformedNumber),
      (Event(side: .bids, id: "A", price: "1", qty: "-1"), .malformedNumber),
      (Event(side: .bids, id: "", price: "1", qty: "1"), .malformedOrder),
      (Event(side: .bids, id: String(repeating: "O", count: 32), price: "1", qty: "1"), .malformedOrder),
      (
        Event(side: .bids, id: String(repeating: "O", count: 32), price: "1", qty: "1", isDelete: true),
        .malformedOrder
      ),
    ]
    for (event, expected) in malformed {
      book.beginSnapshot()
      #expect(fault { () throws(BookFault) in try Self.apply(event, to: &book) } == expected)
      #expect(book.isUsable == false)
      #expect(fault { () throws(BookFault) in try book.finish(checksum: 0) } == .noSnapshot)
    }

    book.beginSnapshot()
    try Self.apply(order, to: &book)
    try Self.apply(Event(side: .asks, id: "B", price: "1.0", qty: "1"), to: &book)
    #expect(fault { () throws(BookFault) in try book.finish(checksum: 0) } == .crossed)

    book.beginSnapshot()
    try Self.apply(order, to: &book)
    let wrong = fault { () throws(BookFault) in try book.finish(checksum: 1) }
    #expect(wrong == .checksum(expected: 1, computed: slowCRC("11")))
    book.beginUpdate()
    #expect(
      fault { () throws(BookFault) in try book.remove(orderID: UnsafeRawBufferPointer(start: nil, count: 0)) }
        == .noSnapshot)
  }

  @Test func droppedZeros() throws {
    var book = OrderQueueBook(depth: 10)
    book.precision = BookPrecision(price: 3, qty: 2)
    book.beginSnapshot()
    try Self.apply(Event(side: .asks, id: "A", price: "1.5", qty: "7"), to: &book)
    try Self.apply(Event(side: .bids, id: "B", price: "1.25", qty: "1e-1"), to: &book)
    try book.finish(checksum: slowCRC("1500" + "700" + "1250" + "10"))
    #expect(book.isUsable == true)
  }

  // MARK: Random events

  @Test(arguments: [3, 10, 100])
  func randomEvents(_ depth: Int) throws {
    for seed in UInt64(1)...6 { try run(depth: depth, seed: seed) }
  }

  /// The naive book: all orders of a side in order of arrival, sorted by price only to look at them.
  private struct Naive {
    var orders: [(id: String, tick: Int, price: String, qty: String)] = []
    let bestIsHighest: Bool

    var prices: [Int] { Set(orders.map(\.tick)).sorted(by: bestIsHighest ? (>) : (<)) }

    func inOrder(_ limit: Int) -> [(id: String, tick: Int, price: String, qty: String)] {
      prices.prefix(limit).flatMap { price in orders.filter { $0.tick == price } }
    }

    mutating func cut(to depth: Int) {
      let kept = Set(prices.prefix(depth))
      orders.removeAll { !kept.contains($0.tick) }
    }
  }

  private func run(depth: Int, seed: UInt64) throws {
    var random = SeededRandom(seed: seed &* 77 &+ UInt64(depth))
    var naive = [BookSide.bids: Naive(bestIsHighest: true), .asks: Naive(bestIsHighest: false)]
    var book = OrderQueueBook(depth: depth)
    var nextID = 0

    for message in 0..<150 {
      if message % 60 == 0 {
        book.beginSnapshot()
        naive[.bids]!.orders = []
        naive[.asks]!.orders = []
      } else {
        book.beginUpdate()
      }
      for _ in 0..<Int.random(in: 0...(message % 60 == 0 ? depth * 6 : 6), using: &random) {
        let side: BookSide = random.chance(2) ? .bids : .asks
        let known = naive[side]!.orders.indices.randomElement(using: &random)
        let tick =
          side == .bids
          ? 5000 - Int.random(in: 1...depth * 2, using: &random)
          : 5000 + Int.random(in: 1...depth * 2, using: &random)
        let digits = "\(tick)"
        // The same price in several forms.
        let price = [
          "\(digits.dropLast(2)).\(digits.suffix(2))", "\(digits)e-2",
          "\(digits.dropLast(2)).\(digits.suffix(2))0",
        ]
        .randomElement(using: &random)!
        let qty = "\(Int.random(in: 1...99, using: &random)).\(Int.random(in: 10...99, using: &random))"
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where known != nil:
          let order = naive[side]!.orders.remove(at: known!)
          try Self.apply(Event(side: side, id: order.id, price: "", qty: "", isDelete: true), to: &book)
        case 1 where known != nil:
          // In place, the price perhaps written otherwise.
          let order = naive[side]!.orders[known!]
          naive[side]!.orders[known!].qty = qty
          try Self.apply(Event(side: side, id: order.id, price: order.price, qty: qty), to: &book)
        case 2 where known != nil:
          let order = naive[side]!.orders[known!]
          if order.tick == tick {
            naive[side]!.orders[known!] = (order.id, tick, price, qty)
          } else {
            naive[side]!.orders.remove(at: known!)
            naive[side]!.orders.append((order.id, tick, price, qty))
          }
          try Self.apply(Event(side: side, id: order.id, price: price, qty: qty), to: &book)
        default:
          nextID += 1
          naive[side]!.orders.append(("O\(nextID)", tick, price, qty))
          try Self.apply(Event(side: side, id: "O\(nextID)", price: price, qty: qty), to: &book)
        }
      }
      naive[.bids]!.cut(to: depth)
      naive[.asks]!.cut(to: depth)
      func token(_ literal: String) -> String {
        String(literal.replacing("e-2", with: "").filter { $0 != "." }.drop { $0 == "0" })
      }
      let counted = naive[.asks]!.inOrder(10) + naive[.bids]!.inOrder(10)
      try book.finish(checksum: slowCRC(counted.map { token($0.price) + token($0.qty) }.joined()))
      for side in [BookSide.bids, .asks] {
        let expected = naive[side]!.inOrder(depth).map { "\($0.id) \($0.price) \($0.qty)" }
        try #require(orders(book, side) == expected, "seed \(seed), message \(message)")
        try #require(book.count(side) == naive[side]!.prices.count)
      }
      try #require(book.orderCount == naive[.bids]!.orders.count + naive[.asks]!.orders.count)
    }
  }
}
