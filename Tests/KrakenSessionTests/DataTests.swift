// Which items may be used.

import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

private let btc = UpstreamTopic.book("BTC/USD", depth: 10)
private let deep = UpstreamTopic.book("BTC/USD", depth: 100)

@Suite struct AdmissionTests {
  let talk = Conversation()

  @Test func nobodyAsked() {
    _ = talk.connect()
    for topic in [btc, .trade("A/B"), .ticker("A/B", .bbo), .instrument, .ohlc("A/B", interval: 1)] {
      _ = talk.say(Kraken.snapshot(topic))
      #expect(talk.admissions == [.discard])
    }
    #expect(talk.session.status.discarded == 5)
  }

  @Test(arguments: [btc, UpstreamTopic.trade("BTC/USD"), .ohlc("BTC/USD", interval: 5), .instrument])
  func updateBeforeSnapshotIsDiscarded(topic: UpstreamTopic) {
    let id = talk.want(topic)
    let request = talk.connect().subscribes[0]
    _ = talk.say(Kraken.update(topic))
    #expect(talk.admissions == [.discard])
    _ = talk.say(Kraken.granted(request, topic.symbol.isEmpty ? nil : topic.symbol))
    _ = talk.say(Kraken.update(topic))
    #expect(talk.admissions == [.discard])
    _ = talk.say(Kraken.snapshot(topic))
    #expect(talk.admissions == [.accept(id, becameLive: true)])
    _ = talk.say(Kraken.update(topic))
    #expect(talk.admissions == [.accept(id, becameLive: false)])
    #expect(talk.session.topicState(id)?.lastReceived == talk.now.monotonic)
  }

  @Test func tickerUpdateBeforeSnapshotIsDiscarded() {
    let id = talk.want(.ticker("BTC/USD", .trades))
    _ = talk.connect()
    _ = talk.say(Kraken.update(.ticker("BTC/USD", .trades)))
    #expect(talk.admissions == [.discard])
    _ = talk.say(Kraken.snapshot(.ticker("BTC/USD", .trades)))
    #expect(talk.admissions == [.acceptTicker(trades: id, bbo: nil, becameLive: true)])
  }

