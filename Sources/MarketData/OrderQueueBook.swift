// The level-3 book: every order, in the queue of its price.
//
// Same life as OrderBook: begin, apply the message's events in their order, finish with Kraken's
// checksum. Orders lie in a pool and are chained from the front of their queue to the back; a
// ladder of queues keeps the prices sorted, a dictionary finds an order by its id. The checksum
// is the judge of consistency: an event for an order that is not there is taken at its word (a
// `modify` brings it, a `delete` is already done), because the feed sends no deletes for what it
// cuts off.

public struct OrderQueueBook: ~Copyable, Sendable {
  public let depth: Int

  /// As in `OrderBook`: for exponents, and for senders that drop trailing zeros.
  public var precision: BookPrecision?

  private var bids: Ladder<OrderQueue>
  private var asks: Ladder<OrderQueue>
  private var pool = OrderPool()
  private var slots: [ShortText: OrderPool.Slot] = [:]
  private var scale = PriceScale()
  private var phase = OrderBook.Phase.unusable

  /// - Parameter depth: the subscribed depth, in price levels.
  public init(depth: Int) {
    precondition(depth > 0)
    self.depth = depth
    bids = Ladder(depth: depth)
    asks = Ladder(depth: depth)
  }

  /// False before the first finished snapshot, while a message is applied, and after a fault.
  public var isUsable: Bool { phase == .verified }

  // MARK: Applying a message

  public mutating func beginSnapshot() {
    bids.removeAll()
    asks.removeAll()
    pool.removeAll()
    slots.removeAll(keepingCapacity: true)
    scale = PriceScale()
    phase = .snapshot
  }

  /// Begins an update. On an unusable book the following events and `finish` throw `noSnapshot`.
  public mutating func beginUpdate() {
    phase = phase == .verified ? .update : .unusable
  }

  /// `add`, an order of a snapshot, or `modify`. At the same price the order keeps its place in the queue; a new
  /// order, and one that moves to another price, go to the back. Quantity zero removes it.
  /// - Parameter timestamp: kept as sent for whoever asks for the whole book later; empty when there is none.
  public mutating func set(
    _ side: BookSide, orderID: UnsafeRawBufferPointer, price: UnsafeRawBufferPointer,
    qty: UnsafeRawBufferPointer, timestamp: UnsafeRawBufferPointer
  ) throws(BookFault) {
    guard phase == .update || phase == .snapshot else { throw .noSnapshot }
    guard let form = QtyForm(qty), let integer = integerPrice(price),
      let level = Level(price: price, qty: qty, rank: side == .bids ? integer : -integer)
    else { throw fail(.malformedNumber) }
    guard orderID.count > 0, let id = ShortText(orderID), let timestamp = ShortText(timestamp) else {
      throw fail(.malformedOrder)
    }

    if let slot = slots[id] {
      if form == .positive, pool[slot].side == side, pool[slot].level.rank == level.rank {
        pool[slot].level = level
        pool[slot].timestamp = timestamp
        return
      }
      remove(slot)
    }
    guard form == .positive else { return }
    let slot = pool.insert(Order(id: id, side: side, level: level, timestamp: timestamp))
    slots[id] = slot
    withLadder(side) { ladder, pool in
      if let n = ladder.index(ofRank: level.rank) {
        pool.link(slot, behind: ladder[n].last)
        ladder[n].last = slot
      } else {
        _ = ladder.set(OrderQueue(rank: level.rank, only: slot))
      }
    }
  }

  /// `delete`; what the event says besides the id is informative.
  public mutating func remove(orderID: UnsafeRawBufferPointer) throws(BookFault) {
    guard phase == .update || phase == .snapshot else { throw .noSnapshot }
    guard let id = ShortText(orderID) else { throw fail(.malformedOrder) }
    if let slot = slots[id] { remove(slot) }
  }

  /// Ends the message: cuts to `depth` price levels and checks.
  public mutating func finish(checksum: UInt32) throws(BookFault) {
    guard phase == .update || phase == .snapshot else { throw .noSnapshot }
    while bids.count > depth { remove(bids[depth].first) }
    while asks.count > depth { remove(asks[depth].first) }
    if let bid = bids.rank(0), let ask = asks.rank(0), bid >= -ask { throw fail(.crossed) }
    guard let computed = computeChecksum() else { throw fail(.malformedNumber) }
    if checksum != computed, checksum != paddedChecksum() {
      throw fail(.checksum(expected: checksum, computed: computed))
    }
    phase = .verified
  }

