// The screens as values: lines in, rows out, row by row.

import KrakenBridgeClient
import Testing

@testable import ControlCommands

private let plain = Style(isColored: false)

private func message(_ line: String) -> BridgeMessage {
  guard let message = BridgeMessage(line: Array(line.utf8)) else { preconditionFailure(line) }
  return message
}

private func book(_ type: String, bids: [(String, String)], asks: [(String, String)], seq: Int = 1) -> BridgeMessage {
  func levels(_ side: [(String, String)]) -> String { side.map { #"{"price":\#($0),"qty":\#($1)}"# }.joined(separator: ",") }
  return message(
    #"{"channel":"book","type":"\#(type)","symbol":"BTC/USD","depth":10,"seq":\#(seq),"data":{"bids":[\#(levels(bids))],"asks":[\#(levels(asks))]}}"#)
}

private func event(_ message: BridgeMessage) -> Event {
  guard case .event(let event) = message else { preconditionFailure() }
  return event
}

@Suite struct LadderTests {
  @Test func levelsComeGoAndChange() {
    var ladder = Ladder()
    ladder.apply(event(book("snapshot", bids: [("9.9", "1.0"), ("10.0", "2.50")], asks: [("10.2", "1"), ("10.10", "3")])))
    #expect(ladder.bids.map(\.priceText) == ["10.0", "9.9"])
    #expect(ladder.asks.map(\.priceText) == ["10.10", "10.2"])
    #expect(ladder.spread?.description == "0.10")
    ladder.apply(event(book("update", bids: [("10.0", "0.00"), ("9.95", "7")], asks: [("10.1", "4.0"), ("99", "0")])))
    #expect(ladder.bids.map(\.priceText) == ["9.95", "9.9"])
    #expect(ladder.asks.map(\.qtyText) == ["4.0", "1"])
    #expect(Ladder.cumulative(ladder.bids).map(\.description) == ["7", "8.0"])
    ladder.apply(event(book("snapshot", bids: [], asks: [("1", "1")])))
    #expect(ladder.bids.isEmpty && ladder.spread == nil && ladder.bidShare == 0)
  }

  /// Against a dictionary, through thousands of changes from a fixed seed.
  @Test func likeADictionary() {
    var seed: UInt64 = 42
    func random(_ bound: UInt64) -> UInt64 {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (seed >> 33) % bound
    }
    var ladder = Ladder()
    ladder.apply(event(book("snapshot", bids: [], asks: [])))
    var expected: [UInt64: UInt64] = [:]
    for _ in 0..<2000 {
      let price = 100 + random(10)
      let qty = random(3)
      expected[price] = qty == 0 ? nil : qty
      ladder.apply(event(book("update", bids: [("\(price)", "\(qty)")], asks: [("\(price)", "\(qty)")])))
      #expect(ladder.asks.map { [$0.priceText, $0.qtyText] } == expected.sorted { $0.key < $1.key }.map { ["\($0.key)", "\($0.value)"] })
      #expect(ladder.bids.map(\.priceText) == expected.keys.sorted(by: >).map { "\($0)" })
    }
  }
}

@Suite struct BookViewTests {
  private func view() -> BookView {
    var view = BookView(symbol: "xbt/usd", depth: 10)
    view.receive(book("snapshot", bids: [("10.0", "3.00"), ("9.9", "1.00")], asks: [("10.5", "1.00"), ("10.6", "1.00")]), now: 0)
    view.receive(
      message(#"{"channel":"trade","type":"snapshot","symbol":"BTC/USD","seq":1,"data":[{"side":"buy","price":10.5,"qty":0.10,"timestamp":"2026-10-09T00:34:21.060761Z"}]}"#), now: 0)
    return view
  }

  @Test func picture() {
    let rows = view().rows(size: TerminalSize(columns: 60, rows: 24), style: plain, link: .connected, now: 0)
    #expect(
      rows.map { $0.trimmingTrailingSpaces() } == [
        "BTC/USD book  depth 10",
        "PRICE  SIZE  TOTAL",
        " 10.6  1.00   2.00  ████████████████████",
        " 10.5  1.00   1.00  ██████████",
        "spread 0.5 (487.80 bp)  bids 67 %  ━━━━━━━━━━━━━━━────────",
        " 10.0  3.00   3.00  ██████████████████████████████",
        "  9.9  1.00   4.00  ████████████████████████████████████████",
        "q quit",
      ])
    #expect(!rows.contains { CellWidth.of($0) > 60 })
  }

  @Test func tradesStandBesideTheLadderWhereThereIsRoom() {
    let rows = view().rows(size: TerminalSize(columns: 100, rows: 24), style: plain, link: .connected, now: 0)
    #expect(rows[1].hasSuffix("RECENT TRADES"))
    #expect(rows[2].contains("00:34:21 ▲ 10.5  0.10"))
  }

  @Test func fewRowsShowTheBestLevels() {
    let rows = view().rows(size: TerminalSize(columns: 60, rows: 7), style: plain, link: .connected, now: 0)
    #expect(rows.count == 6)
    #expect(rows[2].hasPrefix(" 10.5") && rows[4].hasPrefix(" 10.0"))
  }

  @Test func staleUntilTheNextSnapshot() {
    var view = view()
    func title(_ view: BookView) -> String { view.rows(size: TerminalSize(columns: 60, rows: 24), style: plain, link: .connected, now: 0)[0] }
    view.receive(message(#"{"channel":"bridge","type":"stale","seq":2,"data":{"reason":"checksum","topics":[{"channel":"book","symbol":"ETH/USD","depth":10}]}}"#), now: 0)
    #expect(!title(view).contains("STALE"))
    view.receive(message(#"{"channel":"bridge","type":"stale","seq":2,"data":{"reason":"checksum","topics":[{"channel":"book","symbol":"BTC/USD","depth":10}]}}"#), now: 0)
    #expect(title(view).contains("STALE: checksum"))
    view.receive(book("update", bids: [("9.8", "1")], asks: []), now: 0)
    #expect(title(view).contains("STALE: checksum"))
    view.receive(book("snapshot", bids: [], asks: []), now: 0)
    #expect(!title(view).contains("STALE"))
    view.receive(message(#"{"channel":"bridge","type":"gap","seq":2,"data":{"reason":"restart"}}"#), now: 0)
    #expect(title(view).contains("gap: restart"))
    view.receive(book("snapshot", bids: [], asks: []), now: 0)
    #expect(!title(view).contains("gap"))
  }

  @Test func aLostDaemonIsSaid() {
    let rows = view().rows(size: TerminalSize(columns: 60, rows: 24), style: plain, link: .lost("no daemon at /x", since: 3), now: 75)
    #expect(rows.last == " no daemon at /x; trying again for 1 min 12 s ")
    #expect(LinkState.connected.failed("lost", now: 3) == .lost("lost", since: 3))
    #expect(LinkState.lost("lost", since: 3).failed("no daemon", now: 9) == .lost("no daemon", since: 3))
  }

  @Test func completeWithBothTopics() {
    var view = BookView(symbol: "BTC/USD", depth: 10)
    #expect(!view.isComplete)
    view.receive(book("snapshot", bids: [], asks: []), now: 0)
    #expect(!view.isComplete)
    view.receive(message(#"{"channel":"trade","type":"snapshot","symbol":"BTC/USD","seq":1,"data":[]}"#), now: 0)
    #expect(view.isComplete)
  }
}

@Suite struct WatchViewTests {
  private func ticker(_ symbol: String, last: String, change: String = "0.00", volume: String = "1", type: String = "update") -> BridgeMessage {
    message(
      #"{"channel":"ticker","type":"\#(type)","symbol":"\#(symbol)","seq":1,"data":{"bid":1.0,"ask":1.5,"last":\#(last),"change_pct":\#(change),"volume":\#(volume)}}"#)
  }

  private func view() -> WatchView {
    var view = WatchView(symbols: [])
    view.receive(ticker("BTC/USD", last: "81776.60", change: "-1.50", volume: "5"), now: 10)
    view.receive(ticker("ADA/EUR", last: "0.50", change: "3.25", volume: "900"), now: 11)
    view.receive(ticker("ETH/USD", last: "3217.03", change: "0.10", volume: "70"), now: 12)
    return view
  }

  private func order(_ view: WatchView) -> [String] { view.visible.map { String($0.symbol.prefix(3)) } }

  @Test func everySortKeyAndItsReverse() {
    var view = view()
    #expect(order(view) == ["ADA", "BTC", "ETH"])
    let expected: [(Character, [String])] = [
      ("l", ["BTC", "ETH", "ADA"]), ("c", ["ADA", "ETH", "BTC"]), ("v", ["ADA", "ETH", "BTC"]), ("a", ["ETH", "ADA", "BTC"]),
      ("p", ["ADA", "BTC", "ETH"]), ("s", ["ADA", "BTC", "ETH"]),
    ]
    for (key, symbols) in expected {
      view.press(.character(key))
      #expect(order(view) == symbols, "\(key)")
    }
    view.press(.character("c"))
    view.press(.character("c"))
    #expect(order(view) == ["BTC", "ETH", "ADA"])
    view.press(.character("r"))
    #expect(order(view) == ["ADA", "ETH", "BTC"])
  }

  @Test func filter() {
    var view = view()
    view.press(.character("/"))
    #expect(view.takesText)
    for letter in "uSdq" { view.press(.character(letter)) }
    #expect(order(view) == [])
    view.press(.backspace)
    #expect(order(view) == ["BTC", "ETH"])
    view.press(.enter)
    #expect(!view.takesText && view.filter == "uSd")
    view.press(.escape)
    #expect(order(view) == ["ADA", "BTC", "ETH"])
  }

  @Test func scrollingStaysInside() {
    var view = WatchView(symbols: [])
    for number in 0..<50 { view.receive(ticker("C\(100 + number)/USD", last: "1"), now: 0) }
    func first(_ view: WatchView) -> String { String(view.rows(size: TerminalSize(columns: 100, rows: 13), style: plain, link: .connected, now: 0)[2].prefix(4)) }
    #expect(first(view) == "C100")
    view.press(.up)
    #expect(first(view) == "C100")
    view.press(.down)
    #expect(first(view) == "C101")
    view.press(.pageDown)
    #expect(first(view) == "C121")
    view.press(.end)
    #expect(first(view) == "C140")
    view.press(.home)
    #expect(first(view) == "C100")
  }

  @Test func picture() {
    var view = view()
    view.receive(message(#"{"channel":"bridge","type":"stale","seq":2,"data":{"reason":"silent","topics":[{"channel":"ticker","symbol":"ADA/EUR"}]}}"#), now: 12)
    let rows = view.rows(size: TerminalSize(columns: 65, rows: 24), style: plain, link: .connected, now: 72)
    #expect(
      rows == [
        "3 symbols  by symbol   1 STALE ",
        "SYMBOL       LAST   CHANGE  BID  ASK  SPREAD  VOLUME  5 MIN   AGE",
        "ADA/EUR      0.50  +3.25 %  1.0  1.5     0.5     90… STALE silent",
        "BTC/USD  81776.60  -1.50 %  1.0  1.5     0.5       5     ▄▄  62 s",
        "ETH/USD   3217.03  +0.10 %  1.0  1.5     0.5      70     ▄▄  60 s",
        "sort: s l c p v a  r reverse  / filter  arrows scroll  q quit",
      ])
    view.receive(ticker("ADA/EUR", last: "0.51", type: "snapshot"), now: 73)
    #expect(!view.rows(size: TerminalSize(columns: 80, rows: 24), style: plain, link: .connected, now: 73).contains { $0.contains("STALE") })
  }

  @Test(arguments: [(64, ""), (65, "5 MIN"), (80, "20 MIN"), (90, "30 MIN"), (200, "30 MIN")])
  func sparklineTakesTheRoomThereIs(width: Int, title: String) {
    let rows = view().rows(size: TerminalSize(columns: width, rows: 24), style: plain, link: .connected, now: 12)
    #expect(rows[1].contains(title) && rows[1].contains(" MIN") == !title.isEmpty)
    #expect(rows[2..<5].allSatisfy { $0.count == rows[1].count })
    #expect(rows[1].count <= width)
  }

  @Test(arguments: [(58, "VOLUME"), (57, "SPREAD"), (49, "ASK"), (20, "LAST")])
  func columnsGiveWayWhereItIsNarrow(width: Int, last: String) {
    var view = view()
    view.receive(message(#"{"channel":"bridge","type":"stale","seq":2,"data":{"reason":"silent","topics":[{"channel":"ticker","symbol":"ADA/EUR"}]}}"#), now: 12)
    let rows = view.rows(size: TerminalSize(columns: width, rows: 24), style: plain, link: .connected, now: 72)
    let words = rows[1].split(separator: " ")
    #expect(words.contains { $0 == last } && words.last == "AGE")
    #expect(rows[2].hasPrefix("ADA/EUR") || width < 24)
    #expect(rows[2].hasSuffix(" STALE silent"))
    #expect(rows[1...4].allSatisfy { $0.count <= max(width, 24) })
  }

  private static func candles(_ closes: [(minute: Int, close: String)]) -> BridgeMessage {
    let items = closes.map { #"{"open":1,"high":1,"low":1,"close":\#($0.close),"interval_begin":"1970-01-01T00:0\#($0.minute):00.000000000Z"}"# }
    return message(#"{"channel":"ohlc","type":"snapshot","symbol":"X/Y","interval":1,"seq":1,"data":[\#(items.joined(separator: ","))]}"#)
  }

  @Test func sparklineMovesWithTime() {
    var quote = Quote(symbol: "X/Y")
    func feed(_ last: String, _ now: Double) { quote.receive(event(ticker("X/Y", last: last)), now: now) }
    feed("1", 0)
    #expect(quote.sparkline(now: 0) == String(repeating: " ", count: 29) + "▄")
    feed("2", 60)
    #expect(quote.sparkline(now: 60, columns: 4) == "  ▁█")
    #expect(quote.sparkline(now: 200, columns: 4) == "▁███")
    for minute in 5..<200 { feed("\(minute)", Double(minute) * 60) }
    #expect(quote.sparkline(now: 199 * 60) == (0..<30).map { ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"][min(7, $0 * 8 / 29)] }.joined())
    #expect(quote.direction == 1)
  }

  /// The past comes from candles; what was seen live is newer.
  @Test func sparklineBeginsWithThePast() {
    var view = WatchView(symbols: [])
    let wide = TerminalSize(columns: 120, rows: 10)
    func sparkline() -> String? { view.quotes["X/Y"]?.sparkline(now: 5 * 60, columns: 6) }
    view.receive(ticker("X/Y", last: "8"), now: 5 * 60)
    #expect(view.snapshotWanted(size: TerminalSize(columns: 50, rows: 10), now: 0) == nil)
    #expect(view.snapshotWanted(size: wide, now: 0)?.symbols == ["X/Y"])
    #expect(view.snapshotWanted(size: wide, now: 0) == nil)
    view.receive(Self.candles([(0, "1"), (1, "2"), (3, "4"), (5, "5")]), now: 5 * 60)
    #expect(sparkline() == "▁▂▂▄▄█")
  }

  @Test(arguments: [("123456.78901234", "123456.7"), ("1234567.89012345", "1234567"), ("12345678901.5", "12345678901"), ("5", "5")])
  func volumesAreCutBeforeSparklinesAre(volume: String, cut: String) {
    var view = WatchView(symbols: [])
    view.receive(ticker("X/Y", last: "1", volume: volume), now: 0)
    func row(_ columns: Int) -> String { view.rows(size: TerminalSize(columns: columns, rows: 9), style: plain, link: .connected, now: 0)[2] }
    #expect(row(200).contains(" \(volume) "))
    #expect(row(60 + cut.count - 5).contains(" \(cut) "))
  }

  /// Each is a subscription at Kraken: only rows on the screen may cause one.
  @Test func thePastOfRowsOutOfSightIsNotAskedFor() {
    var view = WatchView(symbols: [])
    for number in 0..<1000 { view.receive(ticker("C\(1000 + number)/USD", last: "1"), now: 0) }
    let size = TerminalSize(columns: 120, rows: 23)
    #expect(view.snapshotWanted(size: size, now: 0)?.symbols == (1000..<1020).map { "C\($0)/USD" })
    view.press(.down)
    #expect(view.snapshotWanted(size: size, now: 0)?.symbols == ["C1020/USD"])
  }

  @Test func completeWhenEverySymbolIsSeenOrRefused() {
    var view = WatchView(symbols: ["A/B", "C/D"])
    view.receive(message(#"{"method":"subscribe","success":true,"result":{"symbol":"A/B"}}"#), now: 0)
    view.receive(message(#"{"method":"subscribe","success":false,"symbol":"C/D","code":"unknown_symbol"}"#), now: 0)
    #expect(!view.isComplete)
    view.receive(ticker("A/B", last: "1"), now: 0)
    #expect(view.isComplete)
  }
}

@Suite struct ChartTests {
  private func candle(_ minute: Int, _ open: String, _ high: String, _ low: String, _ close: String, volume: String = "1.0") -> String {
    #"{"open":\#(open),"high":\#(high),"low":\#(low),"close":\#(close),"volume":\#(volume),"interval_begin":"2026-10-09T00:\#(minute < 10 ? "0" : "")\#(minute):00.000000000Z"}"#
  }

  private func view(_ candles: [String]) -> ChartView {
    var view = ChartView(symbol: "BTC/USD", interval: 1)
    view.receive(message(#"{"channel":"ohlc","type":"snapshot","symbol":"BTC/USD","interval":1,"seq":1,"data":[\#(candles.joined(separator: ","))]}"#), now: 0)
    return view
  }

  @Test func theCandleUnderWayIsReplaced() {
    var view = view([candle(1, "1", "2", "1", "2")])
    func update(_ candle: String) {
      view.receive(message(#"{"channel":"ohlc","type":"update","symbol":"BTC/USD","interval":1,"seq":2,"data":\#(candle)}"#), now: 0)
    }
    update(candle(1, "1", "3", "1", "3"))
    #expect(view.candles.map(\.close.description) == ["3"])
    update(candle(2, "3", "3", "3", "3"))
    #expect(view.candles.map(\.begin) == ["2026-10-09T00:01:00.000000000Z", "2026-10-09T00:02:00.000000000Z"])
  }

  @Test func picture() {
    let view = view([candle(1, "10.0", "11.0", "10.0", "11.0", volume: "1.0"), candle(2, "11.0", "12.0", "10.0", "10.5", volume: "2.0")])
    let rows = view.rows(size: TerminalSize(columns: 20, rows: 8), style: plain, link: .connected, now: 0)
    #expect(
      rows == [
        "BTC/USD 1 min  O 11.0  H 12.0  L 10.0  C 10.5  V 2.0",
        "            │  ┤12.0",
        "            │  │",
        "         ▄  ╽  ┤11.0",
        "         █  ░  ◂10.5",
        "         █  │  ┤10.0",
        "         00:01  UTC",
        "+ - zoom  q quit   █ rising  ░ falling",
      ])
  }

  @Test func closeCandlesAreLinesAndOthersBlocks() {
    var view = view((0..<60).map { candle($0, "10", "12", "9", $0.isMultiple(of: 2) ? "11" : "9") })
    func picture(_ columns: Int, _ style: Style) -> String {
      view.rows(size: TerminalSize(columns: columns, rows: 20), style: style, link: .connected, now: 0).dropLast().joined(separator: "\n")
    }
    let narrow = picture(80, plain)
    #expect(narrow.contains("┃") && narrow.contains("┇") && !narrow.contains("░"))
    let wide = picture(200, plain)
    #expect(wide.contains("█") && wide.contains("░") && !wide.contains("┃"))
    // Colours tell rising from falling.
    #expect(!picture(200, Style(isColored: true)).contains("░"))
    view.press(.character("+"))
    #expect(picture(80, plain).contains("░"))
    for _ in 0..<9 { view.press(.character("-")) }
    #expect(picture(200, plain).contains("┃"))
  }

  @Test func timesAreRound() {
    func begins(_ count: Int, minutes: Int) -> [String] {
      (0..<count).map { index in
        let minute = (minutes < 1440 ? 22 * 60 + 47 / minutes * minutes : 0) + index * minutes
        let (day, rest) = (9 + minute / 1440, minute % 1440)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "2026-10-\(two(day))T\(two(rest / 60)):\(two(rest % 60)):00.000000000Z"
      }
    }
    func labels(_ count: Int, minutes: Int, columns: Int = 1) -> [String] {
      let row = TimeAxis.labels(begins(count, minutes: minutes), columnsPerCandle: columns, interval: minutes)
      #expect(row.count == count * columns)
      return row.split(separator: " ").map(String.init)
    }
    #expect(labels(40, minutes: 1) == ["22:50", "23:00", "23:10", "23:20"])
    #expect(labels(40, minutes: 1, columns: 4).prefix(3) == ["22:50", "22:55", "23:00"])
    #expect(labels(40, minutes: 15) == ["10-10", "03:00", "06:00"])
    #expect(labels(21, minutes: 60) == ["10-10", "12:00"])
    #expect(labels(12, minutes: 1440, columns: 4).count == 3)
    #expect(labels(3, minutes: 1) == [])
    #expect(TimeAxis.labels([], columnsPerCandle: 1, interval: 1) == "")
  }

  /// Every label stands at its price: the row's range of prices holds it, and it has the pair's digits.
  @Test func axisLabelsAreRightAndRound() throws {
    for (low, high) in [("81149.1", "82406.4"), ("0.00012", "0.00019"), ("1", "1"), ("99.99", "100.01"), ("0.10025", "0.10036")] {
      for rows in [3, 5, 12, 40] {
        let lowest = try #require(Exact(low))
        let highest = try #require(Exact(high))
        let axis = PriceAxis(low: lowest, high: highest, rows: rows)
        #expect(!axis.labels.isEmpty)
        #expect(axis.step(of: lowest) == 0)
        #expect(axis.step(of: highest) <= rows * 2 - 1)
        for (row, label) in axis.labels {
          let price = try #require(Exact(label))
          #expect(axis.step(of: price) / 2 == row)
          #expect(price >= lowest && price <= highest)
          #expect(price.places == max(lowest.places, highest.places))
        }
      }
    }
  }

  @Test func anyNumberOfCandlesFitsAnySize() {
    for count in [1, 2, 30, 500] {
      let view = view((0..<count).map { candle($0 % 60, "\(100 + $0 % 7)", "\(110 + $0 % 5)", "\(90 + $0 % 3)", "\(100 + $0 % 6)") })
      for columns in [30, 40, 200] {
        for rowCount in [4, 10, 50] {
          let rows = view.rows(size: TerminalSize(columns: columns, rows: rowCount), style: plain, link: .connected, now: 0)
          #expect(!rows.dropFirst().dropLast().contains { CellWidth.of($0) > columns }, "\(count) in \(columns)×\(rowCount)")
        }
      }
    }
  }

  @Test func intervals() {
    #expect([1, 5, 60, 240, 1440, 10080].map(ChartView.name(ofInterval:)) == ["1 min", "5 min", "1 h", "4 h", "1 d", "7 d"])
  }
}

@Suite struct TradesViewTests {
  @Test func newestFirst() {
    var view = TradesView(symbol: "BTC/USD")
    #expect(!view.isComplete)
    view.receive(message(#"{"channel":"trade","type":"snapshot","symbol":"BTC/USD","seq":1,"data":[{"side":"buy","price":1.50,"qty":2.0,"timestamp":"2026-10-09T00:34:21.060761Z"}]}"#), now: 0)
    view.receive(message(#"{"channel":"trade","type":"update","symbol":"BTC/USD","seq":2,"time":"2026-10-09T00:34:22.5Z","data":{"side":"sell","price":1.49,"qty":1.0}}"#), now: 0)
    #expect(view.isComplete)
    let rows = view.rows(size: TerminalSize(columns: 60, rows: 24), style: plain, link: .connected, now: 0).map { $0.trimmingTrailingSpaces() }
    #expect(
      rows == [
        "BTC/USD trades", "00:34:22.5   ▼ 1.49  1.0  ████████", "00:34:21.060 ▲ 1.50  2.0  ████████████████", "q quit",
      ])
  }
}
