// What Kraken says about a market, word for word: ticker, book, trade and ohlc messages. Prices, quantities and
// volumes carry all their decimals; key order is that of the live captures.

extension Market {
  enum MessageType {
    case snapshot, update

    func open(_ channel: StaticString, in text: inout Text) {
      text.add("{\"channel\":\"")
      text.add(channel)
      text.add(self == .snapshot ? "\",\"type\":\"snapshot\"," : "\",\"type\":\"update\",")
    }
  }

  // MARK: Ticker

  struct TouchLevels: Equatable {
    var bid: Int64?
    var bidQuantity: Int64?
    var ask: Int64?
    var askQuantity: Int64?
  }

  var touch: TouchLevels {
    let (bid, ask) = (shown(true).best, shown(false).best)
    return TouchLevels(
      bid: bid?.key, bidQuantity: bid?.quantity, ask: ask.map { -$0.key }, askQuantity: ask?.quantity)
  }

  func ticker(_ type: MessageType, now: Int64) -> Text {
    let day = day.total
    let change = day.close - day.open
    var text = Text()
    text.reserveCapacity(384)
    type.open("ticker", in: &text)
    text.add("\"data\":[{\"symbol\":")
    text.add(quoted: instrument.symbol)
    // A side without any level has no best price, and its fields stay away.
    if let best = shown(true).best { add(best, "bid", to: &text, price: best.key) }
    if let best = shown(false).best { add(best, "ask", to: &text, price: -best.key) }
    add(",\"last\":", price: day.close, to: &text)
    add(",\"volume\":", quantity: day.volume, to: &text)
    add(",\"vwap\":", price: day.averagePrice, to: &text)
    add(",\"low\":", price: day.low, to: &text)
    add(",\"high\":", price: day.high, to: &text)
    add(",\"change\":", price: change, to: &text)
    text.add(",\"change_pct\":")
    text.add(scaled: day.open > 0 ? change * 10_000 / day.open : 0, decimals: 2)
    text.add(",\"trades\":")
    text.add(integer: day.trades)
    text.add(",\"timestamp\":\"")
    text.add(time: now)
    text.add("\"}]}")
    return text
  }

  private func add(_ level: BookSide.Level, _ name: StaticString, to text: inout Text, price: Int64) {
    text.add(",\"")
    text.add(name)
    text.add("\":")
    text.add(scaled: price, decimals: instrument.pricePrecision)
    text.add(",\"")
    text.add(name)
    text.add("_qty\":")
    text.add(scaled: level.quantity, decimals: instrument.quantityPrecision)
  }

  private func add(_ key: StaticString, price: Int64, to text: inout Text) {
    text.add(key)
    text.add(scaled: price, decimals: instrument.pricePrecision)
  }

  private func add(_ key: StaticString, quantity: Int64, to text: inout Text) {
    text.add(key)
    text.add(scaled: quantity, decimals: instrument.quantityPrecision)
  }

  // MARK: Book

  /// CRC-32 over the ten best asks, then the ten best bids.
  var checksum: UInt32 {
    var checksum = Checksum()
    for side in [shown(false), shown(true)] {
      for level in side.levels.suffix(10).reversed() {
        checksum.feed(token: abs(level.key))
        checksum.feed(token: level.quantity)
      }
    }
    return checksum.value
  }

  func bookSnapshot(depth: Int, now: Int64) -> Text {
    var text = Text()
    text.reserveCapacity(160 + 80 * min(depth, shown(true).count))
    MessageType.snapshot.open("book", in: &text)
    add(levels: [shown(true), shown(false)].map { $0.top(depth) }, checksum: checksum, now: now, to: &text)
    return text
  }

  /// The far ends of a view before a step: what was visible decides which removals are sent and which levels are new.
  struct View {
    var depth: Int
    var bidBoundary: Int64
    var askBoundary: Int64
  }

  func view(depth: Int) -> View {
    View(depth: depth, bidBoundary: shown(true).boundary(depth: depth), askBoundary: shown(false).boundary(depth: depth))
  }

  /// The update that takes a reader of `view` to the present book, or nil when nothing in sight has changed.
  /// Levels pushed out of sight are not mentioned; levels coming into sight are sent again.
  mutating func bookUpdate(since view: View, checksum: UInt32, now: Int64) -> Text? {
    let bidLevels = visibleChanges(shown(true), boundary: view.bidBoundary, depth: view.depth)
    let askLevels = visibleChanges(shown(false), boundary: view.askBoundary, depth: view.depth)
    guard !bidLevels.isEmpty || !askLevels.isEmpty else { return nil }
    var text = Text()
    text.reserveCapacity(320)
    MessageType.update.open("book", in: &text)
    add(levels: [bidLevels, askLevels], checksum: checksum, now: now, to: &text)
    return text
  }

