// Asking for what is wanted: batches, pace, answers, deadlines.

import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

private let btc = UpstreamTopic.book("BTC/USD", depth: 10)
private let eth = UpstreamTopic.book("ETH/USD", depth: 10)
private let sol = UpstreamTopic.book("SOL/USD", depth: 10)

@Suite struct RequestTests {
  let talk = Conversation()

  @Test func oneRequestCarriesManySymbols() {
    for number in 0..<450 { _ = talk.want(.book("S\(number)/USD", depth: 10)) }
    let requests = talk.connect().subscribes
    #expect(requests.map(\.symbols.count) == [200, 200, 50])
    #expect(Set(requests.flatMap(\.symbols)).count == 450)
    #expect(Set(requests.map(\.reqID)).count == 3)
    #expect(requests.allSatisfy { $0.channel == "book" && $0.depth == 10 })
  }

  @Test func differentParametersAreDifferentRequests() {
    let topics: Set<UpstreamTopic> = [
      .instrument, .ticker("BTC/USD", .trades), .ticker("BTC/USD", .bbo), .trade("BTC/USD"),
      .ohlc("BTC/USD", interval: 1), .ohlc("BTC/USD", interval: 5), .book("BTC/USD", depth: 10),
      .book("ETH/USD", depth: 100),
    ]
    for topic in topics { _ = talk.want(topic) }
    let requests = talk.connect().subscribes
    #expect(requests.count == topics.count)
    #expect(Set(requests.flatMap(\.topics)) == topics)
  }

  @Test func instrumentGoesFirst() {
    for number in 0..<300 { _ = talk.want(.trade("S\(number)/USD")) }
    _ = talk.want(.instrument)
    #expect(talk.connect().subscribes.first?.channel == "instrument")
  }

  @Test func wantIsIdempotentAndIdsAreDense() {
    let first = talk.want(btc)
    #expect(talk.want(btc) == first)
    #expect(talk.want(eth).index == 1)
    let actions = talk.connect()
    #expect(actions.subscribes.map(\.symbols) == [["BTC/USD", "ETH/USD"]])
    _ = talk.grant(actions)
    talk.unwant(first)
    _ = talk.grant(talk.settle())
    #expect(talk.state(first) == nil)
    #expect(talk.want(sol).index == 0)
  }

  @Test func nothingIsAskedTwiceWhileAnAnswerIsDue() {
    let id = talk.want(btc)
    #expect(talk.connect().subscribes.count == 1)
    #expect(talk.want(btc) == id)
    #expect(talk.settle().requests.isEmpty)
    #expect(talk.pass(.milliseconds(4_900)).requests.isEmpty)
  }

  @Test func burstsArePacedAndNothingIsLost() {
    for number in 0..<60 { _ = talk.want(.ohlc("BTC/USD", interval: number + 1)) }
    let burst = talk.connect()
    #expect(burst.subscribes.count == 10)
    var sent = burst.subscribes
    _ = talk.grant(burst)
    for _ in 0..<50 {
      let actions = talk.pass(.milliseconds(100))
      #expect(actions.requests.count <= 1)
      sent += actions.subscribes
      _ = talk.grant(actions)
    }
    #expect(Set(sent.flatMap(\.topics)).count == 60)
    #expect(sent.count == 60)
    #expect(talk.session.status.topics.live == 60)
  }

  @Test func wantsBeforeTheConnectionAreAskedWhenItOpens() {
    _ = talk.want(btc)
    talk.session.start(now: talk.now)
    #expect(talk.settle().requests.isEmpty)
    #expect(talk.opened().subscribes.map(\.symbols) == [["BTC/USD"]])
  }
}

@Suite struct AnswerTests {
  let talk = Conversation()

