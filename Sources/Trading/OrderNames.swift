// Names for orders that have none: by them an order is found again whose answer was lost.
//
// They must not meet again after a restart, so they are drawn at random; the seed comes from outside.

struct OrderNames: Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A `cl_ord_id`: a UUID of version 4.
  mutating func clientID() -> String {
    let high = next() & ~0xF000 | 0x4000
    let low = next() & ~(0b11 << 62) | 0b10 << 62
    let digits = Array(Self.hex(high) + Self.hex(low))
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(decoding: digits[$0], as: UTF8.self) }
      .joined(separator: "-")
  }

  /// An `order_userref`, which Kraken keeps in 32 bits; 0 means none there.
  mutating func userref() -> Int64 { Int64(next() % UInt64(Int32.max)) + 1 }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  private static func hex(_ word: UInt64) -> [UInt8] {
    stride(from: 60, through: 0, by: -4).map { shift in
      let digit = UInt8(word >> UInt64(shift) & 15)
      return digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a")
    }
  }
}
