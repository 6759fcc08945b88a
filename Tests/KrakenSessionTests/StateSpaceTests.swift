// Every reachable state of a small ledger, and every event in each of them.
//
// Kraken is adversarial here: any answer may come to any request, or none, and any time may pass. What
// must hold whatever happens is checked after each event; and from every state an honest Kraken has
// to bring what is wanted to life. States are told apart by everything but clock readings and ids.

import JSONText
import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

@Suite struct StateSpaceTests {
  @Test func oneBook() throws {
    let count = try StateSpace(topics: [.book("BTC/USD", depth: 10)]).explore()
    #expect(count > 100)
  }

  @Test func oneTradeTopic() throws {
    let count = try StateSpace(topics: [.trade("BTC/USD")]).explore()
    #expect(count > 100)
  }

  @Test func twoDepthsOfOneSymbol() throws {
    let count = try StateSpace.pair(.book("BTC/USD", depth: 10), .book("BTC/USD", depth: 25)).explore()
    #expect(count > 500)
  }

  @Test func twoTickerTriggersOfOneSymbol() throws {
    var space = try StateSpace.pair(.ticker("BTC/USD", .trades), .ticker("BTC/USD", .bbo))
    // Their deadlines have nothing to do with each other.
    space.events.removeAll { [.waitForDeadline, .close].contains($0) }
    let count = try space.explore()
    #expect(count > 500)
  }
}

struct StateSpace {
  enum Event: Hashable {
    case want(Int)
    case unwant(Int)
    case fail(Int)
    case resubscribe(Int)
    case granted(Int)
    case already(Int)
    case notFound(Int)
    case giveUp(Int)
    case slowDown(Int)
    case retryLater(Int)
    case snapshot, update, settle, waitForDeadline, close, open
  }

  /// What a careful observer of the wire knows of a subscription.
  struct Observed {
    var isHeld = false
    /// A request is unanswered until this time.
    var answerDue: Int64?
    var lastRequest: SentRequest?
    var isAnswered = false
  }

  struct Node {
    /// How it was reached; goes with every complaint.
    var trail: [Event] = []
    var session: KrakenSession
    var now = Conversation.start
    var observed: [Observed]
  }

  struct Violation: Error, CustomStringConvertible {
    var what: String
    var trail: [Event]
    var description: String {
      "\(what) after \(trail.map { "\($0)".split(separator: ".").last! }.joined(separator: ", "))"
    }
  }

  private func demand(_ condition: Bool, _ what: @autoclosure () -> String, _ node: Node) throws {
    if !condition { throw Violation(what: what(), trail: node.trail) }
  }

  let topics: [UpstreamTopic]
  var configuration = SessionConfiguration.test
  var events: [Event] = []
  private let answers: [String: KrakenAnswer]

  init(topics: [UpstreamTopic]) throws {
    self.topics = topics
    // Only the ledger is explored: the connection neither falls silent nor wants pings, and pauses are few.
    configuration.silenceMax = .seconds(100_000)
    configuration.firstMessageDeadline = .seconds(100_000)
    configuration.pingInterval = .seconds(50_000)
    configuration.idlePingInterval = .seconds(50_000)
    configuration.pongDeadline = .seconds(100_000)
    configuration.silenceLimits = [:]
    configuration.asksMax = 2
    configuration.leavesMax = 2
    configuration.quarantineAfterFailures = 2
    configuration.requestBurst = 1_000
    configuration.requestsPerSecond = 1_000
    for index in topics.indices {
      events += [
        .want(index), .unwant(index), .fail(index), .resubscribe(index), .granted(index), .already(index),
        .notFound(index), .giveUp(index), .slowDown(index), .retryLater(index),
      ]
    }
    events += [.snapshot, .update, .settle, .waitForDeadline, .close, .open]
    var answers: [String: KrakenAnswer] = [:]
    var parser = JSONParser()
    for error in [
      "", "Already subscribed", "Subscription Not Found", "Currency pair not supported", "Exceeded msg rate",
      "EService:Busy",
    ] {
      let text = #"{"method":"subscribe","success":\#(error.isEmpty),"error":"\#(error)"}"#
      answers[error] = try parser.withDocument(Array(text.utf8)) { root -> KrakenAnswer? in
        guard case .answer(let answer) = KrakenMessage.classify(root) else { return nil }
        return answer
      }
    }
    self.answers = answers
  }

  /// Two topics that have to do with each other, and only the events in which that matters: what each goes
  /// through alone is tried with single topics.
  static func pair(_ first: UpstreamTopic, _ second: UpstreamTopic) throws -> StateSpace {
    var space = try StateSpace(topics: [first, second])
    space.configuration.asksMax = 1
    space.configuration.leavesMax = 1
    space.configuration.quarantineAfterFailures = 1
    space.events.removeAll { event in
      switch event {
      case .want, .unwant, .granted, .snapshot, .settle, .waitForDeadline, .close, .open: false
      case .fail, .resubscribe, .already, .notFound, .giveUp, .slowDown, .retryLater, .update: true
      }
    }
    return space
  }

