// The bridge's own lines: exact text, keys in the promised order, JSON whatever is put in.

import BridgeWire
import JSONText
import Testing

@Suite struct LineTests {
  private let head = AnswerHead(method: "subscribe", requestID: "7", timeIn: 1_791_506_061_084_312_907)
  private let times = #""time_in":"2026-10-09T00:34:21.084312Z","time_out":"2026-10-09T00:34:21.084313Z"}"#
  private let timeOut: Int64 = 1_791_506_061_084_313_000

  // MARK: Answers

  @Test func topicAnswers() {
    let answer = line { Answer.topic(&$0, head, TopicKey(.book, "BTC/USD", depth: 25), snapshot: true, timeOut: timeOut) }
    #expect(
      answer == #"{"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD","depth":25,"snapshot":true},"success":true,"req_id":7,"# + times)
    let ticker = line { Answer.topic(&$0, head, TopicKey(.ticker, "BTC/USD"), timeOut: timeOut) }
    #expect(ticker.contains(#""result":{"channel":"ticker","symbol":"BTC/USD","event_trigger":"trades"}"#))
    let status = line { Answer.topic(&$0, head, TopicKey(.status), snapshot: false, timeOut: timeOut) }
    #expect(status.contains(#""result":{"channel":"status","snapshot":false}"#))
    let asset = line { Answer.topic(&$0, head, TopicKey(.instrument, "BTC", isAsset: true), timeOut: timeOut) }
    #expect(asset.contains(#""result":{"channel":"instrument","asset":"BTC"}"#))
    let candles = line { Answer.topic(&$0, head, TopicKey(.ohlc, "BTC/USD", interval: 60), timeOut: timeOut) }
    #expect(candles.contains(#""result":{"channel":"ohlc","symbol":"BTC/USD","interval":60}"#))
  }

  @Test func answersWithoutRequestID() {
    let answer = line { Answer.pong(&$0, AnswerHead(method: "ping", requestID: nil, timeIn: head.timeIn), timeOut: timeOut) }
    #expect(answer == #"{"method":"pong","# + times)
  }

  @Test func failures() {
    let full = RequestFault(.unknownSymbol, "no", method: "subscribe", symbol: "A/B", requestID: #""x""#)
    let answer = line { Answer.failure(&$0, full, timeIn: head.timeIn, timeOut: timeOut) }
    #expect(answer == #"{"method":"subscribe","error":"no","code":"unknown_symbol","success":false,"symbol":"A/B","req_id":"x","# + times)
    let least = line { Answer.failure(&$0, RequestFault(.malformed, "no"), timeIn: head.timeIn, timeOut: timeOut) }
    #expect(least == #"{"error":"no","code":"malformed","success":false,"# + times)
  }

  @Test func codesAreStable() {
    #expect(
      FaultCode.allCases.map(\.rawValue) == [
        "malformed", "line_too_long", "unknown_method", "unknown_channel", "unknown_symbol", "bad_parameter",
        "already_subscribed", "not_subscribed", "not_permitted", "not_configured", "limit_exceeded", "rate_limited",
        "upstream_offline", "upstream_refused", "timeout", "outcome_unknown", "internal",
      ])
  }

  /// Whatever a client or Kraken puts into a name, the line stays one line of JSON.
  @Test(arguments: ["\"", "\\", "\n", "\u{0}", "\u{1F}", "é", "🦑", "</script>", "a\"},{\"b"])
  func foreignText(_ text: String) {
    _ = line { Answer.failure(&$0, RequestFault(.malformed, text, method: text, symbol: text), timeIn: 0, timeOut: 0) }
    _ = line { Answer.topic(&$0, AnswerHead(method: text, requestID: nil, timeIn: 0), TopicKey(.book, text), timeOut: 0) }
    _ = line { Line.state(&$0, seq: 1, upstream: text, state: text, reason: text, attempt: 1, retryIn: nil) }
    _ = line { Line.stale(&$0, seq: 1, reason: text, upstream: text, topics: [TopicKey(.book, text)], error: text) }
    _ = line { Line.gap(&$0, reason: text, from: 1, to: 2, dropped: nil) }
    _ = line { Line.goodbye(&$0, reason: text) }
    _ = line { Line.hello(&$0, seq: 1, version: text, scope: [text], upstreams: [(text, text)]) }
  }

  // MARK: The bridge channel

