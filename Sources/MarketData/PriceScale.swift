// Prices as integers that sort: each is scaled by the most decimals any price of the book has had.
// Exact or refused; a book whose prices do not fit into Int64 together is a fault.

struct PriceScale {
  private(set) var decimals = 0

  /// A price on this scale; nil when it is malformed or does not fit. When it needs more decimals the scale grows,
  /// and `rescale` has to multiply whatever was measured on the old one.
  @inline(__always)
  mutating func integer(_ text: UnsafeRawBufferPointer, rescale: (_ powerOfTen: Int) -> Bool) -> Int64? {
    if let plain = ScaledDecimal(plain: text), plain.decimals == decimals { return plain.mantissa }
    return integerOfOtherForm(text, rescale: rescale)
  }

  private mutating func integerOfOtherForm(
    _ text: UnsafeRawBufferPointer, rescale: (_ powerOfTen: Int) -> Bool
  ) -> Int64? {
    guard let number = DecimalText(text)?.scaled else { return nil }
    if number.decimals > decimals {
      guard rescale(number.decimals - decimals) else { return nil }
      decimals = number.decimals
    }
    return number.mantissa.timesPowerOfTen(decimals - number.decimals)
  }
}

/// Multiplies positions in a book, and remembers whether all of them still fit.
struct RankScaling {
  let powerOfTen: Int
  private(set) var fits = true

  init(powerOfTen: Int) { self.powerOfTen = powerOfTen }

  mutating func scale(_ rank: inout Int64) {
    guard rank != BookView.everything else { return }
    guard let scaled = rank.timesPowerOfTen(powerOfTen) else {
      fits = false
      return
    }
    rank = scaled
  }
}
