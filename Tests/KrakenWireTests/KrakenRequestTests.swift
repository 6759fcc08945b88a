import JSONText
import KrakenWire
import Testing

@Suite struct KrakenRequestTests {
  func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  static let token = SecretTests.secret("TOKEN")

  /// Everything is asked for, whatever the present readers want of it.
  @Test func executionsAreAskedForWhole() throws {
    let request = text(KrakenRequest.subscribe(channel: .executions, symbols: [], token: Self.token, reqID: 7))
    #expect(
      request == #"{"method":"subscribe","params":{"channel":"executions","snap_orders":true,"snap_trades":true,"#
        + #""order_status":true,"ratecounter":true,"token":"TOKEN"},"req_id":7}"#)
  }

  /// Said only where they differ from Kraken's defaults, on the channels that have them, and not to unsubscribe.
  @Test func parametersOfTheAccount() throws {
    func params(_ channel: KrakenChannel, _ account: AccountParameters) -> String {
      let request = text(
        KrakenRequest.subscribe(channel: channel, symbols: [], account: account, token: Self.token, reqID: 7))
      return String(request.split(separator: #""channel":"#)[1])
    }
    let everything = AccountParameters(isRebased: false, coversAllUsers: true)
    #expect(
      params(.balances, everything)
        == #""balances","snapshot":true,"rebased":false,"users":"all","token":"TOKEN"},"req_id":7}"#)
    #expect(params(.executions, everything).contains(#""ratecounter":true,"rebased":false,"users":"all","token""#))
    #expect(params(.balances, AccountParameters(isRebased: false)).contains(#"true,"rebased":false,"token""#))
    #expect(params(.balances, AccountParameters(coversAllUsers: true)).contains(#"true,"users":"all","token""#))
    for channel in [KrakenChannel.level3, .instrument] {
      #expect(params(channel, everything) == params(channel, AccountParameters()))
    }
  }

  @Test(arguments: KrakenChannel.allCases)
  func snapshotsThatKrakenPromises(channel: KrakenChannel) {
    #expect(AccountParameters().snapshot(of: channel) == .certain)
    let expected: SnapshotPromise = channel == .executions ? .none : channel == .balances ? .possible : .certain
    #expect(AccountParameters(coversAllUsers: true).snapshot(of: channel) == expected)
  }

  /// Our requests are the documented ones, byte for byte.
  @Test func requestsAreTheRecordedOnes() throws {
    let recorded = Set(try Fixtures.lines("requests"))
    let ours = [
      KrakenRequest.ping(reqID: 101),
      KrakenRequest.subscribe(channel: .ticker, symbols: ["BTC/USD", "ETH/USD"], trigger: .bbo, reqID: 1),
      KrakenRequest.subscribe(channel: .book, symbols: ["BTC/USD"], depth: 10, reqID: 2),
      KrakenRequest.subscribe(channel: .trade, symbols: ["BTC/USD"], reqID: 3),
      KrakenRequest.subscribe(channel: .ohlc, symbols: ["BTC/USD"], interval: 5, reqID: 4),
      KrakenRequest.subscribe(channel: .instrument, symbols: [], reqID: 5),
      KrakenRequest.subscribe(channel: .level3, symbols: ["BTC/USD"], depth: 10, token: Self.token, reqID: 6),
      KrakenRequest.subscribe(channel: .balances, symbols: [], token: Self.token, reqID: 8),
      KrakenRequest.unsubscribe(channel: .ticker, symbols: ["BTC/USD", "ETH/USD"], trigger: .bbo, reqID: 11),
      KrakenRequest.unsubscribe(channel: .book, symbols: ["BTC/USD"], depth: 10, reqID: 12),
      KrakenRequest.unsubscribe(channel: .trade, symbols: ["BTC/USD"], reqID: 13),
      KrakenRequest.unsubscribe(channel: .ohlc, symbols: ["BTC/USD"], interval: 5, reqID: 14),
      KrakenRequest.unsubscribe(channel: .instrument, symbols: [], reqID: 15),
      KrakenRequest.unsubscribe(channel: .level3, symbols: ["BTC/USD"], depth: 10, token: Self.token, reqID: 16),
      KrakenRequest.unsubscribe(channel: .executions, symbols: [], token: Self.token, reqID: 17),
      KrakenRequest.unsubscribe(channel: .balances, symbols: [], token: Self.token, reqID: 18),
    ]
    for request in ours { #expect(recorded.contains(text(request)), "\(text(request))") }
  }

  @Test func symbolsAreEscaped() throws {
    let request = KrakenRequest.subscribe(channel: .trade, symbols: ["A\"\\\n/€"], snapshot: false, reqID: .max)
    try withJSON(text(request)) { root in
      #expect(root["req_id"]?.uint64 == .max)
      #expect(root["params"]?["symbol"]?.elements.compactMap(\.string) == ["A\"\\\n/€"])
      #expect(root["params"]?["snapshot"]?.bool == false)
    }
  }
}

@Suite struct KrakenErrorClassTests {
  @Test(arguments: [
    ("Already subscribed", KrakenErrorClass.ignore), ("Subscription Not Found", .ignore),
    ("Exceeded msg rate", .slowDown), ("exceeded MSG RATE", .slowDown), ("EGeneral:Too many requests", .slowDown),
    ("EAPI:Rate limit exceeded", .slowDown),
    ("Rate limit for snapshot requests exceeded, when trying to subscribe to YFI/USD level3 snapshot", .slowDown),
    ("ESession:Invalid session", .renewToken), ("EAPI:Invalid token", .renewToken),
    ("EService:Unavailable", .retryLater), ("EService:Busy", .retryLater), ("EGeneral:Internal error", .retryLater),
    ("EGeneral:Temporary lockout", .retryLater),
    ("Currency pair not supported XBT/USD", .giveUp), ("Subscription depth not supported", .giveUp),
    ("Subscription name invalid", .giveUp), ("Symbol(s) not found", .giveUp), ("Token(s) not found", .giveUp),
    ("EGeneral:Permission denied", .giveUp), ("Unsupported field: 'x'", .giveUp), ("", .giveUp),
    ("something never heard of", .giveUp),
  ])
  func textsAreClassified(text: String, expected: KrakenErrorClass) {
    #expect(KrakenErrorClass(text) == expected)
  }
}

@Suite struct KrakenChannelTests {
  @Test(arguments: KrakenChannel.allCases)
  func namesGoBothWays(channel: KrakenChannel) throws {
    #expect(KrakenChannel(name: channel.name) == channel)
    try withJSON("\"\(channel.name)\"") { #expect(KrakenChannel($0) == channel) }
  }

  @Test func strangersAreNil() throws {
    for text in [#""Book""#, #""boo""#, #""books""#, #""""#, "7", "null", "{}"] {
      try withJSON(text) { #expect(KrakenChannel($0) == nil) }
    }
    #expect(KrakenChannel(name: "BOOK") == nil)
  }

  @Test func topicsDescribeThemselves() {
    #expect("\(UpstreamTopic.book("BTC/USD", depth: 10))" == "book BTC/USD depth 10")
    #expect("\(UpstreamTopic.ohlc("BTC/USD", interval: 5))" == "ohlc BTC/USD interval 5")
    #expect("\(UpstreamTopic.ticker("BTC/USD", .bbo))" == "ticker BTC/USD bbo")
    #expect("\(UpstreamTopic.instrument)" == "instrument")
  }

  @Test func requestsAreSharedOnlyWithEqualParameters() {
    let topic = UpstreamTopic.ohlc("BTC/USD", interval: 5)
    #expect(topic.sharesRequest(with: .ohlc("ETH/USD", interval: 5)))
    #expect(!topic.sharesRequest(with: .ohlc("ETH/USD", interval: 1)))
    #expect(!topic.sharesRequest(with: .trade("BTC/USD")))
    #expect(!UpstreamTopic.ticker("A/B", .bbo).sharesRequest(with: .ticker("C/D", .trades)))
    #expect(!UpstreamTopic.book("A/B", depth: 10).sharesRequest(with: .book("C/D", depth: 25)))
  }
}
