// Every kind of line of the protocol, and lines with keys missing, new or of another type.

import KrakenBridgeClient
import Testing

@Suite struct BridgeMessageTests {
  private func read(_ line: String) throws -> BridgeMessage {
    let message = try #require(BridgeMessage(line: Array(line.utf8)))
    #expect(message.line == RawLine(line))
    return message
  }

  @Test func event() throws {
    let line =
      #"{"channel":"book","type":"update","symbol":"BTC/USD","depth":10,"seq":1868000000000042,"prev":1868000000000017,"time":"2026-10-09T00:34:21.060761Z","received":"2026-10-09T00:34:21.084312907Z","data":{"bids":[],"asks":[{"price":81781.90,"qty":0.00000000}],"checksum":3437785338}}"#
    guard case .event(let event) = try read(line) else { return #expect(Bool(false), "not an event") }
    #expect(event.topic == Topic(channel: "book", symbol: "BTC/USD", depth: 10))
    #expect(event.kind == .update)
    #expect(event.seq == 1_868_000_000_000_042)
    #expect(event.previous == 1_868_000_000_000_017)
    #expect(!event.isPartial)
    #expect(event.time == "2026-10-09T00:34:21.060761Z")
    #expect(event.received == "2026-10-09T00:34:21.084312907Z")
    #expect(event.data["asks"]?.elements.first?["price"]?.digits == "81781.90")
    #expect(event.data["asks"]?.elements.first?["qty"]?.digits == "0.00000000")
  }

  @Test func topicsOfEveryKind() throws {
    let expected: [(String, Topic)] = [
      (#"{"channel":"ohlc","type":"snapshot","symbol":"A/B","interval":5,"seq":1,"data":[]}"#, Topic(channel: "ohlc", symbol: "A/B", interval: 5)),
      (#"{"channel":"instrument","type":"snapshot","asset":"BTC","seq":1,"data":{}}"#, Topic(channel: "instrument", asset: "BTC")),
      (#"{"channel":"ticker","type":"update","symbol":"A/B","event_trigger":"bbo","seq":1,"data":{}}"#, Topic(channel: "ticker", symbol: "A/B", eventTrigger: "bbo")),
      (#"{"channel":"balances","type":"update","seq":1,"data":{}}"#, Topic(channel: "balances")),
    ]
    for (line, topic) in expected {
      guard case .event(let event) = try read(line) else { #expect(Bool(false), "\(line)"); continue }
      #expect(event.topic == topic)
    }
  }

  @Test func state() throws {
    let line = #"{"channel":"bridge","type":"state","seq":7,"data":{"upstream":"public","state":"offline","reason":"closed","attempt":3,"retry_in":5.250}}"#
    guard case .state(let state) = try read(line) else { return #expect(Bool(false)) }
    #expect(state.seq == 7)
    #expect(state.upstream == "public")
    #expect(state.state == "offline")
    #expect(state.reason == "closed")
    #expect(state.attempt == 3)
    #expect(state.retryInSeconds == "5.250")
  }

  @Test func staleTopics() throws {
    let line = #"{"channel":"bridge","type":"stale","seq":7,"data":{"reason":"checksum","upstream":"public","topics":[{"channel":"book","symbol":"BTC/USD","depth":10}]}}"#
    guard case .stale(let stale) = try read(line) else { return #expect(Bool(false)) }
    #expect(stale.reason == "checksum")
    #expect(stale.topics == [Topic(channel: "book", symbol: "BTC/USD", depth: 10)])
    #expect(stale.concerns(Topic(channel: "book", symbol: "BTC/USD", depth: 10)))
    #expect(!stale.concerns(Topic(channel: "book", symbol: "BTC/USD", depth: 25)))
    #expect(!stale.concerns(Topic(channel: "book", symbol: "ETH/USD", depth: 10)))
    #expect(!stale.concerns(Topic(channel: "ticker", symbol: "BTC/USD")))
  }

  @Test func staleEverything() throws {
    guard case .stale(let stale) = try read(#"{"channel":"bridge","type":"stale","data":{"reason":"upstream_lost","upstream":"public","topics":"*"}}"#)
    else { return #expect(Bool(false)) }
    #expect(stale.topics == nil)
    #expect(stale.concerns(Topic(channel: "ticker", symbol: "BTC/USD")))
  }

  @Test func gapAndGoodbye() throws {
    guard case .gap(let gap) = try read(#"{"channel":"bridge","type":"gap","seq":9,"data":{"reason":"slow_reader","from":3,"to":8,"dropped":5}}"#)
    else { return #expect(Bool(false)) }
    #expect((gap.reason, gap.from, gap.to, gap.dropped) == ("slow_reader", 3, 8, 5))
    guard case .goodbye(let goodbye) = try read(#"{"channel":"bridge","type":"goodbye","data":{"reason":"shutdown"}}"#)
    else { return #expect(Bool(false)) }
    #expect(goodbye.reason == "shutdown")
  }

  @Test func answers() throws {
    guard case .answer(let yes) = try read(#"{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","x":1.0},"success":true,"req_id":7}"#)
    else { return #expect(Bool(false)) }
    #expect((yes.method, yes.success, yes.requestID, yes.symbol) == ("subscribe", true, 7, "BTC/USD"))
    #expect(String(decoding: yes.resultText, as: UTF8.self) == #"{"channel":"ticker","symbol":"BTC/USD","x":1.0}"#)
    #expect(throws: Never.self) { try yes.orThrow() }
    guard case .answer(let no) = try read(#"{"method":"subscribe","success":false,"error":"bad","code":"unknown_symbol","symbol":"X"}"#)
    else { return #expect(Bool(false)) }
    #expect((no.success, no.requestID, no.code, no.error, no.symbol) == (false, nil, "unknown_symbol", "bad", "X"))
    #expect(no.resultText.isEmpty)
  }

  @Test func anErrorWithoutMethodIsAnAnswer() throws {
    guard case .answer(let answer) = try read(#"{"success":false,"error":"not JSON","code":"malformed"}"#) else { return #expect(Bool(false)) }
    #expect(answer.code == "malformed")
  }

  @Test(arguments: [
    #"{"channel":"bridge","type":"novelty","data":{}}"#, #"{"channel":"ticker","type":"update"}"#, #"{"channel":5,"type":[]}"#, "{}",
  ])
  func strangersPassThrough(line: String) throws {
    guard case .other = try read(line) else { return #expect(Bool(false), "\(line)") }
  }

  @Test(arguments: ["", "[]", "5", "hello", "{", #"{"a":}"#])
  func notALine(line: String) {
    #expect(BridgeMessage(line: Array(line.utf8)) == nil)
  }

  @Test func missingKeysCostNothing() throws {
    for line in [
      #"{"channel":"bridge","type":"hello"}"#, #"{"channel":"bridge","type":"state","data":{}}"#, #"{"channel":"bridge","type":"stale","data":{}}"#,
      #"{"channel":"bridge","type":"gap"}"#, #"{"channel":"bridge","type":"goodbye"}"#,
    ] {
      if case .other = try read(line) { #expect(Bool(false), "\(line)") }
    }
  }
}
