// Random books against a naive one. The reference keeps a dictionary by integer price, sorts it
// whenever asked, and knows each literal's checksum token because it made the literal. For every
// view a reader of its own replays what it is told; after each message it has to hold exactly the
// best levels of the reference.

import Testing

@testable import MarketData

@Suite struct OrderBookPropertyTests {
  struct Entry {
    var tick: Int
    var price: String
    var priceToken: String
    var qty: String
    var qtyToken: String
    var isZero: Bool
  }

  struct ReferenceSide {
    var levels: [Int: Entry] = [:]
    let bestIsHighest: Bool

    func best(_ limit: Int) -> [Entry] {
      levels.keys.sorted(by: bestIsHighest ? (>) : (<)).prefix(limit).map { levels[$0]! }
    }

    mutating func apply(_ entries: [Entry], cutTo depth: Int) {
      for entry in entries { levels[entry.tick] = entry.isZero ? nil : entry }
      levels = Dictionary(uniqueKeysWithValues: best(depth).map { ($0.tick, $0) })
    }
  }

  /// What a subscriber does with the lines it gets: set or remove by the price text's value, then cut.
  struct Reader {
    var levels: [String: (tick: Int, text: String)] = [:]
    let depth: Int
    let bestIsHighest: Bool
    private(set) var complaint: String?

    init(depth: Int, bestIsHighest: Bool, snapshot: [Entry]) {
      self.depth = depth
      self.bestIsHighest = bestIsHighest
      for entry in snapshot { levels["\(entry.tick)"] = (entry.tick, "\(entry.price) \(entry.qty)") }
    }

    mutating func apply(_ changes: [(tick: Int, text: String, isZero: Bool)]) {
      if Set(changes.map(\.tick)).count != changes.count { complaint = "one price twice" }
      for change in changes {
        if change.isZero, levels["\(change.tick)"] == nil { complaint = "removal of \(change.text), not held" }
        levels["\(change.tick)"] = change.isZero ? nil : (change.tick, change.text)
      }
      let kept = sorted.prefix(depth)
      levels = Dictionary(uniqueKeysWithValues: kept.map { ("\($0.tick)", $0) })
    }

    var sorted: [(tick: Int, text: String)] {
      levels.values.sorted { bestIsHighest ? $0.tick > $1.tick : $0.tick < $1.tick }
    }
  }

  /// A price in ticks of a hundredth, in one of the ways to write it.
  static func literal(_ hundredths: Int, style: Int) -> (text: String, token: String) {
    let (whole, part) = (hundredths / 100, hundredths % 100)
    let two = part < 10 ? "0\(part)" : "\(part)"
    func significant(_ digits: String) -> String { String(digits.drop { $0 == "0" }) }
    switch style {
    case 0: return ("\(hundredths)e-2", significant("\(hundredths)"))
    case 1: return ("\(whole).\(two)000", significant("\(whole)\(two)000"))
    case 2 where part % 10 == 0: return ("\(whole).\(part / 10)", significant("\(whole)\(part / 10)"))
    case 3 where part == 0: return ("\(whole)", significant("\(whole)"))
    case 4: return ("\(whole).\(two)E+0", significant("\(whole)\(two)"))
    case 5 where hundredths % 1000 == 0:
      return ("\(hundredths / 1000)e1", significant("\(hundredths / 1000)0"))
    default: return ("\(whole).\(two)", significant("\(whole)\(two)"))
    }
  }

  @Test(arguments: [(10, [1, 3, 10]), (25, [10, 25]), (100, [10, 25, 100]), (1000, [10, 100, 500, 1000])])
  func randomUpdates(_ depth: Int, _ views: [Int]) throws {
    for seed in UInt64(1)...(depth > 100 ? 2 : 5) {
      try run(depth: depth, views: views, seed: seed, messages: depth > 100 ? 30 : 200)
    }
  }

  /// One message touching hundreds of prices, with duplicates: the path that sorts.
  @Test func largeUpdates() throws {
    for seed in UInt64(100)...105 {
      try run(depth: 100, views: [10, 25, 100], seed: seed, messages: 40, entriesMax: 400)
    }
  }

