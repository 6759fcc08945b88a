// Reads what a client wrote in a trading request, and refuses it in Kraken's words.

/// An error text of Kraken's, on its way to the answer.
struct Refusal: Error, Equatable {
  var text: String
  init(_ text: String) { self.text = text }
  static func invalid(_ field: String) -> Refusal { Refusal("EGeneral:Invalid arguments:\(field)") }
  static let unknownOrder = Refusal("EOrder:Unknown order")
}

struct OrderParameters {
  let value: JSONValue

  /// Absent parameters are empty ones.
  init(_ value: JSONValue?) throws(Refusal) {
    guard value == nil || value?.members != nil else { throw .invalid("params") }
    self.value = value ?? .object([])
  }

  func allow(_ fields: Set<String>) throws(Refusal) {
    if let unknown = value.members?.first(where: { !fields.contains($0.key) }) {
      throw Refusal("Unsupported field: '\(unknown.key)'")
    }
  }

  func has(_ key: String) -> Bool { value[key] != nil }

  func string(_ key: String) throws(Refusal) -> String? {
    guard let field = value[key] else { return nil }
    guard let text = field.string else { throw .invalid(key) }
    return text
  }

  func bool(_ key: String) throws(Refusal) -> Bool {
    guard let field = value[key] else { return false }
    guard let flag = field.bool else { throw .invalid(key) }
    return flag
  }

  func integer(_ key: String) throws(Refusal) -> Int? {
    guard let field = value[key] else { return nil }
    guard let number = field.integer else { throw .invalid(key) }
    return number
  }

  func strings(_ key: String) throws(Refusal) -> [String] {
    guard let field = value[key] else { return [] }
    guard let list = field.array, !list.isEmpty, list.allSatisfy({ $0.string != nil }) else { throw .invalid(key) }
    return list.compactMap(\.string)
  }

  func integers(_ key: String) throws(Refusal) -> [Int] {
    guard let field = value[key] else { return [] }
    guard let list = field.array, !list.isEmpty, list.allSatisfy({ $0.integer != nil }) else { throw .invalid(key) }
    return list.compactMap(\.integer)
  }

  /// One of an enumeration's values, in any case.
  func choice<Value: RawRepresentable<String>>(_ key: String, _: Value.Type) throws(Refusal) -> Value? {
    guard let text = try string(key) else { return nil }
    guard let value = Value(rawValue: text.lowercased()) else { throw .invalid(key) }
    return value
  }

  /// A quantity: above zero, and with no more decimals than there are.
  func quantity(_ key: String, decimals: Int) throws(Refusal) -> Int64? {
    guard let field = value[key] else { return nil }
    guard let text = field.numberText, let scaled = Decimals.scaled(text, decimals: decimals), scaled.isExact,
      scaled.value > 0
    else { throw .invalid(key) }
    return scaled.value
  }

  /// A price in ticks, or a distance from one.
  func price(_ key: String, _ form: PriceTerm.Form, _ pair: Instrument) throws(Refusal) -> PriceTerm? {
    guard let field = value[key] else { return nil }
    let decimals = form == .percent ? PriceTerm.percentDecimals : pair.pricePrecision
    guard let text = field.numberText, let scaled = Decimals.scaled(text, decimals: decimals) else {
      throw .invalid(key)
    }
    guard scaled.isExact else { throw Refusal("EOrder:Tick size check failed") }
    guard scaled.value > 0 || form != .fixed else { throw Refusal("EOrder:Invalid price") }
    return PriceTerm(form: form, value: scaled.value)
  }

  func time(_ key: String) throws(Refusal) -> Int64? {
    guard let text = try string(key) else { return nil }
    guard let time = Text.nanoseconds(rfc3339: text) else { throw .invalid(key) }
    return time
  }

  /// A UUID, with or without dashes, or up to 18 characters of ASCII.
  func clientID(_ key: String = "cl_ord_id") throws(Refusal) -> String? {
    guard let text = try string(key) else { return nil }
    let bytes = Array(text.utf8)
    let isShort = (1...18).contains(bytes.count) && bytes.allSatisfy { (0x21...0x7E).contains($0) }
    let groups = text.split(separator: "-", omittingEmptySubsequences: false).map(\.count)
    let isUUID =
      (groups == [32] || groups == [8, 4, 4, 4, 12]) && text.allSatisfy { ($0.isHexDigit && $0.isASCII) || $0 == "-" }
    guard isShort || isUUID else { throw .invalid(key) }
    return text
  }

  /// `deadline`, checked: from half a second to a minute ahead.
  func deadline(now: Int64) throws(Refusal) -> Int64? {
    guard let deadline = try time("deadline") else { return nil }
    guard deadline > now else { throw Refusal("EService:Deadline elapsed") }
    guard (500_000_000...60_000_000_000).contains(deadline - now) else { throw .invalid("deadline") }
    return deadline
  }
}

extension Text {
  /// `2026-10-09T00:34:00.123Z`, or with an offset such as `+02:00`.
  static func nanoseconds(rfc3339 text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
      bytes[10] == UInt8(ascii: "T"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":")
    else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= bytes.count else { return nil }
      let digits = bytes[range]
      guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      return digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
    }
    guard let year = number(0..<4), let month = number(5..<7), (1...12).contains(month), let day = number(8..<10),
      (1...31).contains(day), let hour = number(11..<13), hour < 24, let minute = number(14..<16), minute < 60,
      let second = number(17..<19), second <= 60
    else { return nil }
    var position = 19
    var fraction: Int64 = 0
    if bytes[position] == UInt8(ascii: ".") {
      let digits = bytes[(position + 1)...].prefix { (0x30...0x39).contains($0) }
      guard (1...9).contains(digits.count) else { return nil }
      fraction = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) } * powerOfTen[9 - digits.count]
      position += 1 + digits.count
    }
    guard position < bytes.count else { return nil }
    var offset: Int64 = 0
    if bytes[position] == UInt8(ascii: "Z") {
      guard position + 1 == bytes.count else { return nil }
    } else {
      guard position + 6 == bytes.count, let hours = number(position + 1..<position + 3),
        let minutes = number(position + 4..<position + 6)
      else { return nil }
      offset = (hours * 3600 + minutes * 60) * (bytes[position] == UInt8(ascii: "-") ? -1 : 1)
    }
    // The civil calendar to a day count: years run from March, so that a leap day is the last of its year.
    let shiftedYear = month > 2 ? year : year - 1
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    return (days * 86_400 + hour * 3600 + minute * 60 + second - offset) * 1_000_000_000 + fraction
  }
}
