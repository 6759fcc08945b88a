import Foundation
import Testing

@testable import MarketData

@Suite struct NumberTextTests {
  @Test(arguments: [
    "0", "-0", "1", "-1", "45285.2", "0.00100000", "1e-08", "5E+05", "1.5e3", "1000000000000.00000000",
    "-123.456e-7", "1234567890123456789012345678901", "0e0", "10", "0.0",
  ])
  func keepsTheLiteral(_ text: String) throws {
    let number = try #require(NumberText(text))
    #expect(number.description == text)
    number.withUnsafeBytes { #expect(Array($0) == Array(text.utf8)) }
  }

  @Test(arguments: [
    "", "-", "+1", ".5", "1.", "01", "-01", "00", "1e", "1e+", "1.e1", "0x10", "NaN", "Infinity", " 1", "1 ", "1,5",
    "--1", "1e1.5", "12345678901234567890123456789012", "1e1000001", "00.5", "1\u{0}",
  ])
  func refuses(_ text: String) {
    #expect(NumberText(text) == nil)
  }

  @Test func zero() throws {
    for text in ["0", "-0", "0.0", "0.00000000", "0e5", "0.000E-12", "-0.0"] {
      let number = try #require(NumberText(text))
      #expect(number.isZero && !number.isNegative, "\(text)")
    }
    for text in ["0.00000001", "1e-08", "-1", "10", "0.1e1"] {
      #expect(try #require(NumberText(text)).isZero == false, "\(text)")
    }
    #expect(try #require(NumberText("-0.5")).isNegative)
  }

  @Test(arguments: [
    ("1e-08", "0.00000001"), ("45285.2", "45285.20"), ("1.5e3", "1500"), ("0", "-0.000"), ("100", "1e2"),
    ("0.1e1", "1"), ("1000000000000.00000000", "1E12"), ("-12.50", "-1.25e1"), ("1e-999999", "10e-1000000"),
  ])
  func equalByValue(_ a: String, _ b: String) throws {
    let (a, b) = (try #require(NumberText(a)), try #require(NumberText(b)))
    #expect(a.compare(b) == 0 && b.compare(a) == 0)
    #expect(a != b, "equality is of literals")
  }

  @Test(arguments: [
    ("-2", "-1"), ("-1", "0"), ("-1", "1"), ("0", "1e-1000000"), ("9.99", "10"), ("0.0999", "0.1"), ("99", "100"),
    ("1.0001", "1.001"), ("1234567890.12345678", "1234567890.12345679"), ("2e-9", "1e-8"), ("10.05", "10.5"),
    ("9999999999999999999999999999999", "1e31"), ("101", "102"), ("1.9", "10.1"), ("-10.5", "-10.05"),
  ])
  func ordered(_ less: String, _ greater: String) throws {
    let (less, greater) = (try #require(NumberText(less)), try #require(NumberText(greater)))
    #expect(less.compare(greater) == -1 && greater.compare(less) == 1)
  }

  /// Against Foundation's Decimal, which is exact for numbers of this size.
  @Test func randomComparisons() throws {
    var random = SeededRandom(seed: 3)
    func literal() -> String {
      var text = random.chance(2) ? "-" : ""
      text += "\(Int.random(in: 0...(random.chance(2) ? 9 : 120), using: &random))"
      if random.chance(2) {
        text +=
          "." + (0..<Int.random(in: 1...4, using: &random)).map { _ in random.chance(3) ? "0" : "1" }.joined()
      }
      if random.chance(3) { text += "e\(Int.random(in: -3...3, using: &random))" }
      return text
    }
    for _ in 0..<20_000 {
      let (a, b) = (literal(), literal())
      let expected = NSDecimalNumber(string: a).compare(NSDecimalNumber(string: b)).rawValue
      #expect(try #require(NumberText(a)).compare(try #require(NumberText(b))) == expected, "\(a) \(b)")
    }
  }

  @Test func hashesByLiteral() throws {
    let numbers = ["1", "1.0", "1", "1e0"].compactMap { NumberText($0) }
    #expect(Set(numbers).count == 3)
  }
}