  @Test func acknowledgementsAreReconciledPerSymbolByRequestAndSymbol() {
    let ids = [btc, eth, sol].map { talk.want($0) }
    let request = talk.connect().subscribes[0]
    #expect(talk.say(Kraken.granted(request, "ETH/USD")) == [.confirmed(ids[1])])
    #expect(ids.map { talk.state($0) } == [.asked, .confirmed, .asked])
    #expect(talk.say(Kraken.granted(request, "BTC/USD")) == [.confirmed(ids[0])])
    #expect(talk.say(Kraken.granted(request, "SOL/USD")) == [.confirmed(ids[2])])
    #expect(talk.session.status.topics.confirmed == 3)
  }

  @Test func duplicateAnswersChangeNothing() {
    let id = talk.want(btc)
    let request = talk.connect().subscribes[0]
    #expect(talk.say(Kraken.granted(request, "BTC/USD")) == [.confirmed(id)])
    #expect(talk.say(Kraken.granted(request, "BTC/USD")).isEmpty)
    #expect(talk.say(Kraken.refused(request, "BTC/USD", "Currency pair not supported BTC/USD")).isEmpty)
    #expect(talk.state(id) == .confirmed)
    _ = talk.say(Kraken.snapshot(btc))
    #expect(talk.say(Kraken.granted(request, "BTC/USD")).isEmpty)
    #expect(talk.state(id) == .live)
  }

  @Test func dataBeforeTheAnswerMakesTheTopicLive() {
    let id = talk.want(btc)
    let request = talk.connect().subscribes[0]
    _ = talk.say(Kraken.snapshot(btc))
    #expect(talk.admissions == [.accept(id, becameLive: true)])
    #expect(talk.state(id) == .live)
    // The answer still is one, and there is no deadline left over.
    #expect(talk.say(Kraken.granted(request, "BTC/USD")) == [.confirmed(id)])
    #expect(talk.say(Kraken.granted(request, "BTC/USD")).isEmpty)
    #expect(talk.pass(.seconds(30)).requests.filter { $0.method != "ping" }.isEmpty)
    #expect(talk.state(id) == .live)
  }

  @Test func refusedAfterDataThatWereNeverAcknowledged() {
    let id = talk.want(btc)
    let request = talk.connect().subscribes[0]
    _ = talk.say(Kraken.snapshot(btc))
    let actions = talk.say(Kraken.refused(request, "BTC/USD", "Currency pair not supported BTC/USD"))
    #expect(actions.refused == [id])
    _ = talk.say(Kraken.update(btc))
    #expect(talk.admissions == [.discard])
  }

  @Test func answersToAnEarlierAskCountButNotAcrossAnUnsubscribe() {
    let id = talk.want(btc)
    let first = talk.connect().subscribes[0]
    let second = talk.pass(.seconds(5)).subscribes[0]
    #expect(second.reqID != first.reqID)
    #expect(talk.say(Kraken.granted(first, "BTC/USD")) == [.confirmed(id)])
    _ = talk.say(Kraken.snapshot(btc))
    talk.session.resubscribe(id, now: talk.now)
    _ = talk.grant(talk.settle())
    let third = talk.settle().subscribes[0]
    #expect(talk.state(id) == .asked)
    #expect(talk.say(Kraken.granted(second, "BTC/USD")).isEmpty)
    #expect(talk.say(Kraken.refused(first, "BTC/USD", "Currency pair not supported BTC/USD")).isEmpty)
    #expect(talk.state(id) == .asked)
    #expect(talk.say(Kraken.granted(third, "BTC/USD")) == [.confirmed(id)])
  }

  @Test func alreadySubscribedIsConfirmed() {
    let id = talk.want(btc)
    let request = talk.connect().subscribes[0]
    #expect(talk.say(Kraken.refused(request, "BTC/USD", "Already subscribed")) == [.confirmed(id)])
    #expect(talk.state(id) == .confirmed)
  }

  @Test func missingAnswersAreAskedForAgainThenTheConnectionIsReplaced() {
    _ = talk.want(btc)
    var asked = talk.connect().subscribes.count
    for _ in 0..<3 { asked += talk.pass(.seconds(5)).subscribes.count }
    #expect(asked == 4)
    let actions = talk.pass(.seconds(5))
    #expect(actions.closes == [4000])
    #expect(actions.changes.first?.reason == "no subscription is acknowledged")
    // Twenty seconds of heartbeats do not make a useful connection.
    #expect(actions.changes.first?.retryIn == .seconds(1))
  }

