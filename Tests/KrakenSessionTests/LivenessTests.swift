// Heartbeats, silence, pings.

import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

@Suite struct LivenessTests {
  let talk = Conversation()

  @Test func fiveSecondsOfSilenceWithASubscriptionEndTheConnection() {
    _ = talk.connect()
    let id = talk.live(.book("BTC/USD", depth: 10))
    #expect(talk.pass(.milliseconds(4_999), heartbeats: false).isEmpty)
    let actions = talk.pass(.milliseconds(1), heartbeats: false)
    #expect(actions.closes == [4000])
    #expect(actions.contains(.allStale(.upstreamLost)))
    #expect(actions.states.first == .offline)
    #expect(talk.state(id) == .wanted)
  }

  @Test func heartbeatsKeepAQuietConnectionAlive() {
    _ = talk.connect()
    let id = talk.live(.trade("BTC/USD"))
    let actions = talk.pass(.seconds(7_200))
    #expect(actions.closes.isEmpty)
    #expect(talk.state(id) == .live)
  }

  @Test(arguments: [#"{"channel":"novelty"}"#, "{}", #"{"Error":"x"}"#, "[]"])
  func anyMessageIsASignOfLife(text: String) {
    _ = talk.connect()
    _ = talk.live(.trade("BTC/USD"))
    for _ in 0..<10 {
      #expect(talk.pass(.seconds(4), heartbeats: false).closes.isEmpty)
      _ = talk.say(text)
    }
  }

  @Test func garbageIsASignOfLife() {
    _ = talk.connect()
    _ = talk.live(.trade("BTC/USD"))
    for _ in 0..<10 {
      #expect(talk.pass(.seconds(4), heartbeats: false).closes.isEmpty)
      _ = talk.garbage("binary")
    }
  }

  @Test func nothingAfterOpeningEndsTheConnection() {
    talk.session.start(now: talk.now)
    _ = talk.settle() + talk.opened()
    #expect(talk.pass(.milliseconds(9_999), heartbeats: false).closes.isEmpty)
    let actions = talk.pass(.milliseconds(1), heartbeats: false)
    #expect(actions.closes == [4000])
    #expect(actions.changes.first?.retryIn == .seconds(1))
  }

  @Test func withoutSubscriptionsOnlyPingsKeepItAlive() {
    _ = talk.connect()
    var pings: [Int64] = []
    for second in 1...61 as ClosedRange<Int64> {
      let actions = talk.pass(.seconds(1), heartbeats: false)
      #expect(actions.closes.isEmpty)
      for ping in actions.pings {
        pings.append(second)
        #expect(talk.say(#"{"method":"pong","req_id":\#(ping.reqID)}"#).isEmpty)
      }
    }
    #expect(pings == [15, 30, 45, 60])
  }

  @Test func anUnansweredPingOnAnIdleSocketEndsIt() {
    _ = talk.connect()
    #expect(talk.pass(.seconds(15), heartbeats: false).pings.count == 1)
    #expect(talk.pass(.milliseconds(9_999), heartbeats: false).closes.isEmpty)
    #expect(talk.pass(.milliseconds(1), heartbeats: false).closes == [4000])
  }

  @Test func silenceCountsFromTheFirstSubscription() {
    _ = talk.connect()
    _ = talk.pass(.seconds(14), heartbeats: false)
    _ = talk.want(.trade("BTC/USD"))
    #expect(talk.settle().subscribes.count == 1)
    #expect(talk.pass(.milliseconds(4_999), heartbeats: false).closes.isEmpty)
    #expect(talk.pass(.milliseconds(1), heartbeats: false).closes == [4000])
  }

  @Test func refusedSubscriptionsDoNotAskForHeartbeats() {
    _ = talk.connect()
    _ = talk.want(.trade("XBT/USD"))
    let request = talk.settle().subscribes[0]
    _ = talk.say(Kraken.refused(request, "XBT/USD", "Currency pair not supported XBT/USD"))
    #expect(talk.pass(.seconds(14), heartbeats: false).closes.isEmpty)
  }

  @Test func theLastUnsubscribeStopsTheHeartbeats() {
    _ = talk.connect()
    let id = talk.live(.trade("BTC/USD"))
    talk.unwant(id)
    _ = talk.grant(talk.settle())
    #expect(talk.pass(.seconds(14), heartbeats: false).closes.isEmpty)
  }

  @Test func roundTripIsMeasured() {
    _ = talk.connect()
    _ = talk.live(.trade("BTC/USD"))
    let ping = talk.pass(.seconds(30)).pings[0]
    talk.now = talk.now.advanced(by: .milliseconds(42))
    _ = talk.say(#"{"method":"pong","req_id":\#(ping.reqID + 1)}"#)
    #expect(talk.session.status.roundTrip == nil)
    _ = talk.say(#"{"method":"pong"}"#)
    #expect(talk.session.status.roundTrip == nil)
    _ = talk.say(#"{"method":"pong","req_id":\#(ping.reqID)}"#)
    #expect(talk.session.status.roundTrip == 42_000_000)
    // Said twice, it counts once.
    talk.now = talk.now.advanced(by: .seconds(1))
    _ = talk.say(#"{"method":"pong","req_id":\#(ping.reqID)}"#)
    #expect(talk.session.status.roundTrip == 42_000_000)
    #expect(talk.pass(.seconds(60)).pings.count == 2)
  }

  @Test func deadlinesMoveWithEveryMessage() {
    _ = talk.connect()
    _ = talk.live(.trade("BTC/USD"))
    _ = talk.pass(.seconds(3), heartbeats: false)
    _ = talk.say(#"{"channel":"heartbeat"}"#)
    let heard = talk.now.monotonic
    _ = talk.pass(.seconds(3), heartbeats: false)
    #expect(talk.session.nextDeadline == heard + 5_000_000_000)
  }
}