  /// Tries everything. Returns the number of states found.
  func explore() throws -> Int {
    var session = KrakenSession(configuration: configuration, seed: 1)
    session.start(now: Conversation.start)
    var queue = [Node(session: session, observed: Array(repeating: Observed(), count: topics.count))]
    var seen: Set<Fingerprint> = [Fingerprint(queue[0], topics)]
    var next = 0
    while next < queue.count {
      // Breadth first: the trail to a violation is the shortest.
      let node = queue[next]
      next += 1
      for event in events {
        var after = node
        after.trail.append(event)
        guard try apply(event, to: &after) else { continue }
        try check(after)
        if seen.insert(Fingerprint(after, topics)).inserted { queue.append(after) }
      }
      if next % 10 == 0 { try bringToLife(node) }
      try #require(seen.count < 20_000, "the space is not small")
    }
    return seen.count
  }

  // MARK: Events

  /// False when the event cannot happen in this state.
  private func apply(_ event: Event, to node: inout Node) throws -> Bool {
    let now = node.now
    switch event {
    case .want(let index):
      guard !isWanted(index, node) else { return false }
      _ = node.session.want(topics[index], now: now)
    case .unwant(let index):
      guard isWanted(index, node) else { return false }
      node.session.unwant(id(index, node)!, now: now)
    case .fail(let index):
      guard let id = id(index, node) else { return false }
      _ = node.session.topicFailed(id, .checksum, now: now)
    case .resubscribe(let index):
      guard let id = id(index, node) else { return false }
      node.session.resubscribe(id, now: now)
    case .granted(let index): return try answer(index, "", &node)
    case .already(let index): return try answer(index, "Already subscribed", &node)
    case .notFound(let index): return try answer(index, "Subscription Not Found", &node)
    case .giveUp(let index): return try answer(index, "Currency pair not supported", &node)
    case .slowDown(let index): return try answer(index, "Exceeded msg rate", &node)
    case .retryLater(let index): return try answer(index, "EService:Busy", &node)
    case .snapshot: return try say(isSnapshot: true, &node)
    case .update: return try say(isSnapshot: false, &node)
    case .settle:
      guard let due = node.session.nextDeadline, due <= now.monotonic else { return false }
      try reachDeadline(&node)
    case .waitForDeadline:
      guard let due = node.session.nextDeadline, due > now.monotonic, due < now.monotonic + 40_000_000_000_000 else {
        return false
      }
      node.now = now.advanced(by: .nanoseconds(due - now.monotonic))
      try reachDeadline(&node)
    case .close:
      guard node.session.phase == .open else { return false }
      _ = node.session.transportClosed(code: 1006, reason: "", now: now)
      for index in topics.indices { node.observed[index] = Observed() }
    case .open:
      guard case .opening = node.session.phase else { return false }
      _ = node.session.transportOpened(now: now)
    }
    return true
  }

  private func reachDeadline(_ node: inout Node) throws {
    var budget = AttemptBudget(limit: 1_000_000)
    let actions = node.session.deadlineReached(now: node.now, budget: &budget)
    try demand(node.session.nextDeadline! > node.now.monotonic, "a deadline stays due", node)
    try demand(actions.confirmed.isEmpty, "confirmed by time", node)
    for request in actions.requests { try observe(request, &node) }
    if !actions.closes.isEmpty { for index in topics.indices { node.observed[index] = Observed() } }
  }

  /// What may be sent, seen from outside.
  private func observe(_ request: SentRequest, _ node: inout Node) throws {
    for topic in request.topics {
      let index = topics.firstIndex(of: topic)!
      let observed = node.observed[index]
      try demand((observed.answerDue ?? 0) <= node.now.monotonic, "asked again while an answer is due", node)
      if request.method == "subscribe" {
        try demand(isWanted(index, node), "asked for what nobody wants", node)
        let mayBeHeld = observed.isHeld && observed.lastRequest?.method == "subscribe"
        try demand(!mayBeHeld, "asked for what Kraken has confirmed", node)
        if topic.channel.allowsOneDepthPerSymbol {
          let rivals = topics.indices.filter { $0 != index && topics[$0].symbol == topic.symbol }
          let isFree = rivals.allSatisfy {
            !node.observed[$0].isHeld || node.observed[$0].lastRequest?.method == "unsubscribe"
          }
          try demand(isFree, "asked for a second depth", node)
        }
        node.observed[index].isHeld = false
      } else {
        try demand(observed.lastRequest != nil, "unsubscribed what was never asked for", node)
      }
      node.observed[index].answerDue = node.now.monotonic + configuration.answerDeadline.nanoseconds
      node.observed[index].lastRequest = request
      node.observed[index].isAnswered = false
    }
  }