  @Test func missingAnswersOfOneTopicPauseThatTopic() {
    let well = talk.want(btc)
    let ill = talk.want(eth)
    let request = talk.connect().subscribes[0]
    _ = talk.say(Kraken.granted(request, "BTC/USD")) + talk.say(Kraken.snapshot(btc))
    var actions = talk.passLively(.seconds(15), [btc])
    #expect(actions.subscribes.map(\.symbols) == [["ETH/USD"], ["ETH/USD"], ["ETH/USD"]])
    actions = talk.pass(.seconds(5))
    #expect(actions.closes.isEmpty)
    #expect(actions.stale == [ill])
    #expect(actions.logs(.unanswered).count == 1)
    // The first pause is none; four more such rounds end in quarantine.
    actions += talk.passLively(.seconds(160), [btc])
    #expect(actions.logs(.quarantined).count == 1)
    #expect(talk.state(well) == .live)
    guard case .quarantined = talk.state(ill) else {
      Issue.record("\(String(describing: talk.state(ill)))")
      return
    }
  }

  @Test func oneRefusedSymbolLeavesTheOthers() {
    let ids = [btc, eth, sol].map { talk.want($0) }
    let request = talk.connect().subscribes[0]
    let error = "Currency pair not supported ETH/USD"
    let actions = talk.say(Kraken.refused(request, "ETH/USD", error))
    #expect(Array(actions.prefix(2)) == [.stale([ids[1]], .refused), .refused(ids[1], error: error)])
    #expect(actions.logs(.refused).count == 1)
    for symbol in ["BTC/USD", "SOL/USD"] { _ = talk.say(Kraken.granted(request, symbol)) }
    _ = talk.say(Kraken.snapshot(btc)) + talk.say(Kraken.snapshot(sol))
    #expect([ids[0], ids[2]].map { talk.state($0) } == [.live, .live])
    let retryAt = talk.now.monotonic + 600_000_000_000
    #expect(talk.state(ids[1]) == .refused(error: error, retryAt: retryAt))
    // Tried again after ten minutes, and only then.
    #expect(talk.passLively(.seconds(599), [btc, sol]).subscribes.isEmpty)
    let again = talk.passLively(.seconds(1), [btc, sol]).subscribes
    #expect(again.map(\.symbols) == [["ETH/USD"]])
    // The same refusal again is not news for the log.
    #expect(talk.say(Kraken.refused(again[0], "ETH/USD", error)).logs.isEmpty)
  }

  /// Found by simulation: when both answers came late and at once, the refusal of the first request hid that the second
  /// was granted, and Kraken was left with a subscription that nobody knew of.
  @Test func aLateRefusalIsNotTheAnswerToTheSecondRequest() {
    let id = talk.want(btc)
    let first = talk.connect().subscribes[0]
    let second = talk.pass(.seconds(6)).subscribes[0]
    #expect(second.reqID != first.reqID && second.symbols == first.symbols)
    #expect(talk.say(Kraken.refused(first, "BTC/USD", "Currency pair not supported BTC/USD")).isEmpty)
    #expect(talk.state(id) == .asked)
    #expect(talk.say(Kraken.granted(second, "BTC/USD")) == [.confirmed(id)])
    _ = talk.say(Kraken.snapshot(btc))
    #expect(talk.state(id) == .live)
    // The refusal of the last one counts.
    let other = talk.want(eth)
    let third = talk.settle().subscribes[0]
    let fourth = talk.passLively(.seconds(6), [btc]).subscribes[0]
    #expect(talk.say(Kraken.refused(fourth, "ETH/USD", "Currency pair not supported ETH/USD")).refused == [other])
    #expect(talk.say(Kraken.granted(third, "ETH/USD")).isEmpty)
  }

