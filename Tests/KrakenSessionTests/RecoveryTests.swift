// What goes wrong with a topic or with everything, and how it comes back.

import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

private let btc = UpstreamTopic.book("BTC/USD", depth: 10)
private let eth = UpstreamTopic.book("ETH/USD", depth: 10)

@Suite struct TopicFaultTests {
  let talk = Conversation()

  /// Resubscribes whatever is to be, until the topic is live; returns how long that took from the failure.
  func recover(_ id: UpstreamTopicID) -> Duration {
    let began = talk.now.monotonic
    for _ in 0..<4_000 where talk.state(id) != .live {
      let due = talk.settle()
      _ = talk.grant(due.requests.isEmpty ? talk.pass(.milliseconds(100)) : due)
    }
    return .nanoseconds(talk.now.monotonic - began)
  }

  @Test(arguments: [
    (TopicFault.checksum, StaleReason.checksum), (.crossed, .crossed), (.malformed, .checksum), (.sequence, .sequence),
  ])
  func aFailedTopicIsStaleLeftAndAskedForAgain(fault: TopicFault, reason: StaleReason) {
    _ = talk.connect()
    let id = talk.live(btc)
    let other = talk.live(eth)
    let actions = talk.fail(id, fault)
    #expect(actions.first == .stale([id], reason))
    #expect(actions.logs(.topicFault).count == 1)
    #expect(talk.fail(id, fault).isEmpty)
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
    let unsubscribe = talk.settle()
    #expect(unsubscribe.unsubscribes.map(\.topics) == [[btc]])
    // Not before Kraken has answered.
    #expect(unsubscribe.subscribes.isEmpty)
    _ = talk.grant(unsubscribe)
    _ = talk.say(Kraken.update(eth))
    #expect(talk.admissions == [.accept(other, becameLive: false)])
    let subscribe = talk.settle()
    #expect(subscribe.subscribes.map(\.topics) == [[btc]])
    _ = talk.grant(subscribe)
    #expect(talk.admissions == [.accept(id, becameLive: true)])
    #expect(talk.session.topicState(id)?.failures == 1)
  }

  @Test func pausesGrowThenQuarantineThenRecovery() {
    _ = talk.connect()
    _ = talk.live(.instrument)
    let id = talk.live(btc)
    var took: [Int64] = []
    for _ in 0..<4 {
      #expect(talk.fail(id, .checksum).logs(.quarantined).isEmpty)
      took.append(recover(id).components.seconds)
    }
    #expect(took == [0, 1, 2, 5])
    let actions = talk.fail(id, .checksum)
    #expect(actions.logs(.quarantined).count == 1)
    _ = talk.grant(talk.settle())
    #expect(talk.state(id) == .quarantined(until: talk.now.monotonic + 300_000_000_000))
    #expect(talk.session.status.topics.quarantined == 1)
    #expect(recover(id).components.seconds == 300)
    // Wrong again: five minutes again, and no second line in the log.
    #expect(talk.fail(id, .checksum).logs(.quarantined).isEmpty)
    #expect(recover(id).components.seconds == 300)
    // Well for ten minutes: forgiven.
    let well = talk.passLively(.seconds(600), [btc])
    #expect(well.logs(.recovered).count == 1)
    #expect(talk.session.topicState(id)?.failures == 0)
    _ = talk.fail(id, .checksum)
    #expect(recover(id) == .zero)
  }

  @Test func failuresOfTopicsThatAreNotLiveMeanNothing() {
    _ = talk.connect()
    let id = talk.want(btc)
    #expect(talk.fail(id, .checksum).isEmpty)
    _ = talk.settle()
    #expect(talk.fail(id, .checksum).isEmpty)
    #expect(talk.fail(UpstreamTopicID(77), .checksum).isEmpty)
    #expect(talk.session.topicState(id)?.failures == 0)
  }

  @Test func aFailedTopicThatIsNoLongerWantedIsOnlyLeft() {
    _ = talk.connect()
    let id = talk.live(btc)
    _ = talk.fail(id, .checksum)
    talk.unwant(id)
    _ = talk.grant(talk.settle())
    #expect(talk.settle().requests.isEmpty)
    #expect(talk.session.ledger.isEmpty)
  }

