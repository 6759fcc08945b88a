import Testing

@testable import SimulatedExchange

/// Requests and their answers, against the words and shapes of kraken's own.
struct RequestTests {
  @Test func statusComesFirstWithALargeConnectionID() throws {
    var seen: Set<String> = []
    for seed in 0..<20 as Range<UInt64> {
      var client = Client(seed: seed)
      let text = try #require(client.takeTexts().first)
      let item = try #require(JSONValue(Array(text.utf8))?.item)
      #expect(item.text("system") == "online")
      let number = try #require(item.text("connection_id").flatMap { UInt64($0) })
      #expect(number > UInt64(Int64.max))
      seen.insert(String(text.prefix(27)))
    }
    // Both key orders of the recordings occur.
    #expect(seen == [#"{"channel":"status","type":"#, #"{"channel":"status","data":"#])
  }

  @Test func oneAnswerForEachSymbolInOrder() {
    var client = Client()
    _ = client.takeOutputs()
    client.send(
      #"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD","XBT/USD","eth/usd","BTC/USD"]},"req_id":42}"#)
    let answers = client.takeAnswers()
    #expect(answers.map { $0["req_id"]?.integer } == [42, 42, 42, 42])
    #expect(answers.map(\.succeeded) == [true, false, true, false])
    #expect(answers[0]["result"]?.text("symbol") == "BTC/USD")
    #expect(answers[1].error == "Currency pair not supported XBT/USD")
    #expect(answers[1].text("symbol") == "XBT/USD")
    #expect(answers[2]["result"]?.text("symbol") == "ETH/USD")
    #expect(answers[3].error == "Already subscribed")
    #expect(answers[3].text("symbol") == "BTC/USD")
  }

  /// Every documented request of the recordings that is about public data is understood.
  @Test func documentedRequestsAreUnderstood() throws {
    var client = Client()
    for line in try Fixtures.lines("requests") where !line.contains("token") {
      _ = client.takeOutputs()
      client.send(line)
      let answers = client.takeAnswers()
      #expect(!answers.isEmpty)
      for answer in answers {
        #expect(answer.succeeded || answer["method"]?.string == "pong", "\(line) \(answer.error ?? "")")
      }
    }
  }

  struct Refusal: CustomTestStringConvertible {
    var request: String
    var error: String
    var symbol: String?
    var testDescription: String { request }
  }

  @Test(arguments: [
    Refusal(request: #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":11}}"#, error: "Subscription depth not supported"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":"10"}}"#, error: "Subscription depth not supported"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":2}}"#, error: "Subscription ohlc interval not supported"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"weather","symbol":["BTC/USD"]}}"#, error: "Subscription name invalid"),
    Refusal(request: #"{"method":"subscribe","params":{"symbol":["BTC/USD"]}}"#, error: "Subscription name invalid"),
    Refusal(request: #"{"method":"subscribe"}"#, error: "Subscription name invalid"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"status"}}"#, error: "Symbol(s) not found"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"heartbeat"}}"#, error: "Symbol(s) not found"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"trade"}}"#, error: "Symbol(s) not found"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"trade","symbol":[]}}"#, error: "Symbol(s) not found"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"trade","symbol":[1]}}"#, error: "Symbol(s) not found"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"executions"}}"#, error: "Token(s) not found"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"balances","token":"x"}}"#, error: "ESession:Invalid session"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"depth":10}}"#, error: "Unsupported field: 'depth'"),
    Refusal(request: #"{"method":"subscribe","reqid":1,"params":{"channel":"trade","symbol":["BTC/USD"]}}"#, error: "Unsupported field: 'reqid'"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":1}}"#, error: "EGeneral:Invalid arguments:snapshot"),
    Refusal(request: #"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"event_trigger":"x"}}"#, error: "EGeneral:Invalid arguments:event_trigger"),
    Refusal(request: #"{"method":"subscribe","req_id":"1","params":{"channel":"instrument"}}"#, error: "EGeneral:Invalid arguments:req_id"),
    Refusal(request: #"{"method":"dance"}"#, error: "EGeneral:Unknown method"),
    Refusal(request: #"{}"#, error: "EGeneral:Unknown method"),
    Refusal(request: #"[1]"#, error: "Malformed request"),
    Refusal(request: #"{"method":"#, error: "Malformed request"),
    Refusal(request: #"{"method":"unsubscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#, error: "Subscription Not Found", symbol: "BTC/USD"),
    Refusal(request: #"{"method":"unsubscribe","params":{"channel":"instrument"}}"#, error: "Subscription Not Found"),
  ])
  func refusals(_ refusal: Refusal) {
    var client = Client()
    _ = client.takeOutputs()
    client.send(refusal.request)
    let answers = client.takeAnswers()
    #expect(answers.count == 1)
    #expect(answers.first?.error == refusal.error)
    #expect(answers.first?["success"]?.bool == false)
    #expect(answers.first?["result"] == nil)
    #expect(answers.first?.text("symbol") == refusal.symbol)
    // A refused subscription leaves the connection open.
    client.send(#"{"method":"ping","req_id":7}"#)
    #expect(client.takeAnswers().first?["req_id"]?.integer == 7)
  }

  @Test func oneDepthOfABookPerConnection() {
    var client = Client()
    client.subscribe("book", "BTC/USD", more: #","depth":100"#)
    _ = client.takeOutputs()
    client.subscribe("book", "BTC/USD")
    #expect(client.takeAnswers().first?.error == "Already subscribed")
    client.unsubscribe("book", "BTC/USD")
    // The depth belongs to the key, and 10 is what is meant without one.
    #expect(client.takeAnswers().first?.error == "Subscription Not Found")
    client.unsubscribe("book", "BTC/USD", more: #","depth":100"#)
    #expect(client.takeAnswers().first?.succeeded == true)
    client.subscribe("book", "BTC/USD")
    #expect(client.takeAnswers().first?.succeeded == true)
    #expect(client.exchange.subscriptions(of: client.id) == ["book BTC/USD 10"])
  }

  @Test func failedUnsubscribeIsAnsweredAsASubscribe() {
    var client = Client()
    _ = client.takeOutputs()
    client.send(#"{"method":"unsubscribe","params":{"channel":"trade","symbol":["BTC/USD"]},"req_id":9}"#)
    let answer = client.takeAnswers().first
    #expect(answer?["method"]?.string == "subscribe")
    #expect(answer?["req_id"]?.integer == 9)
  }

  @Test func severalIntervalsAndBothTriggersOfOneSymbol() {
    var client = Client()
    client.subscribe("ohlc", "BTC/USD", more: #","interval":1"#)
    client.subscribe("ohlc", "BTC/USD", more: #","interval":5"#)
    client.subscribe("ticker", "BTC/USD")
    client.subscribe("ticker", "BTC/USD", more: #","event_trigger":"bbo""#)
    let areAccepted = client.takeAnswers().allSatisfy { $0.succeeded }
    #expect(areAccepted)
    #expect(
      client.exchange.subscriptions(of: client.id) == [
        "ohlc BTC/USD 1", "ohlc BTC/USD 5", "ticker BTC/USD", "ticker BTC/USD bbo",
      ])
  }

  @Test func methodsChannelsAndSymbolsInAnyCase() {
    var client = Client()
    _ = client.takeOutputs()
    client.send(#"{"method":"Subscribe","params":{"channel":"TICKER","symbol":["btc/usd"]}}"#)
    #expect(client.takeAnswers().first?["result"]?.text("symbol") == "BTC/USD")
  }

  @Test func pongHasNeitherSuccessNorResult() throws {
    var client = Client()
    _ = client.takeOutputs()
    client.send(#"{"method":"ping","req_id":101}"#)
    let pong = try #require(client.takeAnswers().first)
    #expect(pong.members?.map(\.key) == ["method", "req_id", "time_in", "time_out"])
  }

  @Test func noUpdateBeforeTheSnapshotAndNoneAfterUnsubscribing() {
    var client = Client(rate: 200)
    for channel in ["ticker", "book", "trade", "ohlc"] {
      client.subscribe(channel, "BTC/USD", more: #","snapshot":true"#)
    }
    client.run(seconds: 5)
    let data = client.takeMessages()
    for channel in ["ticker", "book", "trade", "ohlc"] {
      let types = data.filter { $0["channel"]?.string == channel && $0["method"] == nil }.map(\.type)
      #expect(types.first == "snapshot", "\(channel)")
      #expect(types.count > 10 && types.dropFirst().allSatisfy { $0 == "update" })
      client.unsubscribe(channel, "BTC/USD")
    }
    _ = client.takeOutputs()
    client.run(seconds: 5)
    #expect(client.takeOutputs().isEmpty)
  }

  @Test func withoutSnapshotOnlyUpdatesCome() {
    var client = Client(rate: 100)
    for channel in ["ticker", "book", "trade", "ohlc"] {
      client.subscribe(channel, "BTC/USD", more: #","snapshot":false"#)
    }
    client.subscribe("instrument", more: #","snapshot":false"#)
    client.run(seconds: 3)
    let data = client.takeMessages().filter { $0["type"] != nil && $0["channel"]?.string != "status" }
    #expect(data.count > 20 && data.allSatisfy { $0.type == "update" })
  }

  @Test func tradeSnapshotOnlyWhenAskedFor() {
    var client = Client(rate: 0)
    client.subscribe("trade", "BTC/USD")
    client.subscribe("trade", "ETH/USD", more: #","snapshot":true"#)
    client.run(seconds: 1)
    let data = client.takeData("trade")
    #expect(data.count == 1)
    #expect(data.first?.item?.text("symbol") == "ETH/USD")
    #expect(data.first?["data"]?.array?.count == 50)
  }

  @Test func resubscribedBookComesLate() {
    var client = Client(rate: 0)
    client.subscribe("book", "BTC/USD")
    client.run(seconds: 0.2)
    #expect(client.takeData("book").count == 1)
    client.unsubscribe("book", "BTC/USD")
    client.subscribe("book", "BTC/USD", more: #","depth":25"#)
    client.run(seconds: 0.9)
    #expect(client.takeData("book").isEmpty)
    client.run(seconds: 0.3)
    #expect(client.takeData("book").count == 1)
  }

  @Test func answersAreAsLateAsConfigured() {
    var client = Client { $0.acknowledgementLatency = 300_000_000 }
    _ = client.takeOutputs()
    client.send(#"{"method":"ping"}"#)
    #expect(client.takeOutputs().isEmpty)
    #expect(client.exchange.nextEventTime != nil)
    client.run(seconds: 0.3)
    #expect(client.takeAnswers().count == 1)
  }
}
