// Products of prices and quantities, compared without rounding: a limit on an order's value is worth nothing if it
// depends on how the numbers were written.

import MarketData

/// The magnitude of a decimal number: an integer, digit by digit, times a power of ten.
struct ExactDecimal: Sendable, Equatable {
  /// The highest first; no zero at either end. Empty for zero.
  private var digits: [UInt8]
  /// Of the last digit.
  private var exponent: Int

  private init(digits: [UInt8], exponent: Int) {
    let significant = digits.drop { $0 == 0 }
    let trailing = significant.reversed().prefix { $0 == 0 }.count
    self.digits = Array(significant.dropLast(trailing))
    self.exponent = self.digits.isEmpty ? 0 : exponent + trailing
  }

  init(_ number: NumberText) {
    var digits: [UInt8] = []
    var exponent = 0
    var decimals = 0
    number.withUnsafeBytes { text in
      let mantissa = text.prefix { $0 != UInt8(ascii: "e") && $0 != UInt8(ascii: "E") }
      let point = mantissa.firstIndex(of: UInt8(ascii: ".")) ?? mantissa.endIndex
      decimals = max(mantissa.endIndex - point - 1, 0)
      digits = mantissa.filter { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }.map { $0 - UInt8(ascii: "0") }
      // Sound: a NumberText is a checked literal whose exponent is small.
      exponent = Int(String(decoding: text.dropFirst(mantissa.count + 1), as: UTF8.self)) ?? 0
    }
    self.init(digits: digits, exponent: exponent - decimals)
  }

  static func * (a: ExactDecimal, b: ExactDecimal) -> ExactDecimal {
    var product = [UInt8](repeating: 0, count: a.digits.count + b.digits.count)
    for (i, x) in a.digits.enumerated().reversed() {
      var carry: UInt8 = 0
      for (j, y) in b.digits.enumerated().reversed() {
        let sum = product[i + j + 1] + x * y + carry
        product[i + j + 1] = sum % 10
        carry = sum / 10
      }
      product[i] += carry
    }
    return ExactDecimal(digits: product, exponent: a.exponent + b.exponent)
  }

  static func > (a: ExactDecimal, b: ExactDecimal) -> Bool {
    guard !a.digits.isEmpty, !b.digits.isEmpty else { return !a.digits.isEmpty }
    let (highA, highB) = (a.digits.count + a.exponent, b.digits.count + b.exponent)
    guard highA == highB else { return highA > highB }
    return b.digits.lexicographicallyPrecedes(a.digits)
  }
}
