// A Kraken that obeys the protocol and a network that does not, from a seed.
//
// For some simulated minutes everything goes wrong that can: attempts fail, connections break or fall
// silent, answers and snapshots get lost, come late, twice or as refusals. Readers come and go. Then
// the faults stop, and within a bounded time everything wanted has to be live, and nothing else held.

import JSONText
import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

@Suite struct RandomizedTests {
  @Test(arguments: 0..<40 as Range<UInt64>)
  func everythingWantedIsLiveAgainAfterFaultsStop(seed: UInt64) {
    var world = World(seed: seed)
    world.run(for: .seconds(900), faults: true)
    world.run(for: .seconds(1_300), faults: false)
    let wanted = Set(world.wanted.keys)
    #expect(world.kraken.held == wanted, "seed \(seed)")
    for (topic, id) in world.wanted { #expect(world.session.topicState(id)?.state == .live, "seed \(seed): \(topic)") }
    #expect(world.session.ledger.ids.count { world.session.ledger.isOccupied($0) } == wanted.count, "seed \(seed)")
    #expect(world.opened > 1, "seed \(seed): no fault ever ended a connection")
    for (index, time) in world.attempts.enumerated() where index >= 100 {
      #expect(time - world.attempts[index - 100] >= 600_000_000_000, "seed \(seed)")
    }
    for (index, time) in world.sent.enumerated() where index >= 21 {
      #expect(time - world.sent[index - 21] >= 1_000_000_000, "seed \(seed): too many requests in a second")
    }
  }
}

/// Kraken as documented: what it holds, and what it says to a request.
private struct HonestKraken {
  var held: Set<UpstreamTopic> = []

