// A JSON value that a program may keep. The bridge's numbers are decimal text whose every digit
// matters, so a number here is its text; it becomes a Double only where somebody asks for one.

import JSONText

/// A JSON value whose numbers keep their text and whose objects keep their order.
public indirect enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  /// The digits as they came, for example `0.00050000`.
  case number(String)
  case string(String)
  case array([JSON])
  case object([Member])

  /// One name and value of an object.
  public struct Member: Sendable, Hashable {
    public var name: String
    public var value: JSON

    public init(_ name: String, _ value: JSON) {
      self.name = name
      self.value = value
    }
  }

  /// The value of that name, if this is an object that has one.
  public subscript(name: String) -> JSON? {
    members.first { $0.name == name }?.value
  }

  /// The names and values of an object; empty for anything else.
  public var members: [Member] {
    if case .object(let members) = self { members } else { [] }
  }

  /// The elements of an array; empty for anything else.
  public var elements: [JSON] {
    if case .array(let elements) = self { elements } else { [] }
  }

  /// The text of a string.
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The digits of a number, exactly as received.
  public var digits: String? {
    if case .number(let text) = self { text } else { nil }
  }

  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  public var uint64: UInt64? { digits.flatMap { UInt64($0) } }

  public var int: Int? { digits.flatMap { Int($0) } }

  /// The nearest binary fraction: for drawing and estimates, never for money.
  public var approximate: Double? { digits.flatMap { Double($0) } }

  public var isNull: Bool { self == .null }

  /// What a person reads: the text of a string without quotes, digits as they came, JSON for the rest.
  public var plainText: String {
    switch self {
    case .null: ""
    case .bool(let value): value ? "true" : "false"
    case .number(let digits): digits
    case .string(let text): text
    case .array, .object: text
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .number(String(value)) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSON: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
}

extension JSON: CustomStringConvertible {
  public var description: String { text }

  /// This value as JSON text without spaces.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// This value as JSON text without spaces, in UTF-8.
  public var bytes: [UInt8] {
    var out = JSONBytes()
    write(to: &out)
    return out.bytes
  }

  private func write(to out: inout JSONBytes) {
    switch self {
    case .null: out.append("null")
    case .bool(let value): value ? out.append("true") : out.append("false")
    case .number(let digits): for byte in digits.utf8 { out.append(byte) }
    case .string(let text): out.append(quoted: text)
    case .array(let elements):
      out.append("[")
      for (index, element) in elements.enumerated() {
        if index > 0 { out.append(",") }
        element.write(to: &out)
      }
      out.append("]")
    case .object(let members):
      out.append("{")
      for (index, member) in members.enumerated() {
        if index > 0 { out.append(",") }
        out.append(quoted: member.name)
        out.append(":")
        member.value.write(to: &out)
      }
      out.append("}")
    }
  }
}

extension JSON {
  /// Reads JSON text; `nil` when it is not valid.
  public init?(parsing bytes: [UInt8]) {
    var parser = JSONParser()
    guard let value = try? parser.withDocument(bytes, { JSON($0) }) else { return nil }
    self = value
  }

  public init?(parsing text: String) {
    self.init(parsing: Array(text.utf8))
  }

  /// Copies a parsed value out of the text it points into.
  init(_ value: JSONValue) {
    switch value.kind {
    case .null: self = .null
    case .true: self = .bool(true)
    case .false: self = .bool(false)
    case .number: self = .number(String(decoding: value.text, as: UTF8.self))
    case .string: self = .string(value.string ?? "")
    case .array: self = .array(value.elements.map { JSON($0) })
    case .object: self = .object(value.members.map { Member($0.key.string ?? "", JSON($0.value)) })
    }
  }
}