  private mutating func visibleChanges(_ side: BookSide, boundary: Int64, depth: Int) -> [BookLevel] {
    let newBoundary = side.boundary(depth: depth)
    var removed: [BookLevel] = []
    var present: [BookLevel] = []
    for change in changes where change.isBid == side.isBid {
      if change.quantity == 0 {
        if change.key >= boundary { removed.append(BookLevel(price: side.price(change.key), quantity: 0)) }
      } else if change.key >= newBoundary {
        present.append(BookLevel(price: side.price(change.key), quantity: change.quantity))
      }
    }
    if newBoundary < boundary {
      for level in side.levels[side.index(of: newBoundary)..<side.index(of: boundary)]
      where !changes.contains(where: { $0.isBid == side.isBid && $0.key == level.key }) {
        present.append(BookLevel(price: side.price(level.key), quantity: level.quantity))
      }
    }
    // Entries come in no particular order, and now and then one price twice; removals stay in front, so that a client
    // may cut after every entry as well as after every message.
    if present.count > 1 { wording.shuffle(&present) }
    if let first = present.first, wording.chance(1, in: 32) {
      present.insert(BookLevel(price: first.price, quantity: first.quantity + 1), at: 0)
    }
    return removed + present
  }

  func add(levels sides: [[BookLevel]], checksum: UInt32, now: Int64, to text: inout Text) {
    text.add("\"data\":[{\"symbol\":")
    text.add(quoted: instrument.symbol)
    for (name, levels) in zip([",\"bids\":[", "],\"asks\":["] as [StaticString], sides) {
      text.add(name)
      for (index, level) in levels.enumerated() {
        text.add(index == 0 ? "{\"price\":" : ",{\"price\":")
        text.add(scaled: level.price, decimals: instrument.pricePrecision)
        text.add(",\"qty\":")
        text.add(scaled: level.quantity, decimals: instrument.quantityPrecision)
        text.append(UInt8(ascii: "}"))
      }
    }
    text.add("],\"checksum\":")
    text.add(integer: Int(checksum))
    text.add(",\"timestamp\":\"")
    text.add(time: now)
    text.add("\"}]}")
  }

  // MARK: Trade

  func trades(_ type: MessageType) -> Text {
    var text = Text()
    let listed = trades.suffix(type == .snapshot ? Self.tradesKept : newTrades)
    text.reserveCapacity(64 + 180 * listed.count)
    type.open("trade", in: &text)
    text.add("\"data\":[")
    for (index, trade) in listed.enumerated() {
      text.add(index == 0 ? "{\"symbol\":" : ",{\"symbol\":")
      text.add(quoted: instrument.symbol)
      text.add(trade.takerIsBuyer ? ",\"side\":\"buy\"" : ",\"side\":\"sell\"")
      add(",\"price\":", price: trade.price, to: &text)
      add(",\"qty\":", quantity: trade.quantity, to: &text)
      text.add(trade.isMarketOrder ? ",\"ord_type\":\"market\"" : ",\"ord_type\":\"limit\"")
      text.add(",\"trade_id\":")
      text.add(integer: trade.id)
      text.add(",\"timestamp\":\"")
      text.add(time: trade.time)
      text.add("\"}")
    }
    text.add("]}")
    return text
  }

  // MARK: OHLC

  func candles(_ type: MessageType, minutes: Int, now: Int64) -> Text {
    var text = Text()
    let listed = type == .snapshot ? candles.history(minutes: minutes) : [candles.running(minutes: minutes)]
    text.reserveCapacity(96 + 256 * listed.count)
    type.open("ohlc", in: &text)
    text.add("\"timestamp\":\"")
    text.add(time: now, fraction: 9)
    text.add("\",\"data\":[")
    for (index, candle) in listed.enumerated() {
      text.add(index == 0 ? "{\"symbol\":" : ",{\"symbol\":")
      text.add(quoted: instrument.symbol)
      add(",\"open\":", price: candle.open, to: &text)
      add(",\"high\":", price: candle.high, to: &text)
      add(",\"low\":", price: candle.low, to: &text)
      add(",\"close\":", price: candle.close, to: &text)
      text.add(",\"trades\":")
      text.add(integer: candle.trades)
      add(",\"volume\":", quantity: candle.volume, to: &text)
      add(",\"vwap\":", price: candle.averagePrice, to: &text)
      text.add(",\"interval_begin\":\"")
      text.add(time: candle.begin, fraction: 9)
      text.add("\",\"interval\":")
      text.add(integer: minutes)
      text.add(",\"timestamp\":\"")
      text.add(time: candle.begin + Int64(minutes) * 60_000_000_000)
      text.add("\"}")
    }
    text.add("]}")
    return text
  }
}
