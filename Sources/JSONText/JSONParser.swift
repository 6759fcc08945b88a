// A strict RFC 8259 parser over bytes that never converts anything.
//
// One pass checks the whole text and writes a flat tape: one 16-byte node per value or key, each
// with the place of its text and the number of nodes it spans. Numbers stay the bytes they came
// as, so a price keeps its trailing zeros and nothing on the path can round it. The tape is kept
// between calls: after the largest message has been seen, parsing allocates nothing.
//
// Stricter than many: a byte order mark, a lone surrogate escape and invalid UTF-8 are errors.
// Duplicate keys are allowed, as RFC 8259 does; a lookup by key finds the last one.

public struct JSONParser: ~Copyable {
  @usableFromInline var tape: UnsafeMutablePointer<TapeNode>
  var capacity: Int
  let maximumDepth: Int

  /// Longest accepted text; keeps every offset within 32 bits.
  public static let byteCountMax = 0x3FFF_FFFF
  /// A larger tape than this (16 MiB) is given back after the call, so that one giant message does not stay resident.
  static let capacityKeptMax = 1 << 20

  /// - Parameter maximumDepth: how many arrays and objects may be open at once.
  public init(maximumDepth: Int = 64) {
    precondition(maximumDepth >= 0)
    self.maximumDepth = maximumDepth
    capacity = 512
    tape = .allocate(capacity: capacity)
  }

  deinit { tape.deallocate() }

  /// Parses one complete document and hands it to `body`; nothing is called when the text is invalid.
  ///
  /// The value and everything reached through it point into `bytes` and the tape: they are valid only inside `body`.
  /// - Throws: `JSONError`, or whatever `body` throws.
  @inlinable
  public mutating func withDocument<R>(
    _ bytes: UnsafeRawBufferPointer, _ body: (JSONValue) throws -> R
  ) throws -> R {
    defer { releaseGiantTape() }
    try parse(bytes)
    return try body(JSONValue(node: tape, bytes: bytes.baseAddress!))
  }

  /// The same for a body that cannot fail: the only error left is `JSONError`, and throwing it allocates nothing.
  @inlinable
  public mutating func withDocument<R>(
    _ bytes: UnsafeRawBufferPointer, _ body: (JSONValue) -> R
  ) throws(JSONError) -> R {
    defer { releaseGiantTape() }
    try parse(bytes)
    return body(JSONValue(node: tape, bytes: bytes.baseAddress!))
  }

  @inlinable
  public mutating func withDocument<R>(
    _ bytes: [UInt8], _ body: (JSONValue) throws -> R
  ) throws -> R {
    try bytes.withUnsafeBytes { try withDocument($0, body) }
  }

  /// Checks the text and builds the tape. Succeeds only for a non-empty buffer.
  @usableFromInline
  mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
    guard bytes.count > 0, let start = bytes.baseAddress else {
      throw JSONError(kind: .emptyText, offset: 0)
    }
    guard bytes.count <= Self.byteCountMax else {
      throw JSONError(kind: .tooLong, offset: Self.byteCountMax)
    }
    reserve(forByteCount: bytes.count)
    var scanner = Scanner(
      start: start.assumingMemoryBound(to: UInt8.self), count: bytes.count,
      tape: tape, depthLeft: maximumDepth)
    try scanner.scanDocument()
  }

  /// Room for every node a text of this length can produce, so that the scanner never checks.
  ///
  /// A container with k > 0 children needs k + 1 bytes of its own (brackets and separators), an empty one 2,
  /// a scalar or key at least 1. Summed over a whole document of N nodes that is at least 2N - 1 bytes. In a text
  /// that breaks off, each of the open containers may lack its closing byte and the last node its text.
  private mutating func reserve(forByteCount count: Int) {
    let needed = (count + maximumDepth) / 2 + 4
    guard needed > capacity else { return }
    tape.deallocate()
    capacity = max(needed, capacity * 2)
    tape = .allocate(capacity: capacity)
  }

  @usableFromInline
  mutating func releaseGiantTape() {
    guard capacity > Self.capacityKeptMax else { return }
    tape.deallocate()
    capacity = 512
    tape = .allocate(capacity: capacity)
  }
}

// The only state is memory this value alone owns; moving it to another thread moves everything.
extension JSONParser: @unchecked Sendable {}

/// One value (or key) of the tape. Containers are followed by their children, keys and values in turn.
@usableFromInline
struct TapeNode {
  /// Place of the text, from the start of the document; strings with their quotes.
  @usableFromInline var start: UInt32
  @usableFromInline var end: UInt32
  /// Nodes up to the next sibling, this one included. In a container still open: index of its parent.
  @usableFromInline var span: UInt32
  @usableFromInline var kind: JSONValue.Kind
  @usableFromInline var hasEscapes: Bool

  @inline(__always)
  init(start: UInt32, end: UInt32, span: UInt32, kind: JSONValue.Kind, hasEscapes: Bool) {
    self.start = start
    self.end = end
    self.span = span
    self.kind = kind
    self.hasEscapes = hasEscapes
  }
}
