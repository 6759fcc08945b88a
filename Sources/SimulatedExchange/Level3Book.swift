// The orders behind the levels of a book. The market moves levels; this splits each into orders and keeps their queues,
// the account's own orders among them, so that a level's orders always add up to the level as it is shown. Made only for markets that somebody watches
// by order, with chance of its own, so that watching changes nothing.

struct Level3Book: Sendable {
  struct Order: Sendable {
    var id: String
    var quantity: Int64
    var time: Int64
    /// The account's own, which the market does not touch.
    var isOwn = false
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
  /// The account's orders in the book, oldest first.
  private var resting: [RestingOrder] = []

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

  /// Brings the orders in line with the market's own levels that have changed, and with the account's orders.
  mutating func follow(_ levels: [Market.Change], resting orders: [RestingOrder], now: Int64) {
    changes.removeAll(keepingCapacity: true)
    for level in levels { inSide(level.isBid) { $0.follow(level, &$1, now: now) } }
    if orders != resting { follow(orders) }
  }

  /// The side is taken out while it is changed, so that it is not copied.
  private mutating func inSide(_ isBid: Bool, _ act: (inout Level3Book, inout [Level]) -> Void) {
    var side = isBid ? bids : asks
    if isBid { bids = [] } else { asks = [] }
    act(&self, &side)
    if isBid { bids = side } else { asks = side }
  }

  /// Less of an order keeps its place in the queue; more of it, or another price, goes to the end.
  private mutating func follow(_ orders: [RestingOrder]) {
    let wanted = Dictionary(orders.map { ($0.id, $0) }) { $1 }
    var kept: Set<String> = []
    for old in resting {
      inSide(old.isBid) { book, side in
        let level = Self.index(of: old.key, in: side)
        guard let place = side[level].orders.firstIndex(where: { $0.id == old.id }) else { return }
        guard let new = wanted[old.id], new.key == old.key, new.isBid == old.isBid, new.quantity <= old.quantity else {
          let gone = side[level].orders.remove(at: place)
          if side[level].orders.isEmpty { side.remove(at: level) }
          return book.changes.append(Change(isBid: old.isBid, key: old.key, event: .delete, order: gone))
        }
        kept.insert(old.id)
        guard new.quantity < old.quantity else { return }
        side[level].orders[place].quantity = new.quantity
        side[level].orders[place].time = new.time
        book.changes.append(Change(isBid: old.isBid, key: old.key, event: .modify, order: side[level].orders[place]))
      }
    }
    for new in orders where !kept.contains(new.id) {
      let order = Order(id: new.id, quantity: new.quantity, time: new.time, isOwn: true)
      inSide(new.isBid) { book, side in
        let level = Self.index(of: new.key, in: side)
        if level == side.count || side[level].key != new.key { side.insert(Level(key: new.key, orders: []), at: level) }
        side[level].orders.append(order)
        book.changes.append(Change(isBid: new.isBid, key: new.key, event: .add, order: order))
      }
    }
    resting = orders
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
      changes += side[index].orders.filter { !$0.isOwn }.map { note(.delete, $0) }
      side[index].orders.removeAll { !$0.isOwn }
      if side[index].orders.isEmpty { side.remove(at: index) }
      return
    }
    let others = side[index].orders.indices.filter { !side[index].orders[$0].isOwn }
    let difference = change.quantity - others.reduce(0) { $0 + side[index].orders[$1].quantity }
    if difference > 0 {
      let order = Order(id: identifier("O", &chance), quantity: difference, time: now)
      side[index].orders.append(order)
      changes.append(note(.add, order))
    } else {
      // Trades eat the queue from the front, cancellations come from anywhere.
      var place = others[chance.chance(2, in: 3) ? 0 : chance.below(others.count)]
      var excess = -difference
      while excess > 0 {
        if side[index].orders[place].quantity <= excess {
          let gone = side[index].orders.remove(at: place)
          excess -= gone.quantity
          changes.append(note(.delete, gone))
          place = side[index].orders.firstIndex { !$0.isOwn } ?? 0
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

/// In the form of Kraken's ids: the first letter and five others, then five and six, joined by dashes.
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
