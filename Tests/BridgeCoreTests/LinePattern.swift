// A line as a scenario expects it: literal text with variables.
//
// `$name` stands for a number or word: the first use gives it a meaning, every other must meet the same. `$any` is any
// word, `$all` any text. `$times` and `$at` are short for the timestamps that every answer and every event carries, `$hello`
// for the first line of a connection.

struct LinePattern {
  private enum Piece {
    case literal([UInt8])
    case name(String)
    case anyWord, anyText
  }

  private var pieces: [Piece] = []

  init(_ text: String) {
    let text = text.replacing("$times", with: #""time_in":"$any","time_out":"$any""#)
      .replacing("$at", with: #""received":"$any""#)
      .replacing("$hello", with: #"{"channel":"bridge","type":"hello","seq":$any,"data":$all}"#)
    var literal: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let name = rest.prefix { Self.isNameByte($0) }
      guard byte == UInt8(ascii: "$"), !name.isEmpty else {
        literal.append(byte)
        continue
      }
      rest = rest.dropFirst(name.count)
      if !literal.isEmpty { pieces.append(.literal(literal)) }
      literal = []
      switch String(decoding: name, as: UTF8.self) {
      case "any": pieces.append(.anyWord)
      case "all": pieces.append(.anyText)
      case let name: pieces.append(.name(name))
      }
    }
    if !literal.isEmpty { pieces.append(.literal(literal)) }
  }

  /// Whether the line fits; new names are entered into `meanings` only if it does.
  func matches(_ line: String, _ meanings: inout [String: String]) -> Bool {
    guard let found = match(pieces[...], Array(line.utf8)[...], meanings) else { return false }
    meanings = found
    return true
  }

  private func match(
    _ pieces: ArraySlice<Piece>, _ text: ArraySlice<UInt8>, _ meanings: [String: String]
  ) -> [String: String]? {
    guard let piece = pieces.first else { return text.isEmpty ? meanings : nil }
    let rest = pieces.dropFirst()
    switch piece {
    case .literal(let literal):
      return text.starts(with: literal) ? match(rest, text.dropFirst(literal.count), meanings) : nil
    case .name(let name):
      if let known = meanings[name] {
        return text.starts(with: known.utf8) ? match(rest, text.dropFirst(known.utf8.count), meanings) : nil
      }
      let word = text.prefix { Self.isWordByte($0) }
      guard !word.isEmpty else { return nil }
      var meanings = meanings
      meanings[name] = String(decoding: word, as: UTF8.self)
      return match(rest, text.dropFirst(word.count), meanings)
    case .anyWord:
      return match(rest, text.drop { Self.isWordByte($0) }, meanings)
    case .anyText:
      for index in text.startIndex...text.endIndex {
        if let found = match(rest, text[index...], meanings) { return found }
      }
      return nil
    }
  }

  /// Replaces the names in text that is about to be sent.
  /// - Throws: `ScenarioSyntaxError` for a name without a meaning.
  static func filledIn(_ text: String, _ meanings: [String: String]) throws -> String {
    var result: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let name = rest.prefix { isNameByte($0) }
      guard byte == UInt8(ascii: "$"), !name.isEmpty else {
        result.append(byte)
        continue
      }
      rest = rest.dropFirst(name.count)
      guard let meaning = meanings[String(decoding: name, as: UTF8.self)] else {
        throw ScenarioSyntaxError(description: "$\(String(decoding: name, as: UTF8.self)) has no meaning yet")
      }
      result += meaning.utf8
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: false
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    isNameByte(byte) || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
      || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "+"), UInt8(ascii: "_")].contains(byte)
  }
}
