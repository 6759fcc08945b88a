// Chance for the simulated world, from one seed. Every purpose draws from a generator of its own, so that adding a
// draw in one place does not change what happens in all the others.

struct Chance {
  private var state: UInt64

  init(seed: UInt64, purpose: UInt64) {
    state = seed &* 0x9E37_79B9_7F4A_7C15 ^ purpose &* 0xD1B5_4A32_D192_ED03
    _ = next()
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Chance.mixed(state)
  }

  /// Even over `0..<bound`.
  mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(max(bound, 1))).high) }

  mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

  /// Nanoseconds.
  mutating func time(_ low: Int64, _ high: Int64) -> Int64 { low + Int64(below(Int(high - low + 1))) }

  /// True once in `count` times on average.
  mutating func onceIn(_ count: Int) -> Bool { below(count) == 0 }

  mutating func percent(_ share: Int) -> Bool { below(100) < share }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  /// Scatters every bit over all others: also the building block of digests.
  @inline(__always)
  static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Int64 {
  static let microsecond: Int64 = 1000
  static let millisecond: Int64 = 1_000_000
  static let second: Int64 = 1_000_000_000
}
