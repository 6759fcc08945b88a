// The private side over real sockets: the signed call for a token, the two endpoints that want it, and orders. What the
// exchange says is tested without sockets elsewhere; here it is that each path leads to the right part of it, that a
// refusal costs nobody the connection, and that messages keep their order on the wire.

import Testing

@testable import KrakenSimulator
@testable import SimulatedExchange

/// Signed REST calls as a client makes them.
private struct KeyHolder {
  let port: Int
  private var nonce = 0

  init(port: Int) { self.port = port }

  mutating func call(
    _ name: String, _ form: String = "", key: String = APIKey.demonstration.key,
    secret: String = APIKey.demonstration.secret, nonce given: Int? = nil
  ) async throws -> JSONValue {
    nonce = given ?? nonce + 1
    let path = "/0/private/\(name)"
    let body = "nonce=\(nonce)" + (form.isEmpty ? "" : "&" + form)
    let signature = RequestSignature.of(secret: secret, path: path, nonce: "\(nonce)", body: Array(body.utf8)) ?? ""
    return try await RawClient.connect(port: port) { client in
      try await client.write(
        "POST \(path) HTTP/1.1\r\nHost: localhost\r\nAPI-Key: \(key)\r\nAPI-Sign: \(signature)\r\n"
          + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      _ = try await client.head()
      return try #require(JSONValue(Array(try await client.rest().utf8)))
    }
  }

  mutating func token() async throws -> String {
    try #require(try await call("GetWebSocketsToken")["result"]?["token"]?.string)
  }
}

extension RawClient {
  fileprivate func send(_ method: String, token: String?, _ params: String, id: Int = 1) async throws {
    let token = token.map { #","token":"\#($0)""# } ?? ""
    try await send(#"{"method":"\#(method)","params":{\#(params)\#(token)},"req_id":\#(id)}"#)
  }

  /// The next message that is not a heartbeat.
  fileprivate func value() async throws -> JSONValue {
    while true {
      let message = try await message()
      if !message.contains("heartbeat") { return try #require(JSONValue(Array(message.utf8))) }
    }
  }

  /// Reads on to the answer of a request.
  fileprivate func answer(_ id: Int = 1) async throws -> JSONValue {
    while true {
      let value = try await value()
      if value["req_id"]?.integer == id { return value }
    }
  }

  /// Reads on to a message of a channel.
  fileprivate func data(_ channel: String) async throws -> JSONValue {
    while true {
      let value = try await value()
      if value["channel"]?.string == channel { return value }
    }
  }
}

private func params(_ channel: String) -> String {
  let symbol = ["executions", "balances"].contains(channel) ? "" : #","symbol":["BTC/USD"]"#
  return #""channel":"\#(channel)"\#(symbol)"#
}

@Suite(.timeLimit(.minutes(1)))
struct AccountTests {
  @Test func aTokenIsGivenForASignature() async throws {
    try await withServer { server in
      var holder = KeyHolder(port: server.port)
      let token = try await holder.token()
      #expect(token.count == 43)
      for (answer, error) in [
        (try await holder.call("GetWebSocketsToken", key: "NOBODY"), "EAPI:Invalid key"),
        (try await holder.call("GetWebSocketsToken", secret: "d3Jvbmc="), "EAPI:Invalid signature"),
        (try await holder.call("GetWebSocketsToken", nonce: 1), "EAPI:Invalid nonce"),
      ] { #expect(answer["error"]?.array?.first?.string == error && answer["result"] == nil) }
      let balances = try await holder.call("Balance", nonce: 10)
      #expect(balances["result"]?["ZUSD"]?.string == "10000000.0000")
    }
  }

  /// Neither a missing, a wrong nor an expired token costs the connection.
  @Test(arguments: [("/auth/v2", "executions"), ("/auth/v2", "balances"), ("/l3/v2", "level3")])
  func everySubscriptionNeedsAToken(_ path: String, _ channel: String) async throws {
    try await withServer { server in
      var holder = KeyHolder(port: server.port)
      let expired = try await holder.token()
      try await server.strike(Fault(.tokenExpired))
      let token = try await holder.token()
      try await RawClient.webSocket(port: server.port, path: path) { client in
        for (token, error) in [
          (nil, "Token(s) not found"), ("", "Token(s) not found"), ("wrong", "ESession:Invalid session"),
          (expired, "ESession:Invalid session"),
        ] {
          try await client.send("subscribe", token: token, params(channel))
          let answer = try await client.answer()
          #expect(answer["error"]?.string == error && answer["success"]?.bool == false, "\(token ?? "none")")
          #expect(answer["status"]?.string == (error.hasPrefix("ESession") ? "error" : nil))
        }
        try await client.send("subscribe", token: token, params(channel))
        #expect(try await client.answer()["success"]?.bool == true)
        let snapshot = try await client.data(channel)
        #expect(snapshot["type"]?.string == "snapshot")
        #expect(snapshot["sequence"]?.integer == (channel == "level3" ? nil : 1))
        // It is asked for again when leaving.
        try await client.send("unsubscribe", token: nil, params(channel))
        #expect(try await client.answer()["error"]?.string == "Token(s) not found")
        try await client.send("unsubscribe", token: token, params(channel))
        #expect(try await client.answer()["success"]?.bool == true)
      }
    }
  }

  @Test(arguments: [
    ("/v2", "executions", "ESession:Invalid session"), ("/v2", "balances", "ESession:Invalid session"),
    ("/v2", "level3", "ESession:Invalid session"), ("/auth/v2", "book", "Subscription name invalid"),
    ("/auth/v2", "ticker", "Subscription name invalid"), ("/auth/v2", "level3", "Subscription name invalid"),
    ("/l3/v2", "book", "Subscription name invalid"), ("/l3/v2", "executions", "Subscription name invalid"),
  ])
  func channelsHaveTheirEndpoints(_ path: String, _ channel: String, _ error: String) async throws {
    try await withServer { server in
      var holder = KeyHolder(port: server.port)
      let token = try await holder.token()
      try await RawClient.webSocket(port: server.port, path: path) { client in
        try await client.send("subscribe", token: token, params(channel))
        let answer = try await client.answer()
        #expect(answer["error"]?.string == error && answer["success"]?.bool == false)
        try await client.send(#"{"method":"ping","req_id":2}"#)
        #expect(try await client.answer(2)["method"]?.string == "pong")
      }
      #expect(try await server.inspect { $0.counters.subscribed.isEmpty })
    }
  }

  @Test(arguments: ["/v2", "/l3/v2"]) func ordersAreTakenOnOneEndpointOnly(_ path: String) async throws {
    try await withServer { server in
      var holder = KeyHolder(port: server.port)
      let token = try await holder.token()
      try await RawClient.webSocket(port: server.port, path: path) { client in
        try await client.send("cancel_all", token: token, #""x":1"#)
        #expect(try await client.answer()["error"]?.string == "EGeneral:Unknown method")
      }
    }
  }

  /// The digits of the wire make the checksum, queue by queue; updates carry theirs.
  @Test func booksByOrderComeWithChecksums() async throws {
    try await withServer { server in
      var holder = KeyHolder(port: server.port)
      let token = try await holder.token()
      try await RawClient.webSocket(port: server.port, path: "/l3/v2") { client in
        try await client.send("subscribe", token: token, params("level3") + #","depth":10"#)
        #expect(try await client.answer()["result"]?["symbol"]?.string == "BTC/USD")
        let snapshot = try #require(try await client.data("level3")["data"]?.array?.first)
        var checksum = Checksum()
        for order in [snapshot["asks"], snapshot["bids"]].flatMap({ $0?.array ?? [] }) {
          for field in ["limit_price", "order_qty"] {
            let digits = try #require(order[field]?.numberText).filter { $0 != "." }
            for byte in digits.drop(while: { $0 == "0" }).utf8 { checksum.feed(byte) }
          }
        }
        #expect(snapshot["checksum"]?.numberText == String(checksum.value))
        for _ in 0..<20 {
          let update = try await client.data("level3")
          let entries = [update["data"]?.array?.first?["bids"], update["data"]?.array?.first?["asks"]]
          #expect(update["type"]?.string == "update")
          #expect(update["data"]?.array?.first?["checksum"]?.integer != nil)
          let orders = entries.flatMap { $0?.array ?? [] }
          #expect(orders.allSatisfy { $0["event"]?.string != nil && $0["order_id"] != nil })
        }
      }
    }
  }

  @Test func ordersAndWhatTheyMove() async throws {
    try await withServer { $0.exchange.updatesPerSecond = 0 } _: { server in
      var holder = KeyHolder(port: server.port)
      let token = try await holder.token()
      try await RawClient.webSocket(port: server.port, path: "/auth/v2") { client in
        for channel in ["executions", "balances"] {
          try await client.send("subscribe", token: token, params(channel))
          _ = try await client.data(channel)
        }
        // The answer, then the reports, numbered on from the snapshot.
        let limit = #""symbol":"BTC/USD","side":"buy","order_type":"limit","limit_price":20000.0,"order_qty":0.5"#
        try await client.send("add_order", token: token, limit, id: 2)
        let id = try #require(try await client.answer(2)["result"]?["order_id"]?.string)
        for (number, kind) in [(2, "pending_new"), (3, "new")] {
          let report = try await client.data("executions")
          #expect(report["sequence"]?.integer == number)
          #expect(report["data"]?.array?.first?["exec_type"]?.string == kind)
          #expect(report["data"]?.array?.first?["order_id"]?.string == id)
        }
        try await client.send("amend_order", token: token, #""order_id":"\#(id)","order_qty":0.75"#, id: 3)
        #expect(try await client.answer(3)["success"]?.bool == true)
        #expect(try await client.data("executions")["data"]?.array?.first?["order_qty"]?.numberText == "0.75000000")
        let open = try await holder.call("OpenOrders")
        #expect(open["result"]?["open"]?[id]?["vol"]?.string == "0.75000000")
        try await client.send("cancel_order", token: token, #""order_id":["\#(id)"]"#, id: 4)
        #expect(try await client.answer(4)["result"]?["order_id"]?.string == id)
        #expect(try await client.data("executions")["data"]?.array?.first?["exec_type"]?.string == "canceled")

        let market = #""symbol":"BTC/USD","side":"buy","order_type":"market","order_qty":0.001"#
        try await client.send("add_order", token: token, market, id: 5)
        #expect(try await client.answer(5)["success"]?.bool == true)
        var moved: [String] = []
        while moved.count < 2 {
          let message = try await client.data("balances")
          #expect(message["sequence"]?.integer == moved.count + 2)
          moved += message["data"]?.array?.compactMap { $0["asset"]?.string } ?? []
        }
        #expect(moved == ["BTC", "USD"])

        try await client.send("add_order", token: token, market.replacing("0.001", with: "0.00000001"), id: 6)
        #expect(try await client.answer(6)["error"]?.string == "EOrder:Order minimum not met")
        for (token, error) in [(nil, "Token(s) not found"), ("wrong", "ESession:Invalid session")] {
          try await client.send("add_order", token: token, market, id: 7)
          #expect(try await client.answer(7)["error"]?.string == error)
        }
      }
      #expect(try await server.inspect { $0.counters.requests["add_order"] } == 5)
    }
  }

  /// One account, two connections: both hear of an order that only one has placed, each with numbers of its own.
  @Test func everyConnectionIsNumberedForItself() async throws {
    try await withServer { $0.exchange.updatesPerSecond = 0 } _: { server in
      var holder = KeyHolder(port: server.port)
      let token = try await holder.token()
      let market = #""symbol":"BTC/USD","side":"buy","order_type":"market","order_qty":0.001"#
      try await RawClient.webSocket(port: server.port, path: "/auth/v2") { first in
        try await first.send("subscribe", token: token, params("executions"))
        #expect(try await first.data("executions")["sequence"]?.integer == 1)
        try await first.send("add_order", token: token, market, id: 2)
        var last = 1
        while last < 5 {
          let report = try await first.data("executions")
          #expect(report["sequence"]?.integer == last + 1)
          last += 1
        }
        try await RawClient.webSocket(port: server.port, path: "/auth/v2") { second in
          try await second.send("subscribe", token: token, params("executions"))
          #expect(try await second.data("executions")["sequence"]?.integer == 1)
          try await second.send("add_order", token: token, market, id: 2)
          let (one, other) = (try await first.data("executions"), try await second.data("executions"))
          #expect(one["sequence"]?.integer == 6 && other["sequence"]?.integer == 2)
          #expect(one["data"] == other["data"])
        }
      }
    }
  }
}
