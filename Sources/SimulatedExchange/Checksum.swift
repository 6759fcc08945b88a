// CRC-32 as in zlib, over the tokens of a book. Written for the simulator alone: the bridge has its own, and both
// answer to recorded messages, so that a shared mistake cannot hide.

struct Checksum {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? (value >> 1) ^ 0xEDB8_8320 : value >> 1 }
  }

  private var remainder: UInt32 = 0xFFFF_FFFF
  var value: UInt32 { ~remainder }

  mutating func feed(_ byte: UInt8) {
    remainder = (remainder >> 8) ^ Self.table[Int(UInt8(truncatingIfNeeded: remainder) ^ byte)]
  }

  /// Kraken's token of a number: its digits without the point and without leading zeros, which is the scaled
  /// integer in decimal.
  mutating func feed(token: Int64) {
    guard token > 0 else { return }
    var divisor: Int64 = 1
    while token / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      feed(UInt8(truncatingIfNeeded: token / divisor % 10) + UInt8(ascii: "0"))
      divisor /= 10
    }
  }
}
