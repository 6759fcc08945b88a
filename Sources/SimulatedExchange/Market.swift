// One pair's market: its true book, its trades and what is summed up from them. It moves by `step`, which draws only
// from the market's own generator, so prices are a function of the seed whoever listens.

struct Trade: Sendable {
  var id: Int64
  var time: Int64
  var price: Int64
  var quantity: Int64
  var takerIsBuyer: Bool
  var isMarketOrder: Bool
}

struct Market: Sendable {
  /// A level that a step changed; `quantity` is what stands there now, zero when it is gone.
  struct Change: Sendable {
    var isBid: Bool
    var key: Int64
    var quantity: Int64
  }

  var instrument: Instrument
  var bids = BookSide(isBid: true)
  var asks = BookSide(isBid: false)
  /// The latest trades, oldest first; at least fifty once there were as many.
  private(set) var trades: [Trade] = []
  private(set) var tradeCount = 0
  private(set) var candles: CandleSeries
  private(set) var day: DayStatistics
  /// What the last step did.
  var changes: [Change] = []
  private(set) var newTrades = 0
  /// How messages about this market are worded. Apart from `random`, so that readers do not move the market.
  var wording: SeededGenerator

  private var random: SeededGenerator
  private var pace: SeededGenerator
  /// Where the price wants to go, in 1/16 of a price unit.
  private var fairValue: Int64
  /// The orders behind the levels, once somebody has asked for them.
  var orders: Level3Book?
  /// The account's orders in the book, oldest first.
  var resting: [RestingOrder] = []
  /// The book with those orders in it; nil while there are none.
  var shown: (bids: BookSide, asks: BookSide)?
  /// A side that a fault keeps empty.
  var emptiedSide: Bool?

  static let tradesKept = 50

  init(instrument: Instrument, index: Int, seed: UInt64, now: Int64, candleHistory: Int) {
    self.instrument = instrument
    random = SeededGenerator(seed: seed, purpose: 2 * UInt64(index) + 1)
    wording = SeededGenerator(seed: seed, purpose: 2 * UInt64(index) + 2)
    pace = SeededGenerator(seed: random.next(), purpose: 0)
    fairValue = instrument.startPrice * 16
    let birth = now - 180_000_000_000
    let marketSeed = random.next()
    candles = CandleSeries(seed: marketSeed, startPrice: instrument.startPrice, begin: birth, length: candleHistory)
    day = DayStatistics(
      seed: marketSeed, startPrice: instrument.startPrice, typicalQuantity: instrument.typicalQuantity, begin: birth)
    tradeCount = 1_000_000 + random.below(100_000_000)
    fillBook()
    pretrade(from: birth, to: now)
  }

  private mutating func fillBook() {
    for isBid in [true, false] {
      var price = instrument.startPrice + (isBid ? -1 : 0)
      var levels: [BookLevel] = []
      while levels.count < instrument.levels, price > 0 {
        levels.append(BookLevel(price: price, quantity: drawQuantity()))
        price += (isBid ? -1 : 1) * drawGap()
      }
      if isBid { bids.fill(levels) } else { asks.fill(levels) }
    }
  }

  /// Fifty trades from the minutes before the start, so that snapshots have something to show.
  private mutating func pretrade(from birth: Int64, to now: Int64) {
    for index in 0..<Int64(Self.tradesKept) {
      let isBuyer = random.chance(1, in: 2)
      let price = instrument.startPrice + (isBuyer ? 0 : -1)
      let time = birth + (now - birth) / Int64(Self.tradesKept) * index
      record(price: price, quantity: drawQuantity() / 8 + 1, takerIsBuyer: isBuyer, isMarketOrder: false, at: time)
    }
    newTrades = 0
  }

  func side(_ isBid: Bool) -> BookSide { isBid ? bids : asks }

