// Seeded damage for the smoke run in the test suite, where there is no coverage to guide it: what breaks parsers and
// state machines is more often a token, a line or a piece of another input in the wrong place than a flipped bit.

public struct Mutation {
  private var chance: SeededChance
  private let corpus: [[UInt8]]

  /// - Parameter corpus: not empty.
  public init(seed: UInt64, corpus: [[UInt8]]) {
    chance = SeededChance(seed: seed)
    self.corpus = corpus
  }

  public mutating func next(bytesMax: Int = 8192) -> [UInt8] {
    var input = corpus.randomElement(using: &chance)!
    for _ in 0..<Int.random(in: 1...4, using: &chance) { damage(&input) }
    return Array(input.prefix(bytesMax))
  }

  private mutating func damage(_ input: inout [UInt8]) {
    switch Int.random(in: 0..<10, using: &chance) {
    case 0: replace(&input, place(in: input, longest: 1), with: [UInt8.random(in: 0...255, using: &chance)])
    case 1: replace(&input, place(in: input, longest: 1), with: [UInt8(ascii: "0")])
    case 2: replace(&input, place(in: input, longest: 40), with: [])
    case 3: replace(&input, place(in: input, longest: 0), with: Self.tokens.randomElement(using: &chance)!)
    case 4: replace(&input, place(in: input, longest: 12), with: Self.tokens.randomElement(using: &chance)!)
    case 5: replace(&input, place(in: input, longest: 0), with: Array(input[place(in: input, longest: 60)]))
    case 6: replace(&input, place(in: input, longest: 60), with: piece())
    case 7: moveLine(&input)
    case 8: input.replaceSubrange(place(in: input, longest: 0).lowerBound..., with: piece())
    default: number(&input)
    }
  }

  private mutating func place(in input: [UInt8], longest: Int) -> Range<Int> {
    let start = Int.random(in: 0...input.count, using: &chance)
    return start..<min(input.count, start + (longest > 0 ? Int.random(in: 1...longest, using: &chance) : 0))
  }

  private func replace(_ input: inout [UInt8], _ range: Range<Int>, with bytes: [UInt8]) {
    input.replaceSubrange(range, with: bytes)
  }

  /// A piece of any input.
  private mutating func piece() -> [UInt8] {
    let other = corpus.randomElement(using: &chance)!
    return Array(other[place(in: other, longest: 200)])
  }

  /// Lines are messages or requests: one of them comes again, or later.
  private mutating func moveLine(_ input: inout [UInt8]) {
    var lines = input.split(separator: 0x0A, omittingEmptySubsequences: false)
    guard lines.count > 1 else { return }
    let from = lines.indices.randomElement(using: &chance)!
    let line = Bool.random(using: &chance) ? lines[from] : lines.remove(at: from)
    lines.insert(line, at: Int.random(in: 0...lines.count, using: &chance))
    input = Array(lines.joined(separator: [0x0A]))
  }

  /// Another digit in a number, which makes levels move and checksums fail.
  private mutating func number(_ input: inout [UInt8]) {
    let digits = input.indices.filter { (0x30...0x39).contains(input[$0]) }
    guard let place = digits.randomElement(using: &chance) else { return }
    input[place] = UInt8.random(in: 0x30...0x39, using: &chance)
  }

  private static let tokens: [[UInt8]] = [
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "\r", "\u{B}", "null", "true", "0", "-1", "1e9", "0.00000000",
    "18446744073709551616", "\\u0000", "\\ud83d\\ude00", "\\ud800", "\"BTC/USD\"", "\"*\"", "\"depth\":1000,", "\"since\":0,",
    "\"snapshot\":false,", "\"symbol\":", "\"data\":[]", "\"type\":\"snapshot\"", "\"type\":\"update\"", "\"checksum\":0",
    "\"method\":\"subscribe\"", "\"method\":\"unsubscribe\"", "\"success\":false", "\n@ack\n", "\n@wait 5000\n", "\n@close\n",
    "\n@binary\n", "{\"channel\":\"heartbeat\"}\n", "subscribe book ETH/USD depth=25\n", "\u{0}", "\u{7F}",
  ].map { Array($0.utf8) } + [[0x81, 0x02], [0x01, 0x01], [0x80, 0x00], [0x89, 0x00], [0x88, 0x02, 0x03, 0xE8], [0x82, 0x7E, 0x00, 0x7E], [0xFF], [0xC0, 0x80]]
}
