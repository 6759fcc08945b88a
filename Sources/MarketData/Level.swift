// One price level of a book: 64 bytes, one cache line.
//
// It carries the two literals exactly as received, because they are what readers get and what the
// checksum is made of, next to an integer for ordering.

struct Level: Rung {
  /// Room for price and quantity together; Kraken's longest are about 30.
  static let textBytesMax = 48

  /// The price, and the quantity right behind it.
  private var text: InlineArray<6, UInt64> = .init(repeating: 0)
  /// Position in the book: the greater the better. The scaled price of a bid, its negative for an ask.
  var rank: Int64 = 0
  /// CRC register left by the checksum's token of this level, begun at zero. Valid when `tokenLength` is not 0.
  private var tokenCRC: UInt32 = 0
  private var tokenLength: UInt8 = 0
  private var priceLength: UInt8 = 0
  private var qtyLength: UInt8 = 0

  init() {}

  /// Nil when the literals are too long to keep: each has to make a `NumberText`, and both have to fit together.
  @inline(__always)
  init?(price: UnsafeRawBufferPointer, qty: UnsafeRawBufferPointer, rank: Int64) {
    let lengths = 1...NumberText.byteCountMax
    guard lengths.contains(price.count), lengths.contains(qty.count),
      price.count + qty.count <= Self.textBytesMax
    else { return nil }
    self.rank = rank
    priceLength = UInt8(truncatingIfNeeded: price.count)
    qtyLength = UInt8(truncatingIfNeeded: qty.count)
    withUnsafeMutableBytes(of: &text) { text in
      // Sound: the lengths were checked against the size of `text`, and neither literal is empty.
      text.baseAddress!.copyMemory(from: price.baseAddress!, byteCount: price.count)
      (text.baseAddress! + price.count).copyMemory(from: qty.baseAddress!, byteCount: qty.count)
    }
  }

  /// The literals as received. Valid inside `body` only.
  @inline(__always)
  func withTexts<R>(_ body: (_ price: UnsafeRawBufferPointer, _ qty: UnsafeRawBufferPointer) -> R) -> R {
    withUnsafeBytes(of: text) { text in
      let base = text.baseAddress!
      return body(
        UnsafeRawBufferPointer(start: base, count: Int(priceLength)),
        UnsafeRawBufferPointer(start: base + Int(priceLength), count: Int(qtyLength)))
    }
  }

  /// The checksum's register after this level's tokens; nil when they are absurdly long.
  @inline(__always)
  mutating func join(_ register: UInt32, _ tables: CRC32Tables, _ precision: BookPrecision?) -> UInt32? {
    if tokenLength == 0, !makeToken(tables, precision: precision) { return nil }
    return tables.advance(register, by: Int(tokenLength)) ^ tokenCRC
  }

  /// Computes `tokenCRC`. Left until the level comes among the ten that count: most of a deep book never does.
  /// False when the token would be longer than any Kraken can mean (an exponent gone wild).
  @inline(never)
  private mutating func makeToken(_ tables: CRC32Tables, precision: BookPrecision?) -> Bool {
    if let (crc, length) = withTexts({ Self.plainToken(price: $0, qty: $1, tables) }) {
      (tokenCRC, tokenLength) = (crc, UInt8(truncatingIfNeeded: length))
      return true
    }
    var token = TokenCRC(tables)
    token.append(self, precision: precision)
    guard token.length <= Self.textBytesMax else { return false }
    (tokenCRC, tokenLength) = (token.register, UInt8(token.length))
    return true
  }

  /// Both tokens of literals without exponents; nil for others. From the back, because a register begun at zero is the
  /// sum of what each digit contributes with that many digits behind it, and sums need not wait for each other.
  @inline(__always)
  private static func plainToken(
    price: UnsafeRawBufferPointer, qty: UnsafeRawBufferPointer, _ tables: CRC32Tables
  ) -> (crc: UInt32, length: Int)? {
    var crc: UInt32 = 0
    var length = 0
    func add(_ literal: UnsafeRawBufferPointer) -> Bool {
      var start = 0
      while start < literal.count, literal[start] == UInt8(ascii: "0") || literal[start] == UInt8(ascii: ".") {
        start &+= 1
      }
      var index = literal.count
      while index > start {
        index &-= 1
        let byte = literal[index]
        if byte == UInt8(ascii: ".") { continue }
        guard byte &- UInt8(ascii: "0") <= 9 else { return false }
        crc ^= tables.contribution(of: byte, followedBy: length)
        length &+= 1
      }
      return true
    }
    return add(qty) && add(price) ? (crc, length) : nil
  }
}
