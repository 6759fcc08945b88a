// Composing JSON: both sinks write the same, and what they quote reads back the same.

import Testing

@testable import JSONText

@Suite struct WritingTests {
  /// The same through the cursor, into memory of exactly that size with a guard behind it.
  private func cursor(_ size: Int, _ write: (inout JSONCursor) -> Void) -> [UInt8] {
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: size + 1)
    defer { memory.deallocate() }
    memory.initialize(repeating: 0xAA, count: size + 1)
    var cursor = JSONCursor(memory)
    write(&cursor)
    #expect(cursor.p - memory == size)
    #expect(memory[size] == 0xAA, "nothing beyond the end")
    return Array(UnsafeBufferPointer(start: memory, count: cursor.p - memory))
  }

  @Test func pieces() {
    var out = JSONBytes(reserving: 16)
    let raw = Array("1.50".utf8)
    out.append("{\"a\":")
    raw.withUnsafeBytes { out.append(bytes: $0) }
    out.append(UInt8(ascii: ","))
    out.append(quoted: "b")
    out.append(":")
    out.append(-7)
    out.append("}")
    out.append(bytes: UnsafeRawBufferPointer(start: nil, count: 0))
    #expect(String(decoding: out.bytes, as: UTF8.self) == #"{"a":1.50,"b":-7}"#)
    #expect(out.count == out.bytes.count)
    out.withUnsafeBytes { #expect(Array($0) == out.bytes) }

    let same = cursor(out.count) { cursor in
      cursor.append("{\"a\":")
      raw.withUnsafeBytes { cursor.append(bytes: $0) }
      cursor.append(UInt8(ascii: ","))
      cursor.append(quoted: "b")
      cursor.append(":")
      cursor.append(-7)
      cursor.append("}")
      cursor.append(bytes: UnsafeRawBufferPointer(start: nil, count: 0))
    }
    #expect(same == out.bytes)

    out.removeAll()
    #expect(out.bytes.isEmpty)
  }

  @Test func manyPiecesAtOnce() {
    var out = JSONBytes()
    for round in 0..<100 {
      let text = String(repeating: "x", count: round)
      out.append(atMost: round + 8) { cursor in
        cursor.append(quoted: text)
        cursor.append(round)
      }
      out.append(",")
    }
    let expected = (0..<100).map { "\"\(String(repeating: "x", count: $0))\"\($0)," }.joined()
    #expect(String(decoding: out.bytes, as: UTF8.self) == expected)
  }

  @Test func nothingIntoNothing() {
    var out = JSONBytes()
    out.append("")
    out.append(bytes: UnsafeRawBufferPointer(start: nil, count: 0))
    out.append(atMost: 0) { _ in }
    #expect(out.bytes.isEmpty && out.count == 0)
    out.append(quoted: "")
    #expect(out.bytes == Array("\"\"".utf8))
  }

  @Test func aCopyIsIndependent() {
    var out = JSONBytes(reserving: 64)
    out.append("ab")
    let copy = out
    out.append("c")
    #expect(copy.bytes == Array("ab".utf8) && out.bytes == Array("abc".utf8))
  }

  @Test func integers() {
    func check<I: FixedWidthInteger>(_ value: I) {
      var out = JSONBytes()
      out.append(value)
      #expect(String(decoding: out.bytes, as: UTF8.self) == "\(value)")
      #expect(cursor(out.count) { $0.append(value) } == out.bytes)
    }
    for value in [0, 1, -1, 9, 10, 11, 99, 100, 101, 12345, -12345, Int.max, Int.min] { check(value) }
    check(UInt64.max)
    check(Int8.min)
    check(UInt32(4_294_967_295))
    check(Int128.min)
    check(UInt128.max)
    var random = SeededRandom(seed: 2)
    for _ in 0..<1000 {
      check(Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0...63, using: &random))
    }
  }

  @Test func quoting() throws {
    var strings = [
      "", "plain", "\"", "\\", "a\"b\\c", "/", "\u{7F}", "\u{E9}\u{20AC}\u{1F600}", "\u{0}", "\u{2028}",
    ]
    strings += (0..<0x20).map { "a\(Unicode.Scalar($0)!)b" }
    for string in strings {
      var out = JSONBytes()
      out.append(quoted: string)
      #expect(parseError(out.bytes) == nil)
      var parser = JSONParser()
      try parser.withDocument(out.bytes) { #expect($0.string == string) }
      #expect(cursor(out.count) { $0.append(quoted: string) } == out.bytes)
      #expect(out.count <= 6 * string.utf8.count + 2)
      // A part of a string as well.
      var part = JSONBytes()
      part.append(quoted: string[string.startIndex...])
      #expect(part.bytes == out.bytes)
    }
    var out = JSONBytes()
    out.append(quoted: "\u{8}\t\n\u{C}\r\u{1}\u{1F}")
    #expect(String(decoding: out.bytes, as: UTF8.self) == #""\b\t\n\f\r\u0001\u001f""#)
  }
}
