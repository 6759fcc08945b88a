import JSONText
import KrakenWire
import Testing

@Suite struct KrakenMessageTests {
  /// What a message was taken for, without views into it.
  enum Kind: Equatable {
    case answer, tradingAnswer, data, heartbeat, status, rateExceeded, unknownMethod, unknownChannel, versionOne
    case unintelligible(String)

    init(_ message: KrakenMessage) {
      switch message {
      case .answer: self = .answer
      case .tradingAnswer: self = .tradingAnswer
      case .data: self = .data
      case .heartbeat: self = .heartbeat
      case .status: self = .status
      case .rateExceeded: self = .rateExceeded
      case .unknownMethod: self = .unknownMethod
      case .unknownChannel: self = .unknownChannel
      case .versionOne: self = .versionOne
      case .unintelligible(let why): self = .unintelligible("\(why)")
      }
    }
  }

  func kind(_ text: String) throws -> Kind { try withJSON(text) { Kind(KrakenMessage.classify($0)) } }

  @Test(arguments: [
    ("book", Kind.data), ("book-matic", .data), ("book-replay", .data), ("ticker", .data), ("trade", .data),
    ("ohlc", .data), ("instrument", .data), ("level3", .data), ("balances", .data),
    ("executions", .data), ("executions-constructed", .data), ("acks", .answer),
  ])
  func everyRecordedLineIsRecognised(name: String, expected: Kind) throws {
    for line in try Fixtures.lines(name) {
      // Some recordings hold both sides or other messages of the same connection.
      let kind = try kind(line)
      #expect(kind == expected || kind == .answer || kind == .status || kind == .heartbeat, "\(line.prefix(200))")
    }
  }

  @Test(arguments: Fixtures.names)
  func noRecordedLineIsUnintelligible(name: String) throws {
    for line in try Fixtures.lines(name) {
      if case .unintelligible(let why) = try kind(line) { Issue.record("\(why): \(line.prefix(200))") }
    }
  }

  @Test func statusLines() throws {
    let kinds = try Fixtures.lines("status").map(kind)
    #expect(kinds.allSatisfy { $0 == .status || $0 == .heartbeat })
    #expect(kinds.contains(.heartbeat))
  }