  mutating func set(isBid: Bool, price: Int64, quantity: Int64) {
    let key = isBid ? price : -price
    if isBid { bids.set(key, quantity) } else { asks.set(key, quantity) }
    changes.removeAll { $0.isBid == isBid && $0.key == key }
    changes.append(Change(isBid: isBid, key: key, quantity: quantity))
  }

  /// The trade's number.
  @discardableResult
  mutating func record(
    price: Int64, quantity: Int64, takerIsBuyer: Bool, isMarketOrder: Bool, at time: Int64
  ) -> Int64 {
    tradeCount += 1
    newTrades += 1
    if trades.count >= 4 * Self.tradesKept { trades.removeFirst(3 * Self.tradesKept) }
    trades.append(
      Trade(
        id: Int64(tradeCount), time: time, price: price, quantity: quantity, takerIsBuyer: takerIsBuyer,
        isMarketOrder: isMarketOrder))
    candles.add(price: price, quantity: quantity, at: time)
    day.add(price: price, quantity: quantity, at: time)
    return Int64(tradeCount)
  }

  mutating func beginOrders(seed: UInt64, now: Int64) {
    guard orders == nil else { return }
    orders = Level3Book(bids: bids, asks: asks, seed: seed, now: now)
    orders?.follow([], resting: resting, now: now)
  }

  mutating func beginChange() {
    changes.removeAll(keepingCapacity: true)
    newTrades = 0
  }

  // MARK: Moving

  /// Nanoseconds to the next step. Activity comes in bursts, as on a real exchange.
  mutating func pause(mean: Int64) -> Int64 {
    pace.chance(1, in: 4) ? pace.below(max(mean / 100, 1)) : pace.below(max(mean * 8 / 3, 1))
  }

  /// One thing happens. `matching` is off while the exchange takes orders but does not match them.
  mutating func step(now: Int64, matching: Bool) {
    beginChange()
    wander()
    switch random.below(100) {
    case ..<14 where matching: takeLiquidity(now: now)
    case ..<(spreadIsWide ? 75 : 40): followFairValue()
    case ..<62: changeLevel(isBid: random.chance(1, in: 2))
    case ..<81: addLevel(isBid: random.chance(1, in: 2))
    default: cancelLevel(isBid: random.chance(1, in: 2))
    }
    for isBid in [true, false] { keepInShape(isBid: isBid) }
  }

  private mutating func wander() {
    let stride = max(instrument.gap * 10, 12)
    fairValue += random.between(-stride, stride)
    let start = instrument.startPrice * 16
    if fairValue > start / 4 * 5 { fairValue -= stride }
    if fairValue < start / 4 * 3 { fairValue += stride }
  }

  private mutating func takeLiquidity(now: Int64) {
    let fairIsAbove = fairValue > middle * 16
    let isBuyer = random.chance(fairIsAbove ? 7 : 3, in: 10)
    let isMarketOrder = random.chance(2, in: 5)
    let levelsTaken = max(1, random.geometric(max: 4))
    for round in 0..<levelsTaken {
      guard let level = side(!isBuyer).best else { return }
      let price = abs(level.key)
      let isLast = round == levelsTaken - 1
      let isThin = side(!isBuyer).count <= 2
      let taken = isLast && (isThin || random.chance(3, in: 4)) ? partOf(level.quantity) : level.quantity
      guard taken < level.quantity || !isThin else { return }
      let firstMaker = random.chance(1, in: 3) && taken > 1 ? partOf(taken) : taken
      for quantity in [firstMaker, taken - firstMaker] where quantity > 0 {
        record(price: price, quantity: quantity, takerIsBuyer: isBuyer, isMarketOrder: isMarketOrder, at: now)
      }
      set(isBid: !isBuyer, price: price, quantity: level.quantity - taken)
    }
  }

