// What is JSON and what is not: the corpus, every prefix, every single-byte change, depth.

import Foundation
import Testing

@testable import JSONText

/// The error for this text; nil when it is accepted.
func parseError(_ bytes: [UInt8], maximumDepth: Int = 64) -> JSONError? {
  var parser = JSONParser(maximumDepth: maximumDepth)
  // An exact allocation, so that a tool that checks memory sees a read beyond the end.
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  defer { copy.deallocate() }
  copy.copyBytes(from: bytes)
  do throws(JSONError) {
    try parser.withDocument(UnsafeRawBufferPointer(copy)) { _ in }
    return nil
  } catch { return error }
}

@Suite struct ConformanceTests {
  @Test(arguments: Corpus.accepted)
  func accepts(_ text: String) {
    #expect(parseError(Array(text.utf8)) == nil)
    #expect(ReferenceChecker.accepts(Array(text.utf8)))
  }

  @Test(arguments: Corpus.rejected)
  func rejects(_ text: String) throws {
    let bytes = Array(text.utf8)
    let error = try #require(parseError(bytes))
    #expect(error.offset >= 0 && error.offset <= bytes.count)
    #expect(error.found == (error.offset < bytes.count ? bytes[error.offset] : nil))
    #expect(!ReferenceChecker.accepts(bytes))
  }

  @Test func rejectsInvalidUTF8() {
    for bytes in Corpus.invalidUTF8 {
      for padding in 0..<9 {
        let before = [UInt8](repeating: 0x61, count: padding)
        let text = [0x5B, 0x22] + before + bytes + [0x22, 0x5D]
        let error = parseError(text)
        #expect(error?.kind == .badUTF8, "\(bytes)")
        #expect((error?.offset ?? 0) >= 2 + padding)
        #expect(!ReferenceChecker.accepts(text))
        #expect(parseError([0x7B, 0x22] + before + bytes + Array("\":1}".utf8))?.kind == .badUTF8, "\(bytes)")
      }
    }
    for bytes in Corpus.invalidBytes {
      #expect(parseError(bytes) != nil, "\(bytes)")
      #expect(!ReferenceChecker.accepts(bytes))
    }
  }

  /// All two-byte and a sweep of three- and four-byte sequences, judged as the standard library judges them.
  @Test func utf8AgreesWithTheStandardLibrary() {
    func check(_ bytes: [UInt8]) {
      let valid = String(validating: bytes, as: UTF8.self) != nil
      #expect((parseError([0x22] + bytes + [0x22]) == nil) == valid, "\(bytes)")
    }
    let edges: [UInt8] = [0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
    for lead in UInt8(0x80)...0xFF {
      check([lead])
      for second in UInt8(0x7E)...0xFF { check([lead, second]) }
      for second in edges {
        for third in edges {
          check([lead, second, third])
          for fourth in edges where lead >= 0xF0 { check([lead, second, third, fourth]) }
        }
      }
    }
  }

  /// Every byte at every place of a string longer than two words, alone and beside a byte beyond ASCII.
  @Test func everyByteInALongString() {
    for filler in [
      Array("aaaaaaaaaaaaaaaaaaaa".utf8),
      Array("\u{E9}\u{E9}\u{E9}\u{E9}\u{E9}\u{E9}\u{E9}\u{E9}\u{E9}\u{E9}".utf8),
    ] {
      for index in filler.indices {
        for byte in UInt8.min...UInt8.max {
          var text = [0x22] + filler + [0x22]
          text[index + 1] = byte
          let isValid = ReferenceChecker.accepts(text)
          if (parseError(text) == nil) != isValid { Issue.record("\(byte) at \(index): \(isValid)") }
        }
      }
    }
  }

  /// A document cut off anywhere is refused, except where what is left is a number.
  @Test func everyPrefixOfAContainerIsRefused() {
    for text in Corpus.accepted where text.hasPrefix("[") || text.hasPrefix("{") || text.hasPrefix("\"") {
      let bytes = Array(text.utf8)
      let end = bytes.lastIndex { !" \t\r\n".utf8.contains($0) }!
      for count in 0..<end {
        let error = parseError(Array(bytes[..<count]))
        #expect(error != nil, "\(text.prefix(count))")
        // Nothing wrong was read: it ended too early, or in the middle of a surrogate pair.
        #expect(error?.found == nil || error?.kind == .loneSurrogate, "\(text), \(count) bytes")
      }
    }
  }

  /// Every byte of some documents replaced by every other, removed, and doubled.
  @Test(arguments: [
    #"{"a":[1,-2.50e+3,"x\ud83d\ude00\n",true,null]}"#,
    #"{"channel":"book","data":[{"price":81776.0,"qty":0.00005100}]}"#,
    " [ 10 , false , \"\u{E9}\u{20AC}\u{1F600}abcdefgh\" , { } ] ",
  ])
  func everySingleByteChange(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(parseError(bytes) == nil)
    var accepted = 0
    for index in bytes.indices {
      for byte in UInt8.min...UInt8.max {
        var changed = bytes
        changed[index] = byte
        let isValid = ReferenceChecker.accepts(changed)
        if isValid { accepted += 1 }
        if (parseError(changed) == nil) != isValid {
          Issue.record("byte \(index) as \(byte): should be \(isValid ? "accepted" : "refused")")
        }
      }
      var removed = bytes
      removed.remove(at: index)
      #expect((parseError(removed) == nil) == ReferenceChecker.accepts(removed), "without byte \(index)")
      var doubled = bytes
      doubled.insert(bytes[index], at: index)
      #expect((parseError(doubled) == nil) == ReferenceChecker.accepts(doubled), "byte \(index) twice")
    }
    #expect(accepted > bytes.count, "the comparison saw both answers")
  }

  @Test func depth() {
    func nested(_ depth: Int) -> [UInt8] {
      Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    func objects(_ depth: Int) -> [UInt8] {
      Array((String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth)).utf8)
    }
    #expect(parseError(nested(64)) == nil && parseError(objects(64)) == nil)
    #expect(parseError(nested(65)) == JSONError(kind: .tooDeep, offset: 64, found: UInt8(ascii: "[")))
    #expect(parseError(objects(65)) == JSONError(kind: .tooDeep, offset: 64 * 5, found: UInt8(ascii: "{")))
    #expect(parseError(nested(1), maximumDepth: 1) == nil)
    #expect(parseError(nested(2), maximumDepth: 1)?.kind == .tooDeep)
    #expect(parseError(nested(1), maximumDepth: 0)?.kind == .tooDeep)
    #expect(parseError([0x31], maximumDepth: 0) == nil)
    // Depth is of what is open, not of what was.
    #expect(parseError(Array("[[1],[1],{\"a\":[1]},[[1]]]".utf8), maximumDepth: 3) == nil)
    #expect(parseError([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))?.kind == .tooDeep)
    #expect(parseError(nested(100_000), maximumDepth: 100_000) == nil)
    #expect(
      parseError([UInt8](repeating: UInt8(ascii: "["), count: 100_000), maximumDepth: 200_000)?.offset == 100_000)
  }

