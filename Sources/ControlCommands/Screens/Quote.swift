// What `watch` knows of one symbol, and how a row of it looks.

import KrakenBridgeClient

struct Quote: Sendable {
  /// The sparkline has a point for each minute, at most so many.
  static let minutesMax = 30

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
  /// As much of the volume as eight columns hold, for screens without room for all of it.
  private(set) var shortVolume = ""
  private(set) var updatedAt = 0.0
  /// Positive after the last price rose, negative after it fell.
  private(set) var direction = 0.0
  var staleReason: String?
  /// The last price of each minute in which there was one, by minutes since 1970.
  private var closes: [Int: Double] = [:]

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
    let whole = volume.prefix { $0 != "." }
    shortVolume = String(whole.utf8.count < 7 ? volume.prefix(8) : whole)
    if event.kind == .snapshot { staleReason = nil }
    guard let price = Double(last) else { return }
    if let before, price != before { direction = price - before }
    closes[Self.minute(now)] = price
    if closes.count > 2 * Self.minutesMax { closes = closes.filter { $0.key > Self.minute(now) - Self.minutesMax } }
  }

  /// Takes what was before we looked: candles of one minute. What was seen live is newer.
  mutating func receive(candles: [JSON]) {
    for candle in candles.suffix(Self.minutesMax) {
      guard let begin = candle["interval_begin"]?.string.flatMap(ReplayClock.seconds), let close = candle["close"]?.approximate else { continue }
      closes[Self.minute(begin)] = closes[Self.minute(begin)] ?? close
    }
  }

  private static func minute(_ seconds: Double) -> Int { Int(seconds / 60) }

  /// The last minutes, newest at the right, in so many columns.
  func sparkline(now: Double, columns: Int = minutesMax) -> String {
    let first = Self.minute(now) - columns + 1
    // In a minute without trades the price stood still.
    var price = closes.filter { $0.key < first }.max { $0.key < $1.key }?.value
    return Bars.sparkline(
      (first..<(first + columns)).map { minute in
        price = closes[minute] ?? price
        return price
      })
  }
}

/// The columns of `watch`: widths over all symbols, so that scrolling moves nothing sideways.
struct QuoteColumns {
  private let width: Int
  /// Of as many columns as there is room for; those at the right go first.
  private let widths: [Int]
  /// None when there is no room.
  private let sparklineColumns: Int
  private let cutsVolume: Bool
  var showsSparkline: Bool { sparklineColumns > 0 }
  /// Two spaces between columns, one where it is narrow.
  private let separator: String
  private let style: Style
  private let now: Double
  /// Why no row is live, if none is.
  private let staleReason: String?

  /// The age and the space before it.
  private static let ageColumns = 6
  /// As wide as its title.
  private static let sparklineColumnsMin = 5
  private static let titles = ["SYMBOL", "LAST", "CHANGE", "BID", "ASK", "SPREAD", "VOLUME"]

  init(_ quotes: [Quote], width: Int, style: Style, now: Double, staleReason: String? = nil) {
    var widths = Self.titles.map(\.utf8.count)
    for quote in quotes {
      for (index, cellWidth) in quote.cellWidths.enumerated() { widths[index] = max(widths[index], cellWidth) }
    }
    var gap = 2
    func room() -> Int { width - (widths.reduce(0, +) + gap * (widths.count - 1) + Self.ageColumns) }
    func isNarrow() -> Bool { room() < gap + Self.sparklineColumnsMin }
    cutsVolume = isNarrow()
    if cutsVolume { widths[6] = max(Self.titles[6].utf8.count, quotes.map(\.shortVolume.utf8.count).max() ?? 0) }
    if isNarrow() { gap = 1 }
    while widths.count > 2, room() < 0 { widths.removeLast() }
    self.width = width
    self.widths = widths
    self.style = style
    self.now = now
    self.staleReason = staleReason
    separator = String(repeating: " ", count: gap)
    let columns = min(Quote.minutesMax, room() - gap)
    sparklineColumns = columns >= Self.sparklineColumnsMin ? columns : 0
  }

  var heading: String {
    var out = line(Self.titles)
    if sparklineColumns > 0 { out += separator + "\(sparklineColumns) MIN".fitted(to: sparklineColumns) }
    return out + "  " + "AGE".fitted(to: 4, alignedRight: true)
  }

  func row(_ quote: Quote) -> String {
    var cells = quote.cells
    if cutsVolume { cells[6] = quote.shortVolume }
    if widths.count > 2 {
      cells[2] = style.paint(cells[2].fitted(to: widths[2], alignedRight: true), quote.changePercent.hasPrefix("-") ? .bad : .good)
    }
    let staleReason = staleReason ?? quote.staleReason
    if staleReason == nil, quote.direction != 0 {
      cells[1] = style.paint(cells[1].fitted(to: widths[1], alignedRight: true), quote.direction > 0 ? .boldGood : .boldBad)
    }
    var out = line(cells)
    if sparklineColumns > 0 { out += separator + style.paint(quote.sparkline(now: now, columns: sparklineColumns), .accent) }
    let age = max(0, now - quote.updatedAt)
    let ageText = age < 100 ? "\(Int(age)) s" : age < 6000 ? "\(Int(age / 60)) m" : "\(Int(age / 3600)) h"
    out += "  " + ageText.fitted(to: 4, alignedRight: true)
    guard let reason = staleReason else { return out }
    // The mark is seen whatever else has to give way.
    let mark = "STALE \(reason)"
    return out.clipped(to: max(0, width - 1 - mark.utf8.count)) + " " + style.paint(mark, .boldWarning)
  }

  private func line(_ cells: [String]) -> String {
    zip(cells, widths).enumerated().map { index, cell in cell.0.fitted(to: cell.1, alignedRight: index > 0) }
      .joined(separator: separator)
  }
}
