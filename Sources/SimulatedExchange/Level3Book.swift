// The orders behind the levels of a book. The market moves levels; this splits each into orders and keeps their queues,
// so that the quantities of a level's orders always add up to the level. Made only for markets that somebody watches
// by order, with chance of its own, so that watching changes nothing.

struct Level3Book: Sendable {
  struct Order: Sendable {
    var id: String
    var quantity: Int64
    var time: Int64
  }

  struct Level: Sendable {
    /// As in `BookSide`: larger is better.
    var key: Int64
    /// In the order of their arrival.
    var orders: [Order]
  }

  enum Event: String, Sendable { case add, modify, delete }

  struct Change: Sendable {
    var isBid: Bool
    var key: Int64
    var event: Event
    var order: Order
  }

  /// The best level last.
  private(set) var bids: [Level] = []
  private(set) var asks: [Level] = []
  /// What the last step did.
  private(set) var changes: [Change] = []
  private var chance: SeededGenerator

  init(bids: BookSide, asks: BookSide, seed: UInt64, now: Int64) {
    chance = SeededGenerator(seed: seed)
    self.bids = bids.levels.map { Level(key: $0.key, orders: split($0.quantity, age: 60_000_000_000, now: now)) }
    self.asks = asks.levels.map { Level(key: $0.key, orders: split($0.quantity, age: 60_000_000_000, now: now)) }
  }

  func levels(_ isBid: Bool) -> [Level] { isBid ? bids : asks }

  /// One to four orders that make up a quantity, oldest first.
  private mutating func split(_ quantity: Int64, age: Int64 = 0, now: Int64) -> [Order] {
    var left = quantity
    var orders: [Order] = []
    for index in 0...chance.geometric(max: 3) where left > 0 {
      let isLast = index == 3 || left < 4 || chance.chance(1, in: 3)
      let part = isLast ? left : chance.between(1, left - 1)
      orders.append(Order(id: identifier("O", &chance), quantity: part, time: 0))
      left -= part
    }
    orders[orders.count - 1].quantity += left
    let times = orders.map { _ in now - chance.below(age + 1000) }.sorted()
    for index in orders.indices { orders[index].time = times[index] }
    return orders
  }

  // MARK: Following the market

  /// Brings the orders in line with levels that have changed.
  mutating func follow(_ levels: [Market.Change], now: Int64) {
    changes.removeAll(keepingCapacity: true)
    for level in levels {
      // The side is taken out while it is changed, so that it is not copied.
      var side = level.isBid ? bids : asks
      if level.isBid { bids = [] } else { asks = [] }
      follow(level, &side, now: now)
      if level.isBid { bids = side } else { asks = side }
    }
  }

  private mutating func follow(_ change: Market.Change, _ side: inout [Level], now: Int64) {
    let index = Self.index(of: change.key, in: side)
    let exists = index < side.count && side[index].key == change.key
    func note(_ event: Event, _ order: Order) -> Change {
      Change(isBid: change.isBid, key: change.key, event: event, order: order)
    }
    guard exists else {
      guard change.quantity > 0 else { return }
      let orders = split(change.quantity, now: now)
      changes += orders.map { note(.add, $0) }
      return side.insert(Level(key: change.key, orders: orders), at: index)
    }
    guard change.quantity > 0 else {
      changes += side.remove(at: index).orders.map { note(.delete, $0) }
      return
    }
    let difference = change.quantity - side[index].orders.reduce(0) { $0 + $1.quantity }
    if difference > 0 {
      let order = Order(id: identifier("O", &chance), quantity: difference, time: now)
      side[index].orders.append(order)
      changes.append(note(.add, order))
    } else {
      // Trades eat the queue from the front, cancellations come from anywhere.
      var place = chance.chance(2, in: 3) ? 0 : chance.below(side[index].orders.count)
      var excess = -difference
      while excess > 0 {
        if side[index].orders[place].quantity <= excess {
          let gone = side[index].orders.remove(at: place)
          excess -= gone.quantity
          changes.append(note(.delete, gone))
          place = 0
        } else {
          side[index].orders[place].quantity -= excess
          side[index].orders[place].time = now
          changes.append(note(.modify, side[index].orders[place]))
          excess = 0
        }
      }
    }
  }

  /// Where a key stands or would stand.
  static func index(of key: Int64, in side: [Level]) -> Int {
    var low = 0
    var high = side.count
    while low < high {
      let middle = (low + high) / 2
      if side[middle].key < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// CRC-32 over every order of the ten best asks, then of the ten best bids.
  var checksum: UInt32 {
    var checksum = Checksum()
    for side in [asks, bids] {
      for level in side.suffix(10).reversed() {
        for order in level.orders {
          checksum.feed(token: abs(level.key))
          checksum.feed(token: order.quantity)
        }
      }
    }
    return checksum.value
  }
}

/// In the form of Kraken's ids: `OXXXXX-XXXXX-XXXXXX`.
func identifier(_ first: String, _ chance: inout SeededGenerator) -> String {
  var bytes = Text(first.utf8)
  for (group, length) in [5, 5, 6].enumerated() {
    if group > 0 { bytes.append(UInt8(ascii: "-")) }
    var bits = chance.next()
    for _ in 0..<length {
      bytes.append(identifierLetters[Int(bits & 31)])
      bits >>= 5
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

private let identifierLetters = Text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
