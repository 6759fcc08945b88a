// A book as a reader keeps it: levels by price, changed by the bridge's lines. The bridge has already
// verified and truncated; here is only what drawing needs, with exact digits.

import KrakenBridgeClient

struct Ladder: Sendable {
  struct Level: Sendable, Equatable {
    var price: Exact
    var priceText: String
    var qty: Exact
    var qtyText: String
  }

  /// Best first.
  private(set) var bids: [Level] = []
  private(set) var asks: [Level] = []

  /// Takes a snapshot or an update of one book topic.
  mutating func apply(_ event: Event) {
    let data = event.data
    if event.kind == .snapshot {
      bids = []
      asks = []
    }
    for level in data["bids"]?.elements ?? [] { Self.set(level, in: &bids) { $0 > $1 } }
    for level in data["asks"]?.elements ?? [] { Self.set(level, in: &asks) { $0 < $1 } }
    if let depth = event.topic.depth {
      bids.removeLast(max(0, bids.count - depth))
      asks.removeLast(max(0, asks.count - depth))
    }
  }

  private static func set(_ level: JSON, in side: inout [Level], isBefore: (Exact, Exact) -> Bool) {
    guard let priceText = level["price"]?.digits, let qtyText = level["qty"]?.digits, let price = Exact(priceText),
      let qty = Exact(qtyText)
    else { return }
    var low = 0
    var high = side.count
    while low < high {
      let middle = (low + high) / 2
      if isBefore(side[middle].price, price) { low = middle + 1 } else { high = middle }
    }
    let isThere = low < side.count && side[low].price == price
    let new = Level(price: price, priceText: priceText, qty: qty, qtyText: qtyText)
    switch (isThere, qty.isZero) {
    case (true, true): side.remove(at: low)
    case (true, false): side[low] = new
    case (false, true): break
    case (false, false): side.insert(new, at: low)
    }
  }

  /// Best ask minus best bid.
  var spread: Exact? {
    guard let bid = bids.first, let ask = asks.first else { return nil }
    return ask.price - bid.price
  }

  /// The spread in hundredths of a percent of the middle.
  var spreadBasisPoints: Double? {
    guard let spread, let bid = bids.first, let ask = asks.first else { return nil }
    let middle = (bid.price + ask.price).approximate / 2
    return middle > 0 ? spread.approximate / middle * 10_000 : nil
  }

  /// The share of the bids in all that stands in the book, 0 to 1.
  var bidShare: Double? {
    let bid = bids.reduce(0) { $0 + $1.qty.approximate }
    let ask = asks.reduce(0) { $0 + $1.qty.approximate }
    return bid + ask > 0 ? bid / (bid + ask) : nil
  }

  /// Running sums from the best level on.
  static func cumulative(_ side: [Level]) -> [Exact] {
    var sum = Exact.zero
    return side.map { level in
      sum = sum + level.qty
      return sum
    }
  }
}
