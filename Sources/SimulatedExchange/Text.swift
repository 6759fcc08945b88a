// Writing JSON by hand: bytes appended to an array, numbers from scaled integers so that every digit is exact.

typealias Text = [UInt8]

extension Text {
  mutating func add(_ text: StaticString) {
    text.withUTF8Buffer { append(contentsOf: $0) }
  }

  mutating func add(_ text: String) { append(contentsOf: text.utf8) }

  /// A JSON string, quoted and escaped.
  mutating func add(quoted text: String) {
    append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        append(UInt8(ascii: "\\"))
        append(byte)
      case ..<0x20:
        add("\\u00")
        append(Self.hexadecimal[Int(byte >> 4)])
        append(Self.hexadecimal[Int(byte & 15)])
      default: append(byte)
      }
    }
    append(UInt8(ascii: "\""))
  }

  private static let hexadecimal = Text("0123456789abcdef".utf8)

  mutating func add(integer: Int64) {
    if integer < 0 { append(UInt8(ascii: "-")) }
    add(digits: integer.magnitude, atLeast: 1)
  }

  mutating func add(integer: Int) { add(integer: Int64(integer)) }

  /// `digits`, with zeros in front up to a width.
  mutating func add(digits: UInt64, atLeast width: Int) {
    var length = 1
    var limit: UInt64 = 10
    while digits >= limit, length < 20 {
      length += 1
      limit = length < 20 ? limit * 10 : limit
    }
    let start = count
    append(contentsOf: repeatElement(UInt8(ascii: "0"), count: Swift.max(length, width)))
    var rest = digits
    var place = count - 1
    while rest > 0, place >= start {
      self[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
      place -= 1
    }
  }

  /// A number with all its decimals, trailing zeros included: `81776.0`, `0.00005100`.
  mutating func add(scaled value: Int64, decimals: Int) {
    if value < 0 { append(UInt8(ascii: "-")) }
    let unit = powerOfTen[decimals]
    add(digits: value.magnitude / UInt64(unit), atLeast: 1)
    guard decimals > 0 else { return }
    append(UInt8(ascii: "."))
    add(digits: value.magnitude % UInt64(unit), atLeast: decimals)
  }

  /// A number in the shortest form, small ones with an exponent, as `instrument` writes them: `0.1`, `1e-08`, `5e-05`.
  mutating func add(shortest value: Int64, decimals: Int) {
    var value = value
    var decimals = decimals
    while decimals > 0, value % 10 == 0 {
      value /= 10
      decimals -= 1
    }
    let digits = String(value.magnitude).utf8.count
    let exponent = decimals - digits + 1
    guard exponent > 4, value != 0 else {
      // One decimal at least: Kraken writes whole numbers of this channel as `4.0`.
      return decimals == 0 ? add(scaled: value * 10, decimals: 1) : add(scaled: value, decimals: decimals)
    }
    if value < 0 { append(UInt8(ascii: "-")) }
    add(scaled: Int64(value.magnitude), decimals: digits - 1)
    add("e-")
    add(digits: UInt64(exponent), atLeast: 2)
  }

  /// RFC 3339 in UTC. `fraction` is the number of digits after the point: 6 almost everywhere, 9 on ohlc.
  mutating func add(time: Int64, fraction: Int = 6) {
    let seconds = time >= 0 ? time / 1_000_000_000 : (time - 999_999_999) / 1_000_000_000
    let nanoseconds = time - seconds * 1_000_000_000
    let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let second = seconds - days * 86_400
    // The civil calendar from a day count: years run from March, so that a leap day is the last of its year.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    add(digits: UInt64(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)), atLeast: 4)
    append(UInt8(ascii: "-"))
    add(digits: UInt64(month), atLeast: 2)
    append(UInt8(ascii: "-"))
    add(digits: UInt64(dayOfYear - (153 * marchMonth + 2) / 5 + 1), atLeast: 2)
    append(UInt8(ascii: "T"))
    add(digits: UInt64(second / 3600), atLeast: 2)
    append(UInt8(ascii: ":"))
    add(digits: UInt64(second / 60 % 60), atLeast: 2)
    append(UInt8(ascii: ":"))
    add(digits: UInt64(second % 60), atLeast: 2)
    if fraction > 0 {
      append(UInt8(ascii: "."))
      add(digits: UInt64(nanoseconds / powerOfTen[9 - fraction]), atLeast: fraction)
    }
    append(UInt8(ascii: "Z"))
  }
}

let powerOfTen: [Int64] = (0...18).map { (0..<$0).reduce(Int64(1)) { product, _ in product * 10 } }
