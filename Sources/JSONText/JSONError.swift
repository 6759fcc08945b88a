// Why a text was refused, and where.
//
// The offset is the byte at which no valid document could go on: a person with an editor and
// `found`/`kind` can see the mistake without a parser of his own. `found` is nil when the text
// ended too early.

public struct JSONError: Error, Equatable, Sendable {
  /// What would have been right at `offset`, or which rule was broken there.
  public enum Kind: Equatable, Sendable {
    /// No value at all: empty, or only white space.
    case emptyText
    case expectedValue
    case expectedKeyOrEnd
    case expectedKey
    case expectedColon
    case expectedCommaOrBrace
    case expectedCommaOrBracket
    case expectedEndOfText
    /// Something that starts like `true`, `false` or `null` and is not it.
    case badLiteral
    /// In a number: after `-`, after the point, in the exponent.
    case expectedDigit
    /// `01`: a number may begin with 0 only when that is all there is before the point.
    case leadingZero
    case unterminatedString
    /// A bare control character (below U+0020) inside a string.
    case controlCharacter
    case badEscape
    /// `\ud800` to `\udfff` without its other half: it names no character, so it cannot be written as UTF-8.
    case loneSurrogate
    /// Overlong, truncated, an encoded surrogate, or above U+10FFFF.
    case badUTF8
    case tooDeep
    case tooLong
  }

  public var kind: Kind
  /// Bytes from the start of the text.
  public var offset: Int
  /// The byte at `offset`; nil at the end of the text.
  public var found: UInt8?

  public init(kind: Kind, offset: Int, found: UInt8? = nil) {
    self.kind = kind
    self.offset = offset
    self.found = found
  }
}

extension JSONError: CustomStringConvertible {
  public var description: String { "\(kind) at byte \(offset), found \(foundDescription)" }

  private var foundDescription: String {
    switch found {
    case nil: "the end of the text"
    case .some(let byte) where byte > 0x20 && byte < 0x7F: "'\(Character(UnicodeScalar(byte)))'"
    case .some(let byte): "0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }
}

extension JSONError.Kind: CustomStringConvertible {
  public var description: String {
    switch self {
    case .emptyText: "expected a JSON value"
    case .expectedValue: "expected a value"
    case .expectedKeyOrEnd: "expected a key in quotes or '}'"
    case .expectedKey: "expected a key in quotes"
    case .expectedColon: "expected ':'"
    case .expectedCommaOrBrace: "expected ',' or '}'"
    case .expectedCommaOrBracket: "expected ',' or ']'"
    case .expectedEndOfText: "expected nothing after the value"
    case .badLiteral: "expected true, false or null"
    case .expectedDigit: "expected a digit"
    case .leadingZero: "leading zero in a number"
    case .unterminatedString: "expected the closing quote of a string"
    case .controlCharacter: "control character inside a string"
    case .badEscape: "unknown escape in a string"
    case .loneSurrogate: "half of a surrogate pair"
    case .badUTF8: "invalid UTF-8"
    case .tooDeep: "nested too deeply"
    case .tooLong: "text too long"
    }
  }
}
