import Testing

@testable import SimulatedExchange

/// Messages have the keys of the recorded ones, and values of the same kinds.
struct ShapeTests {
  private func shape(_ value: JSONValue?) -> String {
    switch value {
    case .object(let members):
      "{" + members.sorted { $0.key < $1.key }.map { "\($0.key):\(shape($0.value))" }.joined(separator: ",") + "}"
    case .array(let elements): "[" + (elements.first.map { shape($0) } ?? "") + "]"
    case .string: "string"
    case .number: "number"
    case .bool: "bool"
    case .null: "null"
    case nil: "nothing"
    }
  }

  private func client() -> Client {
    var client = Client(rate: 60)
    client.send(#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]},"req_id":1}"#)
    client.send(#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]},"req_id":2}"#)
    client.send(#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":true},"req_id":3}"#)
    client.send(#"{"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":1},"req_id":4}"#)
    client.send(#"{"method":"subscribe","params":{"channel":"instrument"},"req_id":5}"#)
    client.run(seconds: 5)
    return client
  }

  @Test(arguments: ["ticker", "book", "trade", "ohlc"])
  func dataLooksLikeTheLiveRecording(_ channel: String) throws {
    let recorded = try Fixtures.messages(channel)[0]
    var client = client()
    let sent = client.takeData(channel)
    #expect(sent.count > 5)
    for message in sent {
      var message = message
      var recorded = recorded
      // Sides may be empty in updates: compare a level's shape only where there is one.
      if channel == "book", case .object(var members)? = message.item, message.type == "update" {
        members.removeAll { $0.value.array?.isEmpty == true }
        message = .object([.init(key: "data", value: .array([.object(members)]))])
        let kept = Set(members.map(\.key))
        let item = recorded.item!.members!.filter { kept.contains($0.key) }
        recorded = .object([.init(key: "data", value: .array([.object(item)]))])
      }
      #expect(shape(message) == shape(recorded))
    }
  }

  @Test func instrumentPairsLookLikeTheLiveRecording() throws {
    let recorded = try #require(Fixtures.messages("instrument")[0]["data"])
    var client = client()
    let sent = try #require(client.takeData("instrument").first?["data"])
    #expect(shape(sent["pairs"]?.array?.first) == shape(recorded["pairs"]?.array?.first))
    #expect(shape(sent["assets"]?.array?.first) == shape(recorded["assets"]?.array?.first))
    #expect(sent["pairs"]?.array?.count == 12)
    #expect(sent["pairs"]?.array?.first?.text("qty_increment") == "1e-08")
  }

  @Test func statusAndHeartbeatLookLikeTheLiveRecording() throws {
    let recorded = try Fixtures.messages("status")
    var client = client()
    let messages = client.takeMessages()
    #expect(shape(messages.first) == shape(recorded[0]))
    let heartbeat = recorded[3]
    #expect(messages.contains(heartbeat))
  }

  /// Shapes of the recorded answers, keys in their order.
  @Test func answersLookLikeTheLiveRecordings() throws {
    func keys(_ value: JSONValue?) -> [String] {
      (value?.members ?? []).map(\.key) + (value?["result"]?.members ?? []).map { "result." + $0.key }
    }
    let recorded = try Fixtures.messages("acks")
    var client = client()
    let answers = client.takeAnswers()
    for (answer, line) in zip(answers, [0, 8, 4, 3, 5]) { #expect(keys(answer) == keys(recorded[line])) }

    let errors = try Fixtures.messages("errors")
    client.subscribe("book", "BTC/USD", more: #","depth":11"#)
    #expect(keys(client.takeAnswers().first) == keys(errors[0]))
    client.send(#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]},"req_id":2}"#)
    #expect(keys(client.takeAnswers().first) == keys(errors[1]))
    client.send(#"{"method":"subscribe","params":{"channel":"executions","token":"old"},"req_id":42}"#)
    #expect(keys(client.takeAnswers().first) == keys(errors[2]))
  }
}
