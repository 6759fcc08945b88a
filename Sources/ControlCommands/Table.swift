// Rows and columns, printed for people (aligned) or for programs (CSV).

/// A table whose cells are text, ready to print in several forms.
struct Table: Sendable, Equatable {
  struct Column: Sendable, Equatable {
    var title: String
    var alignedRight = false

    static func text(_ title: String) -> Column { Column(title: title) }
    static func number(_ title: String) -> Column { Column(title: title, alignedRight: true) }
  }

  var columns: [Column]
  var rows: [[String]] = []

  /// Aligned lines with a heading. Cells may be painted.
  func aligned(_ style: Style) -> [String] {
    let widths = columns.indices.map { index in
      rows.reduce(CellWidth.of(columns[index].title)) { max($0, CellWidth.of($1[index])) }
    }
    func line(_ cells: [String]) -> String {
      let fitted = columns.indices.map { cells[$0].fitted(to: widths[$0], alignedRight: columns[$0].alignedRight) }
      return fitted.joined(separator: "  ").trimmingTrailingSpaces()
    }
    return [style.paint(line(columns.map { $0.title.uppercased() }), .dim)] + rows.map(line)
  }

  /// RFC 4180 lines with a heading.
  func csv() -> [String] {
    [Self.csvLine(columns.map(\.title))] + rows.map(Self.csvLine)
  }

  static func csvLine(_ cells: [String]) -> String {
    cells.map(csvCell).joined(separator: ",")
  }

  private static func csvCell(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { ![UInt8(ascii: ","), UInt8(ascii: "\""), 0x0A, 0x0D].contains($0) }
    if isPlain { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}

extension String {
  func trimmingTrailingSpaces() -> String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