  @Test func aSnapshotOfManyItemsMakesItsTopicLiveOnce() {
    let id = talk.want(.trade("BTC/USD"))
    _ = talk.connect()
    _ = talk.say(
      #"{"channel":"trade","type":"snapshot","data":[{"symbol":"BTC/USD"},{"symbol":"BTC/USD"},{"symbol":"ETH/USD"}]}"#)
    #expect(talk.admissions == [.accept(id, becameLive: true), .accept(id, becameLive: false), .discard])
  }

  @Test func strayUpdatesAfterUnsubscribeAreDiscarded() {
    _ = talk.connect()
    let id = talk.live(btc)
    talk.unwant(id)
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
    let request = talk.settle()
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
    _ = talk.grant(request)
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
    // Wanted again: updates of the old subscription do not start the new one.
    _ = talk.want(btc)
    _ = talk.settle()
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
  }

  @Test func unwantedAndWantedAgainGetsAFreshSnapshot() {
    _ = talk.connect()
    let id = talk.live(btc)
    talk.unwant(id)
    #expect(talk.want(btc) == id)
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
    _ = talk.grant(talk.settle())
    _ = talk.grant(talk.settle())
    #expect(talk.state(id) == .live)
  }

  @Test func unwantedAndWantedAgainWhileUnsubscribing() {
    _ = talk.connect()
    let id = talk.live(btc)
    talk.unwant(id)
    let unsubscribe = talk.settle()
    #expect(talk.want(btc) == id)
    #expect(talk.settle().requests.isEmpty)
    _ = talk.grant(unsubscribe)
    let subscribe = talk.settle()
    #expect(subscribe.subscribes.map(\.topics) == [[btc]])
    _ = talk.grant(subscribe)
    #expect(talk.state(id) == .live)
  }

  @Test func unwantedWhileAsked() {
    _ = talk.connect()
    let id = talk.want(btc)
    let subscribe = talk.settle()
    talk.unwant(id)
    #expect(talk.settle().requests.isEmpty)
    #expect(talk.grant(subscribe).confirmed.isEmpty)
    #expect(talk.admissions == [.discard])
    let unsubscribe = talk.settle()
    #expect(unsubscribe.unsubscribes.map(\.topics) == [[btc]])
    _ = talk.grant(unsubscribe)
    #expect(talk.session.ledger.isEmpty)
  }

  @Test func unwantedBeforeItWasAskedIsNeverAsked() {
    _ = talk.connect()
    let id = talk.want(btc)
    talk.unwant(id)
    #expect(talk.settle().requests.isEmpty)
    #expect(talk.state(id) == nil)
  }

  @Test func oneDepthOfASymbolAtATime() {
    _ = talk.connect()
    let shallow = talk.live(btc)
    let other = talk.want(deep)
    #expect(talk.settle().requests.isEmpty)
    talk.unwant(shallow)
    let unsubscribe = talk.settle()
    #expect(unsubscribe.unsubscribes.map(\.depth) == [10])
    #expect(unsubscribe.subscribes.isEmpty)
    _ = talk.grant(unsubscribe)
    let subscribe = talk.settle()
    #expect(subscribe.subscribes.map(\.depth) == [100])
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
    _ = talk.grant(subscribe)
    #expect(talk.admissions == [.accept(other, becameLive: true)])
    #expect(talk.state(shallow) == nil)
  }

  @Test func candlesAreToldApartByInterval() {
    _ = talk.connect()
    let one = talk.want(.ohlc("BTC/USD", interval: 1))
    let five = talk.want(.ohlc("BTC/USD", interval: 5))
    let requests = talk.settle()
    #expect(requests.subscribes.map(\.interval) == [1, 5])
    _ = talk.say(Kraken.snapshot(.ohlc("BTC/USD", interval: 5)))
    #expect(talk.admissions == [.accept(five, becameLive: true)])
    #expect(talk.state(one) == .asked)
    _ = talk.say(Kraken.snapshot(.ohlc("BTC/USD", interval: 1)))
    #expect(talk.admissions == [.accept(one, becameLive: true)])
    _ = talk.say(Kraken.snapshot(.ohlc("BTC/USD", interval: 15)))
    #expect(talk.admissions == [.discard])
    _ = talk.say(#"{"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD"}]}"#)
    #expect(talk.admissions == [.discard])
  }

  @Test func tickerSnapshotsStartOneTriggerEach() {
    _ = talk.connect()
    let trades = talk.want(.ticker("BTC/USD", .trades))
    let bbo = talk.want(.ticker("BTC/USD", .bbo))
    let requests = talk.settle().subscribes
    #expect(requests.map(\.trigger) == ["trades", "bbo"])
    let snapshot = Kraken.snapshot(.ticker("BTC/USD", .bbo))
    // Acknowledged first, served first.
    _ = talk.say(Kraken.granted(requests[1], "BTC/USD")) + talk.say(snapshot)
    #expect(talk.admissions == [.acceptTicker(trades: nil, bbo: bbo, becameLive: true)])
    _ = talk.say(Kraken.granted(requests[0], "BTC/USD")) + talk.say(Kraken.update(.ticker("BTC/USD", .bbo)))
    #expect(talk.admissions == [.acceptTicker(trades: nil, bbo: bbo, becameLive: false)])
    _ = talk.say(snapshot)
    #expect(talk.admissions == [.acceptTicker(trades: trades, bbo: bbo, becameLive: true)])
    _ = talk.say(Kraken.update(.ticker("BTC/USD", .bbo)))
    #expect(talk.admissions == [.acceptTicker(trades: trades, bbo: bbo, becameLive: false)])
    talk.unwant(trades)
    _ = talk.say(Kraken.update(.ticker("BTC/USD", .bbo)))
    #expect(talk.admissions == [.acceptTicker(trades: nil, bbo: bbo, becameLive: false)])
  }

  @Test func symbolsAreComparedExactly() {
    _ = talk.connect()
    _ = talk.live(.trade("TSLAx/USD"))
    for symbol in ["TSLAX/USD", "TSLAx/US", "TSLAx/USDT", ""] {
      _ = talk.say(Kraken.update(.trade(symbol.isEmpty ? " " : symbol)))
      #expect(talk.admissions == [.discard])
    }
  }

  @Test func messagesAndBytesAreCounted() {
    _ = talk.connect()
    let before = talk.session.status
    let text = Kraken.update(btc)
    _ = talk.say(text) + talk.say(text)
    #expect(talk.session.status.messages == before.messages + 2)
    #expect(talk.session.status.bytes == before.bytes + 2 * text.utf8.count)
  }
}

@Suite struct FirstDataTests {
  let talk = Conversation()

  @Test func aBookWithoutSnapshotIsResubscribedOnceThenTheConnectionIsReplaced() {
    let id = talk.want(btc)
    _ = talk.grant(talk.connect(), snapshots: false)
    #expect(talk.state(id) == .confirmed)
    #expect(talk.pass(.milliseconds(9_999)).requests.isEmpty)
    let unsubscribe = talk.pass(.milliseconds(1))
    #expect(unsubscribe.unsubscribes.map(\.topics) == [[btc]])
    _ = talk.grant(unsubscribe)
    let subscribe = talk.settle()
    #expect(subscribe.subscribes.map(\.topics) == [[btc]])
    _ = talk.grant(subscribe, snapshots: false)
    let actions = talk.pass(.seconds(10))
    #expect(actions.closes == [4000])
    #expect(actions.changes.first?.reason == "no topic gets data")
  }

  @Test func aBookWithoutSnapshotBesideLiveOnesIsPausedAndSilent() {
    _ = talk.connect()
    _ = talk.live(.instrument)
    let id = talk.want(btc)
    _ = talk.grant(talk.settle(), snapshots: false)
    _ = talk.grant(talk.pass(.seconds(10)))
    _ = talk.grant(talk.settle(), snapshots: false)
    var actions = talk.pass(.seconds(10))
    #expect(actions.closes.isEmpty)
    #expect(actions.contains(.stale([id], .silent)))
    for _ in 0..<20 {
      _ = talk.grant(actions, snapshots: false)
      actions = talk.pass(.seconds(5))
      #expect(actions.closes.isEmpty)
    }
    // Data at last.
    for _ in 0..<320 {
      _ = talk.grant(actions)
      actions = talk.pass(.seconds(1))
    }
    #expect(talk.session.topicState(id)?.lastReceived != nil)
  }

  @Test(arguments: [UpstreamTopic.trade("A/B"), .ohlc("A/B", interval: 5), .ticker("A/B", .bbo)])
  func withoutSnapshotTheFirstUpdateOfAResubscribedTopicWillDo(topic: UpstreamTopic) {
    _ = talk.connect()
    _ = talk.live(.instrument)
    let id = talk.want(topic)
    _ = talk.grant(talk.settle(), snapshots: false)
    _ = talk.grant(talk.pass(.seconds(10)))
    _ = talk.grant(talk.settle(), snapshots: false)
    #expect(talk.state(id) == .confirmed)
    _ = talk.say(Kraken.update(topic))
    #expect(talk.state(id) == .live)
    _ = talk.say(Kraken.update(topic))
    #expect(talk.admissions.first != .discard)
  }

  @Test func aQuietPairIsResubscribedEverMoreSeldom() {
    _ = talk.connect()
    _ = talk.live(.instrument)
    _ = talk.want(.trade("A/B"))
    var actions = talk.settle()
    var resubscribed: [Int] = []
    for second in 1...8_000 {
      _ = talk.grant(actions, snapshots: false)
      actions = talk.pass(.seconds(1))
      #expect(actions.closes.isEmpty)
      if !actions.unsubscribes.isEmpty { resubscribed.append(second) }
    }
    #expect(resubscribed.count <= 6)
    #expect(resubscribed.first == 10)
  }
}
