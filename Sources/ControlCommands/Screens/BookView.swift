// `book`: the ladder of one symbol. Asks above, bids below, each level with a bar for all that stands
// between it and the middle; recent trades beside it.

import KrakenBridgeClient

struct BookView: LiveView {
  let symbol: String
  let depth: Int
  private var ladder = Ladder()
  private var tape = TradeTape(capacity: 200)
  private var health = TopicHealth()
  /// As the bridge names it: `XBT/USD` is answered as `BTC/USD`.
  private var topic: Topic?

  init(symbol: String, depth: Int) {
    self.symbol = symbol
    self.depth = depth
  }

  var subscriptions: [Subscription] {
    [Subscription("book", [symbol], depth: depth), Subscription("trade", [symbol])]
  }

  var isComplete: Bool { topic != nil && tape.isKnown }

  mutating func receive(_ message: BridgeMessage, now: Double) {
    if case .event(let event) = message {
      switch event.channel {
      case "book":
        ladder.apply(event)
        topic = event.topic
      case "trade": tape.apply(event)
      default: break
      }
    }
    if let topic { health.receive(message, about: topic) }
  }

  func rows(size: TerminalSize, style: Style, link: LinkState, now: Double) -> [String] {
    let perSide = max(1, min(depth, (size.rows - 4) / 2))
    let ladderWidth = size.columns >= 76 ? size.columns - 36 : size.columns
    let asks = Array(ladder.asks.prefix(perSide))
    let bids = Array(ladder.bids.prefix(perSide))
    let columns = Columns(asks + bids, sums: [asks, bids].compactMap { Ladder.cumulative($0).last }, width: ladderWidth)

    var left = [style.paint(columns.heading, .dim)]
    left += zip(asks, Ladder.cumulative(asks)).reversed().map { columns.row($0, sum: $1, ink: .bad, style: style) }
    left.append(middle(style, width: ladderWidth))
    left += zip(bids, Ladder.cumulative(bids)).map { columns.row($0, sum: $1, ink: .good, style: style) }

    var out = [title(style) + health.mark(style, link: link)]
    if ladderWidth < size.columns {
      let right = [style.paint("RECENT TRADES", .dim)] + tape.rows(left.count - 1, style: style)
      out += left.enumerated().map { index, row in
        row.fitted(to: ladderWidth) + "  " + (index < right.count ? right[index] : "")
      }
    } else {
      out += left
    }
    out += [link.footer(["q quit"], columns: size.columns, style: style, now: now)]
    return out
  }

  private func title(_ style: Style) -> String {
    style.paint("\(topic?.symbol ?? symbol) book", .bold) + style.paint("  depth \(depth)", .dim)
  }

  private func middle(_ style: Style, width: Int) -> String {
    guard let spread = ladder.spread else { return topic != nil ? "one side is empty" : "waiting for the book…" }
    var text = "spread \(spread)"
    if let points = ladder.spreadBasisPoints { text += " (\(Quantity.fixed(points, places: 2)) bp)" }
    guard let share = ladder.bidShare else { return text }
    let percent = "bids \(Quantity.fixed(share * 100, places: 0)) %"
    let barWidth = width - text.count - percent.count - 6
    guard barWidth >= 8 else { return text + "  " + percent }
    let bidColumns = Int((share * Double(barWidth)).rounded())
    let bar = style.paint(String(repeating: "━", count: bidColumns), .good)
      + style.paint(String(repeating: style.isColored ? "━" : "─", count: barWidth - bidColumns), .bad)
    return "\(style.paint(text, .bold))  \(percent)  \(bar)"
  }

  /// Widths that all rows of the ladder share.
  private struct Columns {
    var price: Int
    var qty: Int
    var sum: Int
    var bar: Int
    var largest: Double

    init(_ levels: [Ladder.Level], sums: [Exact], width: Int) {
      price = max(5, levels.map { $0.priceText.utf8.count }.max() ?? 0)
      qty = max(4, levels.map { $0.qtyText.utf8.count }.max() ?? 0)
      sum = max(5, sums.map { $0.description.utf8.count }.max() ?? 0)
      bar = max(0, width - price - qty - sum - 6)
      largest = sums.map(\.approximate).max() ?? 0
    }

    var heading: String {
      ["PRICE".fitted(to: price, alignedRight: true), "SIZE".fitted(to: qty, alignedRight: true), "TOTAL".fitted(to: sum, alignedRight: true)]
        .joined(separator: "  ")
    }

    func row(_ level: Ladder.Level, sum total: Exact, ink: Style.Ink, style: Style) -> String {
      let share = largest > 0 ? total.approximate / largest : 0
      return [
        style.paint(level.priceText.fitted(to: price, alignedRight: true), ink),
        level.qtyText.fitted(to: qty, alignedRight: true),
        style.paint(total.description.fitted(to: sum, alignedRight: true), .dim),
        style.paint(Bars.across(share, width: bar), ink),
      ].joined(separator: "  ")
    }
  }
}
