// Reading decimal literals without losing anything: where the digits are, how many follow the
// point, and the integer they form. No rounding anywhere; what does not fit is refused.

/// A non-negative decimal number: `mantissa / 10^decimals`.
struct ScaledDecimal {
  var mantissa: Int64
  var decimals: Int

  init(mantissa: Int64, decimals: Int) {
    self.mantissa = mantissa
    self.decimals = decimals
  }

  /// The everyday form, quickly: at most 18 bytes, digits and perhaps a point. Nil for everything else, right or
  /// wrong.
  @inline(__always)
  init?(plain text: UnsafeRawBufferPointer) {
    guard text.count - 1 < 18, let last = text.last, last != UInt8(ascii: "."), !text.hasLeadingZero else {
      return nil
    }
    mantissa = 0
    var pointIndex = -1
    for index in 0..<text.count {
      let digit = text[index] &- UInt8(ascii: "0")
      guard digit <= 9 else {
        guard text[index] == UInt8(ascii: "."), pointIndex < 0, index > 0 else { return nil }
        pointIndex = index
        continue
      }
      mantissa = mantissa &* 10 &+ Int64(digit)
    }
    decimals = pointIndex < 0 ? 0 : text.count &- 1 &- pointIndex
  }
}

/// Where things stand in a literal without sign: digits, perhaps a point and digits, perhaps an exponent.
struct DecimalText {
  /// Digits before and after the point.
  private(set) var digits: UnsafeRawBufferPointer
  private(set) var pointIndex: Int
  /// Of the `e` part; 0 without one.
  private(set) var exponent = 0
  private(set) var isZero = true

  /// Beyond this nobody means a price; refusing it keeps arithmetic on exponents exact.
  static let exponentMax = 1_000_000

  /// Nil unless the text is a JSON number without sign.
  init?(_ text: UnsafeRawBufferPointer) {
    digits = text
    pointIndex = text.count
    var digitCount = 0
    var hasExponent = false
    var index = 0
    scan: while index < text.count {
      let byte = text[index]
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if byte != UInt8(ascii: "0") { isZero = false }
        digitCount += 1
      case UInt8(ascii: "."):
        guard pointIndex == text.count, digitCount > 0 else { return nil }
        pointIndex = index
        digitCount = 0
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        hasExponent = true
        break scan
      default:
        return nil
      }
      index += 1
    }
    guard digitCount > 0, !text.hasLeadingZero else { return nil }
    guard hasExponent else { return }

    digits = UnsafeRawBufferPointer(rebasing: text[..<index])
    pointIndex = min(pointIndex, index)
    index += 1
    let negative = index < text.count && text[index] == UInt8(ascii: "-")
    if index < text.count, negative || text[index] == UInt8(ascii: "+") { index += 1 }
    guard index < text.count else { return nil }
    for byte in text[index...] {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      exponent = exponent * 10 + Int(byte - UInt8(ascii: "0"))
      guard exponent <= Self.exponentMax else { return nil }
    }
    if negative { exponent = -exponent }
  }

  /// Digits after the point, the exponent taken into account; negative when zeros are missing before it.
  var decimals: Int { max(digits.count - pointIndex - 1, 0) - exponent }

  /// The number as an integer and its decimals, trailing zeros dropped; nil when it does not fit.
  var scaled: ScaledDecimal? {
    guard !isZero else { return ScaledDecimal(mantissa: 0, decimals: 0) }
    var result = ScaledDecimal(mantissa: 0, decimals: decimals)
    var zeros = 0
    for byte in digits where byte != UInt8(ascii: ".") {
      // Zeros are held back until a digit follows them, so that those at the end are never multiplied in.
      guard byte != UInt8(ascii: "0") else {
        zeros += 1
        continue
      }
      guard let shifted = result.mantissa.timesPowerOfTen(result.mantissa == 0 ? 0 : zeros + 1) else {
        return nil
      }
      let (sum, overflow) = shifted.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
      guard !overflow else { return nil }
      result.mantissa = sum
      zeros = 0
    }
    result.decimals -= zeros
    if result.decimals < 0 {
      guard let whole = result.mantissa.timesPowerOfTen(-result.decimals) else { return nil }
      result = ScaledDecimal(mantissa: whole, decimals: 0)
    }
    return result
  }
}

/// All a quantity has to tell before it is kept as text.
enum QtyForm {
  case zero, positive

  /// Nil when it is no non-negative decimal number.
  @inline(__always)
  init?(_ text: UnsafeRawBufferPointer) {
    var digits: UInt8 = 0
    var pointIndex = -1
    for index in 0..<text.count {
      let digit = text[index] &- UInt8(ascii: "0")
      guard digit <= 9 else {
        guard text[index] == UInt8(ascii: "."), pointIndex < 0, index > 0 else {
          guard let number = DecimalText(text) else { return nil }
          self = number.isZero ? .zero : .positive
          return
        }
        pointIndex = index
        continue
      }
      digits |= digit
    }
    guard pointIndex &+ 1 < text.count, !text.hasLeadingZero else { return nil }
    self = digits == 0 ? .zero : .positive
  }
}

extension UnsafeRawBufferPointer {
  /// A zero with another digit behind it, which JSON does not allow at the start of a number.
  @inline(__always)
  fileprivate var hasLeadingZero: Bool {
    count > 1 && self[0] == UInt8(ascii: "0") && self[1] &- UInt8(ascii: "0") <= 9
  }
}

extension Int64 {
  /// Nil when it does not fit.
  func timesPowerOfTen(_ exponent: Int) -> Int64? {
    guard self != 0 else { return 0 }
    guard exponent <= 18 else { return nil }
    var result = self
    for _ in 0..<exponent {
      let (product, overflow) = result.multipliedReportingOverflow(by: 10)
      guard !overflow else { return nil }
      result = product
    }
    return result
  }
}