  private func answer(_ index: Int, _ error: String, _ node: inout Node) throws -> Bool {
    guard node.session.phase == .open, let request = node.observed[index].lastRequest else { return false }
    var answer = answers[error]!
    answer.reqID = request.reqID
    answer.symbol = topics[index].symbol
    if error.isEmpty { answer.method = request.method == "subscribe" ? .subscribe : .unsubscribe }
    let stage = node.session.ledger.id(of: topics[index]).map { node.session.ledger[$0].stage }
    var actions: [SessionAction] = []
    node.session.answered(answer, now: node.now.monotonic, &actions)
    let isGrant = error.isEmpty || error == "Already subscribed"
    if !actions.confirmed.isEmpty {
      try demand(isGrant && request.method == "subscribe", "confirmed by \(error)", node)
      try demand(stage == .asked || stage == .live, "confirmed when \(stage as Any)", node)
    }
    node.observed[index].answerDue = nil
    // What a second answer to one request says is not what Kraken did.
    if node.observed[index].isAnswered || request.method == "subscribe" && error == "Subscription Not Found" {
      return true
    }
    node.observed[index].isAnswered = true
    switch (request.method, error) {
    case ("subscribe", "Exceeded msg rate"): break
    case ("subscribe", _): node.observed[index].isHeld = isGrant
    case (_, ""), (_, "Subscription Not Found"), (_, "Currency pair not supported"): node.observed[index].isHeld = false
    default: break
    }
    return true
  }

  private func say(isSnapshot: Bool, _ node: inout Node) throws -> Bool {
    guard node.session.phase == .open else { return false }
    let before = topics.indices.map { stage($0, node) }
    let topic = topics[0]
    var symbol = topic.symbol
    let now = node.now
    let admission = symbol.withUTF8 {
      node.session.admit(
        topic.channel, symbol: UnsafeRawBufferPointer($0), interval: topic.interval, isSnapshot: isSnapshot, now: now)
    }
    var accepted: [UpstreamTopicID] = []
    var becameLive = false
    switch admission {
    case .discard: break
    case .accept(let id, let fresh):
      accepted = [id]
      becameLive = fresh
    case .acceptTicker(let trades, let bbo, let fresh):
      accepted = [trades, bbo].compactMap(\.self)
      becameLive = fresh
    }
    let after = topics.indices.map { stage($0, node) }
    for (index, topic) in topics.enumerated() {
      let isAccepted = node.session.ledger.id(of: topic).map { accepted.contains(UpstreamTopicID($0)) } ?? false
      if isAccepted {
        try demand(isWanted(index, node), "data for nobody", node)
        try demand(after[index] == .live, "data for a topic that is not live", node)
        try demand(before[index] != .absent && before[index] != .leaving, "data when \(before[index] as Any)", node)
      }
      if before[index] != .live, after[index] == .live {
        try demand(becameLive && isAccepted, "live without saying so", node)
        try demand(isSnapshot || topic.channel.itemsStandAlone, "live on an update", node)
        node.observed[index].isHeld = true
        node.observed[index].answerDue = nil
      } else {
        try demand(before[index] == after[index], "data changed the stage", node)
      }
    }
    return true
  }

  // MARK: What must hold

  private func check(_ node: Node) throws {
    let ledger = node.session.ledger
    for stage in LedgerEntry.Stage.allCases {
      let counted = ledger.ids.count { ledger.isOccupied($0) && ledger[$0].stage == stage }
      try demand(ledger.count(stage) == counted, "stages are counted wrongly", node)
    }
    for id in ledger.ids where ledger.isOccupied(id) {
      let entry = ledger[id]
      try demand(ledger.id(of: entry.topic) == id, "two entries for one topic", node)
      try demand(entry.isWanted || entry.stage != .absent, "an entry for nothing", node)
      try demand(node.session.phase == .open || entry.stage == .absent, "asked without a connection", node)
      try demand(entry.stage != .absent || !entry.isWorthless && entry.answerDue == nil, "absent, with remains", node)
      if entry.topic.channel.allowsOneDepthPerSymbol, entry.stage != .absent {
        let others = ledger.ids.filter { $0 != id && ledger.isOccupied($0) && ledger[$0].stage != .absent }
        try demand(others.isEmpty, "two depths at once", node)
      }
      // Nothing waits for nothing: each entry is live, has a deadline, or has something to be sent.
      let deadline = entry.deadline(forgivenAfter: .max / 2)
      let needsSending = entry.need(now: node.now.monotonic) != .nothing
      try demand(entry.stage == .live || deadline < .max / 4 || needsSending, "forgotten when \(entry.stage)", node)
      let mustBeSettled = needsSending && node.session.phase == .open && !ledger.isBlocked(id)
      try demand(!mustBeSettled || ledger.isUnsettled, "nobody will send", node)
      let isDue = node.session.phase == .open && deadline < .max / 4 && entry.stage != .live
      try demand(!isDue || ledger.earliestDeadline <= deadline, "nobody will look", node)
    }
  }

