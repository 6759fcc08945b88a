// One verified book per pair at the largest depth wanted, and every smaller depth derived from it.

import JSONText
import KrakenWire
import MarketData

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

  /// Kraken's checksum of the last message, as it wrote it.
  private var checksum: [UInt8] = []

  /// The checksum that the book has to have after this message.
  final func expectedChecksum(_ item: JSONValue) throws(BookFault) -> UInt32 {
    guard let value = item["checksum"]?.uint64, let expected = UInt32(exactly: value) else { throw .malformedNumber }
    return expected
  }

  /// The book has the checksum of this message.
  final func verified(_ item: JSONValue) {
    setTime(item["timestamp"])
    checksum.removeAll(keepingCapacity: true)
    if let sum = item["checksum"] { checksum.append(contentsOf: sum.text) }
  }

  /// A book's `data`: both sides, and the checksum.
  final func write(into line: inout JSONBytes, _ side: (BookSide, inout JSONBytes) -> Void) {
    line.append("{\"bids\":[")
    side(.bids, &line)
    line.append("],\"asks\":[")
    side(.asks, &line)
    line.append("],\"checksum\":")
    checksum.withUnsafeBytes { line.append(bytes: $0) }
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
    let expected = try expectedChecksum(item)
    if isSnapshot { book.beginSnapshot() } else { book.beginUpdate() }
    try apply(item["bids"], .bids)
    try apply(item["asks"], .asks)
    try book.finish(checksum: expected)
    verified(item)
  }

  private func apply(_ levels: JSONValue?, _ side: BookSide) throws(BookFault) {
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
