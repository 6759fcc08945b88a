// Decimal arithmetic: every digit, against numbers worked out by hand and against integers.

import Testing

@testable import ControlCommands

@Suite struct ExactTests {
  @Test(arguments: [
    ("0", "0"), ("-0.0", "0.0"), ("1.500", "1.500"), ("81776.6", "81776.6"), ("0.00000001", "0.00000001"), ("1e-08", "0.00000001"),
    ("1E3", "1000"), ("1.25e1", "12.5"), ("1.5e3", "1500"), ("-2.50", "-2.50"), ("123456789012345678901234567890", "123456789012345678901234567890"),
  ])
  func textComesBack(text: String, expected: String) {
    #expect(Exact(text)?.description == expected)
  }

  @Test(arguments: ["", "-", ".", "1.", "1.2.3", "1e", "e5", "1e99", "--1", "+1", "1234567890123456789012345678901", "1 ", "0x1", "१"])
  func otherTextIsRefused(text: String) {
    #expect(Exact(text) == nil)
  }

  @Test func sumsKeepTheLongerFraction() throws {
    let a = try #require(Exact("0.1"))
    let b = try #require(Exact("0.20"))
    #expect((a + b).description == "0.30")
    #expect((a - b).description == "-0.10")
    #expect((a + b) == Exact("0.3"))
    #expect(a < b && !(b < a))
    #expect((1...10).reduce(Exact.zero) { sum, _ in sum + a }.description == "1.0")
  }

  /// All pairs of small numbers with two decimals behave like integers.
  @Test func likeIntegers() throws {
    for left in stride(from: -250, through: 250, by: 7) {
      for right in stride(from: -250, through: 250, by: 11) {
        let a = Exact(mantissa: Int128(left), places: 2)
        let b = Exact(mantissa: Int128(right), places: 2)
        #expect((a + b).mantissa == Int128(left + right))
        #expect((a - b).mantissa == Int128(left - right))
        #expect((a < b) == (left < right))
        #expect(Exact(a.description) == a)
      }
    }
  }

  @Test func places() throws {
    let price = try #require(Exact("12.349"))
    #expect(price.withPlaces(1).description == "12.3")
    #expect(price.withPlaces(5).description == "12.34900")
    #expect(price.withPlaces(0).description == "12")
    #expect(price.approximate == 12.349)
  }
}
