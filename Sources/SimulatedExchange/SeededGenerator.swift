// Chance, handed in as a seed.
//
// SplitMix64: tiny, fast, and the same on every machine. The standard library's generators are seeded by the
// system and `Hasher` differs from run to run, so nothing that reaches the output may come from either. Every
// market draws from a generator of its own, so what one connection asks for never changes how prices move.

public struct SeededGenerator: Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  /// A generator for one purpose, independent of its siblings.
  init(seed: UInt64, purpose: UInt64) {
    var mixer = SeededGenerator(seed: seed ^ (purpose &* 0xD6E8_FEB8_6659_FD93))
    state = mixer.next()
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Even over `0 ..< bound`. The bias of the multiplication is below 2⁻³² for every bound used here.
  mutating func below(_ bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(max(bound, 1))).high)
  }

  mutating func below(_ bound: Int64) -> Int64 { Int64(below(Int(bound))) }

  mutating func between(_ low: Int64, _ high: Int64) -> Int64 { low + below(high - low + 1) }

  mutating func chance(_ numerator: Int, in denominator: Int) -> Bool { below(denominator) < numerator }

  /// 0 half of the time, 1 a quarter, and so on: how far from the touch most activity of a book is.
  mutating func geometric(max bound: Int) -> Int { min((next() | (1 << 63)).trailingZeroBitCount, bound) }

  mutating func shuffle<Element>(_ elements: inout [Element]) {
    guard elements.count > 1 else { return }
    for index in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(index, below(index + 1))
    }
  }
}

/// A value that depends on its arguments alone: history from before the start is made of it.
func scatter(_ seed: UInt64, _ first: UInt64, _ second: UInt64 = 0) -> UInt64 {
  var generator = SeededGenerator(seed: seed ^ (first &* 0xA24B_AED4_963E_E407) ^ (second &* 0x9FB2_1C65_1E98_DF25))
  return generator.next()
}
