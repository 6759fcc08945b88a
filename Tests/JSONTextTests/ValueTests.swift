// Looking into parsed documents.

import Foundation
import Testing

@testable import JSONText

/// Parses and looks; the result has to be independent of the document.
func withJSON<R>(_ text: String, _ body: (JSONValue) throws -> R) throws -> R {
  var parser = JSONParser()
  return try parser.withDocument(Array(text.utf8), body)
}

extension UnsafeRawBufferPointer {
  var asString: String { String(decoding: self, as: UTF8.self) }
}

@Suite struct ValueTests {
  @Test func kinds() throws {
    try withJSON(#"[{},[],"",0,true,false,null]"#) { root in
      #expect(root.kind == .array)
      #expect(root.elements.map(\.kind) == [.object, .array, .string, .number, .true, .false, .null])
      #expect(root.elements.map(\.text.asString) == ["{}", "[]", "\"\"", "0", "true", "false", "null"])
      #expect(root.elements.map(\.contents.asString) == ["{}", "[]", "", "0", "true", "false", "null"])
      #expect(root.elements.map(\.bool) == [nil, nil, nil, nil, true, false, nil])
    }
  }

  @Test func textIsWhatWasSent() throws {
    let text = #" { "a" : [ 1.50 , "x\n" , { } ] , "b":-0e+0 } "#
    try withJSON(text) { root in
      #expect(root.text.asString == text.trimmingCharacters(in: .whitespaces))
      #expect(root["a"]?.text.asString == #"[ 1.50 , "x\n" , { } ]"#)
      #expect(root["a"]?.elements.map(\.text.asString) == ["1.50", #""x\n""#, "{ }"])
      #expect(root["b"]?.text.asString == "-0e+0")
    }
  }

  @Test func members() throws {
    try withJSON(#"{"z":1,"a":{"n":[1,{"q":2}]},"":null,"z":3}"#) { root in
      #expect(root.members.map(\.key.contents.asString) == ["z", "a", "", "z"])
      #expect(root.members.map(\.value.text.asString) == ["1", #"{"n":[1,{"q":2}]}"#, "null", "3"])
      #expect(root.count == 4)
      #expect(root["z"]?.int64 == 3, "the last of several")
      #expect(root[""]?.kind == .null)
      #expect(root["a"]?["n"]?.elements.map(\.kind) == [.number, .object])
      #expect(root["y"] == nil)
      #expect(root["zz"] == nil)
      #expect(root.elements.map(\.kind).isEmpty)
    }
  }

  @Test func childrenOfTheWrongKind() throws {
    for text in ["1", "\"a\"", "null", "[]", "{}", "[[1],2]"] {
      try withJSON(text) { root in
        #expect(root.members.map(\.key.text.asString).isEmpty)
        #expect(root["a"] == nil)
        #expect(root.count == (text == "[[1],2]" ? 2 : 0))
      }
    }
  }

  /// Keys of every length around the word size, found among near misses.
  @Test func keysOfEveryLength() throws {
    for length in 0...40 {
      let key = String(repeating: "k", count: length)
      for change in 0..<max(length, 1) {
        var near = Array(key)
        if length > 0 { near[change] = "j" }
        let same = length == 0
        try withJSON("{\"\(String(near))\":1,\"\(key)k\":2}") { root in
          let name = root.members.first { _ in true }!.key
          let matches = Array(key.utf8).withUnsafeBytes { name.equals($0) }
          #expect(matches == same, "\(key) \(change)")
        }
      }
    }
    try withJSON(#"{"checksum":1,"checksun":2,"thecksum":3,"checksum1":4}"#) { root in
      #expect(root["checksum"]?.int64 == 1)
      #expect(root["checksun"]?.int64 == 2)
      #expect(root["thecksum"]?.int64 == 3)
      #expect(root["checksum1"]?.int64 == 4)
    }
  }

  @Test func keysWithEscapes() throws {
    try withJSON(#"{"\u0063hannel":1,"a\/b":2,"\ud83d\ude00":3,"plain":4}"#) { root in
      #expect(root["channel"]?.int64 == 1)
      #expect(root["a/b"]?.int64 == 2)
      #expect(root["\u{1F600}"]?.int64 == 3)
      #expect(root["\\u0063hannel"] == nil)
      #expect(root["channe"] == nil && root["channels"] == nil)
    }
  }

