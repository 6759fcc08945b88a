// One verified level-3 book per pair at the largest depth wanted, and every smaller depth derived from it.
//
// A reader of a smaller depth gets what it takes to go from the orders it knew to those it is to know: deletes first,
// then what is new or changed, best price first and in the order of the queue.

import JSONText
import KrakenWire
import MarketData

final class OrderQueueFeed: DepthFeed {
  private(set) var book: OrderQueueBook
  /// The orders that readers of smaller depths know, by depth.
  private var views: [Int: View] = [:]

  /// One order as it is written, and what decides whether it is still the same.
  fileprivate struct Order {
    var id: [UInt8]
    var price: [UInt8]
    var qty: [UInt8]
    var timestamp: [UInt8]
  }

  private struct View {
    var bids: [Order] = []
    var asks: [Order] = []
  }

  override var depth: Int { book.depth }
  override var isUsable: Bool { book.isUsable }

  init(_ key: FeedKey, depth: Int) {
    book = OrderQueueBook(depth: depth)
    super.init(key)
  }

  override func restart(depth: Int) {
    let precision = book.precision
    book = OrderQueueBook(depth: depth)
    book.precision = precision
    refreshViews()
  }

  override func setPrecision(_ precision: BookPrecision?) { book.precision = precision }

  override func refreshViews() {
    let depths = Set(topics.compactMap { $0.key.depth }.filter { $0 < book.depth })
    views = views.filter { depths.contains($0.key) }
    for depth in depths where views[depth] == nil { views[depth] = view(depth) }
  }

  /// Readers of this depth are given a snapshot.
  func restartView(depth: Int?) {
    guard let depth, views[depth] != nil else { return }
    views[depth] = view(depth)
  }

  private func view(_ depth: Int) -> View {
    View(bids: orders(.bids, depth), asks: orders(.asks, depth))
  }

  private func orders(_ side: BookSide, _ levels: Int) -> [Order] {
    var orders: [Order] = []
    book.forEachOrder(side, levels: levels) { id, price, qty, timestamp in
      orders.append(Order(id: Array(id), price: Array(price), qty: Array(qty), timestamp: Array(timestamp)))
    }
    return orders
  }

  // MARK: Taking

  /// Applies one message, verifies it, and keeps it.
  ///
  /// - Throws: `BookFault`; the book is then unusable until the next snapshot.
  func take(_ item: JSONValue, isSnapshot: Bool) throws(BookFault) {
    let item = BookItem(item)
    let expected = try item.expectedChecksum
    if isSnapshot { book.beginSnapshot() } else { book.beginUpdate() }
    try apply(item.bids, .bids)
    try apply(item.asks, .asks)
    try book.finish(checksum: expected)
    verified(item, checksum: expected)
    if isSnapshot { for depth in views.keys { views[depth] = view(depth) } }
  }

  private func apply(_ orders: JSONValue?, _ side: BookSide) throws(BookFault) {
    guard let orders else { return }
    for order in orders.elements {
      guard let id = order["order_id"] else { throw .malformedOrder }
      if order["event"]?.equals("delete") == true {
        try book.remove(orderID: id.contents)
        continue
      }
      guard let price = order["limit_price"], let qty = order["order_qty"] else { throw .malformedNumber }
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      try book.set(
        side, orderID: id.contents, price: price.contents, qty: qty.contents,
        timestamp: order["timestamp"]?.contents ?? none)
    }
  }

  // MARK: Writing

  override func writeState(of topic: Topic, into line: inout JSONBytes) {
    let levels = topic.key.depth ?? book.depth
    write(into: &line) { side, line in line.append(orders: orders(side, levels).map { (nil, $0) }) }
  }

  /// Writes the `data` of an update line for readers at a smaller depth, once after each message.
  /// - Returns: whether anything changed for them.
  func writeChange(view depth: Int, into line: inout JSONBytes) -> Bool {
    let before = views[depth] ?? View()
    let after = view(depth)
    views[depth] = after
    let bids = Self.changes(before.bids, after.bids)
    let asks = Self.changes(before.asks, after.asks)
    guard !bids.isEmpty || !asks.isEmpty else { return false }
    write(into: &line) { side, line in line.append(orders: side == .bids ? bids : asks) }
    return true
  }

  /// An order that has lost its place in its queue is deleted and added anew: a `modify` would leave it where it was.
  private static func changes(_ before: [Order], _ after: [Order]) -> [(StaticString?, Order)] {
    let places = Dictionary(before.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    let kept = Set(after.map(\.id))
    var changes: [(StaticString?, Order)] = before.filter { !kept.contains($0.id) }.map { ("delete", $0) }
    var price: [UInt8] = []
    // The last place of an order of this price that has stayed; nil behind the first that has not.
    var lastPlace: Int?
    for order in after {
      if order.price != price { (price, lastPlace) = (order.price, -1) }
      guard let place = places[order.id] else {
        changes.append(("add", order))
        lastPlace = nil
        continue
      }
      let old = before[place]
      if old.price != order.price {
        changes.append(("modify", order))
        lastPlace = nil
      } else if let last = lastPlace, place > last {
        if old.qty != order.qty || old.timestamp != order.timestamp { changes.append(("modify", order)) }
        lastPlace = place
      } else {
        changes += [("delete", old), ("add", order)]
        lastPlace = nil
      }
    }
    return changes
  }
}

extension JSONBytes {
  fileprivate mutating func append(orders: [(event: StaticString?, order: OrderQueueFeed.Order)]) {
    for (index, (event, order)) in orders.enumerated() {
      append(index == 0 ? "{" : ",{")
      if let event {
        append("\"event\":\"")
        append(event)
        append("\",")
      }
      append("\"order_id\":\"")
      order.id.withUnsafeBytes { append(bytes: $0) }
      append("\",\"limit_price\":")
      order.price.withUnsafeBytes { append(bytes: $0) }
      append(",\"order_qty\":")
      order.qty.withUnsafeBytes { append(bytes: $0) }
      if !order.timestamp.isEmpty {
        append(",\"timestamp\":\"")
        order.timestamp.withUnsafeBytes { append(bytes: $0) }
        append("\"")
      }
      append("}")
    }
  }
}
