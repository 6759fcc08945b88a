// The single pass: grammar, numbers, strings and UTF-8, all checked while the tape is written.
//
// Unsafe on purpose, because this is the hottest loop of the daemon. It is sound for two reasons:
// every read is preceded by a comparison with `end` (eight bytes at once only when eight are
// left), and the tape was made large enough beforehand for any text of this length (see
// JSONParser.reserve), so every write lands inside it.
//
// Open containers are chained through the span field of their nodes: no stack, no recursion.

struct Scanner {
  typealias Bytes = UnsafePointer<UInt8>

  private let start: UnsafePointer<UInt8>
  let end: UnsafePointer<UInt8>
  private let tape: UnsafeMutablePointer<TapeNode>
  private var depthLeft: Int
  private var nodeCount = 0

  @inline(__always)
  init(start: UnsafePointer<UInt8>, count: Int, tape: UnsafeMutablePointer<TapeNode>, depthLeft: Int) {
    self.start = start
    end = start + count
    self.tape = tape
    self.depthLeft = depthLeft
  }

  /// Index of no node: the parent of the outermost value.
  private static let none = UInt32.max

  mutating func scanDocument() throws(JSONError) {
    var p = start
    /// The innermost open container, and whether it is an object.
    var parent = Self.none
    var inObject = false

    skipSpace(&p)
    guard p < end else { throw error(.emptyText, p) }

    value: while true {
      guard p < end else { throw error(.expectedValue, p) }
      let first = p
      switch first.pointee {
      case UInt8(ascii: "\""):
        try scanString(&p)

      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        try scanNumber(&p)
        append(.number, first, p)

      case UInt8(ascii: "{"):
        guard depthLeft > 0 else { throw error(.tooDeep, p) }
        p += 1
        skipSpace(&p)
        guard p < end else { throw error(.expectedKeyOrEnd, p) }
        if p.pointee == UInt8(ascii: "}") {
          p += 1
          append(.object, first, p)
        } else {
          parent = open(.object, first, parent)
          inObject = true
          guard p.pointee == UInt8(ascii: "\"") else { throw error(.expectedKeyOrEnd, p) }
          try scanKey(&p)
          continue value
        }

      case UInt8(ascii: "["):
        guard depthLeft > 0 else { throw error(.tooDeep, p) }
        p += 1
        skipSpace(&p)
        guard p < end else { throw error(.expectedValue, p) }
        if p.pointee == UInt8(ascii: "]") {
          p += 1
          append(.array, first, p)
        } else {
          parent = open(.array, first, parent)
          inObject = false
          continue value
        }

      case UInt8(ascii: "t"):
        try scanLiteral(&p, 0x6575_7274, 4)
        append(.true, first, p)
      case UInt8(ascii: "f"):
        try scanLiteral(&p, 0x65_736C_6166, 5)
        append(.false, first, p)
      case UInt8(ascii: "n"):
        try scanLiteral(&p, 0x6C6C_756E, 4)
        append(.null, first, p)

      default:
        throw error(.expectedValue, p)
      }

      // A value is complete: go on in its container, closing as many as end here.
      while parent != Self.none {
        skipSpace(&p)
        guard p < end else { throw error(inObject ? .expectedCommaOrBrace : .expectedCommaOrBracket, p) }
        let byte = p.pointee
        if byte == UInt8(ascii: ",") {
          p += 1
          skipSpace(&p)
          if inObject {
            guard p < end, p.pointee == UInt8(ascii: "\"") else { throw error(.expectedKey, p) }
            try scanKey(&p)
          }
          continue value
        }
        guard byte == (inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
          throw error(inObject ? .expectedCommaOrBrace : .expectedCommaOrBracket, p)
        }
        p += 1
        parent = close(parent, p)
        inObject = parent != Self.none && tape[Int(parent)].kind == .object
      }

      skipSpace(&p)
      guard p == end else { throw error(.expectedEndOfText, p) }
      return
    }
  }

  // MARK: Tape

  @inline(__always)
  private mutating func append(_ kind: JSONValue.Kind, _ first: Bytes, _ last: Bytes, hasEscapes: Bool = false) {
    (tape + nodeCount).initialize(
      to: TapeNode(start: offset(first), end: offset(last), span: 1, kind: kind, hasEscapes: hasEscapes))
    nodeCount &+= 1
  }

