// The same requests as a person types them.

import BridgeWire
import Testing

@Suite struct TypedRequestTests {
  @Test(arguments: [
    ("subscribe ticker BTC/USD", #"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]}}"#),
    ("Subscribe TICKER xbt/usd", #"{"method":"subscribe","params":{"channel":"ticker","symbol":["xbt/usd"]}}"#),
    ("subscribe\tticker  BTC/USD\tETH/USD", #"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD","ETH/USD"]}}"#),
    ("subscribe ticker BTC/USD,ETH/USD", #"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD","ETH/USD"]}}"#),
    ("subscribe book BTC/USD depth=100", #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":100}}"#),
    ("subscribe book depth=25 BTC/USD", #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25}}"#),
    ("subscribe ohlc BTC/USD interval=60", #"{"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":60}}"#),
    ("subscribe ticker BTC/USD event_trigger=bbo",
      #"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"event_trigger":"bbo"}}"#),
    ("subscribe trade BTC/USD snapshot=false since=42 on_slow=resync",
      #"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":false,"since":42,"on_slow":"resync"}}"#),
    ("subscribe ticker *", #"{"method":"subscribe","params":{"channel":"ticker","symbol":"*"}}"#),
    ("subscribe instrument", #"{"method":"subscribe","params":{"channel":"instrument"}}"#),
    ("subscribe instrument asset=XBT,USD", #"{"method":"subscribe","params":{"channel":"instrument","asset":["BTC","USD"]}}"#),
    ("subscribe status", #"{"method":"subscribe","params":{"channel":"status"}}"#),
    ("unsubscribe book BTC/USD depth=100", #"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":100}}"#),
    ("snapshot book BTC/USD", #"{"method":"snapshot","params":{"channel":"book","symbol":["BTC/USD"]}}"#),
    ("status", #"{"method":"status"}"#), ("topics", #"{"method":"topics"}"#), ("HELP", #"{"method":"help"}"#),
    ("metrics", #"{"method":"metrics"}"#), ("cancel_all", #"{"method":"cancel_all"}"#),
  ])
  func sameAsJSON(_ typed: String, _ json: String) throws {
    #expect(try understood(typed) == understood(json))
  }

  @Test(arguments: [
    ("subscribe", FaultCode.badParameter, "subscribe ticker"),
    ("unsubscribe", .badParameter, "unsubscribe ticker"),
    ("subscribe weather BTC/USD", .unknownChannel, "weather"),
    ("subscribe book BTC/USD depth=x", .badParameter, "depth"),
    ("subscribe book BTC/USD depth=", .badParameter, "depth"),
    ("subscribe ohlc BTC/USD interval=3", .badParameter, "interval"),
    ("subscribe ticker BTC/USD snapshot=1", .badParameter, "snapshot"),
    ("subscribe ticker BTC/USD since=-1", .badParameter, "since"),
    ("subscribe ticker BTC/USD since=9007199254740992", .badParameter, "since"),
    ("subscribe ticker BTC/USD on_slow=x", .badParameter, "on_slow"),
    ("subscribe ticker BTC/USD x=1", .badParameter, "'x'"),
    ("subscribe ticker BTC/USD * ", .badParameter, "alone"),
    ("unsubscribe ticker BTC/USD since=1", .badParameter, "since"),
    ("snapshot ticker BTC/USD ETH/USD", .badParameter, "one"),
    ("status please", .badParameter, "status"),
    ("add_order buy BTC/USD", .badParameter, "JSON"),
    ("subscibe ticker BTC/USD", .unknownMethod, "subscribe"),
    ("hello", .unknownMethod, "help"),
    ("[1]", .malformed, "JSON"), ("\"ping\"", .malformed, "JSON"), ("12", .malformed, "JSON"),
    ("ping\u{0}", .malformed, "JSON"), ("pi\u{1b}[Ang", .malformed, "JSON"), ("größe", .malformed, "JSON"),
  ])
  func refusals(_ typed: String, _ code: FaultCode, _ word: String) throws {
    let fault = try refused(typed)
    #expect(fault.code == code)
    #expect(fault.message.contains(word), "\(fault.message)")
    #expect(fault.requestID == nil)
  }

  @Test(arguments: [[0xFF], [0x70, 0xC3], [0xED, 0xA0, 0x80], [0x7B, 0xFF, 0x7D]] as [[UInt8]])
  func invalidUTF8(_ bytes: [UInt8]) {
    guard case .failure(let fault) = parse(bytes: bytes) else {
      Issue.record("understood")
      return
    }
    #expect(fault.code == .malformed)
  }
}
