// What a fuzzer runs: one input in, nothing out, or the rule that was broken.
//
// The same targets run under libFuzzer (scripts/fuzz) and, over the corpus and some thousands of seeded mutations of
// it, in the test suite. Every one is deterministic: an input says everything, also how bytes are cut into chunks.

public struct BrokenRule: Error, CustomStringConvertible {
  public var description: String

  init(_ description: String) { self.description = description }
}

public struct FuzzTarget: Sendable {
  public let name: String
  /// - Throws: `BrokenRule`.
  public let run: @Sendable ([UInt8]) throws(BrokenRule) -> Void

  public static let all = [
    FuzzTarget(name: "json", run: fuzzJSON), FuzzTarget(name: "kraken", run: fuzzKraken),
    FuzzTarget(name: "requests", run: fuzzRequests), FuzzTarget(name: "websocket", run: fuzzWebSocket),
  ]
}

func require(_ condition: Bool, _ rule: @autoclosure () -> String) throws(BrokenRule) {
  if !condition { throw BrokenRule(rule()) }
}

/// SplitMix64: what the input leaves open follows from it.
public struct SeededChance: RandomNumberGenerator {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  init(_ input: [UInt8]) {
    self.init(seed: input.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 })
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

extension Array where Element == UInt8 {
  /// The same bytes, cut anywhere.
  func cut(_ chance: inout SeededChance, chunkBytesMax: Int) -> [ArraySlice<UInt8>] {
    var chunks: [ArraySlice<UInt8>] = []
    var place = 0
    while place < count {
      let end = Swift.min(count, place + Int.random(in: 1...chunkBytesMax, using: &chance))
      chunks.append(self[place..<end])
      place = end
    }
    return chunks
  }

  var text: String { String(decoding: prefix(400), as: UTF8.self) }
}
