// What programs ask, as lines.

import Testing

@testable import KrakenBridgeClient

@Suite struct RequestTests {
  private func line(_ request: BridgeRequest, id: UInt64? = nil) -> String {
    String(decoding: request.line(id: id), as: UTF8.self)
  }

  @Test func subscribeWithEverything() {
    let subscription = Subscription(
      "book", ["BTC/USD", "ETH/USD"], depth: 25, interval: 5, eventTrigger: "bbo", snapshot: false, since: 42, onSlow: .disconnect)
    #expect(
      line(subscription.request, id: 7)
        == #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":25,"interval":5,"event_trigger":"bbo","snapshot":false,"since":42,"on_slow":"disconnect"},"req_id":7}"#)
    #expect(
      line(subscription.unsubscribeRequest)
        == #"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":25,"interval":5,"event_trigger":"bbo"}}"#)
  }

  @Test func defaultsAreLeftOut() {
    #expect(line(Subscription("balances").request) == #"{"method":"subscribe","params":{"channel":"balances"}}"#)
    #expect(line(Subscription("trade", ["*"]).request) == #"{"method":"subscribe","params":{"channel":"trade","symbol":"*"}}"#)
    #expect(line(BridgeRequest("status")) == #"{"method":"status"}"#)
  }

  @Test func howManyAnswers() {
    #expect(Subscription("trade", ["A", "B", "C"]).request.answersExpected == 3)
    #expect(Subscription("trade", ["A", "A"]).request.answersExpected == 1)
    #expect(Subscription("trade", ["*"]).request.answersExpected == nil)
    #expect(Subscription("balances").request.answersExpected == 1)
    #expect(BridgeRequest("status").answersExpected == 1)
  }

  @Test func backoffGrowsWithinItsBounds() {
    let backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
    var generator = SystemRandomNumberGenerator()
    #expect(backoff.pause(before: 1, using: &generator) == .zero)
    for attempt in 2...200 {
      let full = min(Duration.seconds(5), .milliseconds(100) * (1 << min(attempt - 2, 10)))
      let pause = backoff.pause(before: attempt, using: &generator)
      #expect(pause >= full / 2 && pause <= full, "attempt \(attempt): \(pause)")
    }
  }

  @Test func whereTheSocketIs() {
    func find(_ environment: [String: String], _ existing: Set<String>, _ listener: BridgeAddress.Listener = .bridge) -> String {
      BridgeAddress.find(listener, environment: { environment[$0] }, exists: { existing.contains($0) }).path
    }
    #expect(find([:], []) == "/run/kraken-bridge/bridge.sock")
    #expect(find(["KRAKEN_BRIDGE_SOCKET": "/x/y.sock"], ["/run/kraken-bridge/bridge.sock"]) == "/x/y.sock")
    #expect(find(["KRAKEN_BRIDGE_SOCKET": ""], []) == "/run/kraken-bridge/bridge.sock")
    let user = ["XDG_RUNTIME_DIR": "/run/user/7"]
    #expect(find(user, ["/run/user/7/kraken-bridge/bridge.sock"]) == "/run/user/7/kraken-bridge/bridge.sock")
    #expect(find(user, ["/run/user/7/kraken-bridge/bridge.sock", "/run/kraken-bridge/bridge.sock"]) == "/run/kraken-bridge/bridge.sock")
    #expect(find(["RUNTIME_DIRECTORY": "/run/a:/run/b"], ["/run/a/bridge.sock", "/run/kraken-bridge/bridge.sock"]) == "/run/a/bridge.sock")
    #expect(find(["KRAKEN_BRIDGE_SOCKET": "/x/bridge.sock"], ["/x/private.sock"], .private) == "/x/private.sock")
    #expect(find(["KRAKEN_BRIDGE_SOCKET": "/x/bridge.sock"], [], .private) == "/x/bridge.sock")
    #expect(find([:], [], .private) == "/run/kraken-bridge/private.sock")
  }
}
