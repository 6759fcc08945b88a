// A number literal kept inline exactly as it was received.
//
// For the places that keep a number beyond its message (last values, limits, precisions): no
// allocation, no conversion, and comparison by value where needed.

/// Equality and hashing are of the literals, byte for byte; `compare` is by value.
public struct NumberText: Hashable, Sendable {
  public static let byteCountMax = 31

  @usableFromInline let literal: ShortText

  /// Nil unless the bytes are a JSON number of at most 31 bytes (and with an exponent of at most a million).
  public init?(_ text: UnsafeRawBufferPointer) {
    guard text.count > 0, DecimalText(Self.withoutSign(text)) != nil, let literal = ShortText(text) else {
      return nil
    }
    self.literal = literal
  }

  public init?(_ string: String) {
    var string = string
    guard let number = string.withUTF8({ NumberText(UnsafeRawBufferPointer($0)) }) else { return nil }
    self = number
  }

  /// The literal; valid inside `body` only.
  @inlinable
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try literal.withUnsafeBytes(body)
  }

  public var isZero: Bool { withUnsafeBytes { Magnitude($0).digitCount == 0 } }
  public var isNegative: Bool { !isZero && withUnsafeBytes { $0[0] == UInt8(ascii: "-") } }

  /// -1, 0 or 1 as this number is less than, equal to or greater than the other, by value and exactly:
  /// `1e-08` equals `0.00000001`.
  public func compare(_ other: NumberText) -> Int {
    guard isNegative == other.isNegative else { return isNegative ? -1 : 1 }
    let order = withUnsafeBytes { mine in other.withUnsafeBytes { Magnitude(mine).compare(Magnitude($0)) } }
    return isNegative ? -order : order
  }
}

extension NumberText: CustomStringConvertible {
  public var description: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

extension NumberText {
  private static func withoutSign(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    text[0] == UInt8(ascii: "-") ? UnsafeRawBufferPointer(rebasing: text.dropFirst()) : text
  }

  /// A literal without its sign as significant digits and the power of ten of the first one.
  private struct Magnitude {
    let digits: UnsafeRawBufferPointer
    /// From the first digit that is not zero up to the last, the point not counted.
    let digitCount: Int
    let firstIndex: Int
    let power: Int

    init(_ text: UnsafeRawBufferPointer) {
      // Sound: a NumberText has been checked when it was made.
      let number = DecimalText(NumberText.withoutSign(text))!
      digits = number.digits
      func isSignificant(_ byte: UInt8) -> Bool { byte > UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
      guard let first = digits.firstIndex(where: isSignificant), let last = digits.lastIndex(where: isSignificant)
      else {
        (firstIndex, digitCount, power) = (0, 0, 0)
        return
      }
      firstIndex = first
      let point = number.pointIndex
      digitCount = last - first + 1 - (first < point && point < last ? 1 : 0)
      power = number.exponent + (first < point ? point - first - 1 : point - first)
    }

    func compare(_ other: Magnitude) -> Int {
      guard digitCount > 0, other.digitCount > 0 else {
        return (digitCount > 0 ? 1 : 0) - (other.digitCount > 0 ? 1 : 0)
      }
      guard power == other.power else { return power < other.power ? -1 : 1 }
      var (i, j) = (firstIndex, other.firstIndex)
      for n in 0..<max(digitCount, other.digitCount) {
        let (a, b) = (n < digitCount ? digit(&i) : 48, n < other.digitCount ? other.digit(&j) : 48)
        guard a == b else { return a < b ? -1 : 1 }
      }
      return 0
    }

    private func digit(_ index: inout Int) -> UInt8 {
      if digits[index] == UInt8(ascii: ".") { index += 1 }
      defer { index += 1 }
      return digits[index]
    }
  }
}
