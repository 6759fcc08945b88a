import Testing

@testable import SimulatedExchange

/// Heartbeats, idle connections and limits.
struct ConnectionTests {
  @Test func heartbeatsBeginWithTheFirstSubscriptionAndEndWithTheLast() {
    var client = Client(rate: 0)
    client.run(seconds: 5)
    #expect(client.takeData("heartbeat").isEmpty)
    client.subscribe("ticker", "BTC/USD")
    client.subscribe("trade", "BTC/USD")
    client.run(seconds: 10)
    let beats = client.takeData("heartbeat")
    #expect((9...11).contains(beats.count))
    #expect(beats.first?.members?.count == 1)
    client.unsubscribe("ticker", "BTC/USD")
    client.run(seconds: 5)
    #expect(client.takeData("heartbeat").count >= 4)
    client.unsubscribe("trade", "BTC/USD")
    _ = client.takeOutputs()
    client.run(seconds: 5)
    #expect(client.takeOutputs().isEmpty)
    client.subscribe("trade", "BTC/USD")
    client.run(seconds: 10)
    #expect((9...11).contains(client.takeData("heartbeat").count))
  }

  @Test func refusedSubscriptionBringsNoHeartbeat() {
    var client = Client(rate: 0)
    client.subscribe("ticker", "NO/SUCH")
    _ = client.takeOutputs()
    client.run(seconds: 5)
    #expect(client.takeOutputs().isEmpty)
  }

  @Test func idleConnectionIsClosedAfterAMinute() {
    var client = Client(rate: 0)
    client.run(seconds: 59)
    #expect(client.exchange.openConnections == [client.id])
    client.run(seconds: 2)
    #expect(client.takeOutputs().last == .close(code: 1001, reason: "Idle timeout"))
    #expect(client.exchange.openConnections.isEmpty)
  }

  @Test func anyRequestKeepsAConnectionOpenAndASubscriptionDoes() {
    var pinging = Client(rate: 0)
    for _ in 0..<6 { pinging.send(#"{"method":"ping"}"#, after: 50) }
    #expect(pinging.exchange.openConnections == [pinging.id])
    var subscribed = Client(rate: 0)
    subscribed.subscribe("ticker", "BTC/USD")
    subscribed.run(seconds: 600)
    #expect(subscribed.exchange.openConnections == [subscribed.id])
    // The time counts from the last request, the unsubscription.
    subscribed.unsubscribe("ticker", "BTC/USD")
    subscribed.run(seconds: 130)
    #expect(subscribed.exchange.openConnections.isEmpty)
  }

  @Test func requestRateIsLimited() {
    var client = Client(rate: 0) {
      $0.requestsPerSecond = 10
      $0.requestBurst = 5
    }
    _ = client.takeOutputs()
    for _ in 0..<7 { client.send(#"{"method":"ping","req_id":1}"#) }
    let answers = client.takeAnswers()
    #expect(answers.filter { $0.error == "Exceeded msg rate" }.count == 2)
    #expect(answers.last?["req_id"]?.integer == 1)
    client.send(#"{"method":"ping"}"#, after: 0.11)
    #expect(client.takeAnswers().first?.error == nil)
    #expect(client.exchange.counters.requestsRefused == 2)
  }

  @Test func tooManyConnectionAttemptsBlockTheAddress() {
    var exchange = Client(rate: 0) { $0.connectionsPerTenMinutes = 150 }.exchange
    for index in 0..<150 {
      #expect(exchange.upgradeDecision(now: start + Int64(index) * second) == .accept)
    }
    #expect(exchange.upgradeDecision(now: start + 200 * second) == .refuse(status: 429))
    #expect(exchange.upgradeDecision(now: start + 700 * second) == .refuse(status: 429))
    #expect(exchange.upgradeDecision(now: start + 1301 * second) == .accept)
  }

  @Test func connectionsAreIndependent() {
    var client = Client(rate: 50)
    let other = client.exchange.connect(.publicV2, now: client.exchange.now)
    client.subscribe("trade", "BTC/USD")
    client.run(seconds: 2)
    #expect(!client.takeData("trade").isEmpty)
    #expect(client.exchange.subscriptions(of: other).isEmpty)
    client.exchange.disconnected(client.id, now: client.exchange.now)
    client.run(seconds: 2)
    #expect(client.takeOutputs().isEmpty)
    #expect(client.exchange.openConnections == [other])
  }

  @Test func countersTellWhatHappened() {
    var client = Client(rate: 0)
    _ = client.exchange.upgradeDecision(now: client.exchange.now)
    client.subscribe("book", "BTC/USD", "ETH/USD")
    client.unsubscribe("book", "ETH/USD")
    client.subscribe("book", "ETH/USD")
    let counters = client.exchange.counters
    #expect(counters.connectionAttempts == 1)
    #expect(counters.connectionsAccepted == 1)
    #expect(counters.requests == ["subscribe": 2, "unsubscribe": 1])
    #expect(counters.subscribed == ["book BTC/USD 10": 1, "book ETH/USD 10": 2])
    #expect(counters.unsubscribed == ["book ETH/USD 10": 1])
  }
}
