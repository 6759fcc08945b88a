// The screens as values: lines in, rows out, row by row.

import KrakenBridgeClient
import Testing

@testable import ControlCommands

private func book(_ type: String, bids: [(String, String)], asks: [(String, String)], seq: Int = 1) -> BridgeMessage {
  func levels(_ side: [(String, String)]) -> String { side.map { #"{"price":\#($0),"qty":\#($1)}"# }.joined(separator: ",") }
  return message(
    #"{"channel":"book","type":"\#(type)","symbol":"BTC/USD","depth":10,"seq":\#(seq),"data":{"bids":[\#(levels(bids))],"asks":[\#(levels(asks))]}}"#)
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
    #expect(rows[0].hasSuffix("  STALE: no daemon "))
    #expect(rows.last == " trying again for 1 min 12 s: no daemon at /x ")
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
        "BTC/USD trades", "00:34:22.5   ▼ 1.49  1.0  " + String(repeating: "█", count: 17),
        "00:34:21.060 ▲ 1.50  2.0  " + String(repeating: "█", count: 34), "q quit",
      ])
    let narrow = TerminalSize(columns: 25, rows: 24)
    #expect(view.rows(size: narrow, style: plain, link: .connected, now: 0)[2] == "00:34:21.060 ▲ 1.50  2.0")
    #expect(view.rows(size: narrow, style: plain, link: .lost("", since: 0), now: 0)[0] == "BTC/USD trades  STALE: no daemon ")
  }
}

@Suite struct LiveStateTests {
  private func state() -> LiveState<TradesView> {
    var state = LiveState(view: TradesView(symbol: "BTC/USD"))
    state.isShown = true
    return state
  }

  private func picture(_ state: inout LiveState<TradesView>) -> String {
    state.repaint()
    return state.changes(size: TerminalSize(columns: 80, rows: 24), style: plain) ?? ""
  }

  /// Being connected again is not enough: what is shown is old until the bridge has said what was missed.
  @Test func staleFromTheLossUntilTheBridgeHasCaughtUp() throws {
    var state = state()
    guard case .hello(let hello) = message(#"{"channel":"bridge","type":"hello","seq":1,"data":{"version":"1","protocol":1}}"#)
    else { preconditionFailure("no hello") }
    #expect(picture(&state).contains("connecting…"))
    try state.receive(.connected(hello, resumedAfter: nil))
    try state.receive(.caughtUp)
    #expect(picture(&state).contains("q quit"))
    try state.receive(.disconnected(BridgeError(.connectionLost, "gone"), retryIn: .seconds(1)))
    #expect(picture(&state).contains("STALE: no daemon"))
    try state.receive(.connected(hello, resumedAfter: 1))
    #expect(picture(&state).contains("STALE: no daemon"))
    try state.receive(.caughtUp)
    #expect(!picture(&state).contains("STALE"))
  }
}
