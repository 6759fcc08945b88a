// Recent trades, newest first, as the screens that show trades keep them.

import KrakenBridgeClient

struct TradeTape: Sendable {
  struct Trade: Sendable, Equatable {
    var time: String
    var isBuy: Bool
    var price: String
    var qty: String
  }

  let capacity: Int
  private(set) var trades: [Trade] = []
  /// Whether the topic's snapshot has come.
  private(set) var isKnown = false

  init(capacity: Int) {
    self.capacity = capacity
  }

  mutating func apply(_ event: Event) {
    let items: [JSON]
    if event.kind == .snapshot {
      trades = []
      isKnown = true
      items = event.data.elements
    } else {
      items = [event.data]
    }
    for item in items {
      let trade = Trade(
        // Trades of a snapshot carry their own times; those of updates are in the envelope.
        time: item["timestamp"]?.string ?? item["time"]?.string ?? event.time ?? "",
        isBuy: item["side"]?.string == "buy", price: item["price"]?.plainText ?? "", qty: item["qty"]?.plainText ?? "")
      trades.insert(trade, at: 0)
    }
    trades.removeLast(max(0, trades.count - capacity))
  }

  /// Rows of time, price and quantity. Prices and quantities are aligned at their right.
  ///
  /// - Parameter width: with a width to fill, times are exact and sizes have bars, as far as there is room.
  func rows(_ count: Int, style: Style, width: Int? = nil) -> [String] {
    let shown = trades.prefix(count)
    let priceWidth = shown.map { $0.price.utf8.count }.max() ?? 0
    let qtyWidth = shown.map { $0.qty.utf8.count }.max() ?? 0
    let clockWidth = width == nil ? 8 : 12
    let barWidth = min(40, (width ?? 0) - (clockWidth + 3 + priceWidth + 2 + qtyWidth + 2))
    let largest = shown.compactMap { Double($0.qty) }.max() ?? 0
    return shown.map { trade in
      let ink: Style.Ink = trade.isBuy ? .good : .bad
      var row = style.paint(String(EventText.clock(trade.time).prefix(clockWidth)), .dim)
      row += " " + style.paint(trade.isBuy ? "▲" : "▼", ink)
      row += " " + style.paint(trade.price.fitted(to: priceWidth, alignedRight: true), ink)
      row += "  " + trade.qty.fitted(to: qtyWidth, alignedRight: true)
      if barWidth > 0, largest > 0 {
        row += "  " + style.paint(Bars.across((Double(trade.qty) ?? 0) / largest, width: barWidth), ink)
      }
      return row
    }
  }
}