  /// Quotes on the wrong side of the fair value go, new ones come up to it: what keeps the spread narrow.
  private mutating func followFairValue() {
    let fair = fairValue / 16
    guard let bid = bids.bestKey, let ask = asks.bestKey.map({ -$0 }) else { return }
    if ask <= fair {
      if asks.count > 2 { set(isBid: false, price: ask, quantity: 0) }
    } else if bid > fair {
      if bids.count > 2 { set(isBid: true, price: bid, quantity: 0) }
    } else {
      let isBid = random.chance(1, in: 2)
      let low = isBid ? bid + 1 : fair + 1
      let high = isBid ? fair : ask - 1
      if low <= high { place(isBid: isBid, price: random.between(low, high)) }
    }
  }

  private mutating func changeLevel(isBid: Bool) {
    let count = side(isBid).count
    guard count > 0 else { return }
    let key = side(isBid)[rank: drawRank(count)].key
    set(isBid: isBid, price: abs(key), quantity: drawQuantity())
  }

  private mutating func addLevel(isBid: Bool) {
    let count = side(isBid).count
    guard count > 0, count < instrument.levels + instrument.levels / 4 else { return }
    let near = side(isBid)[rank: drawRank(count)].key
    place(isBid: isBid, price: abs(near) + (isBid ? -1 : 1) * random.below(2 * instrument.gap + 1))
  }

  private mutating func cancelLevel(isBid: Bool) {
    let count = side(isBid).count
    guard count > max(2, instrument.levels * 9 / 10) else { return addLevel(isBid: isBid) }
    let key = side(isBid)[rank: drawRank(count)].key
    set(isBid: isBid, price: abs(key), quantity: 0)
  }

  /// Keeps the number of levels near what the pair should have, at the far end where few look.
  private mutating func keepInShape(isBid: Bool) {
    guard emptiedSide != isBid else { return }
    let count = side(isBid).count
    if count < instrument.levels * 9 / 10 || count < 2 {
      let far = side(isBid).levels.first.map { abs($0.key) } ?? middle + (isBid ? 0 : 1)
      place(isBid: isBid, price: far + (isBid ? -1 : 1) * drawGap())
    }
  }

  private mutating func place(isBid: Bool, price: Int64) {
    guard price > 0, emptiedSide != isBid else { return }
    if isBid, let ask = asks.bestKey, price >= -ask { return }
    if !isBid, let bid = bids.bestKey, price <= bid { return }
    set(isBid: isBid, price: price, quantity: drawQuantity())
  }

  mutating func empty(isBid: Bool) {
    emptiedSide = isBid
    for level in side(isBid).levels { set(isBid: isBid, price: abs(level.key), quantity: 0) }
  }

  // MARK: Drawing

  private var spreadIsWide: Bool {
    guard let bid = bids.bestKey, let ask = asks.bestKey else { return false }
    return -ask - bid > 3 * instrument.gap
  }

  private var middle: Int64 {
    let bid = bids.bestKey ?? asks.bestKey.map { -$0 } ?? fairValue / 16
    return (bid + (asks.bestKey.map { -$0 } ?? bid)) / 2
  }

  /// Mostly near the touch; one time in six anywhere.
  private mutating func drawRank(_ count: Int) -> Int {
    random.chance(1, in: 6) ? random.below(count) : min(random.geometric(max: 12) * 2 + random.below(2), count - 1)
  }

  private mutating func drawGap() -> Int64 { random.between(1, max(1, 2 * instrument.gap - 1)) }

  private mutating func partOf(_ quantity: Int64) -> Int64 {
    max(1, quantity / 1000 * random.between(1, 999) + random.below(max(1, quantity / 1000)))
  }

  /// Sizes differ by a factor of thousands, and some are round, which is where trailing zeros come from.
  private mutating func drawQuantity() -> Int64 {
    let size = max(instrument.typicalQuantity >> Int64(random.geometric(max: 9)), 2)
    let quantity = max(instrument.minimumQuantity, size / 2 + random.below(size))
    guard random.chance(1, in: 4) else { return quantity }
    var unit: Int64 = 1
    while quantity / unit >= 100 { unit *= 10 }
    return quantity / unit * unit
  }
}