  private func run(depth: Int, views: [Int], seed: UInt64, messages: Int, entriesMax: Int? = nil) throws {
    var random = SeededRandom(seed: seed &* 1000 &+ UInt64(depth))
    let usesForms = random.chance(2)
    let range = depth * 2
    var middle = 100_000
    var bids = ReferenceSide(bestIsHighest: true)
    var asks = ReferenceSide(bestIsHighest: false)
    var book = OrderBook(depth: depth)
    book.setViews(views)

    func entry(_ tick: Int, removal: Bool) -> Entry {
      let (price, priceToken) = Self.literal(tick, style: usesForms ? Int.random(in: 0..<8, using: &random) : 9)
      let amount = removal ? 0 : Int.random(in: 1...1_000_000, using: &random)
      let (qty, qtyToken) = Self.literal(amount, style: usesForms ? Int.random(in: 0..<8, using: &random) : 9)
      return Entry(
        tick: tick, price: price, priceToken: priceToken, qty: qty, qtyToken: qtyToken, isZero: amount == 0)
    }
    func draw(_ side: ReferenceSide, _ away: Int, _ limit: Int) -> [Entry] {
      var entries: [Entry] = []
      for _ in 0..<Int.random(in: 0...limit, using: &random) {
        if !entries.isEmpty, random.chance(4) {
          entries.append(entry(entries.randomElement(using: &random)!.tick, removal: random.chance(3)))
        } else {
          // Mostly near the best, sometimes far out.
          let span = random.chance(3) ? range : max(range / 8, 2)
          let tick = middle + away * Int.random(in: 1...span, using: &random)
          entries.append(entry(tick, removal: random.chance(2)))
        }
      }
      // The market moved: what would now cross is removed.
      let crossing = side.levels.keys.filter { away < 0 ? $0 >= middle : $0 <= middle }.sorted()
      return entries + crossing.map { entry($0, removal: true) }
    }
    func checksum() -> UInt32 {
      slowCRC((asks.best(10) + bids.best(10)).map { $0.priceToken + $0.qtyToken }.joined())
    }
    func send(_ bidEntries: [Entry], _ askEntries: [Entry]) throws {
      for entry in bidEntries { try book.set(.bids, entry.price, entry.qty) }
      for entry in askEntries { try book.set(.asks, entry.price, entry.qty) }
      bids.apply(bidEntries, cutTo: depth)
      asks.apply(askEntries, cutTo: depth)
      try book.finish(checksum: checksum())
    }

    book.beginSnapshot()
    try send(draw(bids, -1, range), draw(asks, 1, range))
    var readers: [(view: Int, side: BookSide, reader: Reader)] = []
    for view in views {
      readers.append((view, .bids, Reader(depth: view, bestIsHighest: true, snapshot: bids.best(view))))
      readers.append((view, .asks, Reader(depth: view, bestIsHighest: false, snapshot: asks.best(view))))
    }

    for message in 1...messages {
      if random.chance(5) { middle += Int.random(in: -3...3, using: &random) }
      let limit = entriesMax ?? (random.chance(10) ? 40 : 4)
      let (bidEntries, askEntries) = (draw(bids, -1, limit), draw(asks, 1, limit))
      // Prices by their texts of this message, to read the changes with.
      var known: [String: Int] = [:]
      for entry in Array(bids.levels.values) + Array(asks.levels.values) + bidEntries + askEntries {
        known[entry.price] = entry.tick
      }
      let before = (bids: bids, asks: asks)
      book.beginUpdate()
      try send(bidEntries, askEntries)

      let place: Comment = "seed \(seed), message \(message)"
      try #require(book.levels(.bids) == bids.best(depth).map { "\($0.price) \($0.qty)" }, place)
      try #require(book.levels(.asks) == asks.best(depth).map { "\($0.price) \($0.qty)" }, place)
      for index in readers.indices {
        let (view, side) = (readers[index].view, readers[index].side)
        let touched = Set((side == .bids ? bidEntries : askEntries).map(\.tick))
        let old = Set((side == .bids ? before.bids : before.asks).best(view).map(\.tick))
        var changes: [(tick: Int, text: String, isZero: Bool)] = []
        book.forEachChange(side, view: view) { price, qty in
          let (price, qty) = (String(decoding: price, as: UTF8.self), String(decoding: qty, as: UTF8.self))
          let isZero = !qty.prefix { $0 != "e" && $0 != "E" }.contains { ("1"..."9").contains($0) }
          changes.append((known[price] ?? -1, "\(price) \(qty)", isZero))
        }
        readers[index].reader.apply(changes)
        try #require(readers[index].reader.complaint == nil, place)
        let truth = (side == .bids ? bids : asks).best(view).map { "\($0.price) \($0.qty)" }
        try #require(readers[index].reader.sorted.map(\.text) == truth, place)
        // Nothing that need not be said: an untouched level only when it came into view.
        try #require(changes.allSatisfy { touched.contains($0.tick) || !old.contains($0.tick) }, place)
      }
      for view in views {
        let said = [BookSide.bids, .asks].contains { !book.changes($0, view: view).isEmpty }
        try #require(book.hasChanges(view: view) == said, place)
      }
    }
  }
}
