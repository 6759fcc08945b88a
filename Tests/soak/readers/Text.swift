// Reading JSON as it stands in one line: a cursor over borrowed bytes that checks whatever it passes.
//
// Written for the soak alone and sharing nothing with the bridge, so that a mistake in its parser cannot hide here.
// Sound: a cursor never goes beyond `end`, and nobody keeps one longer than the buffer that the line was read into.

typealias Bytes = UnsafeBufferPointer<UInt8>

struct Cursor {
  private(set) var place: UnsafePointer<UInt8>
  private let end: UnsafePointer<UInt8>

  init(_ bytes: Bytes) {
    place = bytes.baseAddress!
    end = place + bytes.count
  }

  var isAtEnd: Bool { place == end }
  private var next: UInt8 { place < end ? place.pointee : 0 }

  mutating func take(_ literal: StaticString) -> Bool {
    guard end - place >= literal.utf8CodeUnitCount else { return false }
    for index in 0..<literal.utf8CodeUnitCount where place[index] != literal.utf8Start[index] { return false }
    place += literal.utf8CodeUnitCount
    return true
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    place += 1
    return true
  }

  mutating func skipSpace() {
    while next == 0x20 || next == 0x09 || next == 0x0D { place += 1 }
  }

  /// What stands between the quotes, escapes as they are; nil if it is no string.
  mutating func string() -> Bytes? {
    guard take(0x22) else { return nil }
    let first = place
    while place < end, place.pointee != 0x22 {
      guard place.pointee >= 0x20 else { return nil }
      place += place.pointee == 0x5C ? 2 : 1
    }
    guard place < end else { return nil }
    defer { place += 1 }
    return Bytes(start: first, count: place - first)
  }

  /// Any number's text.
  mutating func number() -> Bytes? {
    let first = place
    _ = take(0x2D)
    guard digits() > 0 else { return nil }
    if take(0x2E), digits() == 0 { return nil }
    if take(0x65) || take(0x45) {
      if !take(0x2B) { _ = take(0x2D) }
      guard digits() > 0 else { return nil }
    }
    return Bytes(start: first, count: place - first)
  }

  private mutating func digits() -> Int {
    let first = place
    while next >= 0x30, next <= 0x39 { place += 1 }
    return place - first
  }

  mutating func unsigned() -> UInt64? {
    number().flatMap { text in
      text.reduce(UInt64?.some(0)) { sum, digit in
        guard let sum, digit >= 0x30, digit <= 0x39 else { return nil }
        return sum &* 10 &+ UInt64(digit &- 0x30)
      }
    }
  }

  /// Passes one value of any kind; false if it is none.
  mutating func skipValue() -> Bool {
    switch next {
    case 0x7B: return members { _, cursor in cursor.skipValue() }
    case 0x5B: return elements { $0.skipValue() }
    case 0x22: return string() != nil
    case 0x74: return take("true")
    case 0x66: return take("false")
    case 0x6E: return take("null")
    default: return number() != nil
    }
  }

  /// Passes an object; `body` has to pass each value and says whether it was right.
  mutating func members(_ body: (Bytes, inout Cursor) -> Bool) -> Bool {
    list(0x7B, 0x7D) { cursor in
      guard let key = cursor.string() else { return false }
      cursor.skipSpace()
      guard cursor.take(0x3A) else { return false }
      cursor.skipSpace()
      return body(key, &cursor)
    }
  }

  mutating func elements(_ body: (inout Cursor) -> Bool) -> Bool { list(0x5B, 0x5D, body) }

  private mutating func list(_ open: UInt8, _ close: UInt8, _ body: (inout Cursor) -> Bool) -> Bool {
    guard take(open) else { return false }
    skipSpace()
    if take(close) { return true }
    repeat {
      skipSpace()
      guard body(&self) else { return false }
      skipSpace()
    } while take(0x2C)
    return take(close)
  }
}

extension Bytes {
  func equals(_ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    for index in 0..<count where self[index] != literal.utf8Start[index] { return false }
    return true
  }

  var string: String { String(decoding: self, as: UTF8.self) }

  /// Good enough to tell lines and topics apart.
  func hash(_ seed: UInt64 = 0xCBF2_9CE4_8422_2325) -> UInt64 {
    var sum = seed
    var place = 0
    let raw = UnsafeRawBufferPointer(self)
    while place + 8 <= count {
      sum = (sum ^ raw.loadUnaligned(fromByteOffset: place, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
      sum ^= sum >> 32
      place += 8
    }
    while place < count {
      sum = (sum ^ UInt64(self[place])) &* 0x0000_0100_0000_01B3
      place += 1
    }
    return sum ^ UInt64(count)
  }
}
