// Numbers, times, and Kraken's own messages.

import Foundation
import JSONText
import MarketData
import Testing

@testable import Trading

@Suite struct ReadingTests {
  static func lines(_ name: String) throws -> [String] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: folder.appending(path: "Fixtures/kraken/\(name)"), encoding: .utf8)
    return text.split(separator: "\n").map(String.init)
  }

  @Test(arguments: [
    ("3", "33.3", "99.9"), ("0.1", "0.1", "0.01"), ("1e-8", "1e8", "1"),
    ("123456789.123456789", "10", "1234567891.23456789"),
    ("0", "5", "0"), ("999999999999", "999999999999", "999999999998000000000001"),
  ])
  func products(a: String, b: String, product: String) throws {
    let (a, b, c) = (try #require(NumberText(a)), try #require(NumberText(b)), try #require(NumberText(product)))
    #expect(ExactDecimal(a) * ExactDecimal(b) == ExactDecimal(c))
    #expect(!(ExactDecimal(a) * ExactDecimal(b) > ExactDecimal(c)))
  }

  @Test func comparisons() throws {
    let rising = try ["0", "1e-9", "0.5", "0.51", "1", "1.01", "9", "10", "1e2"].map {
      ExactDecimal(try #require(NumberText($0)))
    }
    for (i, a) in rising.enumerated() { for (j, b) in rising.enumerated() { #expect((a > b) == (i > j)) } }
  }

  @Test func times() {
    #expect(KrakenTime.nanoseconds("1970-01-01T00:00:00Z".utf8) == 0)
    #expect(KrakenTime.nanoseconds("2024-02-29T12:34:56.000101Z".utf8) == 1_709_210_096_000_101_000)
    #expect(KrakenTime.nanoseconds("2022-06-13T08:09:10.7890123".utf8) == 1_655_107_750_789_012_300)
    #expect(KrakenTime.nanoseconds("yesterday".utf8) == nil)
    #expect(KrakenTime.nanoseconds(seconds: "1616666559.8974".utf8) == 1_616_666_559_897_400_000)
    #expect(KrakenTime.nanoseconds(seconds: "7".utf8) == 7_000_000_000)
    #expect(KrakenTime.nanoseconds(seconds: "x".utf8) == nil)
  }

  @Test(arguments: ["executions.jsonl", "executions-constructed.jsonl"])
  func everyRecordedReportIsUnderstood(name: String) throws {
    var count = 0
    for line in try Self.lines(name) {
      parsed(line) { root in
        for item in root["data"]?.elements ?? root.elements {
          #expect(ExecutionReport(item)?.meaning != nil, "\(line)")
          count += 1
        }
      }
    }
    #expect(count >= 9)
  }

  /// Kraken's own examples of requests arrive there member by member, digit by digit.
  @Test func everyRecordedRequestPasses() throws {
    var count = 0
    for line in try Self.lines("requests.jsonl")
    where !["ping", "subscribe", "unsubscribe"].contains(member(line, "method")) {
      var harness = DeskHarness()
      let params = try #require(member(line, "params"))
      let actions = try harness.request(try #require(member(line, "method")), params)
      let sent = try #require(actions.sent.first)
      parsed(params) { params in
        for (key, value) in params.members where !key.equals("token") && !key.equals("orders") {
          #expect(member(sent, "params", key.string!) == value.string ?? String(decoding: value.text, as: UTF8.self))
        }
      }
      #expect(member(sent, "params", "token") == DeskHarness.token)
      count += 1
    }
    #expect(count >= 11)
  }
}
