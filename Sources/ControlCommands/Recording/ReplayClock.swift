// When each recorded line is due: as far apart as they were received, divided by the speed.

struct ReplayClock: Sendable {
  /// 1 is life, 10 ten times as fast; `nil` is as fast as possible.
  let speed: Double?
  private var start: (recorded: Double, now: Double)?

  init(speed: Double?) {
    self.speed = speed
  }

  /// Seconds to wait before a line that was received at that time. Lines without a time are due at once.
  mutating func wait(received: String?, now: Double) -> Double {
    guard let speed, let received, let recorded = Self.seconds(received) else { return 0 }
    guard let start else {
      self.start = (recorded, now)
      return 0
    }
    return max(0, start.now + (recorded - start.recorded) / speed - now)
  }

  /// Seconds since 1970 of an RFC 3339 time in UTC, exact to the microsecond.
  static func seconds(_ text: String) -> Double? {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> Int? { Int(String(decoding: bytes[range], as: UTF8.self)) }
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), let year = number(0..<4), let month = number(5..<7),
      let day = number(8..<10), let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      let fraction = bytes.count > 20 ? Double("0" + String(decoding: bytes[19..<(bytes.count - 1)], as: UTF8.self)) : 0
    else { return nil }
    // Days since 1970 in the Gregorian calendar, counting years from March so that the leap day comes last.
    let years = month > 2 ? year : year - 1
    let months = (month + 9) % 12
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (months * 306 + 5) / 10 + day - 1 - 719_468
    return Double(days * 86400 + hour * 3600 + minute * 60 + second) + fraction
  }
}
