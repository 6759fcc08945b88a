// How many columns of a terminal a text takes. Combining marks take none, East Asian wide characters
// and emoji take two, escape sequences take none.

enum CellWidth {
  /// Columns taken by a text that may hold colour sequences.
  static func of(_ text: String) -> Int {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text.utf8.count }
    var width = 0
    var inEscape = false
    for character in text {
      if inEscape {
        if character.isASCII, character.isLetter { inEscape = false }
      } else if character == "\u{1B}" {
        inEscape = true
      } else {
        width += of(character)
      }
    }
    return width
  }

  static func of(_ character: Character) -> Int {
    guard let first = character.unicodeScalars.first else { return 0 }
    let properties = first.properties
    switch properties.generalCategory {
    case .control, .format, .nonspacingMark, .enclosingMark, .lineSeparator, .paragraphSeparator: return 0
    default: break
    }
    if properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}") { return 2 }
    return isWide(first.value) ? 2 : 1
  }

  /// East Asian Width W and F, in the ranges that fonts and terminals agree on.
  private static func isWide(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
      0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
      0x17000...0x18CD5, 0x1B000...0x1B2FF, 0x20000...0x3FFFD:
      true
    default: false
    }
  }
}

extension String {
  /// This text brought to exactly `width` columns: cut with an ellipsis, or filled with spaces on the side given.
  func fitted(to width: Int, alignedRight: Bool = false) -> String {
    let own = CellWidth.of(self)
    if own <= width {
      let filling = String(repeating: " ", count: width - own)
      return alignedRight ? filling + self : self + filling
    }
    return clipped(to: width)
  }

  /// The first `width` columns. Colour sequences are kept whole and ended.
  func clipped(to width: Int) -> String {
    guard CellWidth.of(self) > width else { return self }
    guard width > 0 else { return "" }
    var out = ""
    var used = 0
    var inEscape = false
    var isColored = false
    for character in self {
      if inEscape || character == "\u{1B}" {
        inEscape = character == "\u{1B}" || !(character.isASCII && character.isLetter)
        isColored = true
        out.append(character)
        continue
      }
      let own = CellWidth.of(character)
      guard used + own <= width - 1 else { break }
      out.append(character)
      used += own
    }
    out += "…" + (isColored ? "\u{1B}[0m" : "")
    return out + String(repeating: " ", count: max(0, width - used - 1))
  }
}
