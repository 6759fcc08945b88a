// One verified book per pair at the largest depth wanted, and every smaller depth derived from it.

import JSONText
import KrakenWire
import MarketData

/// What a book's item says besides its symbol, found in one pass.
struct BookItem {
  private(set) var bids: JSONValue?
  private(set) var asks: JSONValue?
  private(set) var timestamp: JSONValue?
  private var checksum: JSONValue?

  init(_ item: JSONValue) {
    for (key, value) in item.members {
      if key.equals("bids") {
        bids = value
      } else if key.equals("asks") {
        asks = value
      } else if key.equals("checksum") {
        checksum = value
      } else if key.equals("timestamp") {
        timestamp = value
      }
    }
  }

  /// The checksum that the book has to have after this message.
  var expectedChecksum: UInt32 {
    get throws(BookFault) {
      guard let value = checksum?.uint64, let expected = UInt32(exactly: value) else { throw .malformedNumber }
      return expected
    }
  }
}

/// A feed of which one subscription, at the largest depth wanted, serves topics of several depths.
class DepthFeed: Feed {
  /// The depth asked of Kraken.
  var depth: Int { preconditionFailure("every book knows its depth") }
  /// Whether there is a verified state.
  var isUsable: Bool { preconditionFailure("every book knows its state") }

  /// The next data is a snapshot at this depth.
  func restart(depth: Int) { preconditionFailure("every book can start anew") }
  func setPrecision(_ precision: BookPrecision?) { preconditionFailure("every book has a precision") }
  /// To be called when the topics have changed.
  func refreshViews() { preconditionFailure("every book has views") }

  /// Kraken's checksum of the last message.
  private var checksum: UInt32 = 0

  /// The book has the checksum of this message.
  final func verified(_ item: BookItem, checksum: UInt32) {
    setTime(item.timestamp)
    self.checksum = checksum
  }

  /// A book's `data`: both sides, and the checksum.
  final func write(into line: inout JSONBytes, _ side: (BookSide, inout JSONBytes) -> Void) {
    line.append("{\"bids\":[")
    side(.bids, &line)
    line.append("],\"asks\":[")
    side(.asks, &line)
    line.append("],\"checksum\":")
    line.append(checksum)
    line.append("}")
  }
}

final class BookFeed: DepthFeed {
  private(set) var book: OrderBook
  override var depth: Int { book.depth }
  override var isUsable: Bool { book.isUsable }

  init(_ key: FeedKey, depth: Int) {
    book = OrderBook(depth: depth)
    super.init(key)
  }

  override func restart(depth: Int) {
    let precision = book.precision
    book = OrderBook(depth: depth)
    book.precision = precision
    refreshViews()
  }

  override func setPrecision(_ precision: BookPrecision?) { book.precision = precision }

  /// Tells the book which depths are read. Depths beyond its own cannot be served and are left out.
  override func refreshViews() {
    book.setViews(topics.compactMap { $0.key.depth }.filter { $0 < book.depth })
  }

  /// Applies one message, verifies it, and keeps it.
  ///
  /// - Throws: `BookFault`; the book is then unusable until the next snapshot.
  func take(_ item: JSONValue, isSnapshot: Bool) throws(BookFault) {
    let item = BookItem(item)
    let expected = try item.expectedChecksum
    try Self.apply(item, isSnapshot: isSnapshot, checksum: expected, to: &book)
    verified(item, checksum: expected)
  }

  private static func apply(
    _ item: BookItem, isSnapshot: Bool, checksum: UInt32, to book: inout OrderBook
  ) throws(BookFault) {
    if isSnapshot { book.beginSnapshot() } else { book.beginUpdate() }
    try apply(item.bids, .bids, to: &book)
    try apply(item.asks, .asks, to: &book)
    try book.finish(checksum: checksum)
  }

  private static func apply(
    _ levels: JSONValue?, _ side: BookSide, to book: inout OrderBook
  ) throws(BookFault) {
    guard let levels else { return }
    for level in levels.elements {
      // Kraken's own clients accept a number or a quoted string for any decimal.
      guard let price = level["price"], let qty = level["qty"] else { throw .malformedNumber }
      try book.set(side, price: price.contents, qty: qty.contents)
    }
  }

  override func writeState(of topic: Topic, into line: inout JSONBytes) {
    let limit = topic.key.depth ?? book.depth
    write(into: &line) { side, line in writeLevels(side, limit, into: &line) }
  }

  private func writeLevels(_ side: BookSide, _ limit: Int, into line: inout JSONBytes) {
    var first = true
    book.forEachLevel(side, limit: limit) { price, qty in
      if !first { line.append(",") }
      first = false
      line.append(level: price, qty)
    }
  }

  /// The change a reader at `view` levels needs after the last update, as `data` of an update line.
  func writeChange(view: Int, into line: inout JSONBytes) {
    write(into: &line) { side, line in writeChanges(side, view, into: &line) }
  }

  private func writeChanges(_ side: BookSide, _ view: Int, into line: inout JSONBytes) {
    var first = true
    book.forEachChange(side, view: view) { price, qty in
      if !first { line.append(",") }
      first = false
      line.append(level: price, qty)
    }
  }
}

extension JSONBytes {
  fileprivate mutating func append(level price: UnsafeRawBufferPointer, _ qty: UnsafeRawBufferPointer) {
    append("{\"price\":")
    append(bytes: price)
    append(",\"qty\":")
    append(bytes: qty)
    append("}")
  }
}