  @Test func hello() {
    let hello = line {
      Line.hello(
        &$0, seq: 1_868_000_000_000_042, version: "1.0.0", scope: ["market", "account"],
        upstreams: [("public", "online"), ("private", "disabled")])
    }
    #expect(
      hello == #"{"channel":"bridge","type":"hello","seq":1868000000000042,"data":{"version":"1.0.0","protocol":1,"#
        + #""scope":["market","account"],"upstreams":{"public":"online","private":"disabled"}}}"#)
  }

  @Test func state() {
    let offline = line {
      Line.state(&$0, seq: 5, upstream: "public", state: "offline", reason: "why", attempt: 3, retryIn: .milliseconds(1250))
    }
    #expect(
      offline == #"{"channel":"bridge","type":"state","seq":5,"data":{"upstream":"public","state":"offline","reason":"why","attempt":3,"retry_in":1.25}}"#)
    let online = line { Line.state(&$0, seq: 6, upstream: "public", state: "online", reason: nil, attempt: 0, retryIn: nil) }
    #expect(online == #"{"channel":"bridge","type":"state","seq":6,"data":{"upstream":"public","state":"online","attempt":0}}"#)
  }

  @Test func stale() {
    let some = line {
      Line.stale(
        &$0, seq: 5, reason: "checksum", upstream: "public",
        topics: [TopicKey(.book, "A/B", depth: 25), TopicKey(.ticker, "A/B", eventTrigger: "bbo"), TopicKey(.status)], error: "e")
    }
    #expect(
      some == #"{"channel":"bridge","type":"stale","seq":5,"data":{"reason":"checksum","upstream":"public","topics":["#
        + #"{"channel":"book","symbol":"A/B","depth":25},{"channel":"ticker","symbol":"A/B","event_trigger":"bbo"},{"channel":"status"}],"error":"e"}}"#)
    let all = line { Line.stale(&$0, seq: nil, reason: "silent", upstream: "public", topics: nil) }
    #expect(all == #"{"channel":"bridge","type":"stale","data":{"reason":"silent","upstream":"public","topics":"*"}}"#)
  }

  @Test func gapAndGoodbye() {
    let gap = line { Line.gap(&$0, reason: "slow_reader", from: 5, to: 9, dropped: 4) }
    #expect(gap == #"{"channel":"bridge","type":"gap","data":{"reason":"slow_reader","from":5,"to":9,"dropped":4}}"#)
    let unknown = line { Line.gap(&$0, reason: "resume_expired", from: 5, to: 9, dropped: nil) }
    #expect(unknown == #"{"channel":"bridge","type":"gap","data":{"reason":"resume_expired","from":5,"to":9}}"#)
    #expect(line { Line.goodbye(&$0, reason: "limit") } == #"{"channel":"bridge","type":"goodbye","data":{"reason":"limit"}}"#)
  }

  // MARK: The envelope

  @Test(arguments: [
    (TopicKey(.ticker, "A/B", eventTrigger: "bbo"), #"{"channel":"ticker","type":"update","symbol":"A/B","event_trigger":"bbo","seq":"#),
    (TopicKey(.ticker, "A/B"), #"{"channel":"ticker","type":"update","symbol":"A/B","seq":"#),
    (TopicKey(.book, "A/B", depth: 100), #"{"channel":"book","type":"update","symbol":"A/B","depth":100,"seq":"#),
    (TopicKey(.ohlc, "A/B", interval: 5), #"{"channel":"ohlc","type":"update","symbol":"A/B","interval":5,"seq":"#),
    (TopicKey(.instrument, "BTC", isAsset: true), #"{"channel":"instrument","type":"update","asset":"BTC","seq":"#),
    (TopicKey(.ownTrades), #"{"channel":"own_trades","type":"update","seq":"#),
  ])
  func prefixes(_ topic: TopicKey, _ text: String) {
    #expect(String(decoding: Line.prefix(topic, type: "update"), as: UTF8.self) == text)
  }

  @Test(arguments: [
    (Duration.zero, "0"), (.seconds(5), "5"), (.milliseconds(1), "0.001"), (.milliseconds(1500), "1.5"),
    (.milliseconds(1050), "1.05"), (.milliseconds(999), "0.999"), (.microseconds(999), "0"), (.seconds(86400), "86400"),
    (.milliseconds(100_100), "100.1"),
  ])
  func seconds(_ duration: Duration, _ text: String) {
    var bytes = JSONBytes()
    bytes.append(seconds: duration)
    #expect(bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } == text)
  }
}
