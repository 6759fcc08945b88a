// The few shapes that a handed-over state is made of, as bytes: numbers of variable length, byte strings, lists.
// The reader believes nothing: whatever it is given, it stays within the bytes and ends with a value or a fault.

/// The bytes are no state that was written here.
public struct StateFault: Error, Hashable {
  public init() {}
}

public struct StateWriter {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// Seven bits a byte, lowest first; the top bit says that more follow.
  public mutating func write(_ number: some FixedWidthInteger & UnsignedInteger) {
    var rest = UInt64(number)
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  public mutating func write(signed number: Int64) { write(UInt64(bitPattern: number << 1 ^ number >> 63)) }

  public mutating func write(_ flag: Bool) { bytes.append(flag ? 1 : 0) }

  public mutating func write(_ number: UInt64?) {
    write(number != nil)
    if let number { write(number) }
  }

  public mutating func write(bytes more: some Collection<UInt8>) {
    write(UInt64(more.count))
    bytes.append(contentsOf: more)
  }

  public mutating func write(_ text: String) { write(bytes: text.utf8) }

  public mutating func write<C: Collection>(list: C, _ body: (inout StateWriter, C.Element) -> Void) {
    write(UInt64(list.count))
    for element in list { body(&self, element) }
  }
}

public struct StateReader {
  private let bytes: [UInt8]
  private var place = 0

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public var isAtEnd: Bool { place == bytes.count }

  public mutating func number() throws(StateFault) -> UInt64 {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while place < bytes.count, shift < 64 {
      let byte = bytes[place]
      place += 1
      number |= UInt64(byte & 0x7F) << shift
      guard byte & 0x80 != 0 else { return number }
      shift += 7
    }
    throw StateFault()
  }

  public mutating func number<N: FixedWidthInteger>(_ type: N.Type) throws(StateFault) -> N {
    guard let number = N(exactly: try number()) else { throw StateFault() }
    return number
  }

  public mutating func signed() throws(StateFault) -> Int64 {
    let number = try number()
    return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
  }

  public mutating func flag() throws(StateFault) -> Bool {
    guard let flag = [0: false, 1: true][try number()] else { throw StateFault() }
    return flag
  }

  public mutating func optional() throws(StateFault) -> UInt64? { try flag() ? try number() : nil }

  public mutating func byteString() throws(StateFault) -> [UInt8] {
    let count = try number(Int.self)
    guard count <= bytes.count - place else { throw StateFault() }
    defer { place += count }
    return Array(bytes[place..<place + count])
  }

  public mutating func text() throws(StateFault) -> String { String(decoding: try byteString(), as: UTF8.self) }

  public mutating func list<Element>(
    _ body: (inout StateReader) throws(StateFault) -> Element
  ) throws(StateFault) -> [Element] {
    let count = try number(Int.self)
    // Every element takes a byte at least, so a damaged count cannot make this run away.
    guard count <= bytes.count - place else { throw StateFault() }
    var elements: [Element] = []
    for _ in 0..<count { elements.append(try body(&self)) }
    return elements
  }
}
