// A book as a reader keeps it: set and remove levels, cut to the depth after every message, and the CRC-32 over the
// ten best of each side. Written for the judge alone, from the protocol's rules, simple rather than fast.

struct ReplayedBook {
  struct Level: Equatable {
    /// The number's digits without its point.
    var price: Int64
    var quantity: Int64
  }

  let depth: Int
  /// Best first.
  private(set) var bids: [Level] = []
  private(set) var asks: [Level] = []

  init(depth: Int) { self.depth = depth }

  mutating func set(isBid: Bool, _ level: Level) {
    if isBid { Self.set(level, in: &bids) { $0 > $1 } } else { Self.set(level, in: &asks) { $0 < $1 } }
  }

  private static func set(_ level: Level, in side: inout [Level], isBetter: (Int64, Int64) -> Bool) {
    var low = 0
    var high = side.count
    while low < high {
      let middle = (low + high) / 2
      if isBetter(side[middle].price, level.price) { low = middle + 1 } else { high = middle }
    }
    let exists = low < side.count && side[low].price == level.price
    if level.quantity == 0 {
      if exists { side.remove(at: low) }
    } else if exists {
      side[low].quantity = level.quantity
    } else {
      side.insert(level, at: low)
    }
  }

  /// Levels beyond the depth are forgotten: Kraken does not say when they go.
  mutating func cut() {
    if bids.count > depth { bids.removeLast(bids.count - depth) }
    if asks.count > depth { asks.removeLast(asks.count - depth) }
  }

  var isCrossed: Bool {
    guard let bid = bids.first, let ask = asks.first else { return false }
    return bid.price >= ask.price
  }

  /// A digest of the best `depth` levels of each side.
  func digest(depth: Int) -> UInt64 {
    var sum: UInt64 = 0
    for level in bids.prefix(depth) { sum &+= Self.digest(level, side: 1) }
    for level in asks.prefix(depth) { sum &+= Self.digest(level, side: 2) }
    return sum
  }

  static func digest(_ level: Level, side: UInt64) -> UInt64 {
    Chance.mixed(UInt64(bitPattern: level.price) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(bitPattern: level.quantity) << 2 ^ side)
  }

  // MARK: CRC-32

  var checksum: UInt32 {
    Self.checksum(of: (asks.prefix(10) + bids.prefix(10)).flatMap { [$0.price, $0.quantity] })
  }

  static func checksum(of numbers: [Int64]) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for number in numbers {
      for digit in String(number).utf8 { crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ digit)] }
    }
    return ~crc
  }

  private static let table: [UInt32] = (0..<256).map { index in
    var value = UInt32(index)
    for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
    return value
  }

  /// The digits of a number without its point; nil for signs, exponents and anything else that is no plain decimal.
  static func digits(_ text: ArraySlice<UInt8>) -> Int64? {
    var value: Int64 = 0
    for byte in text where byte != UInt8(ascii: ".") {
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      value = value &* 10 &+ Int64(byte - 0x30)
    }
    return value
  }
}

extension WireValue {
  /// Level changes of a book message's data, in order: bids, then asks. Nil if a level is not what it should be.
  var levels: [(isBid: Bool, level: ReplayedBook.Level)]? {
    var levels: [(isBid: Bool, level: ReplayedBook.Level)] = []
    var isSound = true
    for isBid in [true, false] {
      self[isBid ? "bids" : "asks"]?.forEachElement { entry in
        guard let price = entry["price"], let quantity = entry["qty"],
          let price = ReplayedBook.digits(price.slice), let quantity = ReplayedBook.digits(quantity.slice)
        else {
          isSound = false
          return
        }
        levels.append((isBid, .init(price: price, quantity: quantity)))
      }
    }
    return isSound ? levels : nil
  }
}