  @Test func suspicionIsNotAFailure() {
    _ = talk.connect()
    let id = talk.live(btc)
    #expect(talk.fail(id, .silent) == [.stale([id], .silent)])
    #expect(recover(id) == .zero)
    #expect(talk.session.topicState(id)?.failures == 0)
  }

  @Test func resubscribeIsSilent() {
    _ = talk.connect()
    let id = talk.live(btc)
    talk.session.resubscribe(id, now: talk.now)
    let actions = talk.settle()
    #expect(actions.unsubscribes.count == 1)
    #expect(actions.stale.isEmpty)
    _ = talk.grant(actions)
    _ = talk.grant(talk.settle())
    #expect(talk.state(id) == .live)
  }
}

@Suite struct SilenceProbeTests {
  let talk = Conversation()

  @Test func aSilentBookIsProbedAndTheLimitDoubles() {
    _ = talk.connect()
    _ = talk.live(.instrument)
    let id = talk.live(btc)
    let begin = talk.now.monotonic
    var probes: [Int64] = []
    while talk.now.monotonic < begin + 20_000_000_000_000 {
      let actions = talk.pass(.seconds(1))
      #expect(actions.closes.isEmpty)
      if actions.contains(.stale([id], .silent)) { probes.append((talk.now.monotonic - begin) / 1_000_000_000) }
      _ = talk.grant(actions)
      _ = talk.grant(talk.settle())
    }
    let gaps = zip(probes, [0] + probes).map { $0 - $1 }
    #expect(gaps.prefix(6) == [60, 120, 240, 480, 960, 1_920])
    #expect(gaps.dropFirst(6).allSatisfy { $0 == 3_600 } && gaps.count >= 9)
    #expect(talk.state(id) == .live)
  }

  @Test func aProbeThatFoundSomethingKeepsTheLimit() {
    _ = talk.connect()
    _ = talk.live(.instrument)
    let id = talk.live(btc)
    for _ in 0..<3 {
      #expect(talk.pass(.milliseconds(59_900)).stale.isEmpty)
      let actions = talk.pass(.milliseconds(100))
      #expect(actions.stale == [id])
      _ = talk.grant(actions)
      _ = talk.grant(talk.settle())
      talk.session.probeFoundChange(id)
    }
  }

  @Test func updatesPutTheProbeOff() {
    _ = talk.connect()
    _ = talk.live(btc)
    for _ in 0..<30 {
      #expect(talk.pass(.seconds(50)).stale.isEmpty)
      _ = talk.say(Kraken.update(btc))
    }
  }

  @Test func channelsWithoutLimitMayBeSilent() {
    _ = talk.connect()
    _ = talk.live(.trade("A/B"))
    _ = talk.live(.ohlc("A/B", interval: 1440))
    _ = talk.live(.instrument)
    #expect(talk.pass(.seconds(10_000)).stale.isEmpty)
  }

  @Test func maintenanceExplainsSilence() {
    _ = talk.connect()
    let id = talk.live(btc)
    _ = talk.say(Kraken.status("maintenance"))
    #expect(talk.pass(.seconds(1_000)).stale.isEmpty)
    _ = talk.say(Kraken.status("online"))
    #expect(talk.pass(.seconds(2)).stale == [id])
  }
}

@Suite struct ReconnectTests {
  let talk = Conversation()

  @Test func exactlyWhatIsWantedThenIsAskedFor() {
    _ = talk.connect()
    let topics: [UpstreamTopic] = [
      .instrument, .ohlc("BTC/USD", interval: 1), .ohlc("BTC/USD", interval: 5), .ohlc("BTC/USD", interval: 60),
      .ticker("BTC/USD", .trades), .ticker("BTC/USD", .bbo), .trade("BTC/USD"), btc,
    ]
    let ids = topics.map { talk.want($0) }
    _ = talk.grant(talk.settle())
    // Ticker snapshots are matched in order; everything is live.
    #expect(ids.allSatisfy { talk.state($0) == .live })
    _ = talk.pass(.seconds(10))
    let lost = talk.closed()
    #expect(lost.first == .allStale(.upstreamLost))
    #expect(ids.allSatisfy { talk.state($0) == .wanted })
    // While it is down, one goes and one comes.
    talk.unwant(ids[7])
    _ = talk.want(eth)
    let actions = talk.reconnect()
    #expect(Set(actions.subscribes.flatMap(\.topics)) == Set(topics.dropLast() + [eth]))
    #expect(actions.subscribes.flatMap(\.topics).count == topics.count)
    _ = talk.grant(actions)
    #expect(talk.session.status.topics.live == topics.count)
    #expect(talk.session.status.reconnects == 1)
  }

