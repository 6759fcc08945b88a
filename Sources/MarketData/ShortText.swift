// Up to 31 bytes of text kept inline: literals, order ids, timestamps. Hashed and compared as four
// words, copied without reference counting.

@usableFromInline
struct ShortText: Sendable {
  static let byteCountMax = 31

  /// The text from the start, its length in the last byte, zeros in between.
  @usableFromInline var words: InlineArray<4, UInt64> = .init(repeating: 0)

  init() {}

  /// Nil when the text is too long.
  init?(_ text: UnsafeRawBufferPointer) {
    guard text.count <= Self.byteCountMax else { return nil }
    withUnsafeMutableBytes(of: &words) { words in
      words.copyMemory(from: text)
      words[Self.byteCountMax] = UInt8(truncatingIfNeeded: text.count)
    }
  }

  /// The text; valid inside `body` only.
  @inlinable
  func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    var words = words
    return try withUnsafePointer(to: &words) { (pointer) throws(E) in
      // Sound: the length was checked when it was stored.
      let bytes = UnsafeRawPointer(pointer)
      return try body(
        UnsafeRawBufferPointer(start: bytes, count: Int(bytes.load(fromByteOffset: 31, as: UInt8.self))))
    }
  }
}

extension ShortText: Hashable {
  @usableFromInline
  static func == (a: ShortText, b: ShortText) -> Bool {
    a.words[0] == b.words[0] && a.words[1] == b.words[1] && a.words[2] == b.words[2] && a.words[3] == b.words[3]
  }

  @usableFromInline
  func hash(into hasher: inout Hasher) {
    // The words are mixed into one here, because the hasher takes its time for each.
    var mixed = words[0]
    for index in 1..<words.count { mixed = (mixed ^ mixed &>> 29) &* 0x9E37_79B9_7F4A_7C15 ^ words[index] }
    hasher.combine(mixed)
  }
}
