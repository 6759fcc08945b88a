// Turns a picture (rows of text) into what has to be written to a terminal that shows an earlier one:
// only rows that changed. A pure value, so that its economy is tested without a terminal.

struct RowPainter {
  private var shown: [String] = []
  private var size = TerminalSize(columns: 0, rows: 0)

  /// What to write so that the terminal shows `rows`; empty when it already does.
  mutating func paint(_ rows: [String], size: TerminalSize) -> String {
    var out = ""
    if size != self.size {
      out += "\u{1B}[2J"
      shown = []
      self.size = size
    }
    let visible = rows.prefix(size.rows).map { $0.clipped(to: size.columns) }
    for (index, row) in visible.enumerated() where index >= shown.count || shown[index] != row {
      out += "\u{1B}[\(index + 1);1H\(row)"
      // After a full row the cursor stays on its last column, and erasing from there would take that one away.
      if CellWidth.of(row) < size.columns { out += "\u{1B}[K" }
    }
    if shown.count > visible.count {
      out += "\u{1B}[\(visible.count + 1);1H\u{1B}[J"
    }
    shown = visible
    // A terminal that knows synchronized updates shows the whole change at once; others ignore it.
    return out.isEmpty ? "" : "\u{1B}[?2026h" + out + "\u{1B}[?2026l"
  }

  /// Forgets what is shown, after somebody else wrote to the terminal.
  mutating func invalidate() {
    size = TerminalSize(columns: 0, rows: 0)
  }
}
