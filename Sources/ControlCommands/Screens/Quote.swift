// What `watch` knows of one symbol, and how a row of it looks.

import KrakenBridgeClient

struct Quote: Sendable {
  /// The sparkline has a point for each of these spans, at most so many.
  static let spanSeconds = 10.0
  static let spans = 30

  let symbol: String
  private(set) var last = ""
  private(set) var bid = ""
  private(set) var ask = ""
  private(set) var changePercent = ""
  private(set) var volume = ""
  private(set) var spread: Exact?
  /// What stands in the columns, and how wide each is: kept, because a thousand rows are measured ten times a second.
  private(set) var cells: [String] = []
  private(set) var cellWidths: [Int] = []
  private(set) var updatedAt = 0.0
  /// Positive after the last price rose, negative after it fell.
  private(set) var direction = 0.0
  var staleReason: String?
  private var history: [Double?] = []
  private var historySpan = 0

  init(symbol: String) {
    self.symbol = symbol
  }

  mutating func receive(_ event: Event, now: Double) {
    let data = event.data
    let before = Double(last)
    func text(_ key: String, _ old: String) -> String { data[key]?.digits ?? old }
    last = text("last", last)
    bid = text("bid", bid)
    ask = text("ask", ask)
    changePercent = text("change_pct", changePercent)
    volume = text("volume", volume)
    updatedAt = now
    spread = Exact(bid).flatMap { bid in Exact(ask).map { $0 - bid } }
    let change = changePercent.isEmpty ? "" : (changePercent.hasPrefix("-") ? "" : "+") + changePercent + " %"
    cells = [symbol, last, change, bid, ask, spread?.description ?? "", volume]
    cellWidths = cells.map(CellWidth.of)
    if event.kind == .snapshot { staleReason = nil }
    guard let price = Double(last) else { return }
    if let before, price != before { direction = price - before }
    note(price, now: now)
  }

  private mutating func note(_ price: Double, now: Double) {
    let span = Int(now / Self.spanSeconds)
    let passed = history.isEmpty ? 1 : min(span - historySpan, Self.spans)
    if passed > 0 {
      // Without an update the price stood still.
      history += [Double?](repeating: history.last ?? nil, count: passed)
      history.removeFirst(max(0, history.count - Self.spans))
      historySpan = span
    }
    history[history.count - 1] = price
  }

  /// The last minutes, newest at the right, in so many columns.
  func sparkline(now: Double, columns: Int = spans) -> String {
    let since = max(0, min(Int(now / Self.spanSeconds) - historySpan, Self.spans))
    let known = (history + [Double?](repeating: history.last ?? nil, count: since)).suffix(columns)
    return Bars.sparkline([Double?](repeating: nil, count: columns - known.count) + known)
  }
}

/// The columns of `watch`: widths over all symbols, so that scrolling moves nothing sideways.
struct QuoteColumns {
  private let width: Int
  /// Of as many columns as there is room for; those at the right go first.
  private let widths: [Int]
  /// None when there is no room.
  private let sparklineColumns: Int
  private let style: Style
  private let now: Double

  /// The age and the space before it.
  private static let ageColumns = 6
  private static let spansPerMinute = Int(60 / Quote.spanSeconds)
  private static let titles = ["SYMBOL", "LAST", "CHANGE", "BID", "ASK", "SPREAD", "VOLUME"]

  init(_ quotes: [Quote], width: Int, style: Style, now: Double) {
    var widths = Self.titles.map(\.utf8.count)
    for quote in quotes {
      for (index, cellWidth) in quote.cellWidths.enumerated() { widths[index] = max(widths[index], cellWidth) }
    }
    func room() -> Int { width - (widths.reduce(0, +) + 2 * (widths.count - 1) + Self.ageColumns) }
    while widths.count > 2, room() < 0 { widths.removeLast() }
    self.width = width
    self.widths = widths
    self.style = style
    self.now = now
    // Whole minutes, and no title wider than what it stands over.
    let columns = min(Quote.spans, (room() - 2) / Self.spansPerMinute * Self.spansPerMinute)
    sparklineColumns = columns >= 12 ? columns : 0
  }

  var heading: String {
    var out = line(Self.titles)
    if sparklineColumns > 0 { out += "  " + "LAST \(sparklineColumns / Self.spansPerMinute) MIN".fitted(to: sparklineColumns) }
    return out + "  " + "AGE".fitted(to: 4, alignedRight: true)
  }

  func row(_ quote: Quote) -> String {
    var cells = quote.cells
    if widths.count > 2 {
      cells[2] = style.paint(cells[2].fitted(to: widths[2], alignedRight: true), quote.changePercent.hasPrefix("-") ? .bad : .good)
    }
    if quote.staleReason == nil, quote.direction != 0 {
      cells[1] = style.paint(cells[1].fitted(to: widths[1], alignedRight: true), quote.direction > 0 ? .boldGood : .boldBad)
    }
    var out = line(cells)
    if sparklineColumns > 0 { out += "  " + style.paint(quote.sparkline(now: now, columns: sparklineColumns), .accent) }
    let age = max(0, now - quote.updatedAt)
    let ageText = age < 100 ? "\(Int(age)) s" : age < 6000 ? "\(Int(age / 60)) m" : "\(Int(age / 3600)) h"
    out += "  " + ageText.fitted(to: 4, alignedRight: true)
    guard let reason = quote.staleReason else { return out }
    // The mark is seen whatever else has to give way.
    let mark = "STALE \(reason)"
    return out.clipped(to: max(0, width - 1 - mark.utf8.count)) + " " + style.paint(mark, .boldWarning)
  }

  private func line(_ cells: [String]) -> String {
    zip(cells, widths).enumerated().map { index, cell in cell.0.fitted(to: cell.1, alignedRight: index > 0) }
      .joined(separator: "  ")
  }
}
