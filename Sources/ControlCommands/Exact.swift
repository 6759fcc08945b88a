// Decimal arithmetic without rounding, for sums and differences of Kraken's digits: cumulative sizes,
// spreads, axis labels. An integer and a number of decimals; nothing binary in between.

/// A decimal number: `mantissa` / 10^`places`.
struct Exact: Sendable, Equatable, Comparable {
  private(set) var mantissa: Int128
  /// Decimals, kept as written: `1.500` has three.
  private(set) var places: Int

  static let zero = Exact(mantissa: 0, places: 0)
  /// Beyond any price or quantity, and far from overflow in sums.
  private static let placesMax = 18
  private static let digitsMax = 30

  init(mantissa: Int128, places: Int) {
    self.mantissa = mantissa
    self.places = places
  }

  /// Reads a JSON number, exponents included; `nil` for other text and for more digits than the market has.
  init?(_ text: String) {
    let halves = text.split(separator: "e", maxSplits: 1, omittingEmptySubsequences: false).flatMap {
      $0.split(separator: "E", maxSplits: 1, omittingEmptySubsequences: false)
    }
    guard let number = halves.first, let exponent = halves.count == 1 ? 0 : Int(halves[1]), halves.count <= 2 else { return nil }
    let isNegative = number.first == "-"
    let parts = number.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    let digits = parts.joined()
    guard digits.utf8.count <= Self.digitsMax, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int128(digits)
    else { return nil }
    mantissa = isNegative ? -value : value
    places = (parts.count == 2 ? parts[1].utf8.count : 0)
    guard abs(exponent) <= Self.placesMax else { return nil }
    if exponent > places {
      guard digits.utf8.count + exponent - places <= Self.digitsMax else { return nil }
      mantissa *= Self.power(exponent - places)
      places = 0
    } else {
      places -= exponent
    }
    guard places <= Self.placesMax else { return nil }
  }

  private static func power(_ exponent: Int) -> Int128 {
    (0..<exponent).reduce(1) { value, _ in value * 10 }
  }

  /// The mantissa with at least as many decimals as this has.
  private func mantissa(places wanted: Int) -> Int128 {
    mantissa * Self.power(wanted - places)
  }

  static func == (left: Exact, right: Exact) -> Bool {
    let places = max(left.places, right.places)
    return left.mantissa(places: places) == right.mantissa(places: places)
  }

  static func < (left: Exact, right: Exact) -> Bool {
    let places = max(left.places, right.places)
    return left.mantissa(places: places) < right.mantissa(places: places)
  }

  static func + (left: Exact, right: Exact) -> Exact {
    let places = max(left.places, right.places)
    return Exact(mantissa: left.mantissa(places: places) + right.mantissa(places: places), places: places)
  }

  static func - (left: Exact, right: Exact) -> Exact {
    left + Exact(mantissa: -right.mantissa, places: right.places)
  }

  var isZero: Bool { mantissa == 0 }

  /// The same value with that many decimals, cut off towards zero if there were more.
  func withPlaces(_ wanted: Int) -> Exact {
    let mantissa = wanted >= places ? mantissa(places: wanted) : mantissa / Self.power(places - wanted)
    return Exact(mantissa: mantissa, places: wanted)
  }

  /// The nearest binary fraction, for drawing.
  var approximate: Double { Double(mantissa) / Double(Self.power(places)) }
}

extension Exact: CustomStringConvertible {
  var description: String {
    let digits = String(mantissa.magnitude)
    let sign = mantissa < 0 ? "-" : ""
    guard places > 0 else { return sign + digits }
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.utf8.count)) + digits
    return sign + padded.dropLast(places) + "." + padded.suffix(places)
  }
}
