// A book as a careful reader keeps it: levels set and removed, cut to the depth after every line, and Kraken's
// CRC-32 computed over the ten best of each side.

struct Book {
  /// Digits without the point: all numbers of a pair have the same number of decimals.
  private struct Level {
    var price: Int64
    var quantity: Int64
  }

  private let depth: Int
  private var bids: [Level] = []
  private var asks: [Level] = []

  init(depth: Int) { self.depth = depth }

  /// Takes the `data` of a book line.
  /// - Returns: what is wrong with the book afterwards, or nil.
  mutating func apply(_ data: Cursor) -> String? {
    var data = data
    var checksum: UInt64?
    let isSound = data.members { key, cursor in
      if key.equals("bids") { return cursor.elements { Self.set(&$0, &bids) { $0 > $1 } } }
      if key.equals("asks") { return cursor.elements { Self.set(&$0, &asks) { $0 < $1 } } }
      guard key.equals("checksum") else { return cursor.skipValue() }
      checksum = cursor.unsigned()
      return checksum != nil
    }
    guard isSound else { return "is malformed" }
    if bids.count > depth { bids.removeLast(bids.count - depth) }
    if asks.count > depth { asks.removeLast(asks.count - depth) }
    if let bid = bids.first, let ask = asks.first, bid.price >= ask.price { return "is crossed" }
    guard checksum == UInt64(crc) else { return "has not the checksum \(checksum ?? 0)" }
    return nil
  }

  private static func set(_ cursor: inout Cursor, _ side: inout [Level], isBetter: (Int64, Int64) -> Bool) -> Bool {
    var price: Int64?
    var quantity: Int64?
    let isSound = cursor.members { key, cursor in
      if key.equals("price") { price = digits(cursor.number()) } else if key.equals("qty") {
        quantity = digits(cursor.number())
      } else { return cursor.skipValue() }
      return true
    }
    guard isSound, let price, let quantity else { return false }
    var low = 0
    var high = side.count
    while low < high {
      let middle = (low + high) / 2
      if isBetter(side[middle].price, price) { low = middle + 1 } else { high = middle }
    }
    let exists = low < side.count && side[low].price == price
    if quantity == 0 {
      if exists { side.remove(at: low) }
    } else if exists {
      side[low].quantity = quantity
    } else {
      side.insert(Level(price: price, quantity: quantity), at: low)
    }
    return true
  }

  private static func digits(_ text: Bytes?) -> Int64? {
    guard let text else { return nil }
    var value: Int64 = 0
    for byte in text where byte != 0x2E {
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      value = value &* 10 &+ Int64(byte &- 0x30)
    }
    return value
  }

  private var crc: UInt32 {
    var sum: UInt32 = 0xFFFF_FFFF
    for level in asks.prefix(10) { Self.feed(level, &sum) }
    for level in bids.prefix(10) { Self.feed(level, &sum) }
    return ~sum
  }

  private static func feed(_ level: Level, _ sum: inout UInt32) {
    for number in [level.price, level.quantity] {
      var divisor: Int64 = 1
      while number / divisor >= 10 { divisor *= 10 }
      while divisor > 0 {
        let digit = UInt8(truncatingIfNeeded: number / divisor % 10) + 0x30
        sum = sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ digit)]
        divisor /= 10
      }
    }
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
  }
}