  @Test func strings() throws {
    let cases: [(String, String)] = [
      (#""""#, ""), (#""abc""#, "abc"), (#""a\"b\\c\/d\be\ff\ng\rh\ti""#, "a\"b\\c/d\u{8}e\u{C}f\ng\rh\ti"),
      (#""\u0041\u00e9\u20AC\ud83D\uDe00\u0000""#, "A\u{E9}\u{20AC}\u{1F600}\u{0}"),
      ("\"\u{E9}\u{1F600}\"", "\u{E9}\u{1F600}"),
      (#""\uFFFF\ud7ff\ue000\udbff\udfff""#, "\u{FFFF}\u{D7FF}\u{E000}\u{10FFFF}"), (#""\\u0041""#, "\\u0041"),
      (#""mixed é \u00e9 日本""#, "mixed é é 日本"),
      (#""\u007f\u0080\u07ff\u0800""#, "\u{7F}\u{80}\u{7FF}\u{800}"),
    ]
    for (text, expected) in cases {
      try withJSON(text) { value in
        #expect(value.string == expected)
        #expect(value.hasEscapes == text.contains("\\"))
        #expect(value.text.asString == text)
        Array(expected.utf8).withUnsafeBytes { #expect(value.equals($0)) }
        Array((expected + "x").utf8).withUnsafeBytes { #expect(!value.equals($0)) }
        Array(expected.utf8.dropLast()).withUnsafeBytes { #expect(value.equals($0) == expected.isEmpty) }
      }
    }
    try withJSON("1") { #expect($0.string == nil && !$0.equals("1")) }
    try withJSON(#""\u0061bc""#) { value in
      #expect(value.equals("abc") && !value.equals("abd") && !value.equals("") && !value.equals("ab"))
    }
    try withJSON(#""a""#) { #expect($0.equals("a") && !$0.equals("b")) }
  }

  @Test func integers() throws {
    func int64(_ text: String) throws -> Int64? { try withJSON(text) { $0.int64 } }
    func uint64(_ text: String) throws -> UInt64? { try withJSON(text) { $0.uint64 } }
    for value in [0, 1, -1, 9, 10, 99, 1_234_567_890, Int64.max, Int64.min, Int64.max - 1, Int64.min + 1] {
      #expect(try int64("\(value)") == value)
      #expect(try uint64("\(value)") == UInt64(exactly: value))
    }
    #expect(try int64("-0") == 0 && uint64("-0") == 0)
    #expect(try uint64("18266300427528990701") == 18_266_300_427_528_990_701)
    #expect(try uint64("18446744073709551615") == UInt64.max)
    for text in [
      "18446744073709551616", "18446744073709551620", "99999999999999999999", "-1", "1e3", "1.0", "\"1\"", "true",
    ] {
      #expect(try uint64(text) == nil, "\(text)")
    }
    for text in [
      "9223372036854775808", "-9223372036854775809", "10000000000000000000", "1.0", "1e0", "1E0", "\"5\"", "null",
      "[1]",
    ] {
      #expect(try int64(text) == nil, "\(text)")
    }
  }

  /// A parser is used for many documents; nothing of one may show in the next.
  @Test func reuse() throws {
    var parser = JSONParser()
    var random = SeededRandom(seed: 5)
    for _ in 0..<500 {
      let count = Int.random(in: 0...300, using: &random)
      let text = "[" + (0..<count).map(String.init).joined(separator: ",") + "]"
      try parser.withDocument(Array(text.utf8)) { root in
        #expect(root.elements.map(\.int64) == (0..<count).map { Int64($0) })
      }
      #expect(throws: JSONError.self) { try parser.withDocument(Array(text.utf8.dropLast())) { _ in } }
    }
  }

  /// Larger than what is kept, so the tape is given back in between.
  @Test func giantDocuments() throws {
    var parser = JSONParser()
    let giant = Array(("[" + String(repeating: "0,", count: 1_200_000) + "0]").utf8)
    for _ in 0..<2 {
      try parser.withDocument(giant) { #expect($0.count == 1_200_001) }
      try parser.withDocument([0x5B, 0x5D]) { #expect($0.count == 0) }
    }
  }
}
