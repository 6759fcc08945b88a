// Exact arithmetic on decimal text and scaled integers: what a client writes becomes an integer of a pair's own
// precision, or is refused, and no binary fraction is involved on the way.

enum Decimals {
  /// The value of a JSON number in units of 10^-decimals, and whether nothing had to be cut off. Nil for text that is
  /// no number and for one too large to be meant.
  static func scaled(_ text: String, decimals: Int) -> (value: Int64, isExact: Bool)? {
    var rest = text[...]
    let isNegative = rest.first == "-"
    if isNegative { rest = rest.dropFirst() }
    let mantissa = rest.prefix { $0 != "e" && $0 != "E" }
    let exponentText = rest.dropFirst(mantissa.count + 1)
    guard let exponent = exponentText.isEmpty ? 0 : Int(exponentText), abs(exponent) < 100 else { return nil }
    let whole = mantissa.prefix { $0 != "." }
    let fraction = mantissa.dropFirst(whole.count + 1)
    guard !whole.isEmpty, (whole + fraction).utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    let places = decimals + exponent - fraction.count
    var digits = Array((whole + fraction).drop { $0 == "0" }.utf8)
    var isExact = true
    if places < 0 {
      isExact = digits.suffix(-places).allSatisfy { $0 == 0x30 }
      digits.removeLast(min(-places, digits.count))
    } else if !digits.isEmpty {
      digits += repeatElement(0x30, count: places)
    }
    guard let magnitude = digits.isEmpty ? 0 : Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
    return (isNegative ? -magnitude : magnitude, isExact)
  }

  /// The same quantity in other units, rounded half away from zero.
  static func rescale(_ value: Int128, from: Int, to: Int) -> Int64 {
    guard to < from else { return Int64(clamping: value * power(to - from)) }
    return Int64(clamping: divide(value, power(from - to)))
  }

  /// Rounded half away from zero.
  static func divide(_ value: Int128, _ divisor: Int128) -> Int128 {
    (value >= 0 ? value + divisor / 2 : value - divisor / 2) / divisor
  }

  private static func power(_ exponent: Int) -> Int128 {
    exponent <= 18 ? Int128(powerOfTen[exponent]) : Int128(powerOfTen[18]) * Int128(powerOfTen[exponent - 18])
  }
}

extension Instrument {
  /// What a quantity costs at a price, in units of 10^-costPrecision.
  func cost(price: Int64, quantity: Int64) -> Int64 {
    Decimals.rescale(
      Int128(price) * Int128(quantity), from: pricePrecision + quantityPrecision, to: costPrecision)
  }

  /// The average price of what cost so much.
  func averagePrice(cost: Int64, quantity: Int64) -> Int64 {
    guard quantity > 0 else { return 0 }
    let scale = pricePrecision + quantityPrecision - costPrecision
    let unit = Int128(powerOfTen[abs(scale)])
    let (above, below) = scale >= 0 ? (Int128(cost) * unit, Int128(quantity)) : (Int128(cost), Int128(quantity) * unit)
    return Int64(clamping: Decimals.divide(above, below))
  }
}