  /// Found by simulation: the second of two equal refusals was taken for the answer to whoever still waited.
  @Test func aRefusalSaidTwiceIsNotTheOthersAnswer() {
    let ids = [btc, eth].map { talk.want($0) }
    let request = talk.connect().subscribes[0]
    let refusal = Kraken.refused(request, "ETH/USD", "Currency pair not supported ETH/USD")
    #expect(talk.say(refusal).refused == [ids[1]])
    #expect(talk.say(refusal).isEmpty)
    #expect(talk.state(ids[0]) == .asked)
    #expect(talk.say(Kraken.granted(request, "BTC/USD")) == [.confirmed(ids[0])])
  }

  @Test func aRefusedSymbolIsTriedAtOnceWhenItBecomesKnown() {
    _ = talk.want(btc)
    let id = talk.want(.trade("ETH/USD"))
    let requests = talk.connect().subscribes
    _ = talk.say(Kraken.refused(requests[1], "ETH/USD", "Currency pair not supported ETH/USD"))
    talk.session.retryRefused(symbol: "BTC/USD", now: talk.now)
    #expect(talk.settle().requests.isEmpty)
    talk.session.retryRefused(symbol: "ETH/USD", now: talk.now)
    #expect(talk.settle().subscribes.map(\.topics) == [[.trade("ETH/USD")]])
    #expect(talk.state(id) == .asked)
  }

  @Test func aBatchRefusedWithoutASymbolIsSplit() {
    let ids = [btc, eth, sol].map { talk.want($0) }
    let request = talk.connect().subscribes[0]
    #expect(talk.say(Kraken.refused(request, nil, "Symbol(s) not found")).refused.isEmpty)
    let single = talk.settle().subscribes
    #expect(single.map(\.symbols) == [["BTC/USD"], ["ETH/USD"], ["SOL/USD"]])
    // Alone, a refusal without a symbol is clear.
    let actions = talk.say(Kraken.refused(single[1], nil, "Symbol(s) not found"))
    #expect(actions.refused == [ids[1]])
    _ = talk.say(Kraken.granted(single[0], "BTC/USD")) + talk.say(Kraken.granted(single[2], "SOL/USD"))
    #expect(ids.map { talk.state($0) != .confirmed } == [false, true, false])
  }

  @Test func aBatchRefusedWithoutASymbolAfterSomeAnswersConcernsTheRest() {
    let ids = [btc, eth, sol].map { talk.want($0) }
    let request = talk.connect().subscribes[0]
    _ = talk.say(Kraken.granted(request, "BTC/USD")) + talk.say(Kraken.granted(request, "ETH/USD"))
    let actions = talk.say(Kraken.refused(request, nil, "Symbol(s) not found"))
    #expect(actions.refused == [ids[2]])
  }

  @Test func aFailedUnsubscribeIsAnsweredAsSubscribe() {
    _ = talk.connect()
    let id = talk.live(btc)
    talk.unwant(id)
    let request = talk.settle().unsubscribes[0]
    #expect(request.topics == [btc])
    #expect(talk.state(id) == .unsubscribing)
    #expect(talk.say(Kraken.refused(request, "BTC/USD", "Subscription Not Found")).isEmpty)
    #expect(talk.state(id) == nil)
    #expect(talk.session.ledger.isEmpty)
  }

