// Widths, tables, bars, keys and the painter: everything a screen is made of.

import Testing

@testable import ControlCommands

@Suite struct TextTests {
  @Test(arguments: [
    ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("漢字", 4), ("ﾊﾝ", 2), ("한", 2), ("🙂", 2), ("❤\u{FE0F}", 2), ("█▏━╽", 4), ("\u{200B}", 0),
    ("\u{1B}[1;31mred\u{1B}[0m", 3), ("\u{1B}[31m漢\u{1B}[0m", 2),
  ])
  func widths(text: String, width: Int) {
    #expect(CellWidth.of(text) == width)
  }

  @Test func fitting() {
    #expect("ab".fitted(to: 4) == "ab  ")
    #expect("ab".fitted(to: 4, alignedRight: true) == "  ab")
    #expect("abcdef".fitted(to: 4) == "abc…")
    #expect("漢字漢字".fitted(to: 4) == "漢… ")
    #expect("abc".clipped(to: 0) == "")
    #expect("abc".clipped(to: 3) == "abc")
    #expect("\u{1B}[31mabcdef\u{1B}[0m".clipped(to: 3) == "\u{1B}[31mab…\u{1B}[0m")
  }

  /// Whatever is cut to whatever width has that width.
  @Test func clippingNeverOverflows() {
    for text in ["abcdefgh", "漢字漢字漢字", "a漢b字c", "\u{1B}[1mbold\u{1B}[0m and 漢字", "🙂🙂🙂"] {
      for width in 0...10 {
        #expect(CellWidth.of(text.fitted(to: width)) == width, "\(text) to \(width)")
        #expect(CellWidth.of(text.clipped(to: width)) <= width)
      }
    }
  }

  @Test func tables() {
    let table = Table(columns: [.text("name"), .number("n")], rows: [["a", "1"], ["漢字", "22"], ["x,\"y\"\nz", ""]])
    #expect(table.csv() == ["name,n", "a,1", "漢字,22", "\"x,\"\"y\"\"\nz\","])
    let aligned = Table(columns: [.text("name"), .number("n")], rows: [["a", "1"], ["漢字漢", "22"]]).aligned(Style(isColored: false))
    #expect(aligned == ["NAME     N", "a        1", "漢字漢  22"])
  }

  @Test func quantities() {
    #expect(Quantity.bytes(0) == "0 B")
    #expect(Quantity.bytes(1536) == "1.5 KiB")
    #expect(Quantity.bytes(33_554_432) == "32.0 MiB")
    #expect(Quantity.seconds(59) == "59 s")
    #expect(Quantity.seconds(61) == "1 min 1 s")
    #expect(Quantity.seconds(7385) == "2 h 3 min")
    #expect(Quantity.seconds(90000) == "1 d 1 h")
    #expect(Quantity.grouped("1234567") == "1,234,567")
    #expect(Quantity.grouped("123") == "123")
    #expect(Quantity.grouped("12.5") == "12.5")
    #expect(Quantity.fixed(1.005, places: 1) == "1.0")
    #expect(Quantity.fixed(-0.04, places: 1) == "0.0")
    #expect(Quantity.fixed(-2.55, places: 1) == "-2.6" || Quantity.fixed(-2.55, places: 1) == "-2.5")
    #expect(Quantity.fixed(99.95, places: 0) == "100")
  }

  @Test func bars() {
    #expect(Bars.across(0, width: 4) == "    ")
    #expect(Bars.across(1, width: 4) == "████")
    #expect(Bars.across(0.5, width: 4) == "██  ")
    #expect(Bars.across(0.53125, width: 4) == "██▏ ")
    #expect(Bars.across(7, width: 2) == "██")
    #expect(Bars.across(.nan, width: 2) == "  ")
    #expect(Bars.column(1, rows: 3) == ["█", "█", "█"])
    #expect(Bars.column(0.5, rows: 2) == [" ", "█"])
    #expect(Bars.column(0.01, rows: 2) == [" ", "▁"])
    #expect(Bars.sparkline([nil, 1, 2, 3]) == " ▁▅█")
    #expect(Bars.sparkline([5, 5]) == "▄▄")
    #expect(Bars.sparkline([nil, nil]) == "  ")
  }

  @Test func keys() {
    func parse(_ text: String) -> [Key] { Key.parse(Array(text.utf8)[...]) }
    #expect(parse("q") == [.character("q")])
    #expect(parse("é漢") == [.character("é"), .character("漢")])
    #expect(parse("\u{1B}[A\u{1B}[B\u{1B}OA\u{1B}[5~\u{1B}[6~\u{1B}[H\u{1B}[F") == [.up, .down, .up, .pageUp, .pageDown, .home, .end])
    #expect(parse("\u{1B}") == [.escape])
    #expect(parse("\r\n\u{7F}\u{8}") == [.enter, .enter, .backspace, .backspace])
    #expect(parse("\u{1B}[15~x") == [.character("x")])
    #expect(parse("\u{1}\u{2}") == [])
    #expect(parse("\u{1B}[") == [])
  }

  @Test func painterWritesOnlyWhatChanged() {
    let size = TerminalSize(columns: 10, rows: 3)
    var painter = RowPainter()
    #expect(painter.paint(["a", "b"], size: size) == "\u{1B}[?2026h\u{1B}[2J\u{1B}[1;1Ha\u{1B}[K\u{1B}[2;1Hb\u{1B}[K\u{1B}[?2026l")
    #expect(painter.paint(["a", "b"], size: size) == "")
    #expect(painter.paint(["a", "c"], size: size) == "\u{1B}[?2026h\u{1B}[2;1Hc\u{1B}[K\u{1B}[?2026l")
    #expect(painter.paint(["a"], size: size) == "\u{1B}[?2026h\u{1B}[2;1H\u{1B}[J\u{1B}[?2026l")
    // No more rows than there are, none wider than the screen.
    let full = painter.paint(["1", "2", "3", "4"], size: size)
    #expect(!full.contains("4"))
    #expect(painter.paint([String(repeating: "x", count: 20), "2", "3"], size: size).contains("xxxxxxxxx…\u{1B}[?2026l"))
    painter.invalidate()
    #expect(painter.paint(["a"], size: size).hasPrefix("\u{1B}[?2026h\u{1B}[2J"))
    #expect(painter.paint(["a"], size: TerminalSize(columns: 20, rows: 3)).contains("\u{1B}[2J"))
  }
}
