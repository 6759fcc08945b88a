// A JSON reader for the judge alone. The bridge's reader must not judge the bridge: the same error in both would hide.
//
// One text becomes one flat list of nodes; a value is an index into it. Strict as RFC 8259 asks, numbers stay text.

struct WireText {
  enum Kind: UInt8 { case object, array, string, number, literal }

  struct Node {
    var kind: Kind
    /// The text without quotes.
    var start: Int32
    var end: Int32
    /// The node behind this one and everything inside it.
    var next: Int32
  }

  let bytes: [UInt8]
  fileprivate(set) var nodes: [Node] = []

  /// Nil if this is not one JSON value, white space around it allowed.
  init?(_ bytes: [UInt8]) {
    self.bytes = bytes
    var scanner = WireScanner(bytes: bytes)
    guard scanner.document() else { return nil }
    nodes = scanner.nodes
  }

  var root: WireValue { WireValue(text: self, index: 0) }
}

struct WireValue {
  let text: WireText
  let index: Int

  private var node: WireText.Node { text.nodes[index] }
  var kind: WireText.Kind { node.kind }
  /// Strings as written, escapes and all.
  var slice: ArraySlice<UInt8> { text.bytes[Int(node.start)..<Int(node.end)] }
  var string: String? { kind == .string ? String(decoding: slice, as: UTF8.self) : nil }
  var int: Int? { kind == .number ? Int(String(decoding: slice, as: UTF8.self)) : nil }
  var seq: UInt64? { kind == .number ? UInt64(String(decoding: slice, as: UTF8.self)) : nil }
  var isTrue: Bool { kind == .literal && slice.first == UInt8(ascii: "t") }

  func isEqual(to name: StaticString) -> Bool {
    guard slice.count == name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { $0.elementsEqual(slice) }
  }

  subscript(_ key: StaticString) -> WireValue? {
    guard kind == .object else { return nil }
    var child = index + 1
    while child < Int(node.next) {
      if WireValue(text: text, index: child).isEqual(to: key) { return WireValue(text: text, index: child + 1) }
      child = Int(text.nodes[child + 1].next)
    }
    return nil
  }

  func forEachMember(_ body: (_ key: WireValue, _ value: WireValue) -> Void) {
    guard kind == .object else { return }
    var child = index + 1
    while child < Int(node.next) {
      body(WireValue(text: text, index: child), WireValue(text: text, index: child + 1))
      child = Int(text.nodes[child + 1].next)
    }
  }

  func forEachElement(_ body: (WireValue) -> Void) {
    guard kind == .array else { return }
    var child = index + 1
    while child < Int(node.next) {
      body(WireValue(text: text, index: child))
      child = Int(text.nodes[child].next)
    }
  }

  /// The only element or the last one.
  var lastElement: WireValue? {
    var last: WireValue?
    forEachElement { last = $0 }
    return last
  }

  // MARK: Digests

  /// A digest of the value that knows no white space, without the members named.
  func digest(without excluded: [StaticString] = []) -> UInt64 {
    var digest = Digest()
    feed(&digest, without: excluded)
    return digest.value
  }

  private func feed(_ digest: inout Digest, without excluded: [StaticString]) {
    digest.feed(byte: kind.rawValue)
    switch kind {
    case .object:
      var inner = digest
      forEachMember { key, value in
        guard !excluded.contains(where: { key.isEqual(to: $0) }) else { return }
        inner.feed(key.slice)
        value.feed(&inner, without: [])
      }
      digest = inner
    case .array:
      var inner = digest
      forEachElement { $0.feed(&inner, without: []) }
      digest = inner
    case .string, .number, .literal: digest.feed(slice)
    }
    digest.feed(byte: 0xFF)
  }
}

/// FNV-1a over bytes, scattered at the end.
struct Digest {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325
  var value: UInt64 { Chance.mixed(state) }

  mutating func feed(byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
  mutating func feed(_ bytes: ArraySlice<UInt8>) { for byte in bytes { feed(byte: byte) } }
  mutating func feed(_ number: UInt64) { state = Chance.mixed(state ^ number) }
}

private struct WireScanner {
  let bytes: [UInt8]
  var nodes: [WireText.Node] = []
  private var position = 0
  private var depth = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
    nodes.reserveCapacity(bytes.count / 8 + 4)
  }

  mutating func document() -> Bool {
    guard value() else { return false }
    skipSpace()
    return position == bytes.count
  }

  private var peek: UInt8 { position < bytes.count ? bytes[position] : 0 }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      let byte = bytes[position]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      position += 1
    }
  }

  private mutating func value() -> Bool {
    skipSpace()
    depth += 1
    defer { depth -= 1 }
    guard depth < 64 else { return false }
    switch peek {
    case UInt8(ascii: "{"): return container(.object, until: UInt8(ascii: "}"))
    case UInt8(ascii: "["): return container(.array, until: UInt8(ascii: "]"))
    case UInt8(ascii: "\""): return string()
    case UInt8(ascii: "t"): return literal("true")
    case UInt8(ascii: "f"): return literal("false")
    case UInt8(ascii: "n"): return literal("null")
    default: return number()
    }
  }

  private mutating func append(_ kind: WireText.Kind, _ start: Int, _ end: Int) {
    nodes.append(
      WireText.Node(kind: kind, start: Int32(start), end: Int32(end), next: Int32(nodes.count + 1)))
  }

  private mutating func container(_ kind: WireText.Kind, until close: UInt8) -> Bool {
    let own = nodes.count
    append(kind, position, position)
    position += 1
    skipSpace()
    if !take(close) {
      repeat {
        if kind == .object {
          skipSpace()
          guard peek == UInt8(ascii: "\""), string() else { return false }
          skipSpace()
          guard take(UInt8(ascii: ":")) else { return false }
        }
        guard value() else { return false }
        skipSpace()
      } while take(UInt8(ascii: ","))
      guard take(close) else { return false }
    }
    nodes[own].end = Int32(position)
    nodes[own].next = Int32(nodes.count)
    return true
  }

  private mutating func string() -> Bool {
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        append(.string, start, position)
        position += 1
        return true
      }
      guard byte >= 0x20 else { return false }
      position += byte == UInt8(ascii: "\\") ? 2 : 1
    }
    return false
  }

  private mutating func literal(_ word: StaticString) -> Bool {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count, word.withUTF8Buffer({ $0.elementsEqual(bytes[position..<end]) }) else { return false }
    append(.literal, position, end)
    position = end
    return true
  }

  private mutating func number() -> Bool {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { guard digits() else { return false } }
    if take(UInt8(ascii: ".")) { guard digits() else { return false } }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard digits() else { return false }
    }
    append(.number, start, position)
    return true
  }

  private mutating func digits() -> Bool {
    let start = position
    while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 { position += 1 }
    return position > start
  }
}