  @Test func aFailedUnsubscribeWithoutRequestIdIsUnderstoodWhenUnmistakable() {
    _ = talk.connect()
    let id = talk.live(btc)
    talk.session.resubscribe(id, now: talk.now)
    _ = talk.settle()
    _ = talk.say(#"{"error":"Subscription Not Found","method":"subscribe","success":false,"symbol":"BTC/USD"}"#)
    #expect(talk.settle().subscribes.count == 1)
  }

  @Test func answersWithoutRequestIdCountOnlyWhenUnmistakable() {
    let book = talk.want(btc)
    let trade = talk.want(.trade("BTC/USD"))
    _ = talk.connect()
    let refusal =
      #"{"error":"Currency pair not supported BTC/USD","method":"subscribe","success":false,"symbol":"BTC/USD"}"#
    #expect(talk.say(refusal).isEmpty)
    #expect(
      talk.say(#"{"method":"subscribe","result":{"channel":"book","depth":25,"symbol":"BTC/USD"},"success":true}"#)
        .isEmpty)
    let granted = #"{"method":"subscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}"#
    #expect(talk.say(granted) == [.confirmed(book)])
    #expect(talk.say(refusal).refused == [trade])
  }

  @Test func answersToStrangersAreIgnored() {
    let id = talk.want(btc)
    let request = talk.connect().subscribes[0]
    #expect(
      talk.say(
        #"{"method":"subscribe","req_id":999999,"result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}"#
      ).isEmpty)
    #expect(talk.say(#"{"method":"subscribe","req_id":999999,"error":"x","success":false}"#).isEmpty)
    #expect(talk.state(id) == .asked)
    // A symbol that was not asked for, in an answer to the only request for one symbol, is taken for it.
    #expect(talk.say(Kraken.granted(request, "btc/usd")) == [.confirmed(id)])
  }

  /// Found by simulation: ticker data name no trigger, and those of one subscription started another one that Kraken
  /// had never taken.
  @Test func dataDoNotStartWhatARateErrorRefused() {
    let trades = talk.want(.ticker("BTC/USD", .trades))
    let bbo = talk.want(.ticker("BTC/USD", .bbo))
    let requests = talk.connect().subscribes
    _ = talk.say(Kraken.refused(requests[0], nil, "Exceeded msg rate"))
    _ = talk.say(Kraken.snapshot(.ticker("BTC/USD", .bbo)))
    #expect(talk.state(trades) == .wanted)
    #expect(talk.state(bbo) == .live)
    #expect(talk.pass(.seconds(2)).subscribes.map(\.topics) == [[.ticker("BTC/USD", .trades)]])
  }

  /// Found by simulation: the data of one ticker subscription came before any answer and started the other, whose
  /// refusal for its rate was then not heard.
  @Test func dataThatMayBelongToAnotherAreNoAcknowledgement() {
    let trades = talk.want(.ticker("BTC/USD", .trades))
    let bbo = talk.want(.ticker("BTC/USD", .bbo))
    let requests = talk.connect().subscribes
    _ = talk.say(Kraken.snapshot(.ticker("BTC/USD", .bbo)))
    #expect(talk.admissions == [.discard])
    #expect(talk.state(trades) == .asked)
    #expect(talk.state(bbo) == .asked)
    _ = talk.say(Kraken.refused(requests[0], nil, "Exceeded msg rate"))
    #expect(talk.say(Kraken.granted(requests[1], "BTC/USD")) == [.confirmed(bbo)])
    _ = talk.say(Kraken.snapshot(.ticker("BTC/USD", .bbo)))
    #expect(talk.admissions == [.acceptTicker(trades: nil, bbo: bbo, becameLive: true)])
    #expect(talk.state(trades) == .wanted)
  }

  @Test func rateErrorsSlowDownAndAskAgain() {
    _ = talk.want(btc)
    let request = talk.connect().subscribes[0]
    let actions = talk.say(Kraken.refused(request, "BTC/USD", "Exceeded msg rate"))
    #expect(actions.refused.isEmpty)
    #expect(actions.logs(.rateLimited).count == 1)
    #expect(talk.settle().requests.isEmpty)
    #expect(talk.pass(.milliseconds(199)).requests.isEmpty)
    #expect(talk.pass(.milliseconds(1)).subscribes.map(\.symbols) == [["BTC/USD"]])
    #expect(talk.session.status.rateLimited == 1)
  }

  @Test(arguments: [
    #"{"Error":"Exceeded msg rate"}"#, #"{"event":"error","errorMessage":"Exceeded msg rate","reqid":42}"#,
  ])
  func anonymousRateErrorsSlowDownAndWhatIsUnansweredIsAskedAgain(text: String) {
    let id = talk.want(btc)
    _ = talk.connect()
    #expect(talk.say(text).logs(.rateLimited).count == 1)
    _ = talk.want(.trade("BTC/USD"))
    #expect(talk.settle().requests.isEmpty)
    #expect(talk.pass(.seconds(1)).subscribes.map(\.channel) == ["trade"])
    #expect(talk.pass(.seconds(4)).subscribes.map(\.channel) == ["book"])
    #expect(talk.state(id) == .asked)
  }

