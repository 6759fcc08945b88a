// Answers to subscribe, unsubscribe and ping, matched to topics and entered into the ledger.
//
// One request for many symbols is answered once per symbol, in any order, perhaps twice, perhaps not
// at all. The req_id tells the request, the symbol the topic in it. What the request was decides what
// an answer means: a failed unsubscribe is answered with method "subscribe".

import KrakenWire

extension KrakenSession {
  mutating func answered(_ answer: KrakenAnswer, now: Int64, _ actions: inout [SessionAction]) {
    for warning in answer.warnings { warned(warning, &actions) }
    if let ceiling = answer.maxRateCount { actions.append(.rateCeiling(ceiling)) }
    let verdict = Verdict(answer)
    if case .refused(let text, .slowDown) = verdict { slowDown(text, now: now, &actions) }
    if answer.method == .pong {
      if let measured = connection.ponged(id: answer.reqID, now: now) { roundTrip = measured }
      return
    }
    let (kind, ids) = topics(of: answer, verdict)
    if ids.count > 1 {
      answeredTogether(kind, ids, verdict, now: now, &actions)
    } else if let id = ids.first, !isSuperseded(verdict, of: answer.reqID, id) {
      switch kind {
      case .subscribe: answeredSubscribe(id, verdict, now: now, &actions)
      case .unsubscribe: answeredUnsubscribe(id, verdict, now: now, &actions)
      }
    }
    noteSubscriptions(now: now)
  }

  enum Verdict {
    case granted
    /// Kraken has the subscription already.
    case alreadySubscribed
    /// Kraken has nothing to unsubscribe.
    case notFound
    case refused(String, KrakenErrorClass)

    init(_ answer: KrakenAnswer) {
      guard !answer.isSuccess else {
        self = .granted
        return
      }
      let text = answer.error ?? "refused without a reason"
      switch KrakenErrorClass(text) {
      case .ignore: self = text.contains("Already") ? .alreadySubscribed : .notFound
      case let other: self = .refused(text, other)
      }
    }
  }

  private mutating func warned(_ warning: String, _ actions: inout [SessionAction]) {
    guard warningsSeen.count < 100, warningsSeen.insert(warning).inserted else { return }
    actions.append(.log(SessionLogEvent(.warning, "Kraken warns: \(warning)")))
  }

  // MARK: Matching

  /// The topics an answer is about: one, or, when it names none, all of its request that wait for an answer.
  private func topics(of answer: KrakenAnswer, _ verdict: Verdict) -> (RequestLog.Kind, [Int]) {
    guard let reqID = answer.reqID else { return topicsWithoutRequest(answer, verdict) }
    guard let request = requests[reqID] else { return (.subscribe, []) }
    let current = request.topics.filter { ledger.isOccupied($0) && ledger[$0].episode <= reqID }
    if let symbol = answer.symbol {
      if let named = current.first(where: { ledger[$0].topic.symbol == symbol }) { return (request.kind, [named]) }
      // Said twice, or of a topic that is gone: nobody else in the request is meant.
      if request.topics.count > 1 { return (request.kind, []) }
    }
    return (request.kind, current.filter { ledger[$0].request == reqID && ledger[$0].answerDue != nil })
  }

  /// Without a req_id only an unmistakable answer counts; for the rest there are deadlines.
  private func topicsWithoutRequest(_ answer: KrakenAnswer, _ verdict: Verdict) -> (RequestLog.Kind, [Int]) {
    var isLeaving = answer.method == .unsubscribe
    if case .notFound = verdict { isLeaving = true }
    let waiting = ledger.ids.filter { id in
      guard ledger.isOccupied(id), ledger[id].stage == (isLeaving ? .leaving : .asked) else { return false }
      let topic = ledger[id].topic
      return (answer.symbol == nil || answer.symbol == topic.symbol)
        && (answer.channel == nil || answer.channel == topic.channel)
        && (answer.depth == nil || answer.depth == topic.depth)
        && (answer.interval == nil || answer.interval == topic.interval)
        && (answer.trigger == nil || answer.trigger == topic.trigger)
    }
    return (isLeaving ? .unsubscribe : .subscribe, waiting.count == 1 ? waiting : [])
  }

  /// Whether this refuses a request after which the topic was asked for again, when no answer had come in time: the later
  /// request gets an answer of its own, and may be granted.
  private func isSuperseded(_ verdict: Verdict, of reqID: UInt64?, _ id: Int) -> Bool {
    guard case .refused = verdict, let reqID else { return false }
    return ledger[id].request != reqID
  }

  // MARK: What it means

