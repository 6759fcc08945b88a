// The account's orders in the book that everybody sees. The market moves its own levels, from its seed alone; what is shown
// is those levels and the account's resting orders together, each of which is an order of its own in `level3`.

/// An order of the account, as far as others may see it.
struct RestingOrder: Sendable, Equatable {
  var id: String
  var isBid: Bool
  /// As in `BookSide`: larger is better.
  var key: Int64
  var quantity: Int64
  var time: Int64
}

extension Exchange {
  /// The account's orders that stand in a market's book, oldest first. What would cross, with the market or among the
  /// account's own, is not shown: nothing is ever matched with it, and a crossed book is one that is broken.
  func restingOrders(in index: Int) -> [RestingOrder] {
    var best: (bid: Int64?, ask: Int64?)
    return account.open(in: index).compactMap { order in
      guard order.isWorking, order.visible > 0, let limit = order.limitPrice, !crosses(order) else { return nil }
      if order.isBuy {
        guard best.ask.map({ limit < $0 }) ?? true else { return nil }
        best.bid = max(best.bid ?? limit, limit)
      } else {
        guard best.bid.map({ limit > $0 }) ?? true else { return nil }
        best.ask = min(best.ask ?? limit, limit)
      }
      return RestingOrder(
        id: order.id, isBid: order.isBuy, key: order.isBuy ? limit : -limit, quantity: order.visible,
        time: order.changedAt)
    }
  }
}

extension Market {
  private struct Place: Hashable {
    var isBid: Bool
    var key: Int64
  }

  /// One side of the book as everybody sees it.
  func shown(_ isBid: Bool) -> BookSide { shown.map { isBid ? $0.bids : $0.asks } ?? side(isBid) }

  /// Shows these orders from now on, and counts them into what has changed.
  mutating func show(_ new: [RestingOrder], now: Int64) {
    orders?.follow(changes, resting: new, now: now)
    guard !new.isEmpty || !resting.isEmpty else { return }
    let before = Self.quantities(resting)
    let after = Self.quantities(new)
    var isMentioned: Set<Place> = []
    for index in changes.indices {
      let place = Place(isBid: changes[index].isBid, key: changes[index].key)
      isMentioned.insert(place)
      changes[index].quantity += after[place] ?? 0
    }
    // In the order of the orders, and of no dictionary: the same seed gives the same bytes.
    for order in resting + new {
      let place = Place(isBid: order.isBid, key: order.key)
      guard before[place] != after[place], isMentioned.insert(place).inserted else { continue }
      let quantity = side(order.isBid).quantity(at: order.key) + (after[place] ?? 0)
      changes.append(Change(isBid: order.isBid, key: order.key, quantity: quantity))
    }
    resting = new
    shown = nil
    guard !new.isEmpty else { return }
    var sides = (bids: bids, asks: asks)
    for (place, quantity) in after {
      if place.isBid {
        sides.bids.set(place.key, bids.quantity(at: place.key) + quantity)
      } else {
        sides.asks.set(place.key, asks.quantity(at: place.key) + quantity)
      }
    }
    shown = sides
  }

  private static func quantities(_ orders: [RestingOrder]) -> [Place: Int64] {
    orders.reduce(into: [:]) { $0[Place(isBid: $1.isBid, key: $1.key), default: 0] += $1.quantity }
  }
}
