// `watch`: one row per symbol, live. Sorting, filtering and scrolling are part of the value, so that
// every key is tested without a terminal.

import KrakenBridgeClient

struct WatchView: LiveView {
  enum SortKey: Character, CaseIterable, Sendable {
    case symbol = "s"
    case last = "l"
    case change = "c"
    case spread = "p"
    case volume = "v"
    case age = "a"
  }

  /// Symbols asked for; empty for all that the bridge carries.
  let symbols: [String]
  private(set) var quotes: [String: Quote] = [:]
  private(set) var sortKey = SortKey.symbol
  private(set) var isReversed = false
  private(set) var filter = ""
  private(set) var takesText = false
  private(set) var firstRow = 0
  private var confirmed: Set<String> = []
  /// Symbols whose past is known or asked for.
  private var seeded: Set<String> = []
  private var refused: [String] = []

  init(symbols: [String]) {
    self.symbols = symbols
  }

  var subscriptions: [Subscription] { [Subscription("ticker", symbols.isEmpty ? ["*"] : symbols)] }

  var isComplete: Bool { confirmed.count + refused.count >= symbols.count && confirmed.isSubset(of: quotes.keys) }

  /// Candles for the sparklines of the rows on the screen, and no others: each is a subscription at Kraken for a while.
  mutating func snapshotWanted(size: TerminalSize, now: Double) -> Subscription? {
    let columns = QuoteColumns(Array(quotes.values), width: size.columns, style: Style(isColored: false), now: now)
    let missing = columns.showsSparkline ? onScreen(size).map(\.symbol).filter { !seeded.contains($0) } : []
    seeded.formUnion(missing)
    return missing.isEmpty ? nil : Subscription("ohlc", missing, interval: 1)
  }

  mutating func receive(_ message: BridgeMessage, now: Double) {
    switch message {
    case .answer(let answer):
      guard let symbol = answer.symbol, symbol != "*" else { return }
      if answer.success { confirmed.insert(symbol) } else { refused.append(symbol) }
    case .event(let event):
      guard let symbol = event.symbol else { return }
      switch event.channel {
      case "ticker": quotes[symbol, default: Quote(symbol: symbol)].receive(event, now: now)
      case "ohlc": quotes[symbol]?.receive(candles: event.data.elements)
      default: break
      }
    case .stale(let stale):
      for symbol in quotes.keys where stale.concerns(Topic(channel: "ticker", symbol: symbol)) {
        quotes[symbol]?.staleReason = stale.reason
      }
    default: break
    }
  }

  mutating func press(_ key: Key) {
    if takesText { return pressInFilter(key) }
    switch key {
    case .character("/"): takesText = true
    case .character("r"): isReversed.toggle()
    case .character(let letter):
      guard let wanted = SortKey(rawValue: letter) else { return }
      isReversed = wanted == sortKey ? !isReversed : false
      sortKey = wanted
    case .escape: filter = ""
    case .up: firstRow -= 1
    case .down: firstRow += 1
    case .pageUp: firstRow -= 20
    case .pageDown: firstRow += 20
    case .home: firstRow = 0
    case .end: firstRow = quotes.count
    case .enter, .backspace: break
    }
    firstRow = max(0, min(firstRow, quotes.count - 1))
  }

  private mutating func pressInFilter(_ key: Key) {
    switch key {
    case .character(let letter): filter.append(letter)
    case .backspace: filter = String(filter.dropLast())
    case .escape:
      filter = ""
      takesText = false
    case .enter: takesText = false
    default: break
    }
    firstRow = 0
  }

  /// What is to be seen, in order.
  var visible: [Quote] {
    let wanted = filter.uppercased()
    let found = quotes.values.filter { wanted.isEmpty || $0.symbol.uppercased().contains(wanted) }
    let sorted = found.sorted { left, right in
      let order = sortKey.compare(left, right)
      return order == 0 ? left.symbol < right.symbol : isReversed ? order > 0 : order < 0
    }
    return sorted
  }

  /// The rows there is room for.
  private func onScreen(_ size: TerminalSize, of visible: [Quote]? = nil) -> ArraySlice<Quote> {
    let visible = visible ?? self.visible
    let height = max(1, size.rows - 3)
    let first = max(0, min(firstRow, visible.count - height))
    return visible[first..<min(visible.count, first + height)]
  }

  func rows(size: TerminalSize, style: Style, link: LinkState, now: Double) -> [String] {
    let visible = self.visible
    let columns = QuoteColumns(visible, width: size.columns, style: style, now: now, staleReason: link.staleReason)
    var out = [title(visible.count, link, style), style.paint(columns.heading, .dim)]
    out += onScreen(size, of: visible).map(columns.row)
    if quotes.isEmpty { out.append(emptyText) }
    let hints = takesText ? ["filter: \(filter)█"] : ["q quit", "/ filter", "sort: s l c p v a", "r reverse", "arrows scroll"]
    return out + [link.footer(hints, columns: size.columns, style: style, now: now)]
  }

  private func title(_ count: Int, _ link: LinkState, _ style: Style) -> String {
    let stale = link.staleReason == nil ? quotes.values.count { $0.staleReason != nil } : quotes.count
    var words = [style.paint(count == 1 ? "1 symbol" : "\(count) symbols", .bold), "by \(sortKey)\(isReversed ? ", reversed" : "")"]
    if !filter.isEmpty, !takesText { words.append("filter \(filter)") }
    if stale > 0 { words.append(style.paint(" \(stale) STALE ", .boldWarning)) }
    if !refused.isEmpty { words.append(style.paint("refused: \(refused.joined(separator: ", "))", .bad)) }
    return words.joined(separator: "  ")
  }

  private var emptyText: String {
    symbols.isEmpty ? "the bridge carries no ticker; name symbols: kraken-ctl watch BTC/USD" : "waiting for prices…"
  }
}

extension WatchView.SortKey {
  /// Negative when `left` stands before `right`: symbols and ages ascend, amounts descend.
  fileprivate func compare(_ left: Quote, _ right: Quote) -> Double {
    func descending(_ key: (Quote) -> Double?) -> Double {
      (key(right) ?? -.greatestFiniteMagnitude) > (key(left) ?? -.greatestFiniteMagnitude) ? 1
        : (key(right) ?? -.greatestFiniteMagnitude) < (key(left) ?? -.greatestFiniteMagnitude) ? -1 : 0
    }
    switch self {
    case .symbol: return 0
    case .last: return descending { Double($0.last) }
    case .change: return descending { Double($0.changePercent) }
    case .spread: return descending { $0.spread?.approximate }
    case .volume: return descending { Double($0.volume) }
    case .age: return descending { $0.updatedAt }
    }
  }
}