  @Test func theSecondReconnectResubscribesToo() {
    let topics =
      (0..<30).map { UpstreamTopic.book("S\($0)/USD", depth: 10) } + [
        .ohlc("S1/USD", interval: 1), .ohlc("S1/USD", interval: 5),
      ]
    for topic in topics { _ = talk.want(topic) }
    _ = talk.grant(talk.connect())
    for round in 1...4 {
      _ = talk.pass(.seconds(10))
      #expect(talk.closed().first == .allStale(.upstreamLost))
      let actions = talk.reconnect()
      #expect(Set(actions.subscribes.flatMap(\.topics)) == Set(topics), "reconnect \(round)")
      _ = talk.grant(actions)
      #expect(talk.session.status.topics.live == topics.count)
      #expect(talk.session.status.reconnects == round)
    }
  }

  @Test func theResubscribeBurstIsPacedAndWhatWasNotAcknowledgedIsAskedAgain() {
    let topics = (1...40).map { UpstreamTopic.ohlc("BTC/USD", interval: $0) }
    for topic in topics { _ = talk.want(topic) }
    var actions = talk.connect()
    for _ in 0..<40 {
      _ = talk.grant(actions)
      actions = talk.pass(.milliseconds(100))
    }
    #expect(talk.session.status.topics.live == 40)
    _ = talk.pass(.seconds(10))
    _ = talk.closed()
    // The first burst of the new connection gets lost on the way, all but one.
    actions = talk.reconnect()
    #expect(actions.subscribes.count == 10)
    actions = actions.filter { if case .send = $0 { true } else { false } }
    actions.removeSubrange(1...)
    var sent = 10
    for _ in 0..<120 {
      _ = talk.grant(actions)
      actions = talk.pass(.milliseconds(100))
      sent += actions.subscribes.count
      #expect(actions.requests.count <= 10)
      _ = talk.say(#"{"channel":"heartbeat"}"#)
    }
    #expect(talk.session.status.topics.live == 40)
    #expect(sent == 49 || sent == 50)
  }

  @Test func answersOfTheOldConnectionMeanNothing() {
    let id = talk.want(btc)
    let request = talk.connect().subscribes[0]
    _ = talk.closed()
    _ = talk.reconnect()
    #expect(talk.state(id) == .asked)
    #expect(talk.say(Kraken.granted(request, "BTC/USD")).isEmpty)
    #expect(talk.state(id) == .asked)
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
  }

  @Test func nothingIsStaleIfNothingWasLive() {
    _ = talk.want(btc)
    _ = talk.connect()
    #expect(!talk.closed().contains(.allStale(.upstreamLost)))
  }

  @Test func refusedAndQuarantinedTopicsStaySoPausedOnesDoNot() {
    let refused = talk.want(btc)
    let request = talk.connect().subscribes[0]
    _ = talk.say(Kraken.refused(request, "BTC/USD", "Currency pair not supported BTC/USD"))
    let paused = talk.live(eth)
    for _ in 0..<4 {
      _ = talk.fail(paused, .checksum)
      for _ in 0..<60 where talk.state(paused) != .live {
        _ = talk.grant(talk.settle() + talk.pass(.milliseconds(200)))
      }
    }
    _ = talk.fail(paused, .checksum)
    _ = talk.grant(talk.settle())
    _ = talk.closed()
    #expect(talk.reconnect().subscribes.isEmpty)
    guard case .refused = talk.state(refused), case .quarantined = talk.state(paused) else {
      Issue.record("\(String(describing: talk.state(refused))) \(String(describing: talk.state(paused)))")
      return
    }
  }

  @Test func pausesDoNotOutliveTheConnection() {
    _ = talk.connect()
    let id = talk.live(btc)
    for _ in 0..<3 {
      _ = talk.fail(id, .checksum)
      for _ in 0..<60 where talk.state(id) != .live { _ = talk.grant(talk.settle() + talk.pass(.milliseconds(200))) }
    }
    _ = talk.fail(id, .checksum)
    _ = talk.grant(talk.settle())
    guard case .paused = talk.state(id) else {
      Issue.record("\(String(describing: talk.state(id)))")
      return
    }
    _ = talk.closed()
    #expect(talk.reconnect().subscribes.map(\.topics) == [[btc]])
  }

  @Test func manyRoundsLeaveNothingBehind() {
    _ = talk.connect()
    for round in 0..<200 {
      let id = talk.live(.trade("S\(round)/USD"))
      talk.unwant(id)
      _ = talk.grant(talk.settle() + talk.pass(.seconds(1)))
      #expect(talk.session.ledger.isEmpty)
    }
    #expect(talk.session.ledger.ids.count <= 2)
    _ = talk.pass(.seconds(100))
    _ = talk.live(.trade("LAST/USD"))
    _ = talk.pass(.seconds(10))
    #expect(talk.session.requests.count <= 70)
  }
}

@Suite struct ToleranceTests {
  let talk = Conversation()

