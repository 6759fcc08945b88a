// An aggregated order book that proves itself right after every message.
//
// A message is applied between `beginSnapshot` or `beginUpdate` and `finish`, which cuts both
// sides to the subscribed depth, refuses a crossed book and compares Kraken's checksum. Prices
// are ordered as integers scaled by the most decimals seen; what readers get, and what the
// checksum is made of, are the literals as they came. No Double, no rounding: what cannot be held
// exactly is a fault. In steady state nothing is allocated.

/// Decimals of a pair, as `instrument` names them.
public struct BookPrecision: Equatable, Sendable {
  public var price: Int
  public var qty: Int

  public init(price: Int, qty: Int) {
    self.price = price
    self.qty = qty
  }
}

/// Not copyable: a book is one thing, and an accidental copy of its levels would be paid for at every message.
public struct OrderBook: ~Copyable, Sendable {
  enum Phase {
    case unusable, snapshot, update, verified
  }

  public let depth: Int

  /// When known, literals with an exponent count in the checksum with this many decimals, and a checksum that does
  /// not fit the literals as sent is tried once more with the zeros a sender may have dropped.
  public var precision: BookPrecision?

  var bids: Ladder<Level>
  var asks: Ladder<Level>
  var views: [BookView] = []
  /// What the update in progress (or the last one) touched.
  var touchedBids = TouchedLevels()
  var touchedAsks = TouchedLevels()
  private(set) var phase = Phase.unusable

  private var scale = PriceScale()

  /// - Parameter depth: the subscribed depth; both sides are cut to it after every message.
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
    touchedBids.removeAll()
    touchedAsks.removeAll()
    for index in views.indices { views[index].forget() }
    scale = PriceScale()
    phase = .snapshot
  }

  /// Begins an update. On an unusable book the following `set` and `finish` throw `noSnapshot`.
  public mutating func beginUpdate() {
    guard phase == .verified else {
      phase = .unusable
      return
    }
    touchedBids.removeAll()
    touchedAsks.removeAll()
    for index in views.indices { views[index].remember(bids, asks) }
    phase = .update
  }

  /// Sets the absolute quantity of a price; zero removes it. To be called in the order of the message: the last word
  /// on a price counts.
  public mutating func set(
    _ side: BookSide, price: UnsafeRawBufferPointer, qty: UnsafeRawBufferPointer
  ) throws(BookFault) {
    guard phase == .update || phase == .snapshot else { throw .noSnapshot }
    guard let form = QtyForm(qty), let integer = integerPrice(price),
      let level = Level(price: price, qty: qty, rank: side == .bids ? integer : -integer)
    else { throw fail(.malformedNumber) }
    let change = { (ladder: inout Ladder<Level>) in
      form == .zero ? ladder.remove(rank: level.rank) : ladder.set(level)
    }
    let existed = side == .bids ? change(&bids) : change(&asks)
    guard phase == .update, !views.isEmpty else { return }
    if side == .bids {
      touchedBids.append(level, removed: form == .zero, existed: existed)
    } else {
      touchedAsks.append(level, removed: form == .zero, existed: existed)
    }
  }

  /// Ends the message: cuts, checks, and makes the changes available.
  public mutating func finish(checksum: UInt32) throws(BookFault) {
    guard phase == .update || phase == .snapshot else { throw .noSnapshot }
    bids.cut(to: depth)
    asks.cut(to: depth)
    if let bid = bids.rank(0), let ask = asks.rank(0), bid >= -ask { throw fail(.crossed) }
    guard let computed = computeChecksum() else { throw fail(.malformedNumber) }
    if checksum != computed, checksum != paddedChecksum() {
      throw fail(.checksum(expected: checksum, computed: computed))
    }
    touchedBids.settle()
    touchedAsks.settle()
    phase = .verified
  }

  private mutating func fail(_ fault: BookFault) -> BookFault {
    phase = .unusable
    return fault
  }

  // MARK: Reading

  public func count(_ side: BookSide) -> Int { ladder(side).count }

  /// The best price and its quantity, as received; nil on an empty side.
  public func best(_ side: BookSide) -> (price: NumberText, qty: NumberText)? {
    let ladder = ladder(side)
    guard ladder.count > 0 else { return nil }
    return ladder[0].withTexts { price, qty in
      guard let price = NumberText(price), let qty = NumberText(qty) else { return nil }
      return (price, qty)
    }
  }

  /// Up to `limit` levels, best first, with the literals as received.
  public func forEachLevel(
    _ side: BookSide, limit: Int = .max,
    _ body: (_ price: UnsafeRawBufferPointer, _ qty: UnsafeRawBufferPointer) -> Void
  ) {
    let ladder = ladder(side)
    for n in 0..<min(limit, ladder.count) { ladder[n].withTexts(body) }
  }

  @inline(__always)
  func ladder(_ side: BookSide) -> Ladder<Level> { side == .bids ? bids : asks }

  // MARK: Prices as integers

  @inline(__always)
  private mutating func integerPrice(_ text: UnsafeRawBufferPointer) -> Int64? {
    var scale = scale
    defer { self.scale = scale }
    return scale.integer(text) { rescale($0) }
  }

  private mutating func rescale(_ powerOfTen: Int) -> Bool {
    var scaling = RankScaling(powerOfTen: powerOfTen)
    bids.forEachRank { scaling.scale(&$0) }
    asks.forEachRank { scaling.scale(&$0) }
    touchedBids.forEachRank { scaling.scale(&$0) }
    touchedAsks.forEachRank { scaling.scale(&$0) }
    for index in views.indices { views[index].forEachRank { scaling.scale(&$0) } }
    return scaling.fits
  }
}
