// The drawing of a candle chart: a pure function from candles and a size to rows.

struct ChartPlot {
  typealias Candle = ChartView.Candle

  private let candles: [Candle]
  private let width: Int
  private let columnsPerCandle: Int
  private let interval: Int
  private let axis: PriceAxis
  private let priceRows: Int
  private let volumeRows: Int

  init(candles: [Candle], width: Int, height: Int, columnsPerCandle: Int, interval: Int) {
    volumeRows = height >= 12 ? max(2, height / 6) : 0
    priceRows = max(3, height - volumeRows - 1)
    // The label's width depends on the candles shown, and their number on the label's width: the
    // widest price there is settles it.
    let labelWidth = candles.map { max($0.high.description.utf8.count, $0.low.description.utf8.count, 3) }.max() ?? 3
    let count = max(1, (width - labelWidth - 2) / columnsPerCandle)
    let shown = Array(candles.suffix(count))
    self.candles = shown
    self.width = width
    self.columnsPerCandle = columnsPerCandle
    self.interval = interval
    axis = PriceAxis(low: shown.map(\.low).min() ?? .zero, high: shown.map(\.high).max() ?? .zero, rows: priceRows)
  }

  func rows(_ style: Style) -> [String] {
    priceRowsDrawn(style) + volumeRowsDrawn(style) + [style.paint(timeAxis(), .dim)]
  }

  private func priceRowsDrawn(_ style: Style) -> [String] {
    let lastRow = candles.last.map { axis.step(of: $0.close) / 2 }
    return (0..<priceRows).reversed().map { row in
      let cells = candles.map { candle in
        let glyph = cell(candle, row: row)
        return style.paint(glyph, glyph == " " ? .plain : candle.close < candle.open ? .bad : .good) + padding
      }.joined()
      if row == lastRow, let close = candles.last?.close {
        return cells + style.paint("◂" + close.withPlaces(axis.places).description, .reverse)
      }
      return cells + style.paint(axis.labels[row].map { "┤" + $0 } ?? "│", .dim)
    }
  }

  private var padding: String { String(repeating: " ", count: columnsPerCandle - 1) }

  /// The character for one candle in one row: two steps of price, each with nothing, wick or body in it.
  private func cell(_ candle: Candle, row: Int) -> String {
    let wick = axis.step(of: candle.low)...axis.step(of: candle.high)
    let body = axis.step(of: min(candle.open, candle.close))...axis.step(of: max(candle.open, candle.close))
    func weight(_ step: Int) -> Int { body.contains(step) ? 2 : wick.contains(step) ? 1 : 0 }
    // Indexed by the weights of the upper and the lower step.
    let glyphs = [[" ", "╷", "╻"], ["╵", "│", "╽"], ["╹", "╿", "┃"]]
    return glyphs[weight(row * 2 + 1)][weight(row * 2)]
  }

  private func volumeRowsDrawn(_ style: Style) -> [String] {
    guard volumeRows > 0 else { return [] }
    let largest = candles.map(\.volume).max() ?? 0
    let columns = candles.map { candle in
      let ink: Style.Ink = candle.close < candle.open ? .bad : .good
      return Bars.column(largest > 0 ? candle.volume / largest : 0, rows: volumeRows).map { style.paint($0, $0 == " " ? .plain : ink) + padding }
    }
    return (0..<volumeRows).map { row in columns.map { $0[row] }.joined() + style.paint(row == 0 ? "│vol" : "│", .dim) }
  }

  /// Times under the candles, as many as fit.
  private func timeAxis() -> String {
    var out = ""
    var column = 0
    for candle in candles {
      let label = label(candle.begin)
      if column >= out.count, column + label.count <= width, column == 0 || (column / columnsPerCandle).isMultiple(of: max(1, 12 / columnsPerCandle)) {
        out += String(repeating: " ", count: column - out.count) + label + " "
      }
      column += columnsPerCandle
    }
    return out.trimmingTrailingSpaces()
  }

  /// `2026-10-09T00:34:00…` → `00:34`, or `10-09` where candles are days.
  private func label(_ begin: String) -> String {
    let wanted = interval < 1440 ? begin.dropFirst(11).prefix(5) : begin.dropFirst(5).prefix(5)
    return String(wanted)
  }
}

/// Prices against rows: two steps per row, and round labels.
struct PriceAxis {
  /// Decimals of the labels: as many as the prices have.
  let places: Int
  /// Labels by row, counted from the bottom.
  let labels: [Int: String]
  private let low: Double
  private let perStep: Double
  private let steps: Int

  init(low: Exact, high: Exact, rows: Int) {
    places = max(low.places, high.places)
    steps = rows * 2
    let bottom = low.withPlaces(places).mantissa
    let top = high.withPlaces(places).mantissa
    let range = max(1, top - bottom)
    self.low = low.approximate
    // A little more than the range, so that the highest price falls into the last step and not behind it.
    perStep = Exact(mantissa: range, places: places).approximate / Double(steps) * 1.0001

    var labels: [Int: String] = [:]
    let distance = Self.roundDistance(atLeast: range / Int128(max(2, rows / 4)))
    var tick = (bottom / distance) * distance
    if tick < bottom { tick += distance }
    while tick <= top {
      let price = Exact(mantissa: tick, places: places)
      labels[Self.step(of: price.approximate, low: self.low, perStep: perStep, steps: steps) / 2] = price.description
      tick += distance
    }
    self.labels = labels
  }

  /// The step a price falls into, 0 at the bottom.
  func step(of price: Exact) -> Int {
    Self.step(of: price.approximate, low: low, perStep: perStep, steps: steps)
  }

  private static func step(of price: Double, low: Double, perStep: Double, steps: Int) -> Int {
    max(0, min(steps - 1, Int((price - low) / perStep)))
  }

  /// 1, 2 or 5 times a power of ten, not smaller than asked.
  private static func roundDistance(atLeast wanted: Int128) -> Int128 {
    var power: Int128 = 1
    while true {
      for factor: Int128 in [1, 2, 5] where power * factor >= wanted { return power * factor }
      power *= 10
    }
  }
}
