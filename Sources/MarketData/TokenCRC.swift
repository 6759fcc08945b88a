// The checksum's tokens, written out for clarity and for the rare case: of each literal the digits,
// without the point and without leading zeros, and with the zeros that an exponent or a careless
// sender left out. Level has the quick way for literals that are their own tokens.

struct TokenCRC {
  private let tables: CRC32Tables
  private(set) var register: UInt32
  private(set) var length = 0

  init(_ tables: CRC32Tables, register: UInt32 = 0) {
    self.tables = tables
    self.register = register
  }

  /// Both literals of a level with the decimals the pair has.
  mutating func append(_ level: Level, precision: BookPrecision?) {
    level.withTexts { price, qty in
      append(price, decimals: precision?.price)
      append(qty, decimals: precision?.qty)
    }
  }

  /// One literal, with zeros added up to `decimals` places when it has fewer.
  private mutating func append(_ literal: UnsafeRawBufferPointer, decimals: Int?) {
    guard let number = DecimalText(literal), !number.isZero else { return }
    for digit in number.digits.drop(while: { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") })
    where digit != UInt8(ascii: ".") {
      append(digit)
    }
    // Nobody means a number longer than a level can hold; the caller refuses it by its length.
    let zeros = min(max(decimals ?? 0, 0) - number.decimals, Level.textBytesMax + 1)
    for _ in 0..<max(zeros, 0) { append(UInt8(ascii: "0")) }
  }

  private mutating func append(_ digit: UInt8) {
    register = tables.step(register, digit)
    length += 1
  }
}
