// `watch` as a value: tickers and keys in, rows out, and what it asks for besides.

import KrakenBridgeClient
import Testing

@testable import ControlCommands

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
        "q quit  / filter  sort: s l c p v a  r reverse  arrows scroll",
      ])
    view.receive(ticker("ADA/EUR", last: "0.51", type: "snapshot"), now: 73)
    #expect(!view.rows(size: TerminalSize(columns: 80, rows: 24), style: plain, link: .connected, now: 73).contains { $0.contains("STALE") })
  }

  @Test(arguments: [(57, ""), (58, "5 MIN"), (64, "11 MIN"), (65, "5 MIN"), (80, "20 MIN"), (90, "30 MIN"), (200, "30 MIN")])
  func sparklineTakesTheRoomThereIs(width: Int, title: String) {
    let rows = view().rows(size: TerminalSize(columns: width, rows: 24), style: plain, link: .connected, now: 12)
    #expect(rows[1].contains(title) && rows[1].contains(" MIN") == !title.isEmpty)
    #expect(rows[2..<5].allSatisfy { $0.count == rows[1].count })
    #expect(rows[1].count <= width)
  }

  /// Rows keep what was known, marked one by one, until the daemon is back.
  @Test func withoutADaemonNothingIsLive() {
    let view = view()
    let size = TerminalSize(columns: 80, rows: 24)
    let lost = view.rows(size: size, style: plain, link: .lost("no daemon at /x", since: 70), now: 72)
    #expect(lost[0].contains(" 3 STALE "))
    #expect(lost[2..<5].allSatisfy { $0.hasSuffix(" STALE no daemon") && $0.count == 80 })
    #expect(lost[5] == " trying again for 2 s: no daemon at /x ")
    #expect(!view.rows(size: size, style: plain, link: .connected, now: 72).joined().contains("STALE"))
  }

  @Test(arguments: [
    (5, "q quit"), (15, "q quit"), (16, "q quit  / filter"), (40, "q quit  / filter  sort: s l c p v a"),
    (80, "q quit  / filter  sort: s l c p v a  r reverse  arrows scroll"),
  ])
  func hintsAreLeftOutWhereItIsNarrow(columns: Int, hints: String) {
    #expect(view().rows(size: TerminalSize(columns: columns, rows: 24), style: plain, link: .connected, now: 12).last == hints)
  }

  @Test(arguments: [(52, "VOLUME"), (51, "SPREAD"), (44, "ASK"), (20, "LAST")])
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
