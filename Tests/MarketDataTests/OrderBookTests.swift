// The rules of the book, one by one.

import Testing

@testable import MarketData

@Suite struct OrderBookTests {
  private func book(depth: Int = 10, bids: [(String, String)], asks: [(String, String)]) throws -> OrderBook {
    var book = OrderBook(depth: depth)
    try book.load(bids: bids, asks: asks)
    return book
  }

  /// Applies an update whose checksum is right for the best levels given.
  private func update(
    _ book: inout OrderBook, _ entries: [(BookSide, String, String)], bids: [(String, String)],
    asks: [(String, String)]
  ) throws {
    try book.apply(
      RecordedUpdate(
        isSnapshot: false, entries: entries.map { .init(side: $0.0, price: $0.1, qty: $0.2) },
        checksum: slowChecksum(bids: bids, asks: asks)))
  }

  private func fault(_ body: () throws(BookFault) -> Void) -> BookFault? {
    do throws(BookFault) { try body() } catch { return error }
    return nil
  }

  // MARK: Applying

  @Test func levelsAreSortedBestFirst() throws {
    let book = try book(
      bids: [("10.0", "2"), ("9.9", "1"), ("9.8", "3")],
      asks: [("10.1", "1"), ("10.2", "2"), ("10.3", "3")])
    #expect(book.levels(.bids) == ["10.0 2", "9.9 1", "9.8 3"])
    #expect(book.levels(.asks) == ["10.1 1", "10.2 2", "10.3 3"])
    #expect(book.best(.bids)?.price.description == "10.0")
    #expect(book.best(.asks)?.qty.description == "1")
    #expect(book.levels(.bids, limit: 2).count == 2)
  }

  @Test func snapshotsInAnyOrder() throws {
    var random = SeededRandom(seed: 1)
    let asks = (0..<100).map { ("\(200 + $0).5", "\($0 + 1).0") }
    let bids = (0..<100).map { ("\(199 - $0).5", "\($0 + 1).0") }
    let entries =
      (bids.map { RecordedUpdate.Entry(side: .bids, price: $0.0, qty: $0.1) }
      + asks.map { RecordedUpdate.Entry(side: .asks, price: $0.0, qty: $0.1) }).shuffled(using: &random)
    var book = OrderBook(depth: 100)
    try book.apply(
      RecordedUpdate(isSnapshot: true, entries: entries, checksum: slowChecksum(bids: bids, asks: asks)))
    #expect(book.levels(.asks) == asks.map { "\($0.0) \($0.1)" })
    #expect(book.levels(.bids) == bids.map { "\($0.0) \($0.1)" })
  }

  @Test func theLastWordOnAPriceCounts() throws {
    var book = try book(bids: [("1.0", "5")], asks: [("2.0", "5")])
    try update(
      &book, [(.bids, "1.0", "6"), (.bids, "1.0", "0"), (.bids, "1.0", "7"), (.asks, "2.0", "0")],
      bids: [("1.0", "7")], asks: [])
    #expect(book.levels(.bids) == ["1.0 7"])
    #expect(book.levels(.asks) == [])
  }

  @Test func removingWhatIsNotThereIsNothing() throws {
    var book = try book(bids: [("1.0", "5")], asks: [])
    try update(&book, [(.bids, "0.5", "0.000"), (.asks, "3", "0e5")], bids: [("1.0", "5")], asks: [])
    #expect(book.count(.bids) == 1 && book.count(.asks) == 0)
  }

  @Test func theFarEndIsCut() throws {
    let bids = (0..<3).map { ("\(100 - $0)", "1") }
    var book = try book(depth: 3, bids: bids, asks: [])
    try update(&book, [(.bids, "101", "2")], bids: [("101", "2")] + bids.prefix(2), asks: [])
    #expect(book.levels(.bids) == ["101 2", "100 1", "99 1"])
  }

  @Test func thinAndEmptyBooks() throws {
    var book = try book(bids: [], asks: [])
    #expect(book.isUsable == true)
    #expect(book.best(.bids) == nil && book.best(.asks) == nil)
    try update(&book, [(.asks, "1.5", "2.50")], bids: [], asks: [("1.5", "2.50")])
    try update(&book, [(.asks, "1.5", "0.00")], bids: [], asks: [])
    #expect(book.count(.asks) == 0)
  }