  @Test func versionOneLinesAreRecognised() throws {
    for line in try Fixtures.lines("v1-book-replay") { #expect(try kind(line) == .versionOne) }
  }

  @Test(arguments: [
    #"{"Error":"Exceeded msg rate"}"#,
    #"{"event":"error","errorMessage":"Exceeded msg rate","reqid":42}"#,
    #"{"error":"Exceeded msg rate"}"#,
  ])
  func rateErrorsInAllThreeForms(text: String) throws {
    #expect(try kind(text) == .rateExceeded)
  }

  @Test func methodDecidesBeforeChannel() throws {
    let text =
      #"{"channel":"level3","error":"Rate limit for snapshot requests exceeded, when trying to subscribe to YFI/USD level3 snapshot","method":"subscribe","status":"error","success":false}"#
    #expect(try kind(text) == .answer)
    #expect(try kind(#"{"channel":"book","type":"update","data":[],"method":"pong"}"#) == .answer)
  }

  @Test func unknownThingsAreNamed() throws {
    #expect(try kind(#"{"channel":"margins","type":"update","data":[]}"#) == .unknownChannel)
    #expect(try kind(#"{"method":"teleport","success":true}"#) == .unknownMethod)
    #expect(try kind(#"{"method":"add_order","success":false,"error":"EOrder:Insufficient funds"}"#) == .tradingAnswer)
    #expect(try kind(#"{"method":"batch_cancel","orders_cancelled":2,"success":true}"#) == .tradingAnswer)
    #expect(try kind(#"{"event":"systemStatus","status":"online"}"#) == .versionOne)
    #expect(try kind("[1,2]") == .versionOne)
  }

  @Test(arguments: [
    ("{}", "neither method nor channel"), ("3", "not an object"), ("\"book\"", "not an object"),
    ("null", "not an object"),
    (#"{"channel":"book","type":"update"}"#, "no data"),
    (#"{"channel":"book","data":[]}"#, "no type"),
    (#"{"channel":"book","type":7,"data":[]}"#, "type is neither snapshot nor update"),
    (#"{"channel":"book","type":"delta","data":[]}"#, "type is neither snapshot nor update"),
    (#"{"channel":"book","type":"update","data":"x"}"#, "data is neither array nor object"),
    (#"{"channel":"status","type":"update","data":[]}"#, "status without an item"),
    (#"{"channel":"status","type":"update"}"#, "no data"),
  ])
  func incompleteMessagesSayWhatIsMissing(text: String, why: String) throws {
    #expect(try kind(text) == .unintelligible(why))
  }

  @Test func keyOrderAndStrangersDoNotMatter() throws {
    try withJSON(
      #"{"new":{"data":1},"data":[{"a":1},{"b":2}],"sequence":148,"type":"snapshot","timestamp":"2026-10-09T00:34:22.814908190Z","chann\u0065l":"executions"}"#
    ) { root in
      guard case .data(let data) = KrakenMessage.classify(root) else {
        Issue.record("not data")
        return
      }
      #expect(data.channel == .executions)
      #expect(data.isSnapshot)
      #expect(data.sequence == 148)
      #expect(data.timestamp?.string == "2026-10-09T00:34:22.814908190Z")
      #expect(data.items.map { String(decoding: $0.text, as: UTF8.self) } == [#"{"a":1}"#, #"{"b":2}"#])
    }
  }

  @Test func anObjectIsItsOwnOnlyItem() throws {
    try withJSON(#"{"channel":"instrument","type":"update","data":{"assets":[],"pairs":[]}}"#) { root in
      guard case .data(let data) = KrakenMessage.classify(root) else {
        Issue.record("not data")
        return
      }
      #expect(!data.isSnapshot)
      #expect(data.sequence == nil)
      #expect(data.items.map { $0.kind } == [.object])
    }
  }
}

@Suite struct KrakenAnswerTests {
  func answer(_ text: String) throws -> KrakenAnswer {
    try withJSON(text) { root in
      guard case .answer(let answer) = KrakenMessage.classify(root) else {
        throw NotAnAnswer()
      }
      return answer
    }
  }
  struct NotAnAnswer: Error {}

  @Test func successNamesTheTopicInsideResult() throws {
    let answer = try answer(
      #"{"method":"subscribe","req_id":121,"result":{"channel":"ohlc","interval":60,"snapshot":true,"symbol":"ETH/USD","warnings":["timestamp is deprecated, use interval_begin"]},"success":true,"time_in":"2024-05-19T19:06:57.002983Z","time_out":"2024-05-19T19:06:57.003037Z"}"#
    )
    #expect(answer.method == .subscribe)
    #expect(answer.reqID == 121)
    #expect(answer.isSuccess)
    #expect(answer.error == nil)
    #expect(answer.channel == .ohlc)
    #expect(answer.symbol == "ETH/USD")
    #expect(answer.interval == 60)
    #expect(answer.warnings == ["timestamp is deprecated, use interval_begin"])
    #expect(answer.timeIn == "2024-05-19T19:06:57.002983Z")
    #expect(answer.timeOut == "2024-05-19T19:06:57.003037Z")
  }

  @Test func failureNamesTheSymbolAtTheTop() throws {
    let answer = try answer(
      #"{"error":"Already subscribed","method":"subscribe","req_id":2,"success":false,"symbol":"BTC/USD"}"#)
    #expect(!answer.isSuccess)
    #expect(answer.error == "Already subscribed")
    #expect(answer.symbol == "BTC/USD")
    #expect(answer.channel == nil)
  }

  @Test func depthAndTriggerAreRead() throws {
    let book = try answer(
      #"{"method":"unsubscribe","result":{"channel":"book","depth":25,"symbol":"A/B"},"success":true}"#)
    #expect(book.method == .unsubscribe)
    #expect(book.depth == 25)
    #expect(book.reqID == nil)
    let ticker = try answer(
      #"{"method":"subscribe","result":{"channel":"ticker","event_trigger":"bbo"},"success":true}"#)
    #expect(ticker.trigger == .bbo)
  }

  @Test(arguments: [#""success":"true""#, #""success":1"#, #""success":null"#, #""other":true"#])
  func anythingButTrueIsAFailure(member: String) throws {
    #expect(try !answer(#"{"method":"subscribe",\#(member)}"#).isSuccess)
  }

  @Test func pong() throws {
    let answer = try answer(#"{"method":"pong","req_id":101,"time_in":"a","time_out":"b"}"#)
    #expect(answer.method == .pong)
    #expect(answer.reqID == 101)
  }

  @Test func oddValuesAreAbsent() throws {
    let answer = try answer(
      #"{"method":"subscribe","req_id":"7","result":{"channel":5,"depth":"10","symbol":["BTC/USD"],"warnings":"none"},"success":true}"#
    )
    #expect(answer.reqID == nil)
    #expect(answer.channel == nil)
    #expect(answer.depth == nil)
    #expect(answer.symbol == nil)
    #expect(answer.warnings.isEmpty)
  }
}