  @Test(arguments: [
    #"{"channel":"margins","type":"update","data":[{"symbol":"BTC/USD"}]}"#, #"{"method":"teleport","success":true}"#,
    #"[336,{"b":[]},"book-10","XBT/USD"]"#, #"{"event":"systemStatus","status":"online"}"#, "{}", "7", "null",
    #"{"channel":"book"}"#, #"{"channel":"book","type":"delta","data":[]}"#, #"{"channel":null}"#,
    #"{"channel":"status","type":"update","data":[7]}"#, #"{"channel":"status","type":"update","data":{}}"#,
  ])
  func strangeMessagesDisturbNothing(text: String) {
    _ = talk.connect()
    let id = talk.live(btc)
    for _ in 0..<3 {
      let actions = talk.say(text)
      #expect(actions.allSatisfy { if case .log = $0 { true } else { $0 == .statusItem } })
    }
    #expect(talk.state(id) == .live)
    #expect(talk.session.status.state == .online)
  }

  @Test func offencesAreToldInFullOnceThenCounted() {
    _ = talk.connect()
    var told: [Int] = []
    for _ in 0..<150 { told += talk.say(#"{"channel":"margins"}"#).logs(.unknownMessage).map(\.count) }
    #expect(told == [1, 10, 100])
    #expect(talk.session.status.unknown == 150)
    told = []
    for _ in 0..<50 { told += talk.garbage("invalid UTF-8 at byte 3").logs(.garbage).map(\.count) }
    #expect(told == [1, 10])
    #expect(talk.session.status.garbage == 50)
  }

  @Test func longStrangersAreCutInTheLog() {
    _ = talk.connect()
    let message = talk.say(#"{"channel":"\#(String(repeating: "x", count: 10_000))"}"#).logs[0].message
    #expect(message.utf8.count < 300)
  }

  @Test func connectionIDsBeyondInt64() {
    _ = talk.connect()
    _ = talk.say(Kraken.status("online", connection: "18446744073709551615"))
    #expect(talk.session.status.connectionID == "18446744073709551615")
  }

  @Test func recordedStatusWithMaintenanceAnnouncements() throws {
    _ = talk.connect()
    let text =
      #"{"channel":"status","data":[{"api_version":"v2","connection_id":13834774380200032777,"system":"online","version":"2.0.0","upcoming_maintenance":[{"event_id":21,"time_to_start_s":1800}],"emergency":[]}],"type":"update"}"#
    #expect(talk.say(text) == [.statusItem])
    #expect(talk.say(text).isEmpty)
  }

  @Test func logKindsHaveStableNames() {
    let names = SessionLogEvent.Kind.allCases.map(\.rawValue)
    #expect(Set(names).count == names.count)
    #expect(names.contains("upstream_lost") && names.contains("upstream_back") && names.contains("topic_fault"))
    #expect(names.contains("refused") && names.contains("quarantined") && names.contains("garbage"))
    #expect(SessionLogEvent(.quarantined, "x").level == .error)
    #expect(SessionLogEvent(.silent, "x").level < .warning)
  }
}
