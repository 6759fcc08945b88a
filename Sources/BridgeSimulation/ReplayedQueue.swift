// A book by order as a reader keeps it: each price with its queue, cut to so many prices after every message, and the
// CRC-32 over every order of the ten best prices of each side. Written for the judge alone, simple rather than fast.

struct ReplayedQueue {
  struct Order: Equatable {
    var id: String
    var quantity: Int64
    /// As text; nothing is computed from it.
    var time: String
  }

  struct Level: Equatable {
    var price: Int64
    /// First in the queue first.
    var orders: [Order]
  }

  let depth: Int
  /// Best first.
  private(set) var bids: [Level] = []
  private(set) var asks: [Level] = []
  /// Where an order was put; what was cut off since is not there any more.
  private var prices: [String: Int64] = [:]

  init(depth: Int) { self.depth = depth }

  /// - Returns: what is wrong with a message, or nil.
  mutating func apply(_ data: WireValue) -> String? {
    for isBid in [true, false] {
      var fault: String?
      data[isBid ? "bids" : "asks"]?.forEachElement { fault = fault ?? change(isBid: isBid, $0) }
      if let fault { return fault }
    }
    if bids.count > depth { bids.removeLast(bids.count - depth) }
    if asks.count > depth { asks.removeLast(asks.count - depth) }
    guard let claimed = data["checksum"]?.int else { return "no checksum" }
    if let bid = bids.first?.price, let ask = asks.first?.price, bid >= ask { return "crossed: \(bid), \(ask)" }
    return Int(checksum) == claimed ? nil : "checksum \(claimed) said, \(checksum) computed"
  }

  private mutating func change(isBid: Bool, _ entry: WireValue) -> String? {
    guard let id = entry["order_id"]?.string else { return "an order without order_id" }
    guard !(entry["event"]?.isEqual(to: "delete") ?? false) else {
      remove(id, isBid: isBid)
      return nil
    }
    guard let price = entry["limit_price"].flatMap({ ReplayedBook.digits($0.slice) }),
      let quantity = entry["order_qty"].flatMap({ ReplayedBook.digits($0.slice) })
    else { return "an order without price or quantity" }
    add(Order(id: id, quantity: quantity, time: entry["timestamp"]?.string ?? ""), at: price, isBid: isBid)
    return nil
  }

  /// A known order at its price keeps its place; every other one goes to the back of its queue.
  mutating func add(_ order: Order, at price: Int64, isBid: Bool) {
    if let (level, place) = place(of: order.id, isBid: isBid) {
      let side = isBid ? bids : asks
      if side[level].price == price {
        if isBid { bids[level].orders[place] = order } else { asks[level].orders[place] = order }
        return
      }
      remove(order.id, isBid: isBid)
    }
    prices[order.id] = price
    if isBid { Self.append(order, price, to: &bids) { $0 > $1 } } else { Self.append(order, price, to: &asks) { $0 < $1 } }
  }

  private static func append(
    _ order: Order, _ price: Int64, to side: inout [Level], isBetter: (Int64, Int64) -> Bool
  ) {
    let index = side.firstIndex { !isBetter($0.price, price) } ?? side.count
    if index < side.count, side[index].price == price {
      side[index].orders.append(order)
    } else {
      side.insert(Level(price: price, orders: [order]), at: index)
    }
  }

  private func place(of id: String, isBid: Bool) -> (level: Int, place: Int)? {
    let side = isBid ? bids : asks
    guard let price = prices[id], let level = side.indices.first(where: { side[$0].price == price }),
      let place = side[level].orders.indices.first(where: { side[level].orders[$0].id == id })
    else { return nil }
    return (level, place)
  }

  private mutating func remove(_ id: String, isBid: Bool) {
    guard let (level, place) = place(of: id, isBid: isBid) else { return }
    func remove(from side: inout [Level]) {
      side[level].orders.remove(at: place)
      if side[level].orders.isEmpty { side.remove(at: level) }
    }
    if isBid { remove(from: &bids) } else { remove(from: &asks) }
    prices[id] = nil
  }

  /// Of the best `depth` prices of each side, every order in its place.
  /// - Parameter withTimes: false to compare with what knows none.
  func digest(depth: Int, withTimes: Bool = true) -> UInt64 {
    var digest = Digest()
    for (side, mark) in [(bids, 1 as UInt8), (asks, 2)] {
      digest.feed(byte: mark)
      for level in side.prefix(depth) {
        digest.feed(UInt64(bitPattern: level.price))
        for order in level.orders {
          digest.feed(Array((order.id + (withTimes ? order.time : "")).utf8)[...])
          digest.feed(UInt64(bitPattern: order.quantity))
        }
      }
    }
    return digest.value
  }

  private var checksum: UInt32 {
    let numbers = [asks, bids].flatMap { side in
      side.prefix(10).flatMap { level in level.orders.flatMap { [level.price, $0.quantity] } }
    }
    return ReplayedBook.checksum(of: numbers)
  }
}
