// RFC 3339 in UTC, written without Foundation: the calendar from days, the digits into a buffer.

public enum Timestamp {
  /// Bytes of `2026-10-09T00:34:21.084312907Z`.
  public static let nanosecondByteCount = 30

  /// Writes exactly `nanosecondByteCount` bytes.
  ///
  /// - Precondition: `wall` lies between the years 0 and 9999, as every clock reading does.
  public static func write(wall: Int64, to p: UnsafeMutablePointer<UInt8>) {
    write(wall: wall, fractionDigits: 9, to: p)
  }

  /// The wall time at which the second of `wall` begins.
  public static func second(of wall: Int64) -> Int64 { wall - wall.floorDivided(by: 1_000_000_000).1 }

  /// Replaces the nanoseconds of what `write` has written, within the same second.
  public static func rewriteFraction(nanoseconds: UInt32, in p: UnsafeMutablePointer<UInt8>) {
    var rest = nanoseconds
    for index in stride(from: 28, through: 20, by: -1) {
      p[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }

  /// The same as text with `fractionDigits` (1 to 9) digits after the seconds.
  public static func text(wall: Int64, fractionDigits: Int = 6) -> String {
    String(unsafeUninitializedCapacity: nanosecondByteCount) { buffer in
      // Sound: the capacity is the largest count `write` fills, and it fills every byte it reports.
      write(wall: wall, fractionDigits: fractionDigits, to: buffer.baseAddress!)
    }
  }

  @discardableResult
  private static func write(wall: Int64, fractionDigits: Int, to p: UnsafeMutablePointer<UInt8>) -> Int {
    let (seconds, nanoseconds) = wall.floorDivided(by: 1_000_000_000)
    let (days, secondOfDay) = seconds.floorDivided(by: 86400)
    let (year, month, day) = civil(fromDays: days)
    put(year, 4, p)
    p[4] = UInt8(ascii: "-")
    put(month, 2, p + 5)
    p[7] = UInt8(ascii: "-")
    put(day, 2, p + 8)
    p[10] = UInt8(ascii: "T")
    put(secondOfDay / 3600, 2, p + 11)
    p[13] = UInt8(ascii: ":")
    put(secondOfDay / 60 % 60, 2, p + 14)
    p[16] = UInt8(ascii: ":")
    put(secondOfDay % 60, 2, p + 17)
    p[19] = UInt8(ascii: ".")
    var fraction = nanoseconds
    for _ in fractionDigits..<9 { fraction /= 10 }
    put(fraction, fractionDigits, p + 20)
    p[20 + fractionDigits] = UInt8(ascii: "Z")
    return 21 + fractionDigits
  }

  private static func put(_ value: Int64, _ digits: Int, _ p: UnsafeMutablePointer<UInt8>) {
    var rest = value
    for index in stride(from: digits - 1, through: 0, by: -1) {
      p[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
  }

  /// Year, month and day of a day count since 1970-01-01 (proleptic Gregorian; years begin in March inside).
  static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = (days + 719_468).floorDivided(by: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}

extension Int64 {
  /// Quotient rounded down and the remainder, never negative.
  fileprivate func floorDivided(by divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