  @inline(__always)
  private mutating func open(_ kind: JSONValue.Kind, _ first: Bytes, _ parent: UInt32) -> UInt32 {
    let index = UInt32(truncatingIfNeeded: nodeCount)
    (tape + nodeCount).initialize(
      to: TapeNode(start: offset(first), end: 0, span: parent, kind: kind, hasEscapes: false))
    nodeCount &+= 1
    depthLeft &-= 1
    return index
  }

  /// Completes the node of a container and returns its parent.
  @inline(__always)
  private mutating func close(_ container: UInt32, _ last: Bytes) -> UInt32 {
    let node = tape + Int(container)
    let parent = node.pointee.span
    node.pointee.end = offset(last)
    node.pointee.span = UInt32(truncatingIfNeeded: nodeCount) &- container
    depthLeft &+= 1
    return parent
  }

  @inline(__always)
  private func offset(_ p: Bytes) -> UInt32 { UInt32(truncatingIfNeeded: p - start) }

  @inline(never)
  func error(_ kind: JSONError.Kind, _ p: Bytes) -> JSONError {
    JSONError(kind: kind, offset: p - start, found: p < end ? p.pointee : nil)
  }

  // MARK: Tokens

  /// Machines write JSON without spaces, so one comparison usually is all.
  @inline(__always)
  private func skipSpace(_ p: inout Bytes) {
    while p < end, p.pointee <= 0x20 {
      guard p.pointee == 0x20 || p.pointee == 0x0A || p.pointee == 0x0D || p.pointee == 0x09 else { return }
      p += 1
    }
  }

  /// A key, its colon and the space around it; `p` is left at the value.
  @inline(__always)
  private mutating func scanKey(_ p: inout Bytes) throws(JSONError) {
    try scanString(&p)
    skipSpace(&p)
    guard p < end, p.pointee == UInt8(ascii: ":") else { throw error(.expectedColon, p) }
    p += 1
    skipSpace(&p)
  }

  @inline(__always)
  private func scanLiteral(_ p: inout Bytes, _ word: UInt64, _ count: Int) throws(JSONError) {
    for index in 0..<count {
      guard p < end, p.pointee == UInt8(truncatingIfNeeded: word >> UInt64(index &* 8)) else {
        throw error(.badLiteral, p)
      }
      p += 1
    }
  }

  @inline(__always)
  private func scanNumber(_ p: inout Bytes) throws(JSONError) {
    if p.pointee == UInt8(ascii: "-") { p += 1 }
    let firstDigit = p
    try skipDigits(&p)
    if firstDigit.pointee == UInt8(ascii: "0"), p - firstDigit > 1 { throw error(.leadingZero, firstDigit + 1) }
    if p < end, p.pointee == UInt8(ascii: ".") {
      p += 1
      try skipDigits(&p)
    }
    if p < end, p.pointee | 0x20 == UInt8(ascii: "e") {
      p += 1
      if p < end, p.pointee == UInt8(ascii: "+") || p.pointee == UInt8(ascii: "-") { p += 1 }
      try skipDigits(&p)
    }
  }

  /// At least one digit, eight at a time while eight bytes are left.
  @inline(__always)
  private func skipDigits(_ p: inout Bytes) throws(JSONError) {
    let first = p
    while end - p >= 8 {
      // A digit xor '0' is 0...9, which plus 0x76 stays below 0x80; anything else sets the top bit.
      let word = UnsafeRawPointer(p).loadUnaligned(as: UInt64.self).littleEndian ^ 0x3030_3030_3030_3030
      let others = ((word &+ 0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080
      p += others.trailingZeroBitCount &>> 3
      guard others == 0 else { break }
    }
    while p < end, p.pointee &- UInt8(ascii: "0") <= 9 { p += 1 }
    guard p > first else { throw error(.expectedDigit, p) }
  }

  /// A string with its quotes, appended to the tape.
  @inline(__always)
  private mutating func scanString(_ p: inout Bytes) throws(JSONError) {
    let first = p
    var hasEscapes = false
    p += 1
    while true {
      skipPlain(&p)
      guard p < end else { throw error(.unterminatedString, p) }
      if p.pointee == UInt8(ascii: "\"") { break }
      try scanSpecial(&p, &hasEscapes)
    }
    p += 1
    append(.string, first, p, hasEscapes: hasEscapes)
  }
}
