// An independent judge of what is JSON: slow, recursive, over Unicode scalars, after the standard
// library has judged the UTF-8. It shares neither code nor method with the parser.

struct ReferenceChecker {
  private let text: [Unicode.Scalar]
  private var index = 0
  private let maximumDepth: Int

  static func accepts(_ bytes: [UInt8], maximumDepth: Int = 64) -> Bool {
    guard let string = String(validating: bytes, as: UTF8.self) else { return false }
    var checker = ReferenceChecker(text: Array(string.unicodeScalars), maximumDepth: maximumDepth)
    checker.space()
    guard checker.value(0) else { return false }
    checker.space()
    return checker.index == checker.text.count
  }

  private init(text: [Unicode.Scalar], maximumDepth: Int) {
    self.text = text
    self.maximumDepth = maximumDepth
  }

  private var next: Unicode.Scalar? { index < text.count ? text[index] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    index += 1
    return true
  }

  private mutating func space() {
    while let scalar = next, " \t\n\r".unicodeScalars.contains(scalar) { index += 1 }
  }

  private mutating func value(_ depth: Int) -> Bool {
    switch next {
    case "{": return depth < maximumDepth && sequence("{", "}") { $0.member(depth) }
    case "[": return depth < maximumDepth && sequence("[", "]") { $0.value(depth + 1) }
    case "\"": return string()
    case "t": return word("true")
    case "f": return word("false")
    case "n": return word("null")
    default: return number()
    }
  }

  private mutating func member(_ depth: Int) -> Bool {
    guard string() else { return false }
    space()
    guard take(":") else { return false }
    space()
    return value(depth + 1)
  }

  private mutating func sequence(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ item: (inout ReferenceChecker) -> Bool
  ) -> Bool {
    guard take(open) else { return false }
    space()
    if take(close) { return true }
    repeat {
      space()
      guard item(&self) else { return false }
      space()
    } while take(",")
    return take(close)
  }

  private mutating func word(_ word: String) -> Bool { word.unicodeScalars.allSatisfy { take($0) } }

  private mutating func digits() -> Int {
    var count = 0
    while let scalar = next, scalar.isASCII, ("0"..."9").contains(scalar) {
      index += 1
      count += 1
    }
    return count
  }

  private mutating func number() -> Bool {
    _ = take("-")
    if !take("0"), digits() == 0 { return false }
    if take("."), digits() == 0 { return false }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      return digits() > 0
    }
    return true
  }

  private mutating func string() -> Bool {
    guard take("\"") else { return false }
    while let scalar = next {
      index += 1
      switch scalar {
      case "\"": return true
      case "\\": guard escape() else { return false }
      case _ where scalar.value < 0x20: return false
      default: continue
      }
    }
    return false
  }

  private mutating func escape() -> Bool {
    guard let kind = next else { return false }
    index += 1
    if "\"\\/bfnrt".unicodeScalars.contains(kind) { return true }
    guard kind == "u", let unit = hex() else { return false }
    if UTF16.isTrailSurrogate(unit) { return false }
    guard UTF16.isLeadSurrogate(unit) else { return true }
    guard take("\\"), take("u"), let second = hex() else { return false }
    return UTF16.isTrailSurrogate(second)
  }

  private mutating func hex() -> UInt16? {
    guard index + 4 <= text.count else { return nil }
    var digits = ""
    digits.unicodeScalars.append(contentsOf: text[index..<index + 4])
    // UInt16's own reading takes a sign.
    guard !digits.hasPrefix("+"), !digits.hasPrefix("-") else { return nil }
    index += 4
    return UInt16(digits, radix: 16)
  }
}
