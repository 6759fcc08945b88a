// Bytes from a terminal as keys.

enum Key: Sendable, Equatable {
  case character(Character)
  case up, down, pageUp, pageDown, home, end
  case enter, escape, backspace

  private static let sequences: [([UInt8], Key)] = [
    (Array("\u{1B}[A".utf8), .up), (Array("\u{1B}OA".utf8), .up),
    (Array("\u{1B}[B".utf8), .down), (Array("\u{1B}OB".utf8), .down),
    (Array("\u{1B}[5~".utf8), .pageUp), (Array("\u{1B}[6~".utf8), .pageDown),
    (Array("\u{1B}[H".utf8), .home), (Array("\u{1B}[1~".utf8), .home), (Array("\u{1B}OH".utf8), .home),
    (Array("\u{1B}[F".utf8), .end), (Array("\u{1B}[4~".utf8), .end), (Array("\u{1B}OF".utf8), .end),
  ]

  /// The keys in one portion of input. A terminal sends a key's sequence in one piece, so an escape character that
  /// begins no known sequence and stands alone is the escape key; unknown sequences are skipped.
  static func parse(_ input: ArraySlice<UInt8>) -> [Key] {
    var keys: [Key] = []
    var rest = input
    while let byte = rest.first {
      if let (sequence, key) = sequences.first(where: { rest.starts(with: $0.0) }) {
        keys.append(key)
        rest = rest.dropFirst(sequence.count)
      } else if byte == 0x1B {
        rest = rest.dropFirst()
        if rest.first == UInt8(ascii: "[") || rest.first == UInt8(ascii: "O") {
          rest = rest.dropFirst().drop { !(0x40...0x7E).contains($0) }.dropFirst()
        } else {
          keys.append(.escape)
        }
      } else if byte == 0x0D || byte == 0x0A {
        keys.append(.enter)
        rest = rest.dropFirst()
      } else if byte == 0x7F || byte == 0x08 {
        keys.append(.backspace)
        rest = rest.dropFirst()
      } else if byte < 0x20 {
        rest = rest.dropFirst()
      } else {
        let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        keys += String(decoding: rest.prefix(length), as: UTF8.self).map { .character($0) }
        rest = rest.dropFirst(length)
      }
    }
    return keys
  }
}