  @Test func aRateErrorForAWholeBatchAsksForTheWholeBatch() {
    for topic in [btc, eth, sol] { _ = talk.want(topic) }
    let request = talk.connect().subscribes[0]
    _ = talk.say(Kraken.refused(request, nil, "Exceeded msg rate"))
    #expect(talk.pass(.seconds(1)).subscribes.map(\.symbols.count) == [3])
  }

  @Test(arguments: ["EService:Busy", "EService:Unavailable", "ESession:Invalid session"])
  func passingTroublePausesTheTopic(error: String) {
    let id = talk.want(btc)
    var request = talk.connect().subscribes[0]
    var pauses: [Int64] = []
    for _ in 0..<4 {
      #expect(talk.say(Kraken.refused(request, "BTC/USD", error)).refused.isEmpty)
      let asked = talk.now.monotonic
      var next: [SentRequest] = []
      while next.isEmpty { next = talk.pass(.milliseconds(500)).subscribes }
      pauses.append((talk.now.monotonic - asked) / 1_000_000_000)
      request = next[0]
    }
    #expect(pauses == [0, 1, 2, 5])
    _ = talk.say(Kraken.refused(request, nil, error))
    guard case .quarantined = talk.state(id) else {
      Issue.record("\(String(describing: talk.state(id)))")
      return
    }
  }

  @Test func warningsAreToldOnce() {
    _ = talk.connect()
    let text =
      #"{"method":"subscribe","req_id":121,"result":{"channel":"ohlc","warnings":["timestamp is deprecated, use interval_begin"]},"success":true}"#
    #expect(
      talk.say(text).logs(.warning).map(\.message) == ["Kraken warns: timestamp is deprecated, use interval_begin"])
    #expect(talk.say(text).isEmpty)
  }

  @Test func noAnswerToAnUnsubscribeOfSomethingUnwanted() {
    _ = talk.connect()
    let id = talk.live(btc)
    _ = talk.live(eth)
    talk.unwant(id)
    var requests = talk.settle().unsubscribes
    requests += talk.passLively(.seconds(10), [eth]).unsubscribes
    #expect(requests.map(\.symbols) == [["BTC/USD"], ["BTC/USD"], ["BTC/USD"]])
    #expect(talk.passLively(.seconds(60), [eth]).unsubscribes.isEmpty)
    #expect(talk.state(id) == nil)
  }

  @Test func noAnswerToAnUnsubscribeOfSomethingWanted() {
    _ = talk.connect()
    let id = talk.live(btc)
    talk.session.resubscribe(id, now: talk.now)
    #expect(talk.settle().unsubscribes.count == 1)
    #expect(talk.pass(.milliseconds(4_999)).requests.isEmpty)
    let actions = talk.pass(.milliseconds(1))
    #expect(actions.subscribes.map(\.topics) == [[btc]])
    // Kraken still had it: no snapshot can come, so it is made anew.
    _ = talk.say(Kraken.refused(actions.subscribes[0], "BTC/USD", "Already subscribed"))
    let anew = talk.pass(.seconds(10))
    #expect(anew.unsubscribes.count == 1)
    _ = talk.grant(anew)
    _ = talk.grant(talk.settle())
    #expect(talk.state(id) == .live)
  }
}

extension Conversation {
  /// Lets time pass while these topics get an update each second.
  func passLively(_ duration: Duration, _ topics: [UpstreamTopic]) -> [SessionAction] {
    var actions: [SessionAction] = []
    let end = now.monotonic + duration.nanoseconds
    while now.monotonic < end {
      actions += pass(min(.seconds(1), .nanoseconds(end - now.monotonic)))
      for topic in topics { _ = say(Kraken.update(topic)) }
    }
    return actions
  }
}
