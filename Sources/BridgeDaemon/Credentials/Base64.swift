// Base64 as in RFC 4648, for what Kraken's signature needs: a secret in, a signature out. Decoding writes into memory
// that is wiped, which a general-purpose decoder would not.

import KrakenWire

enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element) << (16 - 8 * $1.offset) }
      for place in 0..<4 {
        text.append(place <= group.count ? alphabet[Int(bits >> (18 - 6 * place) & 0x3F)] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// - Returns: nil unless `text` is Base64. The padding may be missing.
  static func decode(_ text: UnsafeRawBufferPointer) -> Secret? {
    let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    let digits = text.dropLast(padding)
    guard padding <= 2, padding == 0 || text.count % 4 == 0, digits.count % 4 != 1 else { return nil }
    var isSound = true
    let bytes = Secret(byteCount: digits.count * 3 / 4) { out in
      var bits: UInt32 = 0
      var bitCount = 0
      var next = 0
      for digit in digits {
        guard let value = value(of: digit) else { return isSound = false }
        bits = bits << 6 | value
        bitCount += 6
        guard bitCount >= 8 else { continue }
        bitCount -= 8
        out[next] = UInt8(truncatingIfNeeded: bits >> UInt32(bitCount))
        next += 1
      }
    }
    return isSound ? bytes : nil
  }

  private static func value(of digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a") + 26)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0") + 52)
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
