// Orders of a level-3 book, in slots that are used again: steady traffic allocates nothing.

struct Order: Sendable {
  var id = ShortText()
  var side = BookSide.bids
  /// Price and quantity; the rank is that of the queue the order stands in.
  var level = Level()
  var timestamp = ShortText()
  /// Neighbours in the queue. `next` also chains the slots that are free.
  var previous: OrderPool.Slot?
  var next: OrderPool.Slot?
}

/// The orders at one price, first come first.
struct OrderQueue: Rung {
  var rank: Int64 = 0
  var first: OrderPool.Slot = 0
  var last: OrderPool.Slot = 0

  init() {}

  init(rank: Int64, only slot: OrderPool.Slot) {
    self.rank = rank
    first = slot
    last = slot
  }
}

struct OrderPool: Sendable {
  typealias Slot = Int32

  private var orders: ContiguousArray<Order> = []
  private var firstFree: Slot?

  subscript(_ slot: Slot) -> Order {
    get { orders[Int(slot)] }
    _modify { yield &orders[Int(slot)] }
  }

  mutating func removeAll() {
    orders.removeAll(keepingCapacity: true)
    firstFree = nil
  }

  mutating func insert(_ order: Order) -> Slot {
    guard let slot = firstFree else {
      orders.append(order)
      return Slot(orders.count - 1)
    }
    firstFree = self[slot].next
    self[slot] = order
    return slot
  }

  mutating func free(_ slot: Slot) {
    self[slot].next = firstFree
    firstFree = slot
  }

  /// The checksum's register after the orders from `first` on to the back of their queue; nil when a token is
  /// absurdly long. Goes through many orders for every message, so it asks for the memory once.
  mutating func join(
    _ first: Slot, _ register: UInt32, _ tables: CRC32Tables, _ precision: BookPrecision?
  ) -> UInt32? {
    orders.withUnsafeMutableBufferPointer { orders in
      var register = register
      var next: Slot? = first
      while let slot = next {
        guard let joined = orders[Int(slot)].level.join(register, tables, precision) else { return nil }
        register = joined
        next = orders[Int(slot)].next
      }
      return register
    }
  }

  /// Puts an order at the back of a queue whose last one is given.
  mutating func link(_ slot: Slot, behind last: Slot) {
    self[slot].previous = last
    self[last].next = slot
  }
}
