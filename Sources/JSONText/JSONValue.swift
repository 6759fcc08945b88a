// A view of one parsed value: where its node is, and where the text is.
//
// Two pointers and no ownership, so that it is passed in registers and looked into without
// allocating. Sound because a JSONValue is only ever made by JSONParser.withDocument, which keeps
// the tape and the text alive for the length of the body, and because the scanner has checked the
// whole text before: every offset on the tape lies inside it, and every string is valid UTF-8
// with valid escapes.

public struct JSONValue {
  public enum Kind: UInt8, Sendable { case object, array, string, number, `true`, `false`, null }

  @usableFromInline let node: UnsafePointer<TapeNode>
  @usableFromInline let bytes: UnsafeRawPointer

  @inlinable @inline(__always)
  init(node: UnsafePointer<TapeNode>, bytes: UnsafeRawPointer) {
    self.node = node
    self.bytes = bytes
  }

  @inlinable @inline(__always)
  public var kind: Kind { node.pointee.kind }

  /// The value exactly as it stands in the document: a string with its quotes, a container with everything in it.
  @inlinable @inline(__always)
  public var text: UnsafeRawBufferPointer {
    let start = Int(node.pointee.start)
    return UnsafeRawBufferPointer(start: bytes + start, count: Int(node.pointee.end) &- start)
  }

  /// What is between the quotes of a string, escapes not resolved; for every other kind the same as `text`.
  @inlinable @inline(__always)
  public var contents: UnsafeRawBufferPointer {
    let quote = kind == .string ? 1 : 0
    let start = Int(node.pointee.start) &+ quote
    return UnsafeRawBufferPointer(start: bytes + start, count: Int(node.pointee.end) &- quote &- start)
  }

  /// Whether `contents` of this string differs from what it means.
  @inlinable @inline(__always)
  public var hasEscapes: Bool { node.pointee.hasEscapes }
}

// MARK: - Children

extension JSONValue {
  /// The member of an object with this key, compared with escapes resolved; the last of several. Nil for other kinds.
  @inlinable
  public subscript(_ key: StaticString) -> JSONValue? {
    guard kind == .object else { return nil }
    let wanted = UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
    // Most keys differ in length already; a key's text has its quotes.
    let length = UInt32(truncatingIfNeeded: wanted.count &+ 2)
    let end = node + Int(node.pointee.span)
    var found: UnsafePointer<TapeNode>?
    var cursor = node + 1
    while cursor < end {
      let name = cursor.pointee
      if name.hasEscapes {
        if JSONValue(node: cursor, bytes: bytes).equals(wanted) { found = cursor + 1 }
      } else if name.end &- name.start == length, sameBytes(bytes + Int(name.start) + 1, wanted.baseAddress!, wanted.count) {
        found = cursor + 1
      }
      cursor += 1 &+ Int(cursor[1].span)
    }
    return found.map { JSONValue(node: $0, bytes: bytes) }
  }

  /// Keys and values of an object in the order of the document; nothing for other kinds.
  @inlinable @inline(__always)
  public var members: Members { Members(self) }

  /// The elements of an array in order; nothing for other kinds.
  @inlinable @inline(__always)
  public var elements: Elements { Elements(self) }

  /// Number of members or elements, counted by walking over them; 0 for scalars.
  @inlinable
  public var count: Int {
    var count = 0
    switch kind {
    case .object: for _ in members { count &+= 1 }
    case .array: for _ in elements { count &+= 1 }
    default: break
    }
    return count
  }

  public struct Members: Sequence, IteratorProtocol {
    @usableFromInline var cursor: UnsafePointer<TapeNode>
    @usableFromInline let end: UnsafePointer<TapeNode>
    @usableFromInline let bytes: UnsafeRawPointer

    @inlinable @inline(__always)
    init(_ value: JSONValue) {
      cursor = value.node + 1
      end = value.kind == .object ? value.node + Int(value.node.pointee.span) : cursor
      bytes = value.bytes
    }

    @inlinable @inline(__always)
    public mutating func next() -> (key: JSONValue, value: JSONValue)? {
      guard cursor < end else { return nil }
      let key = JSONValue(node: cursor, bytes: bytes)
      let value = JSONValue(node: cursor + 1, bytes: bytes)
      cursor += 1 &+ Int(value.node.pointee.span)
      return (key, value)
    }
  }

  public struct Elements: Sequence, IteratorProtocol {
    @usableFromInline var cursor: UnsafePointer<TapeNode>
    @usableFromInline let end: UnsafePointer<TapeNode>
    @usableFromInline let bytes: UnsafeRawPointer

    @inlinable @inline(__always)
    init(_ value: JSONValue) {
      cursor = value.node + 1
      end = value.kind == .array ? value.node + Int(value.node.pointee.span) : cursor
      bytes = value.bytes
    }

    @inlinable @inline(__always)
    public mutating func next() -> JSONValue? {
      guard cursor < end else { return nil }
      let value = JSONValue(node: cursor, bytes: bytes)
      cursor += Int(value.node.pointee.span)
      return value
    }
  }
}

// MARK: - Scalars

extension JSONValue {
  @inlinable
  public var bool: Bool? {
    switch kind {
    case .true: true
    case .false: false
    default: nil
    }
  }

  /// An integer literal (no fraction, no exponent) that fits; nil otherwise.
  @inlinable public var int64: Int64? { integer() }
  /// The same unsigned: Kraken's `connection_id` is beyond Int64.
  @inlinable public var uint64: UInt64? { integer() }

  @inlinable
  func integer<I: FixedWidthInteger>() -> I? {
    guard kind == .number else { return nil }
    let text = self.text
    if text.count <= 18, let value = plainInteger(text) { return I(exactly: value) }
    var digits = text[...]
    let negative = digits.first == UInt8(ascii: "-")
    if negative { digits.removeFirst() }
    var result: I = 0
    for byte in digits {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      let digit = I(truncatingIfNeeded: byte &- UInt8(ascii: "0"))
      let (shifted, tooLarge) = result.multipliedReportingOverflow(by: 10)
      let (sum, outside) =
        negative ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
      guard !tooLarge, !outside else { return nil }
      result = sum
    }
    return result
  }

  /// Nothing but digits, too few of them to overflow; nil for everything else.
  @inlinable @inline(__always)
  func plainInteger(_ text: UnsafeRawBufferPointer) -> UInt64? {
    var value: UInt64 = 0
    for index in 0..<text.count {
      let digit = text[index] &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      value = value &* 10 &+ UInt64(digit)
    }
    return value
  }

  /// Whether this is a string that means exactly these characters. Allocates nothing.
  @inlinable @inline(__always)
  public func equals(_ other: StaticString) -> Bool {
    guard kind == .string else { return false }
    let wanted = UnsafeRawBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount)
    return hasEscapes ? equalsResolved(wanted) : sameBytes(contents, wanted)
  }

  /// The same for bytes of UTF-8.
  @inlinable @inline(__always)
  public func equals(_ other: UnsafeRawBufferPointer) -> Bool {
    guard kind == .string else { return false }
    return hasEscapes ? equalsResolved(other) : sameBytes(contents, other)
  }

  /// What a string means, escapes resolved; nil for other kinds.
  public var string: String? {
    guard kind == .string else { return nil }
    guard hasEscapes else { return String(decoding: contents, as: UTF8.self) }
    return String(unsafeUninitializedCapacity: contents.count) { buffer in
      var length = 0
      forEachResolvedByte { byte in
        buffer[length] = byte
        length &+= 1
        return true
      }
      return length
    }
  }
}
