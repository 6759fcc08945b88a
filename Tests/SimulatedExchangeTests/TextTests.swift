import Testing

@testable import SimulatedExchange

struct TextTests {
  private func text(_ write: (inout Text) -> Void) -> String {
    var text = Text()
    write(&text)
    return String(decoding: text, as: UTF8.self)
  }

  @Test(arguments: [
    (817_760, 1, "81776.0"), (5100, 8, "0.00005100"), (0, 8, "0.00000000"), (-14487, 1, "-1448.7"), (-2, 8, "-0.00000002"),
    (1234, 8, "0.00001234"), (42, 0, "42"), (Int64.max, 8, "92233720368.54775807"),
  ])
  func scaledKeepsAllDecimals(_ value: Int64, _ decimals: Int, _ expected: String) {
    #expect(text { $0.add(scaled: value, decimals: decimals) } == expected)
  }

  @Test(arguments: [
    (1, 8, "1e-08"), (5000, 8, "5e-05"), (1, 1, "0.1"), (1, 4, "0.0001"), (1, 5, "1e-05"), (15, 6, "1.5e-05"),
    (400_000_000, 8, "4.0"), (100, 1, "10.0"), (0, 8, "0.0"), (12_345, 3, "12.345"),
  ])
  func shortestWritesAsInstrumentDoes(_ value: Int64, _ decimals: Int, _ expected: String) {
    #expect(text { $0.add(shortest: value, decimals: decimals) } == expected)
  }

  @Test(arguments: [
    (0, 6, "1970-01-01T00:00:00.000000Z"), (start + 22_814_908_190, 9, "2026-10-09T00:34:22.814908190Z"),
    (951_782_400 * second, 0, "2000-02-29T00:00:00Z"), (1_709_164_800 * second - 1, 6, "2024-02-28T23:59:59.999999Z"),
    (1_735_689_599 * second, 0, "2024-12-31T23:59:59Z"),
  ])
  func timesAreRFC3339(_ time: Int64, _ fraction: Int, _ expected: String) {
    #expect(text { $0.add(time: time, fraction: fraction) } == expected)
  }

  @Test func stringsAreEscaped() {
    #expect(text { $0.add(quoted: "a\"b\\c\n\u{1}é") } == #""a\"b\\c\u000a\u0001é""#)
  }
}

struct JSONValueTests {
  @Test(arguments: [
    #"{}"#, #"[]"#, #" [ 1 , 2 ] "#, #"{"a":{"b":[null,true,false]}}"#, #"-0"#, #"-0.0e+10"#, #"1E400"#, #""""#,
    #""\ud83d\ude00\"\/\b\f\n\r\t""#, "\"\u{7f}é\"", "0.00000000", "18266300427528990701",
  ])
  func acceptsJSON(_ text: String) { #expect(JSONValue(Array(text.utf8)) != nil) }

  @Test(arguments: [
    "", "{", "}", "[1,]", #"{"a":1,}"#, #"{"a" 1}"#, #"{a:1}"#, "01", "1.", ".5", "+1", "-", "1e", "tru", "nul", #"""#,
    "\"\u{1}\"", #""\x""#, #""\u12""#, #""\ud800""#, #""\udc00""#, "[1]]", "NaN", "'a'", "[1 2]", "\u{feff}1",
  ])
  func refusesWhatIsNotJSON(_ text: String) { #expect(JSONValue(Array(text.utf8)) == nil) }

  @Test func refusesWhatIsNotUTF8AndWhatIsTooDeep() {
    #expect(JSONValue([0x22, 0xFF, 0x22]) == nil)
    #expect(JSONValue(Array(repeating: UInt8(ascii: "["), count: 100_000)) == nil)
  }

  @Test(arguments: ["acks", "book", "errors", "instrument", "level3", "ohlc", "status", "ticker", "trade", "v1"])
  func recordedMessagesSurviveUnchanged(_ name: String) throws {
    for line in try Fixtures.lines(name) {
      #expect(JSONValue(Array(line.utf8)).map { String(decoding: $0.text, as: UTF8.self) } == line)
    }
  }
}