  private mutating func fail(_ fault: BookFault) -> BookFault {
    phase = .unusable
    return fault
  }

  /// Takes an order out of its queue, and the queue off the ladder when it was the last.
  private mutating func remove(_ slot: OrderPool.Slot) {
    let order = pool[slot]
    slots[order.id] = nil
    withLadder(order.side) { ladder, pool in
      guard let n = ladder.index(ofRank: order.level.rank) else { return }
      if order.previous == nil, order.next == nil {
        _ = ladder.remove(rank: order.level.rank)
      } else {
        if let next = order.next {
          pool[next].previous = order.previous
        } else {
          ladder[n].last = order.previous!
        }
        if let previous = order.previous {
          pool[previous].next = order.next
        } else {
          ladder[n].first = order.next!
        }
      }
      pool.free(slot)
    }
  }

  @inline(__always)
  private mutating func withLadder(_ side: BookSide, _ body: (inout Ladder<OrderQueue>, inout OrderPool) -> Void) {
    if side == .bids { body(&bids, &pool) } else { body(&asks, &pool) }
  }

  private mutating func integerPrice(_ text: UnsafeRawBufferPointer) -> Int64? {
    var scale = scale
    defer { self.scale = scale }
    return scale.integer(text) { powerOfTen in
      var scaling = RankScaling(powerOfTen: powerOfTen)
      bids.forEachRank { scaling.scale(&$0) }
      asks.forEachRank { scaling.scale(&$0) }
      for slot in slots.values { scaling.scale(&pool[slot].level.rank) }
      return scaling.fits
    }
  }

  // MARK: Reading

  /// Price levels.
  public func count(_ side: BookSide) -> Int { side == .bids ? bids.count : asks.count }

  public var orderCount: Int { slots.count }

  /// The orders of the best `levels` prices, best price first and in queue order, with everything as received.
  public func forEachOrder(
    _ side: BookSide, levels: Int = .max,
    _ body: (
      _ orderID: UnsafeRawBufferPointer, _ price: UnsafeRawBufferPointer, _ qty: UnsafeRawBufferPointer,
      _ timestamp: UnsafeRawBufferPointer
    ) -> Void
  ) {
    forEachSlot(side, levels: levels) { slot in
      let order = pool[slot]
      order.id.withUnsafeBytes { id in
        order.timestamp.withUnsafeBytes { timestamp in
          order.level.withTexts { price, qty in body(id, price, qty, timestamp) }
        }
      }
    }
  }

  private func forEachSlot(_ side: BookSide, levels: Int, _ body: (OrderPool.Slot) -> Void) {
    let ladder = side == .bids ? bids : asks
    for n in 0..<min(levels, ladder.count) {
      var next: OrderPool.Slot? = ladder[n].first
      while let slot = next {
        body(slot)
        next = pool[slot].next
      }
    }
  }

  // MARK: Checksum

  /// As for level 2, with every order of the ten best prices of each side.
  private mutating func computeChecksum() -> UInt32? {
    let tables = CRC32Tables.shared
    func join(_ ladder: Ladder<OrderQueue>, _ register: UInt32) -> UInt32? {
      var register = register
      for n in 0..<min(OrderBook.checksumDepth, ladder.count) {
        guard let joined = pool.join(ladder[n].first, register, tables, precision) else { return nil }
        register = joined
      }
      return register
    }
    return join(asks, 0xFFFF_FFFF).flatMap { join(bids, $0) }.map(~)
  }

  private func paddedChecksum() -> UInt32? {
    guard let precision else { return nil }
    var token = TokenCRC(.shared, register: 0xFFFF_FFFF)
    for side in [BookSide.asks, .bids] {
      forEachSlot(side, levels: OrderBook.checksumDepth) { slot in
        token.append(pool[slot].level, precision: precision)
      }
    }
    return ~token.register
  }
}
