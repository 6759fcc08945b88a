import Testing

@testable import SimulatedExchange

/// Faults of answers to requests.
struct AnswerFaultTests {
  @Test func refusedSymbol() {
    var client = Client()
    client.inject(Fault(.refuseSymbol, symbol: "BTC/USD", count: 1))
    client.subscribe("trade", "BTC/USD", "ETH/USD")
    #expect(client.takeAnswers().map(\.error) == ["Currency pair not supported BTC/USD", nil])
    client.subscribe("trade", "BTC/USD")
    #expect(client.takeAnswers().first?.succeeded == true)
  }

  @Test func lateAnswer() {
    var client = Client(rate: 0)
    client.inject(Fault(.lateAck, symbol: "BTC/USD", delay: 2 * second))
    client.subscribe("ticker", "BTC/USD", "ETH/USD")
    client.run(seconds: 1)
    let early = client.takeMessages()
    #expect(early.filter { $0["method"] != nil }.count == 1)
    #expect(early.filter { $0.type == "snapshot" }.count == 2)
    client.run(seconds: 1.5)
    #expect(client.takeAnswers().first?["result"]?.text("symbol") == "BTC/USD")
  }

  @Test func missingAnswer() {
    var client = Client(rate: 0)
    client.inject(Fault(.missingAck, symbol: "BTC/USD"))
    client.subscribe("ticker", "BTC/USD", "ETH/USD")
    client.run(seconds: 10)
    let messages = client.takeMessages()
    #expect(messages.filter { $0["method"] != nil }.count == 1)
    #expect(messages.filter { $0.type == "snapshot" }.count == 2)
  }

  @Test func duplicateAndReorderedAnswers() {
    var client = Client(rate: 0)
    _ = client.takeOutputs()
    client.inject(Fault(.duplicateAck, symbol: "ETH/USD"))
    client.inject(Fault(.reorderedAcks))
    client.subscribe("ticker", "BTC/USD", "ETH/USD")
    let symbols = client.takeAnswers().map { $0["result"]?.text("symbol") }
    #expect(symbols == ["ETH/USD", "ETH/USD", "BTC/USD"])
  }

  @Test func dataBeforeTheAnswer() {
    var client = Client(rate: 60)
    client.inject(Fault(.dataBeforeAck, symbol: "BTC/USD"))
    _ = client.takeOutputs()
    client.subscribe("book", "BTC/USD", "ETH/USD")
    client.run(seconds: 1)
    let messages = client.takeMessages().filter { $0["channel"]?.string == "book" || $0["method"] != nil }
    #expect(messages.prefix(4).map(\.type) == ["snapshot", nil, nil, "update"])
    #expect(messages[1]["result"]?.text("symbol") == "BTC/USD")
  }

  @Test func lostRequest() {
    var client = Client(rate: 0)
    client.inject(Fault(.lostRequest))
    _ = client.takeOutputs()
    client.subscribe("book", "BTC/USD")
    client.run(seconds: 5)
    #expect(client.takeOutputs().isEmpty)
    client.subscribe("book", "BTC/USD")
    #expect(client.takeAnswers().first?.succeeded == true)
  }

  /// The other two shapes are those of the recordings.
  @Test(arguments: [("bare", 13), ("v1", 14)])
  func rateLimitInOtherShapes(_ form: String, _ line: Int) throws {
    var client = Client(rate: 0)
    client.inject(Fault(.rateLimit, text: form))
    _ = client.takeOutputs()
    client.send(#"{"method":"ping","req_id":42}"#)
    let sent = client.takeMessages().first
    #expect(try sent == Fixtures.messages("errors")[line])
  }

  @Test func rateLimit() {
    var client = Client()
    client.inject(Fault(.rateLimit, count: 2))
    _ = client.takeOutputs()
    for _ in 0..<3 { client.subscribe("trade", "BTC/USD") }
    #expect(client.takeAnswers().map(\.error) == ["Exceeded msg rate", "Exceeded msg rate", nil])
  }

  @Test func refusedRequest() {
    var client = Client(rate: 0)
    client.inject(Fault(.refuseRequest, count: 1, text: "EGeneral:Too many requests"))
    _ = client.takeOutputs()
    client.subscribe("book", "BTC/USD")
    client.subscribe("book", "BTC/USD")
    let answers = client.takeAnswers()
    #expect(answers.map(\.error) == ["EGeneral:Too many requests", nil])
    #expect(answers.last?.succeeded == true)
  }

  /// Faults of frames reach answers that are late, too.
  @Test func lateAnswerInFragments() {
    var client = Client(rate: 0) { $0.acknowledgementLatency = second }
    client.inject(Fault(.fragmentedFrames, count: 1))
    _ = client.takeOutputs()
    client.send(#"{"method":"ping"}"#)
    client.run(seconds: 2)
    guard case .fragments? = client.takeOutputs().first else { return #expect(Bool(false), "not in fragments") }
  }
}
