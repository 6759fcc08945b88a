// `chart` as a value: candles in, rows out, and the axes digit by digit.

import KrakenBridgeClient
import Testing

@testable import ControlCommands

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
        "q quit  + - zoom",
      ])
    let wide = view.rows(size: TerminalSize(columns: 37, rows: 8), style: plain, link: .connected, now: 0)
    #expect(wide.last == "q quit  + - zoom  █ rising  ░ falling")
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
