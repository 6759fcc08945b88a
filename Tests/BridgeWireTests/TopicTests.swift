// Topics as requests name them, and names as people spell them.

import BridgeWire
import Testing

@Suite struct TopicTests {
  @Test func defaultsBelongToTheKey() {
    #expect(TopicKey(.book, "A/B") == TopicKey(.book, "A/B", depth: 10))
    #expect(TopicKey(.ohlc, "A/B") == TopicKey(.ohlc, "A/B", interval: 1))
    #expect(TopicKey(.ticker, "A/B") == TopicKey(.ticker, "A/B", eventTrigger: "trades"))
    #expect(TopicKey(.ticker, "A/B") != TopicKey(.ticker, "A/B", eventTrigger: "bbo"))
    #expect(TopicKey(.trade, "A/B").depth == nil)
    #expect(TopicKey(.instrument, "A", isAsset: true) != TopicKey(.instrument, "A"))
  }

  @Test func keysOfARequest() {
    let books = TopicParameters(channel: .book, symbols: ["A/B", "C/D", "A/B"], depth: 25)
    #expect(books.keys == [TopicKey(.book, "A/B", depth: 25), TopicKey(.book, "C/D", depth: 25)])
    #expect(TopicParameters(channel: .status).keys == [TopicKey(.status)])
    #expect(TopicParameters(channel: .ticker, symbols: ["*"]).keys == [])
    let instruments = TopicParameters(channel: .instrument, symbols: ["A/B"], assets: ["A"])
    #expect(instruments.keys == [TopicKey(.instrument, "A/B"), TopicKey(.instrument, "A", isAsset: true)])
  }

  @Test(arguments: [
    (TopicParameters(channel: .book, symbols: ["*"]), [true, true, false, false, false, false]),
    (TopicParameters(channel: .book, symbols: ["*"], depth: 25), [false, true, false, false, false, false]),
    (TopicParameters(channel: .ticker, symbols: ["*"]), [false, false, true, true, false, false]),
    (TopicParameters(channel: .ticker, symbols: ["*"], eventTrigger: "bbo"), [false, false, false, true, false, false]),
    (TopicParameters(channel: .ticker, symbols: ["*"], eventTrigger: "trades"), [false, false, true, false, false, false]),
    (TopicParameters(channel: .instrument), [false, false, false, false, true, true]),
    (TopicParameters(channel: .instrument, symbols: ["*"]), [false, false, false, false, true, false]),
    (TopicParameters(channel: .instrument, assets: ["*"]), [false, false, false, false, false, true]),
    (TopicParameters(channel: .instrument, symbols: ["*"], assets: ["*"]), [false, false, false, false, true, true]),
  ])
  func whatEverythingCovers(_ topics: TopicParameters, _ covered: [Bool]) {
    #expect(topics.isEverySymbol)
    let keys = [
      TopicKey(.book, "A/B"), TopicKey(.book, "A/B", depth: 25), TopicKey(.ticker, "A/B"),
      TopicKey(.ticker, "A/B", eventTrigger: "bbo"), TopicKey(.instrument, "A/B"), TopicKey(.instrument, "A", isAsset: true),
    ]
    #expect(keys.map(topics.covers) == covered)
  }

  @Test func checkedParameters() throws {
    let topics = try TopicParameters(checkedChannel: "Book", symbols: ["xbt/usd"], depth: 25)
    #expect(topics == TopicParameters(channel: .book, symbols: ["BTC/usd"], depth: 25))
    #expect(throws: RequestFault.self) { _ = try TopicParameters(checkedChannel: "book", symbols: []) }
    #expect(throws: RequestFault.self) { _ = try TopicParameters(checkedChannel: "book", symbols: [""]) }
    #expect(throws: RequestFault.self) { _ = try TopicParameters(checkedChannel: "boko", symbols: ["A/B"]) }
    #expect(throws: RequestFault.self) { _ = try TopicParameters(checkedChannel: "ohlc", symbols: ["A/B"], interval: 2) }
  }

  @Test func channels() {
    for channel in BridgeChannel.allCases {
      #expect(BridgeChannel(rawValue: channel.rawValue) == channel)
      #expect(channel.isAccount == [.executions, .balances, .level3, .ownTrades, .openOrders].contains(channel))
      #expect(channel.needsSymbol == [.ticker, .book, .trade, .ohlc, .spread, .level3].contains(channel))
      let isArray = [.trade, .ohlc, .executions, .balances, .ownTrades, .openOrders].contains(channel)
      #expect(channel.snapshotIsArray == isArray)
    }
  }

  // MARK: Spelling

  @Test(arguments: [
    ("XBT/USD", "BTC/USD"), ("xbt/usd", "BTC/usd"), ("USD/XBT", "USD/BTC"), ("XDG/XBT", "DOGE/BTC"), ("Xdg/EUR", "DOGE/EUR"),
    ("XBTC/USD", "XBTC/USD"), ("XBT", "XBT"), ("", ""), ("/", "/"), ("XBT/", "BTC/"), ("A/XBT/C", "A/XBT/C"),
  ])
  func oldNames(_ typed: String, _ current: String) {
    #expect(Spelling.currentPair(typed) == current)
  }

  @Test(arguments: [
    ("BTC/USF", "BTC/USD"), ("btc/usd", "BTC/USD"), ("BCT/USD", "BTC/USD"), ("BTCUSD", "BTC/USD"), ("ETH/UDS", "ETH/USD"),
    ("BTC/EU", "BTC/EUR"), ("BTC//USD", "BTC/USD"), ("tslax/usd", "TSLAx/USD"), ("BTC/USDD", "BTC/USD"),
  ])
  func nearest(_ typed: String, _ meant: String) {
    #expect(Spelling.nearest(to: typed, among: Self.pairs) == meant)
    #expect(Spelling.nearest(to: typed, among: Self.pairs.reversed()) == meant)
  }

  @Test(arguments: ["", "NOSUCHTHING/XYZ", "Z", String(repeating: "BTC/USD", count: 20)])
  func nothingIsNear(_ typed: String) {
    #expect(Spelling.nearest(to: typed, among: Self.pairs) == nil)
  }

  @Test func equallyNearIsTheFirstInTheAlphabet() {
    #expect(Spelling.nearest(to: "AAD", among: ["AAC", "AAB"]) == "AAB")
    #expect(Spelling.nearest(to: "AAD", among: ["AAB", "AAC"]) == "AAB")
  }

  private static let pairs = ["BTC/USD", "BTC/EUR", "ETH/USD", "ETH/EUR", "DOGE/USD", "TSLAx/USD", "BTC/USDT"]
}
