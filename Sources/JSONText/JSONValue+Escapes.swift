// Meaning of strings with escapes. The scanner has checked every escape and every surrogate pair,
// so nothing here can fail; resolved text is never longer than its source.

extension JSONValue {
  /// Hands over the UTF-8 of what this string means, byte by byte, until `body` returns false.
  func forEachResolvedByte(_ body: (UInt8) -> Bool) {
    let source = contents
    var index = 0
    while index < source.count {
      let byte = source[index]
      guard byte == UInt8(ascii: "\\") else {
        guard body(byte) else { return }
        index += 1
        continue
      }
      let escape = source[index + 1]
      guard escape == UInt8(ascii: "u") else {
        guard body(Self.meaning(ofEscape: escape)) else { return }
        index += 2
        continue
      }
      var scalar = Self.hexValue(source, index + 2)
      index += 6
      if scalar & 0xFC00 == 0xD800 {
        let low = Self.hexValue(source, index + 2)
        scalar = 0x10000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
        index += 6
      }
      // The scanner refuses lone surrogates, so this always is a Unicode scalar.
      for byte in UTF8.encode(Unicode.Scalar(scalar)!)! {
        guard body(byte) else { return }
      }
    }
  }

  @usableFromInline
  func equalsResolved(_ wanted: UnsafeRawBufferPointer) -> Bool {
    var matched = 0
    var same = true
    forEachResolvedByte { byte in
      same = matched < wanted.count && wanted[matched] == byte
      matched += 1
      return same
    }
    return same && matched == wanted.count
  }

  private static func meaning(ofEscape byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: byte  // quote, backslash, slash
    }
  }

  private static func hexValue(_ source: UnsafeRawBufferPointer, _ index: Int) -> UInt32 {
    var value: UInt32 = 0
    for byte in source[index..<index + 4] {
      let letter = byte | 0x20
      value = value << 4 | UInt32(letter >= UInt8(ascii: "a") ? letter - 87 : byte - 48)
    }
    return value
  }
}

/// Byte-wise equality, several times as fast as `elementsEqual`.
@inlinable @inline(__always)
public func sameBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
  guard a.count == b.count else { return false }
  guard let start = a.baseAddress, let other = b.baseAddress else { return true }
  return sameBytes(start, other, a.count)
}

/// The same of `count` bytes each. Keys are short, so words first and one overlapping word at the end.
@inlinable @inline(__always)
func sameBytes(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
  func same<Word: FixedWidthInteger & BitwiseCopyable>(_ word: Word.Type, at offset: Int) -> Bool {
    a.loadUnaligned(fromByteOffset: offset, as: word) == b.loadUnaligned(fromByteOffset: offset, as: word)
  }
  if count >= 8 {
    var index = 0
    while index &+ 8 <= count {
      guard same(UInt64.self, at: index) else { return false }
      index &+= 8
    }
    return same(UInt64.self, at: count &- 8)
  }
  if count >= 4 { return same(UInt32.self, at: 0) && same(UInt32.self, at: count &- 4) }
  if count >= 2 { return same(UInt16.self, at: 0) && same(UInt16.self, at: count &- 2) }
  return count == 0 || same(UInt8.self, at: 0)
}
