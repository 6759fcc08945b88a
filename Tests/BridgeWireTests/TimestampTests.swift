// Timestamps against Foundation's calendar, over many instants.

import BridgeWire
import Foundation
import Testing

@Suite struct TimestampTests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000000000Z"),
    (1, "1970-01-01T00:00:00.000000001Z"),
    (1_791_506_061_084_312_907, "2026-10-09T00:34:21.084312907Z"),
    (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
    (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
    (-1, "1969-12-31T23:59:59.999999999Z"),
    (Int64.max, "2262-04-11T23:47:16.854775807Z"),
    (Int64.min, "1677-09-21T00:12:43.145224192Z"),
  ])
  func known(_ wall: Int64, _ text: String) {
    #expect(Timestamp.text(wall: wall, fractionDigits: 9) == text)
  }

  @Test func fractionsAreCutNotRounded() {
    let wall: Int64 = 1_999_999_999
    #expect(Timestamp.text(wall: wall) == "1970-01-01T00:00:01.999999Z")
    for digits in 1...9 {
      #expect(Timestamp.text(wall: wall, fractionDigits: digits) == "1970-01-01T00:00:01." + String(repeating: "9", count: digits) + "Z")
    }
  }

  @Test func asFoundationSays() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    func expectation(_ seconds: Int64) -> String {
      let parts = calendar.dateComponents(
        [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: TimeInterval(seconds)))
      return String(
        format: "%04d-%02d-%02dT%02d:%02d:%02d.0Z", parts.year!, parts.month!, parts.day!, parts.hour!, parts.minute!,
        parts.second!)
    }
    // Every day of three centuries, at a second of the day that moves; Foundation is Gregorian from 1582 on.
    for day in Int64(-36_524)..<73_049 {
      let seconds = day * 86_400 + (day * 7_919 % 86_400 + 86_400) % 86_400
      #expect(Timestamp.text(wall: seconds * 1_000_000_000, fractionDigits: 1) == expectation(seconds))
    }
  }

  @Test func bytesAreTheText() {
    for wall in stride(from: Int64(0), to: 4_000_000_000_000_000_000, by: 123_456_789_012_345_677) {
      let bytes = [UInt8](unsafeUninitializedCapacity: Timestamp.nanosecondByteCount) { buffer, count in
        Timestamp.write(wall: wall, to: buffer.baseAddress!)
        count = Timestamp.nanosecondByteCount
      }
      #expect(String(decoding: bytes, as: UTF8.self) == Timestamp.text(wall: wall, fractionDigits: 9))
    }
  }
}
