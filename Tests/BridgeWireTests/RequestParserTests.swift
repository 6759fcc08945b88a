// Requests in Kraken's envelope: every method, every parameter, every refusal.

import BridgeWire
import Testing

@Suite struct RequestParserTests {
  // MARK: Methods

  @Test(arguments: [
    ("status", Request.Method.status), ("topics", .topics), ("subscriptions", .subscriptions), ("clients", .clients),
    ("ping", .ping), ("help", .help), ("metrics", .metrics), ("reload", .reload), ("add_order", .order("add_order")),
    ("amend_order", .order("amend_order")), ("edit_order", .order("edit_order")),
    ("cancel_order", .order("cancel_order")), ("cancel_all", .order("cancel_all")),
    ("cancel_all_orders_after", .order("cancel_all_orders_after")), ("batch_add", .order("batch_add")),
    ("batch_cancel", .order("batch_cancel")),
  ])
  func methodsWithoutTopics(_ name: String, _ method: Request.Method) throws {
    let request = try understood(#"{"method":"\#(name)","req_id":7}"#)
    #expect(request == Request(method, name: name, requestID: "7"))
    #expect(Request.methods.contains(name))
  }

  @Test func everyMethodIsUnderstood() throws {
    #expect(Request.methods.count == 19)
    for name in Request.methods {
      let request = try understood(#"{"method":"\#(name)","params":{"channel":"book","symbol":"BTC/USD"}}"#)
      #expect(request.name == name)
    }
  }

  @Test func subscribeWithEverything() throws {
    let request = try understood(
      #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":25,"snapshot":false,"#
        + #""since":1868000000000042,"on_slow":"disconnect","token":"x"},"req_id":1}"#)
    let topics = TopicParameters(channel: .book, symbols: ["BTC/USD", "ETH/USD"], depth: 25)
    let options = SubscribeOptions(snapshot: false, since: 1_868_000_000_000_042, onSlow: .disconnect)
    #expect(request == Request(.subscribe(topics, options), name: "subscribe", requestID: "1"))
  }

  @Test func defaults() throws {
    let request = try understood(#"{"method":"subscribe","params":{"channel":"trade","symbol":"BTC/USD"}}"#)
    let options = SubscribeOptions(snapshot: true, since: nil, onSlow: nil)
    #expect(request == Request(.subscribe(TopicParameters(channel: .trade, symbols: ["BTC/USD"]), options), name: "subscribe"))
  }

  @Test func unsubscribeAndSnapshot() throws {
    let key = #""params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":60}"#
    let topics = TopicParameters(channel: .ohlc, symbols: ["BTC/USD"], interval: 60)
    #expect(try understood(#"{"method":"unsubscribe",\#(key)}"#).method == .unsubscribe(topics))
    #expect(try understood(#"{"method":"snapshot",\#(key)}"#).method == .snapshot(topics))
    // Clients repeat the parameters of their subscribe.
    #expect(
      try understood(#"{"method":"unsubscribe","params":{"channel":"trade","symbol":"BTC/USD","snapshot":true}}"#).method
        == .unsubscribe(TopicParameters(channel: .trade, symbols: ["BTC/USD"])))
  }

  @Test func theLastOfRepeatedParametersCounts() throws {
    let request = try understood(#"{"method":"unsubscribe","params":{"channel":"book","channel":"trade","symbol":"A/B"}}"#)
    #expect(request.method == .unsubscribe(TopicParameters(channel: .trade, symbols: ["A/B"])))
  }

  // MARK: Spelling

  @Test func namesAreForgiven() throws {
    let request = try understood(#"{"method":"subscribe","params":{"channel":"TiCkEr","symbol":["XBT/usd","xdg/XBT","btc/usd"]}}"#)
    guard case .subscribe(let topics, _) = request.method else {
      Issue.record("not a subscribe")
      return
    }
    #expect(topics.channel == .ticker)
    #expect(topics.symbols == ["BTC/usd", "DOGE/BTC", "btc/usd"])
    let asset = try understood(#"{"method":"subscribe","params":{"channel":"instrument","asset":["xbt","TSLAx"]}}"#)
    guard case .subscribe(let topics, _) = asset.method else {
      Issue.record("not a subscribe")
      return
    }
    #expect(topics.assets == ["BTC", "TSLAx"])
  }

  // MARK: req_id

  @Test(arguments: ["0", "-1", "18446744073709551615", "-9223372036854775808", #""text""#, #""with \"escapes\" \u00e9""#])
  func requestIDIsEchoedAsWritten(_ id: String) throws {
    #expect(try understood(#"{"method":"ping","req_id":\#(id)}"#).requestID == id)
    #expect(try refused(#"{"method":"dance","req_id":\#(id)}"#).requestID == id)
    #expect(try refused(#"{"req_id":\#(id),"method":"subscribe","params":{"channel":"x"}}"#).requestID == id)
  }

  @Test(arguments: ["1.5", "1e3", "null", "true", "[]", "{}", "18446744073709551616"])
  func requestIDMustBeAnInteger(_ id: String) throws {
    let fault = try refused(#"{"method":"ping","req_id":\#(id)}"#)
    #expect(fault.code == .badParameter)
    #expect(fault.requestID == nil)
  }

  @Test func requestIDHasALimit() throws {
    let long = "\"" + String(repeating: "x", count: 79) + "\""
    #expect(try refused(#"{"method":"ping","req_id":\#(long)}"#).code == .badParameter)
  }

  // MARK: Refusals

  @Test(arguments: [
    // One for each rule, with a word that the message must contain.
    (#"{"method":"subscribe"}"#, FaultCode.badParameter, "channel"),
    (#"{"method":"subscribe","params":{}}"#, .badParameter, "channel"),
    (#"{"method":"subscribe","params":7}"#, .badParameter, "params"),
    (#"{"method":"subscribe","params":{"channel":7}}"#, .badParameter, "channel"),
    (#"{"method":"subscribe","params":{"channel":"tikcer"}}"#, .unknownChannel, "ticker"),
    (#"{"method":"subscribe","params":{"channel":"weather"}}"#, .unknownChannel, "own_trades"),
    (#"{"method":"subscribe","params":{"channel":"ticker"}}"#, .badParameter, "symbol"),
    (#"{"method":"subscribe","params":{"channel":"ticker","symbol":[]}}"#, .badParameter, "symbol"),
    (#"{"method":"subscribe","params":{"channel":"ticker","symbol":""}}"#, .badParameter, "symbol"),
    (#"{"method":"subscribe","params":{"channel":"ticker","symbol":[""]}}"#, .badParameter, "symbol"),
    (#"{"method":"subscribe","params":{"channel":"ticker","symbol":[1]}}"#, .badParameter, "symbol"),
    (#"{"method":"subscribe","params":{"channel":"ticker","symbol":null}}"#, .badParameter, "symbol"),
    (#"{"method":"subscribe","params":{"channel":"ticker","symbol":["*","A/B"]}}"#, .badParameter, "alone"),
    (#"{"method":"subscribe","params":{"channel":"status","symbol":"A/B"}}"#, .badParameter, "status"),
    (#"{"method":"subscribe","params":{"channel":"trade","symbol":"A/B","asset":"BTC"}}"#, .badParameter, "asset"),
    (#"{"method":"subscribe","params":{"channel":"book","symbol":"A/B","depth":5}}"#, .badParameter, "10, 25, 100, 500, 1000"),
    (#"{"method":"subscribe","params":{"channel":"book","symbol":"A/B","depth":10.0}}"#, .badParameter, "depth"),
    (#"{"method":"subscribe","params":{"channel":"book","symbol":"A/B","depth":99999999999999999999}}"#, .badParameter, "depth"),
    (#"{"method":"subscribe","params":{"channel":"trade","symbol":"A/B","depth":10}}"#, .badParameter, "depth"),
    (#"{"method":"subscribe","params":{"channel":"ohlc","symbol":"A/B","interval":7}}"#, .badParameter, "21600"),
    (#"{"method":"subscribe","params":{"channel":"book","symbol":"A/B","interval":1}}"#, .badParameter, "interval"),
    (#"{"method":"subscribe","params":{"channel":"ticker","symbol":"A/B","event_trigger":"x"}}"#, .badParameter, "trades, bbo"),
    (#"{"method":"subscribe","params":{"channel":"ticker","symbol":"A/B","event_trigger":1}}"#, .badParameter, "event_trigger"),
    (#"{"method":"subscribe","params":{"channel":"spread","symbol":"A/B","event_trigger":"bbo"}}"#, .badParameter, "event_trigger"),
    (#"{"method":"subscribe","params":{"channel":"trade","symbol":"A/B","snapshot":"yes"}}"#, .badParameter, "snapshot"),
    (#"{"method":"subscribe","params":{"channel":"trade","symbol":"A/B","since":"1"}}"#, .badParameter, "since"),
    (#"{"method":"subscribe","params":{"channel":"trade","symbol":"A/B","since":9007199254740992}}"#, .badParameter, "2^53"),
    (#"{"method":"subscribe","params":{"channel":"trade","symbol":"A/B","on_slow":1}}"#, .badParameter, "resync"),
    (#"{"method":"subscribe","params":{"channel":"trade","symbol":"A/B","color":1}}"#, .badParameter, "'color'"),
    (#"{"method":"unsubscribe","params":{"channel":"trade","symbol":"A/B","since":1}}"#, .badParameter, "'since'"),
    (#"{"method":"snapshot","params":{"channel":"trade","symbol":"A/B","snapshot":true}}"#, .badParameter, "'snapshot'"),
    (#"{"method":"snapshot","params":{"channel":"trade","symbol":["A/B","C/D"]}}"#, .badParameter, "one"),
    (#"{"method":"snapshot","params":{"channel":"trade","symbol":"*"}}"#, .badParameter, "one"),
    (#"{"method":"snapshot","params":{"channel":"instrument"}}"#, .badParameter, "one"),
    (#"{"method":"subscrib","params":{}}"#, .unknownMethod, "subscribe"),
    (#"{"method":"Ping"}"#, .unknownMethod, "ping"),
    (#"{"method":"weather"}"#, .unknownMethod, "help"),
    (#"{"method":"ping","id":1}"#, .badParameter, "'id'"),
    (#"{"method":null}"#, .malformed, "method"),
    (#"{"params":{}}"#, .malformed, "method"),
    ("{}", .malformed, "method"),
    ("{", .malformed, "JSON"),
    (#"{"method":"ping"} x"#, .malformed, "JSON"),
    (#"{"method":'ping'}"#, .malformed, "JSON"),
    (#"{"method":"p\ud800"}"#, .malformed, "JSON"),
  ])
  func refusals(_ text: String, _ code: FaultCode, _ word: String) throws {
    let fault = try refused(text)
    #expect(fault.code == code)
    #expect(fault.message.contains(word), "\(fault.message)")
  }

  @Test func refusalsNameTheMethod() throws {
    #expect(try refused(#"{"method":"subscribe","params":{"channel":"x"}}"#).method == "subscribe")
    #expect(try refused(#"{"method":"dance"}"#).method == "dance")
    #expect(try refused("{}").method == nil)
  }

  @Test func nestingHasALimit() throws {
    let deep = String(repeating: "[", count: 15) + String(repeating: "]", count: 15)
    #expect(try refused(#"{"method":"subscribe","params":\#(deep)}"#).code == .badParameter)
    let deeper = String(repeating: "[", count: 16) + String(repeating: "]", count: 16)
    #expect(try refused(#"{"method":"subscribe","params":\#(deeper)}"#).code == .malformed)
  }

  // MARK: Lines

  @Test(arguments: ["", " ", "\t\t", "\r", " \r"])
  func blankLines(_ text: String) throws {
    #expect(try parse(text).get() == nil)
  }

  @Test(arguments: [#"{"method":"ping"}"#, "  {\"method\":\"ping\"}\r", "ping", " ping \r", "PING\t"])
  func spaceAroundIsForgiven(_ text: String) throws {
    #expect(try understood(text).method == .ping)
  }

  @Test func oneParserReadsManyLines() throws {
    var parser = RequestParser()
    for text in [#"{"method":"ping","req_id":1}"#, "{", "status", #"{"method":"x"}"#, #"{"method":"help"}"#] {
      let mine: Result<Request?, RequestFault> = Array(text.utf8).withUnsafeBytes { bytes in
        do throws(RequestFault) { return .success(try parser.parse(bytes)) } catch { return .failure(error) }
      }
      #expect(mine == parse(text))
    }
  }

  @Test func noBytesBreakIt() {
    // Every short text over the bytes that matter to the grammar: never a crash, and a refusal has words.
    let alphabet: [UInt8] = Array("{}[]\",:a1 \\".utf8) + [0, 0xC3, 0xFF]
    var texts: [[UInt8]] = [[]]
    for _ in 0..<4 { texts += texts.filter { $0.count == texts.last!.count }.flatMap { text in alphabet.map { text + [$0] } } }
    for text in texts {
      if case .failure(let fault) = parse(bytes: text) { #expect(!fault.message.isEmpty) }
    }
    #expect(texts.count > 30_000)
  }
}
