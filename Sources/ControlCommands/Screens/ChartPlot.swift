// The drawing of a candle chart: a pure function from candles and a size to rows. Box-drawing lines join from cell to cell
// and have ends at half a cell: thin for wicks, heavy for bodies.

struct ChartPlot {
  typealias Candle = ChartView.Candle

  private let candles: [Candle]
  private let columnsPerCandle: Int
  /// Between the left edge and the first candle, so that the last one stands at the axis.
  private let margin: String
  private let priceAxis: PriceAxis
  private let timeLabels: String
  private let priceRows: Int
  private let volumeRows: Int

  /// - Parameter zoom: how many columns more each candle shall have.
  init(candles: [Candle], width: Int, height: Int, zoom: Int, interval: Int) {
    volumeRows = height >= 12 ? max(2, height / 6) : 0
    priceRows = max(3, height - volumeRows - 1)
    // The labels' width depends on the candles shown, and their number on the labels' width: the widest there is
    // settles it.
    let labelWidth = candles.map { max($0.high.description.utf8.count, $0.low.description.utf8.count, $0.volumeText.utf8.count) }.max() ?? 0
    let room = max(1, width - labelWidth - 1)
    // Close together where it is narrow, as wide as they can be where there are few.
    let unzoomed = max(room < 100 ? 1 : 2, min(3, room / max(1, candles.count)))
    columnsPerCandle = max(1, min(4, unzoomed + zoom))
    let shown = Array(candles.suffix(max(1, room / columnsPerCandle)))
    self.candles = shown
    let used = shown.count * columnsPerCandle
    margin = String(repeating: " ", count: max(0, room - used))
    priceAxis = PriceAxis(low: shown.map(\.low).min() ?? .zero, high: shown.map(\.high).max() ?? .zero, rows: priceRows)
    timeLabels = margin + TimeAxis.labels(shown.map(\.begin), columnsPerCandle: columnsPerCandle, interval: interval) + " UTC"
  }

  /// What the bodies mean where there are no colours.
  func legend(_ style: Style) -> [String] {
    style.isColored ? [] : columnsPerCandle == 1 ? ["┃ rising", "┇ falling"] : ["█ rising", "░ falling"]
  }

  func rows(_ style: Style) -> [String] {
    priceRowsDrawn(style) + volumeRowsDrawn(style) + [style.paint(timeLabels, .dim)]
  }

  private var padding: String { String(repeating: " ", count: columnsPerCandle - 1) }

  private func priceRowsDrawn(_ style: Style) -> [String] {
    let lastRow = candles.last.map { priceAxis.step(of: $0.close) / 2 }
    return (0..<priceRows).reversed().map { row in
      let cells = candles.map { candle in
        let glyph = cell(candle, row: row, isColored: style.isColored)
        return style.paint(glyph, glyph == " " ? .plain : candle.ink) + padding
      }.joined()
      if row == lastRow, let close = candles.last?.close {
        return margin + cells + style.paint("◂" + close.withPlaces(priceAxis.places).description, .reverse)
      }
      return margin + cells + style.paint(priceAxis.labels[row].map { "┤" + $0 } ?? "│", .dim)
    }
  }

  /// The character for one candle in one row: two steps of price, each with nothing, wick or body in it.
  private func cell(_ candle: Candle, row: Int, isColored: Bool) -> String {
    let wick = priceAxis.step(of: candle.low)...priceAxis.step(of: candle.high)
    let body = priceAxis.step(of: min(candle.open, candle.close))...priceAxis.step(of: max(candle.open, candle.close))
    func weight(_ step: Int) -> Int { body.contains(step) ? 2 : wick.contains(step) ? 1 : 0 }
    // Indexed by the weights of the upper and the lower step. Candles that stand close have lines for bodies, which leave
    // space between them, others blocks. Where there are no colours, falling bodies are lighter.
    let isLight = candle.isFalling && !isColored
    let glyphs =
      columnsPerCandle == 1
      ? [[" ", "╷", "╻"], ["╵", "│", "╽"], ["╹", "╿", isLight ? "┇" : "┃"]]
      : [[" ", "╷", "▄"], ["╵", "│", "╽"], ["▀", "╿", isLight ? "░" : "█"]]
    return glyphs[weight(row * 2 + 1)][weight(row * 2)]
  }

  private func volumeRowsDrawn(_ style: Style) -> [String] {
    guard volumeRows > 0, let largest = candles.max(by: { $0.volume < $1.volume }) else { return [] }
    let columns = candles.map { candle in
      Bars.column(largest.volume > 0 ? candle.volume / largest.volume : 0, rows: volumeRows)
        .map { style.paint($0, $0 == " " ? .plain : candle.ink) + padding }
    }
    return (0..<volumeRows).map { row in
      margin + columns.map { $0[row] }.joined() + style.paint(row == 0 ? "┤" + largest.volumeText : "│", .dim)
    }
  }
}