  /// The messages that answer a request, in order.
  mutating func answer(_ request: SentRequest) -> [String] {
    if request.method == "ping" { return [#"{"method":"pong","req_id":\#(request.reqID)}"#] }
    var messages: [String] = []
    for (topic, symbol) in zip(request.topics, request.symbolsOrNone) {
      if request.method == "unsubscribe" {
        let wasHeld = held.remove(topic) != nil
        messages.append(
          wasHeld ? Kraken.granted(request, symbol) : Kraken.refused(request, symbol, "Subscription Not Found"))
        continue
      }
      let isTaken = held.contains { other in
        topic.channel.allowsOneDepthPerSymbol
          ? other.channel == topic.channel && other.symbol == topic.symbol : other == topic
      }
      if isTaken {
        messages.append(Kraken.refused(request, symbol, "Already subscribed"))
      } else {
        held.insert(topic)
        messages += [Kraken.granted(request, symbol), Kraken.snapshot(topic)]
      }
    }
    return messages
  }
}

private struct World: ~Copyable {
  var session: KrakenSession
  var kraken = HonestKraken()
  var generator: SplitMix64
  var now = Conversation.start
  var budget = AttemptBudget()
  var wanted: [UpstreamTopic: UpstreamTopicID] = [:]
  var parser = JSONParser()
  /// Messages under way to the session, by the time they arrive.
  var underWay: [(at: Int64, text: String)] = []
  var transportAnswersAt: Int64?
  var isSilent = false
  var attempts: [Int64] = []
  var sent: [Int64] = []
  var opened = 0

  static let topics: [UpstreamTopic] =
    [
      .instrument, .ticker("BTC/USD", .trades), .ticker("BTC/USD", .bbo), .ohlc("BTC/USD", interval: 1),
      .ohlc("BTC/USD", interval: 5),
    ]
    + ["BTC/USD", "ETH/USD", "SOL/USD"].flatMap {
      [UpstreamTopic.trade($0), .book($0, depth: 10), .book($0, depth: 100)]
    }

  init(seed: UInt64) {
    var configuration = SessionConfiguration()
    configuration.refusedPause = .seconds(120)
    session = KrakenSession(configuration: configuration, seed: seed)
    generator = SplitMix64(seed: seed ^ 0xABCD)
    session.start(now: now)
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

  mutating func run(for duration: Duration, faults: Bool) {
    let end = now.monotonic + duration.nanoseconds
    if !faults { isSilent = false }
    while now.monotonic < end {
      changeDemand(faults)
      meetDeadlines(faults)
      deliver(faults)
      if faults, session.phase == .open, chance(1), chance(50) { closeTransport() }
      if faults, chance(1), chance(30) { isSilent.toggle() }
      if session.phase == .open, !isSilent, now.monotonic % 1_000_000_000 == 0 {
        hear(#"{"channel":"heartbeat"}"#)
        if let topic = kraken.held.sorted(by: { "\($0)" < "\($1)" }).randomElement(using: &generator) {
          hear(Kraken.update(topic))
        }
      }
      now = now.advanced(by: .milliseconds(100))
    }
  }

  /// Readers come and go; a symbol's book is wanted in one depth at a time.
  private mutating func changeDemand(_ faults: Bool) {
    guard faults, chance(2) else { return }
    let topic = Self.topics.randomElement(using: &generator)!
    if let id = wanted.removeValue(forKey: topic) { return session.unwant(id, now: now) }
    for (rival, id) in wanted where rival.channel == .book && topic.channel == .book && rival.symbol == topic.symbol {
      session.unwant(id, now: now)
      wanted[rival] = nil
    }
    wanted[topic] = session.want(topic, now: now)
  }

  private mutating func meetDeadlines(_ faults: Bool) {
    if let at = transportAnswersAt, at <= now.monotonic {
      transportAnswersAt = nil
      if faults, chance(40) {
        let failures: [TransportFailure] = [
          .timeout, .connect("refused"), .tls("alert"), .httpStatus(503), .httpStatus(429), .httpStatus(403),
        ]
        carryOut(session.transportFailed(failures.randomElement(using: &generator)!, now: now), faults)
      } else {
        opened += 1
        carryOut(session.transportOpened(now: now), faults)
        send([Kraken.status()], faults: false)
      }
    }
    var rounds = 0
    while let due = session.nextDeadline, due <= now.monotonic {
      carryOut(session.deadlineReached(now: now, budget: &budget), faults)
      rounds += 1
      guard rounds < 10 else {
        Issue.record("a deadline stays due")
        return
      }
    }
  }

  private mutating func carryOut(_ actions: [SessionAction], _ faults: Bool) {
    for action in actions {
      switch action {
      case .openTransport:
        attempts.append(now.monotonic)
        transportAnswersAt = now.monotonic + 50_000_000
      case .closeTransport:
        forgetTransport()
      case .send(let bytes):
        sent.append(now.monotonic)
        if faults, chance(5) { continue }  // lost on the way
        send(kraken.answer(SentRequest(bytes)), faults: faults)
      default:
        break
      }
    }
  }

  /// Puts messages on their way, in order unless chance has it otherwise.
  private mutating func send(_ messages: [String], faults: Bool) {
    for text in messages {
      if faults, chance(10) { continue }
      let delay: Int64 = faults && chance(5) ? 7_000_000_000 : 50_000_000
      underWay.append((now.monotonic + delay, text))
      if faults, chance(5) { underWay.append((now.monotonic + 300_000_000, text)) }
    }
  }

  private mutating func deliver(_ faults: Bool) {
    let arrived = underWay.filter { $0.at <= now.monotonic }
    underWay.removeAll { $0.at <= now.monotonic }
    guard !isSilent else { return }
    for message in arrived { hear(message.text) }
  }

  private mutating func hear(_ text: String) {
    guard session.phase == .open else { return }
    var failed: UpstreamTopicID?
    let actions = try? parser.withDocument(Array(text.utf8)) { (root: JSONValue) -> [SessionAction] in
      switch session.received(root, now: now) {
      case .nothing: return []
      case .actions(let actions), .tradingAnswer(let actions): return actions
      case .data(let data, let actions):
        for item in data.items {
          let symbol = item["symbol"]?.contents ?? UnsafeRawBufferPointer(start: nil, count: 0)
          let admission = session.admit(
            data.channel, symbol: symbol, interval: item["interval"]?.int64.map { Int($0) },
            isSnapshot: data.isSnapshot, now: now)
          switch admission {
          case .accept(let id, _):
            let isWanted = wanted.values.contains(id)
            #expect(isWanted, "data for nobody")
            if data.channel == .book { failed = id }
          case .acceptTicker(let trades, let bbo, _):
            let areWanted = [trades, bbo].compactMap(\.self).allSatisfy { wanted.values.contains($0) }
            #expect(areWanted, "data for nobody")
          case .discard:
            break
          }
        }
        return actions
      }
    }
    if actions == nil { Issue.record("not JSON: \(text)") }
    // Now and then a book turns out wrong, as long as the network is bad.
    if let failed, !kraken.held.isEmpty, now.monotonic < Conversation.start.monotonic + 900_000_000_000, chance(2) {
      carryOut(session.topicFailed(failed, .checksum, now: now), true)
    }
  }

  private mutating func closeTransport() {
    forgetTransport()
    carryOut(session.transportClosed(code: 1006, reason: "", now: now), true)
  }

  private mutating func forgetTransport() {
    kraken.held = []
    underWay = []
    transportAnswersAt = nil
  }
}
