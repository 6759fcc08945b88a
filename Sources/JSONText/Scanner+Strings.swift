// What is inside strings: plain ASCII eight bytes at a time, and one by one everything that needs a
// look, which is escapes, characters beyond ASCII, and what is not allowed.
//
// Reads are as guarded as in Scanner.swift: eight bytes only when eight are left, one only before `end`.

extension Scanner {
  /// Over ASCII that needs no look: neither quote, nor backslash, nor control character.
  @inline(__always)
  func skipPlain(_ p: inout Bytes) {
    while end - p >= 8 {
      // The three set the top bit of a quote, of a backslash, and of what is below 0x20. A byte beyond ASCII
      // keeps its own top bit in the first two, save 0xA2 in the one and 0xDC in the other. A borrow can disturb
      // only bytes above one that stops, and the lowest one is what counts.
      let word = UnsafeRawPointer(p).loadUnaligned(as: UInt64.self).littleEndian
      let quotes = (word ^ 0x2222_2222_2222_2222) &- 0x0101_0101_0101_0101
      let slashes = (word ^ 0x5C5C_5C5C_5C5C_5C5C) &- 0x0101_0101_0101_0101
      let controls = word &- 0x2020_2020_2020_2020
      let stops = (quotes | slashes | controls) & 0x8080_8080_8080_8080
      p += stops.trailingZeroBitCount &>> 3
      guard stops == 0 else { return }
    }
    while p < end, p.pointee >= 0x20, p.pointee < 0x80, p.pointee != UInt8(ascii: "\""),
      p.pointee != UInt8(ascii: "\\")
    {
      p += 1
    }
  }

  /// One escape or one character beyond ASCII; refuses control characters.
  @inline(never)
  func scanSpecial(_ p: inout Bytes, _ hasEscapes: inout Bool) throws(JSONError) {
    guard p.pointee != UInt8(ascii: "\\") else {
      hasEscapes = true
      return try scanEscape(&p)
    }
    guard p.pointee >= 0x20 else { throw error(.controlCharacter, p) }
    try scanUTF8(&p)
  }

  private func scanEscape(_ p: inout Bytes) throws(JSONError) {
    let escape = p
    p += 1
    guard p < end else { throw error(.unterminatedString, p) }
    switch p.pointee {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      p += 1
    case UInt8(ascii: "u"):
      p += 1
      switch try scanHex(&p) & 0xFC00 {
      case 0xD800:
        guard end - p >= 2, p[0] == UInt8(ascii: "\\"), p[1] == UInt8(ascii: "u") else {
          throw error(.loneSurrogate, escape)
        }
        p += 2
        guard try scanHex(&p) & 0xFC00 == 0xDC00 else { throw error(.loneSurrogate, escape) }
      case 0xDC00:
        throw error(.loneSurrogate, escape)
      default:
        break
      }
    default:
      throw error(.badEscape, p)
    }
  }

  private func scanHex(_ p: inout Bytes) throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard p < end else { throw error(.unterminatedString, p) }
      let letter = p.pointee | 0x20
      switch p.pointee {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(p.pointee - 48)
      case _ where letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "f"):
        value = value << 4 | UInt32(letter - 87)
      default: throw error(.badEscape, p)
      }
      p += 1
    }
    return value
  }

  /// One character of two to four bytes; the ranges are those of table 3-7 of the Unicode Standard.
  private func scanUTF8(_ p: inout Bytes) throws(JSONError) {
    let lead = p.pointee
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: throw error(.badUTF8, p)
    }
    let first = p
    for index in 1..<length {
      p = first + index
      guard p < end, index == 1 ? second.contains(p.pointee) : p.pointee & 0xC0 == 0x80 else {
        throw error(.badUTF8, p)
      }
    }
    p = first + length
  }
}
