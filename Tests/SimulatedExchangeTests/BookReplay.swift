// A reader's book, kept as the documentation tells a client to, with nothing of the model's own code: levels by
// their text, CRC bit by bit from the literals.

@testable import SimulatedExchange

struct BookReplay {
  struct Level: Equatable {
    var price: String
    var quantity: String
    /// Larger is better, on both sides. All prices of a pair have the same number of decimals, so their digits compare
    /// as whole numbers.
    fileprivate var key = 0

    init(price: String, quantity: String) {
      self.price = price
      self.quantity = quantity
    }

    static func == (left: Level, right: Level) -> Bool {
      left.price == right.price && left.quantity == right.quantity
    }
  }

  let depth: Int
  private(set) var bids: [Level] = []
  private(set) var asks: [Level] = []
  var cutsAfterEveryEntry = false

  init(depth: Int) { self.depth = depth }

  /// Applies a book message; false if the checksum does not fit.
  mutating func apply(_ message: JSONValue) -> Bool {
    guard let item = message.item else { return false }
    if message.type == "snapshot" { (bids, asks) = ([], []) }
    update(&bids, with: item["bids"], sign: 1)
    update(&asks, with: item["asks"], sign: -1)
    return item["checksum"]?.integer == Int(checksum)
  }

  private func update(_ side: inout [Level], with entries: JSONValue?, sign: Int) {
    for entry in entries?.array ?? [] {
      var level = Level(price: entry.text("price") ?? "", quantity: entry.text("qty") ?? "")
      level.key = sign * digits(level.price)
      var place = side.count
      while place > 0, side[place - 1].key <= level.key { place -= 1 }
      if place < side.count, side[place].key == level.key { side.remove(at: place) }
      if digits(level.quantity) > 0 { side.insert(level, at: place) }
      if cutsAfterEveryEntry { side.removeLast(max(0, side.count - depth)) }
    }
    side.removeLast(max(0, side.count - depth))
  }

  private func digits(_ text: String) -> Int {
    text.utf8.reduce(0) { $1 == UInt8(ascii: ".") ? $0 : $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  var checksum: UInt32 {
    let tokens = (asks.prefix(10) + bids.prefix(10)).flatMap { [$0.price, $0.quantity] }
    return crc32(tokens.map { String($0.filter { $0 != "." }.drop { $0 == "0" }) }.joined())
  }

  var isCrossed: Bool {
    guard let bid = bids.first, let ask = asks.first else { return false }
    return bid.key >= -ask.key
  }
}

/// CRC-32 as in zlib, four bits at a time.
func crc32(_ text: String) -> UInt32 {
  var remainder = ~UInt32(0)
  for byte in text.utf8 {
    remainder ^= UInt32(byte)
    remainder = remainder >> 4 ^ crcNibbles[Int(remainder & 15)]
    remainder = remainder >> 4 ^ crcNibbles[Int(remainder & 15)]
  }
  return ~remainder
}

private let crcNibbles: [UInt32] = [
  0x0000_0000, 0x1DB7_1064, 0x3B6E_20C8, 0x26D9_30AC, 0x76DC_4190, 0x6B6B_51F4, 0x4DB2_6158, 0x5005_713C,
  0xEDB8_8320, 0xF00F_9344, 0xD6D6_A3E8, 0xCB61_B38C, 0x9B64_C2B0, 0x86D3_D2D4, 0xA00A_E278, 0xBDBD_F21C,
]
