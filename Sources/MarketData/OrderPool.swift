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

  /// Puts an order at the back of a queue whose last one is given.
  mutating func link(_ slot: Slot, behind last: Slot) {
    self[slot].previous = last
    self[last].next = slot
  }
}