  private mutating func answeredSubscribe(
    _ id: Int, _ verdict: Verdict, now: Int64, _ actions: inout [SessionAction]
  ) {
    let stage = ledger[id].stage
    guard stage == .asked || stage == .live && !ledger[id].isAcknowledged else { return }
    switch verdict {
    case .granted, .alreadySubscribed:
      connection.wasAcknowledged = true
      ledger[id].isAcknowledged = true
      ledger[id].isAskedAlone = false
      if case .alreadySubscribed = verdict {
        ledger[id].wasHeldAlready = true
      } else {
        ledger[id].wasHeldAlready = false
      }
      if stage == .asked {
        ledger.move(id, to: .confirmed, now: now)
        let due = now + firstDataDeadline(ledger[id])
        ledger[id].dataDue = due
        ledger.noteDeadline(due)
      }
      if ledger[id].isWanted { actions.append(.confirmed(UpstreamTopicID(id))) }
      if stage == .asked, promise(id) == .none { begin(id, now: now, &actions) }
    case .notFound, .refused(_, .ignore):
      break
    case .refused(_, .slowDown):
      if stage == .asked { notTaken(id, now: now) }
    case .refused(_, .renewToken) where replacesToken(refused: ledger[id].request, &actions):
      if stage == .asked { askAgain(id) }
    case .refused(let text, .retryLater), .refused(let text, .renewToken):
      guard stage == .asked else { return }
      actions.append(.log(SessionLogEvent(.refused, "\(ledger[id].topic): \(text)", topic: UpstreamTopicID(id))))
      recordFailure(id, now: now, &actions)
      ledger.move(id, to: .absent, now: now)
    case .refused(let text, .giveUp):
      refuse(id, text, now: now, &actions)
    }
  }

  private mutating func answeredUnsubscribe(
    _ id: Int, _ verdict: Verdict, now: Int64, _ actions: inout [SessionAction]
  ) {
    guard ledger[id].stage == .leaving else { return }
    switch verdict {
    case .granted, .notFound, .refused(_, .giveUp):
      ledger.move(id, to: .absent, now: now)
    case .refused(_, .slowDown):
      askAgain(id)
    case .refused(_, .renewToken) where replacesToken(refused: ledger[id].request, &actions):
      askAgain(id)
    case .alreadySubscribed, .refused(_, .ignore), .refused(_, .retryLater), .refused(_, .renewToken):
      break  // the deadline repeats it
    }
  }

  /// One answer for several topics: who is at fault is not said, so each is asked for by itself.
  private mutating func answeredTogether(
    _ kind: RequestLog.Kind, _ ids: [Int], _ verdict: Verdict, now: Int64, _ actions: inout [SessionAction]
  ) {
    for id in ids {
      switch verdict {
      case .granted, .refused(_, .ignore):
        break
      case .refused(_, .slowDown):
        if ledger[id].stage == .asked { notTaken(id, now: now) } else { askAgain(id) }
      case .refused(_, .retryLater), .refused(_, .renewToken):
        if kind == .subscribe { answeredSubscribe(id, verdict, now: now, &actions) }
      case .alreadySubscribed, .notFound, .refused(_, .giveUp):
        ledger[id].isAskedAlone = true
        askAgain(id)
      }
    }
  }

  /// A subscribe was one too many: it is sent again as soon as the bucket allows. If it was the only one, Kraken has
  /// nothing of it, and what comes until then belongs to others.
  private mutating func notTaken(_ id: Int, now: Int64) {
    if ledger[id].requests == 1 { ledger.move(id, to: .absent, now: now) } else { askAgain(id) }
  }

  /// The same request is to be sent again as soon as the bucket allows; it does not count as unanswered.
  private mutating func askAgain(_ id: Int) {
    guard ledger[id].answerDue != nil else { return }
    ledger[id].answerDue = nil
    ledger[id].requests -= 1
    ledger.isUnsettled = true
  }

  private mutating func refuse(_ id: Int, _ text: String, now: Int64, _ actions: inout [SessionAction]) {
    let topic = UpstreamTopicID(id)
    if ledger[id].isWanted {
      actions.append(.stale([topic], .refused))
      actions.append(.refused(topic, error: text))
      if ledger[id].lastRefusal != text {
        actions.append(.log(SessionLogEvent(.refused, "\(ledger[id].topic): refused: \(text)", topic: topic)))
      }
    }
    ledger[id].lastRefusal = text
    ledger[id].isAskedAlone = false
    ledger[id].hold = .init(reason: .refused(text), until: now + configuration.refusedPause.nanoseconds)
    if ledger[id].stage == .live {
      // Data came and then a refusal: whatever Kraken has of it is to go.
      ledger[id].isWorthless = true
      ledger.isUnsettled = true
    } else {
      ledger.move(id, to: .absent, now: now)
    }
  }
}
