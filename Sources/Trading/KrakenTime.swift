// Kraken's timestamps as numbers, to tell an order that bears a name from an older one of the same name.

import JSONText

enum KrakenTime {
  /// Nanoseconds since 1970 of RFC 3339 text in UTC such as `2026-01-05T10:00:01.000101Z`, whatever follows the
  /// digits; nil if it is not of that form.
  static func nanoseconds(_ text: some Collection<UInt8>) -> Int64? {
    let bytes = Array(text)
    guard bytes.count >= 19, [4, 7].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }),
      [13, 16].allSatisfy({ bytes[$0] == UInt8(ascii: ":") }), let year = number(bytes[0..<4]),
      let month = number(bytes[5..<7]), let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]),
      let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]), (1...12).contains(month)
    else { return nil }
    var fraction: Int64 = 0
    if bytes.count > 19, bytes[19] == UInt8(ascii: ".") {
      let digits = bytes[20...].prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }.prefix(9)
      for index in 0..<9 { fraction = fraction * 10 + (index < digits.count ? Int64(digits[20 + index] - 48) : 0) }
    }
    let seconds = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    return seconds * 1_000_000_000 + fraction
  }

  /// The same of seconds with decimals, as REST gives them: `1616666559.8974`.
  static func nanoseconds(seconds text: some Collection<UInt8>) -> Int64? {
    let parts = Array(text).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard let whole = parts.first.flatMap({ number($0) }), parts.count <= 2, whole < 1 << 33 else { return nil }
    let digits = parts.count == 2 ? Array(parts[1].prefix(9)) : []
    let padded = digits + [UInt8](repeating: UInt8(ascii: "0"), count: 9 - digits.count)
    return number(padded[...]).map { whole * 1_000_000_000 + $0 }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    var value: Int64 = 0
    for digit in digits {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9"), value < 1 << 58 else { return nil }
      value = value * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    return digits.isEmpty ? nil : value
  }

  /// Days since 1970-01-01 in the Gregorian calendar, with years that begin in March.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
  }
}
