// Random documents, written with random spaces and escapes, have to come back as they were; and
// every recorded Kraken message with its numbers untouched.

import Foundation
import Testing

@testable import JSONText

/// SplitMix64: the same sequence for the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &self) == 0 }
}

indirect enum Document: Equatable {
  case object([(String, Document)])
  case array([Document])
  case string(String)
  case number(String)
  case bool(Bool)
  case null

  static func == (a: Document, b: Document) -> Bool {
    switch (a, b) {
    case (.object(let a), .object(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 }
    case (.array(let a), .array(let b)): a == b
    case (.string(let a), .string(let b)): Array(a.utf8) == Array(b.utf8)
    case (.number(let a), .number(let b)): a == b
    case (.bool(let a), .bool(let b)): a == b
    case (.null, .null): true
    default: false
    }
  }

  init(_ value: JSONValue) {
    switch value.kind {
    case .object: self = .object(value.members.map { ($0.key.string!, Document($0.value)) })
    case .array: self = .array(value.elements.map(Document.init))
    case .string: self = .string(value.string!)
    case .number: self = .number(value.text.asString)
    case .true, .false: self = .bool(value.bool!)
    case .null: self = .null
    }
  }

  static func random(_ depth: Int, _ random: inout SeededRandom) -> Document {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
    case 0: return .null
    case 1: return .bool(random.chance(2))
    case 2, 3: return .number(randomNumber(&random))
    case 4: return .string(randomString(&random))
    case 5:
      return .array((0..<Int.random(in: 0...5, using: &random)).map { _ in .random(depth - 1, &random) })
    default:
      return .object(
        (0..<Int.random(in: 0...5, using: &random)).map { _ in
          (randomString(&random), .random(depth - 1, &random))
        })
    }
  }

  private static func randomNumber(_ random: inout SeededRandom) -> String {
    func digits(_ range: ClosedRange<Int>) -> String {
      (0..<Int.random(in: range, using: &random)).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
    }
    var text = random.chance(3) ? "-" : ""
    text += random.chance(4) ? "0" : "\(Int.random(in: 1...9, using: &random))" + digits(0...18)
    if random.chance(2) { text += "." + digits(1...12) }
    if random.chance(4) { text += ["e", "E", "e+", "E-"].randomElement(using: &random)! + digits(1...3) }
    return text
  }

  private static func randomString(_ random: inout SeededRandom) -> String {
    var string = ""
    for _ in 0..<Int.random(in: 0...20, using: &random) {
      let top: UInt32 = [0x7F, 0x7F, 0x7F, 0x7FF, 0xFFFF, 0x10FFFF].randomElement(using: &random)!
      if let scalar = Unicode.Scalar(UInt32.random(in: 0...top, using: &random)) {
        string.unicodeScalars.append(scalar)
      }
    }
    return string
  }

  /// Written by the tests' own hand, with spaces and escapes where they are allowed.
  func write(into out: inout String, _ random: inout SeededRandom, plain: Bool) {
    func space() {
      guard !plain else { return }
      while random.chance(4) { out += [" ", "\t", "\n", "\r"].randomElement(using: &random)! }
    }
    func quote(_ string: String) {
      out += "\""
      for scalar in string.unicodeScalars {
        if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || (!plain && random.chance(8)) {
          for unit in String(scalar).utf16 {
            let hex = String(unit, radix: 16, uppercase: random.chance(2))
            out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
          }
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
      out += "\""
    }
    space()
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .number(let text): out += text
    case .string(let string): quote(string)
    case .array(let elements):
      out += "["
      for (index, element) in elements.enumerated() {
        if index > 0 { out += "," }
        element.write(into: &out, &random, plain: plain)
      }
      if elements.isEmpty { space() }
      out += "]"
    case .object(let members):
      out += "{"
      for (index, (key, value)) in members.enumerated() {
        if index > 0 { out += "," }
        space()
        quote(key)
        space()
        out += ":"
        value.write(into: &out, &random, plain: plain)
      }
      if members.isEmpty { space() }
      out += "}"
    }
    space()
  }
}

@Suite struct RandomDocumentTests {
  @Test func roundTrip() throws {
    var parser = JSONParser()
    for seed in UInt64(1)...2000 {
      var random = SeededRandom(seed: seed)
      let document = Document.random(6, &random)
      var text = ""
      document.write(into: &text, &random, plain: seed % 2 == 0)
      let bytes = Array(text.utf8)
      try parser.withDocument(bytes) { root in
        try #require(Document(root) == document, "seed \(seed)")
      }
      #expect(ReferenceChecker.accepts(bytes), "seed \(seed)")
    }
  }

  /// Random damage: parser and checker have to agree.
  @Test func damagedDocuments() {
    var refused = 0
    for seed in UInt64(1)...3000 {
      var random = SeededRandom(seed: seed)
      var text = ""
      Document.random(4, &random).write(into: &text, &random, plain: random.chance(2))
      var bytes = Array(text.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        let index = bytes.indices.randomElement(using: &random)!
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.remove(at: index)
        case 1: bytes.insert(Array("[]{},:\"\\-+.eE0 \u{E9}".utf8).randomElement(using: &random)!, at: index)
        case 2: bytes[index] = UInt8.random(in: 0...255, using: &random)
        default: bytes.swapAt(index, bytes.indices.randomElement(using: &random)!)
        }
      }
      let isValid = ReferenceChecker.accepts(bytes)
      if !isValid { refused += 1 }
      #expect((parseError(bytes) == nil) == isValid, "seed \(seed)")
    }
    #expect(refused > 1000 && refused < 3000)
  }

  // MARK: Recorded messages

  private func fixtures() throws -> [URL] {
    let folder = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/kraken")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "jsonl" }
  }

  private func numbers(_ value: JSONValue, into found: inout [String]) {
    switch value.kind {
    case .number: found.append(value.text.asString)
    case .array: for element in value.elements { numbers(element, into: &found) }
    case .object: for (_, member) in value.members { numbers(member, into: &found) }
    default: break
    }
  }

  /// The number literals of a text: whatever looks like one outside strings.
  private func literals(_ text: [UInt8]) -> [String] {
    var found: [String] = []
    var index = 0
    while index < text.count {
      switch text[index] {
      case UInt8(ascii: "\""):
        index += 1
        while text[index] != UInt8(ascii: "\"") { index += text[index] == UInt8(ascii: "\\") ? 2 : 1 }
        index += 1
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        let literal = text[index...].prefix { "0123456789.eE+-".utf8.contains($0) }
        found.append(String(decoding: literal, as: UTF8.self))
        index = literal.endIndex
      default:
        index += 1
      }
    }
    return found
  }

  @Test func recordedNumbersAreUntouched() throws {
    var parser = JSONParser()
    var (lines, count) = (0, 0)
    for file in try fixtures() {
      for line in try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).map({ [UInt8]($0) }) {
        var found: [String] = []
        try parser.withDocument(line) { root in
          numbers(root, into: &found)
          #expect(Array(root.text) == line)
        }
        #expect(found == literals(line), "\(file.lastPathComponent), line \(lines + 1) of all")
        lines += 1
        count += found.count
      }
    }
    #expect(lines > 1800 && count > 3000)
  }
}