  /// Foundation's parser is looser here and there (and has no room for huge exponents), but never stricter.
  @Test func foundationAcceptsWhatWeAccept() throws {
    for text in Corpus.accepted where !text.contains("e999999") && !text.contains("e-999999") {
      #expect(throws: Never.self, "\(text)") {
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
      }
    }
  }

  @Test(
    arguments: [
      ("", .emptyText, 0), ("  ", .emptyText, 2), ("[1,]", .expectedValue, 3), ("[", .expectedValue, 1),
      ("{", .expectedKeyOrEnd, 1), ("{1", .expectedKeyOrEnd, 1), ("{\"a\":1,}", .expectedKey, 7),
      ("{\"a\" 1}", .expectedColon, 5), ("{\"a\":1 2}", .expectedCommaOrBrace, 7),
      ("[1 2]", .expectedCommaOrBracket, 3),
      ("[1}", .expectedCommaOrBracket, 2), ("{\"a\":1]", .expectedCommaOrBrace, 6),
      ("[] x", .expectedEndOfText, 3),
      ("[trux]", .badLiteral, 4), ("[-x]", .expectedDigit, 2), ("[1.]", .expectedDigit, 3),
      ("[012]", .leadingZero, 2),
      ("[\"a", .unterminatedString, 3), ("[\"a\nb\"]", .controlCharacter, 3), ("[\"\\x\"]", .badEscape, 3),
      ("[\"\\u00g0\"]", .badEscape, 6), ("[\"a\\ud800\"]", .loneSurrogate, 3), ("\u{FEFF}1", .expectedValue, 0),
    ] as [(String, JSONError.Kind, Int)])
  func errorsSayWhatAndWhere(_ text: String, _ kind: JSONError.Kind, _ offset: Int) {
    let bytes = Array(text.utf8)
    let found = offset < bytes.count ? bytes[offset] : nil
    #expect(parseError(bytes) == JSONError(kind: kind, offset: offset, found: found))
  }

  @Test func errorDescriptions() {
    #expect("\(parseError(Array("[1,]".utf8))!)" == "expected a value at byte 3, found ']'")
    #expect("\(parseError(Array("[1".utf8))!)" == "expected ',' or ']' at byte 2, found the end of the text")
    #expect("\(parseError([0x22, 0x01, 0x22])!)" == "control character inside a string at byte 1, found 0x01")
  }

  @Test func thrownErrorsPassThrough() {
    struct Own: Error {}
    var parser = JSONParser()
    #expect(throws: Own.self) { try parser.withDocument([0x31]) { _ in throw Own() } }
    #expect(throws: JSONError.self) { try parser.withDocument([0x5B]) { _ in throw Own() } }
    // And the parser goes on working.
    #expect(throws: Never.self) { try parser.withDocument([0x31]) { #expect($0.int64 == 1) } }
  }
}
