// An append-only buffer of UTF-8, kept and used again by whoever composes lines.

public struct JSONBytes: Sendable, JSONSink {
  /// Room, of which the first `used` bytes are written: an array's own `append` costs several times as much for
  /// pieces this small.
  @usableFromInline var storage: [UInt8]
  @usableFromInline var used = 0

  public init(reserving capacity: Int = 0) {
    storage = [UInt8](repeating: 0, count: capacity)
  }

  public var bytes: [UInt8] { Array(storage[..<used]) }
  @inlinable public var count: Int { used }

  /// Whether something stands before the next member or element.
  public var needsComma: Bool {
    guard used > 0 else { return false }
    let last = storage[used - 1]
    return last != UInt8(ascii: "{") && last != UInt8(ascii: "[")
  }

  /// Empties the buffer and keeps its memory.
  @inlinable
  public mutating func removeAll() { used = 0 }

  @inlinable
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    let result = storage.withUnsafeBytes { bytes in
      Result { () throws(E) in try body(UnsafeRawBufferPointer(rebasing: bytes[..<used])) }
    }
    return try result.get()
  }

  @inlinable @inline(__always)
  public mutating func append(_ literal: StaticString) {
    append(literal.utf8Start, literal.utf8CodeUnitCount)
  }

  @inlinable @inline(__always)
  public mutating func append(bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    append(base, bytes.count)
  }

  @inlinable @inline(__always)
  public mutating func append(_ byte: UInt8) {
    makeRoom(for: 1)
    storage[used] = byte
    used &+= 1
  }

  /// Writes many small pieces at the speed of the cursor. `write` must not go beyond `byteCountMax` bytes.
  @inlinable @inline(__always)
  public mutating func append(atMost byteCountMax: Int, _ write: (inout JSONCursor) -> Void) {
    makeRoom(for: max(byteCountMax, 1))
    storage.withUnsafeMutableBufferPointer { room in
      var cursor = JSONCursor(room.baseAddress! + used)
      write(&cursor)
      used = cursor.p - room.baseAddress!
    }
    precondition(used <= storage.count)
  }

  @inlinable @inline(__always)
  mutating func append(_ source: UnsafeRawPointer, _ byteCount: Int) {
    guard byteCount > 0 else { return }
    makeRoom(for: byteCount)
    // Sound: there is room for `byteCount` bytes behind the first `used`.
    storage.withUnsafeMutableBytes { ($0.baseAddress! + used).copyMemory(from: source, byteCount: byteCount) }
    used &+= byteCount
  }

  @inlinable @inline(__always)
  mutating func makeRoom(for byteCount: Int) {
    if storage.count &- used < byteCount { grow(by: byteCount) }
  }

  @usableFromInline
  mutating func grow(by byteCount: Int) {
    // Small pieces of JSON, such as a trade, differ by a few bytes in length; this holds them all from the beginning.
    let size = max(used + byteCount, storage.count * 2, 192)
    storage.append(contentsOf: repeatElement(0, count: size - storage.count))
  }
}