  /// With an honest Kraken everything wanted gets live; of two depths of a symbol at least one.
  private func bringToLife(_ start: Node) throws {
    var node = start
    var held = topics.indices.map { node.observed[$0].isHeld }
    func isSatisfied(_ node: Node) -> Bool {
      let wanted = topics.indices.filter { isWanted($0, node) }
      let live = wanted.filter { stage($0, node) == .live && node.session.ledger[id($0, node)!.index].isOpenToData }
      return topics[0].channel.allowsOneDepthPerSymbol ? live.count == min(1, wanted.count) : live == wanted
    }
    var budget = AttemptBudget(limit: 1_000_000)
    for _ in 0..<300 where !isSatisfied(node) {
      if case .opening = node.session.phase {
        _ = node.session.transportOpened(now: node.now)
        held = topics.map { _ in false }
      }
      node.now = node.now.advanced(by: .nanoseconds(max(0, node.session.nextDeadline! - node.now.monotonic)))
      let actions = node.session.deadlineReached(now: node.now, budget: &budget)
      for request in actions.requests {
        guard let topic = request.topics.first, let index = topics.firstIndex(of: topic) else { continue }
        node.observed[index].lastRequest = request
        node.observed[index].isAnswered = false
        if request.method == "unsubscribe" {
          _ = try answer(index, held[index] ? "" : "Subscription Not Found", &node)
          held[index] = false
          continue
        }
        let isTaken = topic.channel.allowsOneDepthPerSymbol ? held.contains(true) : held[index]
        _ = try answer(index, isTaken ? "Already subscribed" : "", &node)
        guard !isTaken else { continue }
        held[index] = true
        _ = try say(isSnapshot: true, &node)
      }
    }
    try demand(isSatisfied(node), "stuck when \(topics.indices.map { stage($0, node) })", start)
  }

  // MARK: Looking

  private func id(_ index: Int, _ node: Node) -> UpstreamTopicID? { node.session.topicID(topics[index]) }
  private func isWanted(_ index: Int, _ node: Node) -> Bool {
    id(index, node).map { node.session.ledger[$0.index].isWanted } ?? false
  }
  private func stage(_ index: Int, _ node: Node) -> LedgerEntry.Stage? {
    id(index, node).map { node.session.ledger[$0.index].stage }
  }
}

/// What makes two nodes the same state.
private struct Fingerprint: Hashable {
  private var facts: [Int] = []

  init(_ node: StateSpace.Node, _ topics: [UpstreamTopic]) {
    let session = node.session
    let now = node.now.monotonic
    switch session.phase {
    case .stopped: facts.append(0)
    case .waiting: facts.append(1)
    case .opening: facts.append(2)
    case .open: facts.append(3)
    }
    facts += [session.ledger.isUnsettled, session.connection.wasAcknowledged, session.connection.wasLive].map {
      $0 ? 1 : 0
    }
    for (index, topic) in topics.enumerated() {
      let observed = node.observed[index]
      facts += [
        observed.isHeld ? 1 : 0, observed.isAnswered ? 1 : 0,
        observed.lastRequest.map { $0.method == "subscribe" ? 1 : 2 } ?? 0,
        observed.answerDue.map { $0 <= now ? 1 : 2 } ?? 0,
      ]
      guard let id = session.ledger.id(of: topic) else {
        facts.append(-1)
        continue
      }
      let entry = session.ledger[id]
      var hold = 0
      if let held = entry.hold {
        switch held.reason {
        case .paused: hold = 1
        case .quarantined: hold = 2
        case .refused: hold = 3
        }
        if held.until <= now { hold += 4 }
      }
      facts += [
        entry.isWanted ? 1 : 0, Int(entry.stage.rawValue), entry.answerDue == nil ? 0 : 1, entry.dataDue == nil ? 0 : 1,
        hold, entry.requests, entry.isAcknowledged ? 1 : 0, entry.isWorthless ? 1 : 0, entry.isAskedAlone ? 1 : 0,
        min(entry.snapshotsMissed, 2), entry.faults.isQuarantined ? 1 : 0, min(entry.faults.count, 1),
      ]
    }
  }
}
