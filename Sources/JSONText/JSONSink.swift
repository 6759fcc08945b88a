// Composing JSON by hand: what is common to the sink that grows and the one that does not.
//
// Both only add bytes; commas and brackets are the caller's, who copies most of a line verbatim
// anyway.

public protocol JSONSink {
  /// Bytes of JSON as they are, most often punctuation and keys.
  mutating func append(_ literal: StaticString)
  mutating func append(bytes: UnsafeRawBufferPointer)
  mutating func append(_ byte: UInt8)
}

extension JSONSink {
  /// Decimal digits.
  @inlinable
  public mutating func append<I: FixedWidthInteger>(_ value: I) {
    // 40 bytes hold any integer of up to 128 bits with its sign; written from the back.
    withUnsafeTemporaryAllocation(byteCount: 40, alignment: 8) { buffer in
      var first = 40
      var rest = value.magnitude
      // Nine digits at a time, so that nearly all of the arithmetic is of 32 bits.
      while rest > UInt32.max {
        let (quotient, digits) = rest.quotientAndRemainder(
          dividingBy: I.Magnitude(truncatingIfNeeded: 1_000_000_000 as UInt32))
        writeDigits(UInt32(truncatingIfNeeded: digits), atLeast: 9, before: &first, in: buffer)
        rest = quotient
      }
      writeDigits(UInt32(truncatingIfNeeded: rest), atLeast: 1, before: &first, in: buffer)
      if value < 0 {
        first &-= 1
        buffer[first] = UInt8(ascii: "-")
      }
      append(bytes: UnsafeRawBufferPointer(rebasing: buffer[first...]))
    }
  }

  /// A JSON string: in quotes, with quotes, backslashes and control characters escaped, everything else as it is.
  @inlinable
  public mutating func append(quoted string: some StringProtocol) {
    append(UInt8(ascii: "\""))
    let isContiguous: Void? = string.utf8.withContiguousStorageIfAvailable {
      appendEscaping(UnsafeRawBufferPointer($0))
    }
    if isContiguous == nil { Array(string.utf8).withUnsafeBytes { appendEscaping($0) } }
    append(UInt8(ascii: "\""))
  }

  /// Runs that need no escape in one piece each.
  @inlinable
  mutating func appendEscaping(_ text: UnsafeRawBufferPointer) {
    var runStart = 0
    for index in 0..<text.count {
      let byte = text[index]
      guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
      append(bytes: UnsafeRawBufferPointer(rebasing: text[runStart..<index]))
      appendEscape(byte)
      runStart = index &+ 1
    }
    append(bytes: UnsafeRawBufferPointer(rebasing: text[runStart...]))
  }

  /// The shortest escape of a byte.
  @inlinable
  mutating func appendEscape(_ byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0C: append(UInt8(ascii: "f"))
    case 0x0D: append(UInt8(ascii: "r"))
    case 0x00..<0x20:
      append(byte < 0x10 ? "u000" : "u001")
      let digit = byte & 15
      append(digit < 10 ? digit &+ UInt8(ascii: "0") : digit &+ 87)
    default: append(byte)
    }
  }
}

/// Writes a number from the back, two digits at a time.
@inlinable @inline(__always)
func writeDigits(_ number: UInt32, atLeast count: Int, before first: inout Int, in buffer: UnsafeMutableRawBufferPointer) {
  var rest = number
  let end = first &- count
  func put(_ digit: UInt32) {
    first &-= 1
    buffer[first] = UInt8(truncatingIfNeeded: digit) &+ UInt8(ascii: "0")
  }
  while rest >= 10 {
    let (quotient, pair) = (rest / 100, rest % 100)
    put(pair % 10)
    put(pair / 10)
    rest = quotient
  }
  if rest > 0 || first == end &+ count { put(rest) }
  while first > end { put(0) }
}

/// Writes into memory that is already there (a slot of the ring), whose owner has made sure of the room: a quoted
/// string takes at most `6 * utf8.count + 2` bytes, an integer at most 20 (40 for 128 bits).
public struct JSONCursor: JSONSink {
  /// Where the next byte goes.
  public var p: UnsafeMutablePointer<UInt8>

  @inlinable @inline(__always)
  public init(_ p: UnsafeMutablePointer<UInt8>) { self.p = p }

  @inlinable @inline(__always)
  public init(_ p: UnsafeMutableRawPointer) { self.p = p.assumingMemoryBound(to: UInt8.self) }

  @inlinable @inline(__always)
  public mutating func append(_ literal: StaticString) {
    p.update(from: literal.utf8Start, count: literal.utf8CodeUnitCount)
    p += literal.utf8CodeUnitCount
  }

  @inlinable @inline(__always)
  public mutating func append(bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    UnsafeMutableRawPointer(p).copyMemory(from: base, byteCount: bytes.count)
    p += bytes.count
  }

  @inlinable @inline(__always)
  public mutating func append(_ byte: UInt8) {
    p.pointee = byte
    p += 1
  }
}