  @Test func aSnapshotReplacesEverything() throws {
    var book = try book(bids: [("1.0", "5")], asks: [("2.0", "5")])
    try book.load(bids: [("0.1234567", "1")], asks: [])
    #expect(book.levels(.bids) == ["0.1234567 1"])
    #expect(book.count(.asks) == 0)
  }

  // MARK: Numbers

  @Test func literalsAreKeptAsReceived() throws {
    let book = try book(
      bids: [("45283.50", "1000000000000.00000000")], asks: [("45285.2", "0.00100000"), ("45286", "10")])
    #expect(book.levels(.bids) == ["45283.50 1000000000000.00000000"])
    #expect(book.levels(.asks) == ["45285.2 0.00100000", "45286 10"])
  }

  /// The same price however it is written; the latest literal stays.
  @Test func onePriceInManyForms() throws {
    var book = try book(bids: [("0.5", "1")], asks: [])
    let forms = ["0.50", "5e-1", "0.05E1", "0.5000", "50e-02", "0.0005e+3"]
    for (index, form) in forms.enumerated() {
      book.beginUpdate()
      try book.set(.bids, form, "\(index + 2)")
      let checksum = book.computeChecksum()
      try book.finish(checksum: #require(checksum))
      #expect(book.levels(.bids) == ["\(form) \(index + 2)"])
    }
    book.beginUpdate()
    try book.set(.bids, "5E-1", "0")
    try book.finish(checksum: 0)
    #expect(book.count(.bids) == 0)
  }

  /// More decimals than any price before: what is already there is rescaled.
  @Test func decimalsMayGrow() throws {
    var book = try book(bids: [("10", "1"), ("9", "1")], asks: [("11", "1")])
    try update(
      &book, [(.bids, "9.5", "1"), (.bids, "9.25", "1"), (.asks, "10.000000001", "1"), (.bids, "9", "0")],
      bids: [("10", "1"), ("9.5", "1"), ("9.25", "1")], asks: [("10.000000001", "1"), ("11", "1")])
    #expect(book.levels(.bids) == ["10 1", "9.5 1", "9.25 1"])
    #expect(book.levels(.asks) == ["10.000000001 1", "11 1"])
  }

  /// An exponent counts in the checksum as the number written out.
  @Test func exponentsInTheChecksum() throws {
    var book = OrderBook(depth: 10)
    book.beginSnapshot()
    try book.set(.bids, "1.25e1", "5.1e-05")
    try book.set(.asks, "2E3", "12e0")
    try book.finish(checksum: slowCRC("2000" + "12" + "125" + "51"))
    #expect(book.levels(.bids) == ["1.25e1 5.1e-05"])
  }

  /// With the pair's precision known, an exponent has the zeros the full literal would have had.
  @Test func exponentsWithKnownPrecision() throws {
    var book = OrderBook(depth: 10)
    book.precision = BookPrecision(price: 2, qty: 8)
    book.beginSnapshot()
    try book.set(.bids, "12.50", "5.1e-05")
    try book.finish(checksum: slowCRC("1250" + "5100"))
  }

  /// A sender that drops trailing zeros is understood when the precision is known, and only then.
  @Test func droppedZeros() throws {
    let checksum = slowCRC("56300" + "42000000000" + "56290" + "11156125344")
    for known in [true, false] {
      var book = OrderBook(depth: 10)
      book.precision = known ? BookPrecision(price: 5, qty: 8) : nil
      book.beginSnapshot()
      try book.set(.asks, "0.563", "420.0")
      try book.set(.bids, "0.5629", "111.56125344")
      let fault = fault { () throws(BookFault) in try book.finish(checksum: checksum) }
      #expect((fault == nil) == known, "\(String(describing: fault))")
    }
  }

  @Test(arguments: [
    "", ".", "-1", "+1", "1.", ".5", "1..2", "1.2.3", "1e", "1e+", "e5", "1e5.0", "abc", "1 ", " 1", "1_0", "0x1",
    "NaN",
    "1e99999999999999999999", "1-2", "1.e5", "01", "007.5", "00", "00.0", "01e2",
  ])
  func notANumber(_ text: String) {
    for price in [true, false] {
      var book = OrderBook(depth: 10)
      book.beginSnapshot()
      let fault = fault { () throws(BookFault) in
        try book.set(.bids, price ? text : "1", price ? "1" : text)
      }
      #expect(fault == .malformedNumber, "\(text)")
      #expect(book.isUsable == false)
    }
  }

  /// Prices that Int64 cannot order exactly are refused, never rounded.
  @Test func pricesBeyondExactness() throws {
    func priceFault(_ prices: [String]) -> BookFault? {
      var book = OrderBook(depth: 10)
      book.beginSnapshot()
      return fault { () throws(BookFault) in for price in prices { try book.set(.asks, price, "1") } }
    }
    #expect(priceFault(["9223372036854775807"]) == nil)
    #expect(priceFault(["9223372036854775808"]) == .malformedNumber)
    #expect(priceFault(["0.000000000000000001", "9"]) == nil)
    #expect(priceFault(["0.000000000000000001", "10"]) == .malformedNumber)
    #expect(priceFault(["10", "0.000000000000000001"]) == .malformedNumber)
    #expect(priceFault(["1e19"]) == .malformedNumber)
    #expect(priceFault(["12345678901234567.00000000"]) == nil)
    #expect(priceFault(["1", "1e-19"]) == .malformedNumber)
    #expect(priceFault(["1" + String(repeating: "0", count: 48)]) == .malformedNumber)
    // Together longer than a level holds.
    var book = OrderBook(depth: 10)
    book.beginSnapshot()
    let long = String(repeating: "1", count: 31)
    try book.set(.asks, "12345678901234567", long)
    #expect(fault { () throws(BookFault) in try book.set(.asks, "123456789012345678", long) } == .malformedNumber)
    book.beginSnapshot()
    #expect(fault { () throws(BookFault) in try book.set(.asks, "1", long + "1") } == .malformedNumber)
  }

  /// A snapshot starts afresh: the decimals of prices that are gone take no room.
  @Test func aSnapshotForgetsTheScale() throws {
    var book = try book(bids: [("0.000000000000000001", "1")], asks: [])
    try book.load(bids: [("1000000.5", "1")], asks: [])
    #expect(book.levels(.bids) == ["1000000.5 1"])
  }

  /// A quantity whose written-out form would not end is refused when it would count.
  @Test func wildExponents() throws {
    var book = OrderBook(depth: 10)
    book.beginSnapshot()
    try book.set(.asks, "1", "1e999")
    #expect(fault { () throws(BookFault) in try book.finish(checksum: 0) } == .malformedNumber)
  }

  // MARK: Faults

  @Test func crossedBooks() throws {
    for (bid, ask, crossed) in [
      ("1.0", "1.0", true), ("1.1", "1.0", true), ("1.0", "1.1", false), ("0.1e1", "1.00", true),
      ("2", "1.999999", true), ("1.999999", "2", false),
    ] {
      var book = OrderBook(depth: 10)
      book.beginSnapshot()
      try book.set(.bids, bid, "1")
      try book.set(.asks, ask, "1")
      let checksum = book.computeChecksum() ?? 0
      let fault = fault { () throws(BookFault) in try book.finish(checksum: checksum) }
      #expect(fault == (crossed ? .crossed : nil), "\(bid) \(ask)")
    }
  }

  @Test func aWrongChecksumNamesBoth() throws {
    var book = try book(bids: [("1", "1")], asks: [])
    book.beginUpdate()
    try book.set(.bids, "1", "2")
    let fault = fault { () throws(BookFault) in try book.finish(checksum: 7) }
    #expect(fault == .checksum(expected: 7, computed: slowCRC("12")))
  }

  @Test func afterAFaultOnlyASnapshotHelps() throws {
    var book = try book(bids: [("1", "1")], asks: [])
    book.beginUpdate()
    #expect(fault { () throws(BookFault) in try book.finish(checksum: 7) } != nil)
    #expect(book.isUsable == false)
    book.beginUpdate()
    #expect(fault { () throws(BookFault) in try book.set(.bids, "1", "2") } == .noSnapshot)
    #expect(fault { () throws(BookFault) in try book.finish(checksum: 7) } == .noSnapshot)
    try book.load(bids: [("1", "1")], asks: [])
    #expect(book.isUsable == true)
    #expect(book.levels(.bids) == ["1 1"])
  }

  @Test func nothingWithoutASnapshot() {
    var book = OrderBook(depth: 10)
    #expect(book.isUsable == false)
    #expect(fault { () throws(BookFault) in try book.set(.bids, "1", "1") } == .noSnapshot)
    book.beginUpdate()
    #expect(fault { () throws(BookFault) in try book.set(.bids, "1", "1") } == .noSnapshot)
    #expect(fault { () throws(BookFault) in try book.finish(checksum: 0) } == .noSnapshot)
  }

  @Test func nothingBetweenMessages() throws {
    var book = try book(bids: [("1", "1")], asks: [])
    #expect(fault { () throws(BookFault) in try book.set(.bids, "1", "2") } == .noSnapshot)
    #expect(fault { () throws(BookFault) in try book.finish(checksum: 0) } == .noSnapshot)
  }

  // MARK: Changes for smaller views

  @Test func changesOfAView() throws {
    let bids = (0..<5).map { ("\(100 - $0)", "1") }
    var book = OrderBook(depth: 5)
    book.setViews([2, 5, 2])
    try book.load(bids: bids, asks: [])
    #expect(!book.hasChanges(view: 2) && !book.hasChanges(view: 5))

    // The best goes: the third comes into the view of two.
    try update(&book, [(.bids, "100", "0.00")], bids: Array(bids.dropFirst()), asks: [])
    #expect(book.changes(.bids, view: 2) == ["100 0.00", "98 1"])
    #expect(book.changes(.bids, view: 5) == ["100 0.00"])
    #expect(book.changes(.asks, view: 2) == [])

    // Beyond the view of two: nothing for it.
    try update(
      &book, [(.bids, "96", "4")], bids: [("99", "1"), ("98", "1"), ("97", "1"), ("96", "4")], asks: [])
    #expect(book.hasChanges(view: 2) == false)
    #expect(book.changes(.bids, view: 5) == ["96 4"])

    // A better one: the reader cuts 98 itself. Came and went within one message: not told.
    try update(
      &book, [(.bids, "99.5", "3"), (.bids, "99.7", "3"), (.bids, "99.7", "0")],
      bids: [("99.5", "3"), ("99", "1"), ("98", "1"), ("97", "1"), ("96", "4")], asks: [])
    #expect(book.changes(.bids, view: 2) == ["99.5 3"])
    #expect(book.changes(.bids, view: 5) == ["99.5 3"])

    // Removed and set again at the end: one entry.
    try update(
      &book, [(.bids, "99", "0"), (.bids, "99", "2"), (.bids, "99.0", "8")],
      bids: [("99.5", "3"), ("99.0", "8"), ("98", "1"), ("97", "1"), ("96", "4")], asks: [])
    #expect(book.changes(.bids, view: 2) == ["99.0 8"])

    // A level that was in the view, removed while another takes its place.
    try update(
      &book, [(.bids, "99", "0"), (.bids, "99.2", "1")],
      bids: [("99.5", "3"), ("99.2", "1"), ("98", "1"), ("97", "1"), ("96", "4")], asks: [])
    #expect(book.changes(.bids, view: 2) == ["99 0", "99.2 1"])
    #expect(book.hasChanges(view: 2) == true)
    #expect(book.hasChanges(view: 3) == false, "not a view that was asked for")
  }

  /// A price with more decimals in the middle of a message: what was noted before it is measured anew.
  @Test func changesAcrossGrowingDecimals() throws {
    let bids = (0..<4).map { ("\(100 - $0)", "1") }
    let asks = (0..<4).map { ("\(101 + $0)", "1") }
    var book = OrderBook(depth: 5)
    book.setViews([2])
    try book.load(bids: bids, asks: asks)
    try update(
      &book,
      [
        (.bids, "100", "0"), (.bids, "97", "0"), (.asks, "101", "0"), (.asks, "104", "0"), (.bids, "99.5", "2"),
        (.asks, "101.25", "3"),
      ],
      bids: [("99.5", "2"), ("99", "1"), ("98", "1")], asks: [("101.25", "3"), ("102", "1"), ("103", "1")])
    #expect(book.changes(.bids, view: 2) == ["100 0", "99.5 2"])
    #expect(book.changes(.asks, view: 2) == ["101 0", "101.25 3"])
  }

  @Test func removalOfWhatTheReaderNeverHad() throws {
    let asks = (0..<4).map { ("\(10 + $0)", "1") }
    var book = OrderBook(depth: 4)
    book.setViews([2])
    try book.load(bids: [], asks: asks)
    try update(&book, [(.asks, "13", "0"), (.asks, "50", "0")], bids: [], asks: Array(asks.prefix(3)))
    #expect(book.hasChanges(view: 2) == false)
  }
}
