// What the simulation has found, each as the shortest conversation that shows it.

import BridgeCore
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData
import Testing

@Suite struct FoundBySimulationTests {
  /// Items are passed on byte for byte, so a line break between two tokens used to tear the subscriber's line.
  @Test func aLineBreakBetweenTokensDoesNotTearALine() {
    var talk = Talk()
    talk.open()
    let feed = talk.connect(listener: 1)
    talk.hear("{\"channel\":\"status\",\"type\":\"update\",\"data\":[{\"version\":\"2.0.10\",\r\n\t\"system\":\"online\"}]}")
    let lines = talk.lines(feed)
    #expect(lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(lines.contains { $0.contains("\"version\":\"2.0.10\",  \t\"system\":\"online\"") })
  }

  /// `status` comes unasked, so a connection lost before anything was subscribed used to leave it live.
  @Test func statusIsStaleWithoutAConnection() {
    var talk = Talk()
    talk.open()
    let feed = talk.connect(listener: 1)
    talk.bridge.upstreamClosed(.public, code: nil, reason: "", now: talk.now)
    talk.turn()
    #expect(talk.lines(feed).contains {
      $0.contains("\"type\":\"stale\"") && $0.contains("\"topics\":[{\"channel\":\"status\"}]")
    })
  }

  /// A topic asked for by a `snapshot` request alone comes alive and is dropped in one turn: who follows everything used
  /// to be told `dropped` first and to keep the snapshot behind it for live.
  @Test func aDroppedTopicIsToldAfterItsLastLine() throws {
    var talk = Talk()
    talk.open()
    let feed = talk.connect(listener: 1)
    let asker = talk.connect(listener: 0)
    talk.ask(asker, "snapshot ticker BTC/USD")
    talk.hear(
      "{\"channel\":\"ticker\",\"type\":\"snapshot\",\"data\":[{\"symbol\":\"BTC/USD\",\"bid\":1.0,\"ask\":2.0}]}")
    talk.wait(.milliseconds(1))
    let lines = talk.lines(feed)
    let snapshot = try #require(lines.firstIndex { $0.contains("\"channel\":\"ticker\",\"type\":\"snapshot\"") })
    let stale = try #require(lines.firstIndex { $0.contains("\"reason\":\"dropped\"") })
    #expect(snapshot < stale)
  }

  /// An order that grows goes to the end of its queue, which Kraken tells as a delete and an add. Readers of a smaller
  /// depth than the one subscribed to used to be told that it was modified where it stood.
  @Test func anOrderThatLosesItsPlaceInTheQueueIsAddedAnew() {
    var (talk, reader) = Self.followsOrderQueues()
    let moved = "\(Self.order("A", "2.0", "1.0", "\"event\":\"delete\",")),\(Self.order("A", "2.0", "2.0", "\"event\":\"add\","))"
    talk.hear(
      "{\"channel\":\"level3\",\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\",\"checksum\":761556200,\"bids\":[\(moved)],\"asks\":[]}]}",
      on: .level3)
    let updates = talk.lines(reader).filter { $0.contains("\"type\":\"update\",\"symbol\":\"BTC/USD\"") }
    #expect(updates.count == 2)
    #expect(updates.allSatisfy { $0.contains("\"data\":") && $0.contains("\"bids\":[\(moved)]") })
  }

  /// A snapshot that a topic is given in the middle of the stream, here because its pair had been delisted, left smaller
  /// depths with the orders from before it: their next update told of changes that were none.
  @Test func aSnapshotInTheStreamIsWhereUpdatesGoOn() {
    var (talk, reader) = Self.followsOrderQueues()
    func pair(_ type: String, _ status: String) -> String {
      "{\"channel\":\"instrument\",\"type\":\"\(type)\",\"data\":{\"assets\":[],\"pairs\":[{\"symbol\":\"BTC/USD\",\"status\":\"\(status)\"}]}}"
    }
    func update(_ checksum: Int, _ bids: String) -> String {
      "{\"channel\":\"level3\",\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\",\"checksum\":\(checksum),\"bids\":[\(bids)],\"asks\":[]}]}"
    }
    talk.hear(pair("snapshot", "online"))
    talk.hear(pair("update", "delisted"))
    talk.hear(update(919183503, Self.order("B", "2.0", "1.0", "\"event\":\"delete\",")), on: .level3)
    let added = Self.order("D", "2.0", "1.0", "\"event\":\"add\",")
    talk.hear(update(105463595, added), on: .level3)
    let updates = talk.lines(reader).filter { $0.contains("\"channel\":\"level3\",\"type\":\"update\"") }
    #expect(updates.count == 2)
    #expect(updates.allSatisfy { $0.contains("\"bids\":[\(added)]") })
  }

  /// A reader of two depths, whose book has two bids of one price and one ask.
  private static func followsOrderQueues() -> (Talk, SubscriberID) {
    var talk = Talk(hasAccount: true)
    talk.open()
    let reader = talk.connect(listener: 0)
    talk.ask(reader, "subscribe level3 BTC/USD depth=10")
    talk.ask(reader, "subscribe level3 BTC/USD depth=100")
    talk.bridge.upstreamOpened(.level3, now: talk.now)
    talk.hear("{\"channel\":\"status\",\"type\":\"update\",\"data\":[{\"system\":\"online\"}]}", on: .level3)
    talk.bridge.tokenArrived(.level3, .token(Talk.token), now: talk.now)
    talk.wait(.milliseconds(1))
    let bids = "\(order("A", "2.0", "1.0")),\(order("B", "2.0", "1.0"))"
    talk.hear(
      "{\"channel\":\"level3\",\"type\":\"snapshot\",\"data\":[{\"symbol\":\"BTC/USD\",\"checksum\":105463595,\"bids\":[\(bids)],\"asks\":[\(order("C", "3.0", "1.0"))]}]}",
      on: .level3)
    return (talk, reader)
  }

  private static func order(_ id: String, _ price: String, _ qty: String, _ event: String = "") -> String {
    "{\(event)\"order_id\":\"\(id)\",\"limit_price\":\(price),\"order_qty\":\(qty),\"timestamp\":\"2026-01-05T10:00:00.000000000Z\"}"
  }

  /// What is asked for while the bridge hands over to the next process is answered by it or never: a snapshot of the
  /// account used to be waited for.
  @Test func aSnapshotAskedForWhileHandingOverIsAnswered() {
    var talk = Talk(hasAccount: true)
    talk.open()
    let reader = talk.connect(listener: 0)
    talk.bridge.beginHandover(now: talk.now)
    talk.turn()
    talk.ask(reader, "snapshot own_trades")
    #expect(talk.lines(reader).contains { $0.contains("\"code\":\"upstream_offline\"") })
  }

  /// A connection that had replaced its token three times in all its life used to keep the fourth worthless one, and
  /// every order was refused from then on.
  @Test func aTokenCanBeReplacedAgainAfterAWhile() throws {
    var configuration = SessionConfiguration()
    configuration.usesToken = true
    var session = KrakenSession(configuration: configuration, seed: 1)
    var budget = AttemptBudget()
    var now = Moment(monotonic: 1_000_000_000, wall: 1_790_000_000_000_000_000)
    func isNeeded(_ actions: [SessionAction]) -> Bool {
      actions.contains { if case .needToken = $0 { true } else { false } }
    }
    let token = Talk.token
    session.start(now: now)
    _ = session.deadlineReached(now: now, budget: &budget)
    _ = session.transportOpened(now: now)
    var parser = JSONParser()
    let status = Array("{\"channel\":\"status\",\"type\":\"update\",\"data\":[{\"system\":\"online\"}]}".utf8)
    try parser.withDocument(status) { _ = session.received($0, now: now) }
    session.tokenArrived(token, now: now)
    for _ in 0..<configuration.tokenRenewalsMax {
      #expect(isNeeded(session.tokenRefused(now: now)))
      session.tokenArrived(token, now: now)
    }
    #expect(!isNeeded(session.tokenRefused(now: now)))
    now = now.advanced(by: configuration.forgivenAfter)
    #expect(isNeeded(session.tokenRefused(now: now)))
  }
}

/// A bridge with nobody around it: time, messages and sockets are the test's.
private struct Talk {
  struct Sockets: SubscriberTransport {
    var text: [SubscriberID: [UInt8]] = [:]

    mutating func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
      text[id, default: []].append(contentsOf: bytes)
      return .wrote(bytes.count)
    }

    mutating func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) {}
    mutating func close(_ id: SubscriberID) {}
  }

  static var token: Secret { Secret(byteCount: 8) { $0.initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "t")) } }

  let bridge: Bridge
  var now = Moment(monotonic: 1_000_000_000, wall: 1_790_000_000_000_000_000)
  var sockets = Sockets()

  init(hasAccount: Bool = false) {
    let lag = LagLimits(bytes: .max, duration: .seconds(3600))
    var limits = BridgeLimits()
    limits.linger = .zero
    var configuration = BridgeConfiguration(
      version: "1.0.0", pid: 1, publicURL: "wss://exchange.invalid/v2", session: SessionConfiguration(),
      listeners: [
        ListenerPolicy(name: "bridge.sock", allowsAccount: hasAccount, lag: lag),
        ListenerPolicy(name: "feed.sock", preset: .everything, lag: lag),
      ], limits: limits, ownUID: 990, budget: AttemptBudget())
    configuration.hasCredentials = hasAccount
    bridge = Bridge(configuration: configuration, seed: 1, now: now)
    bridge.start(now: now)
  }

  mutating func turn() {
    bridge.endTurn(now: now, transport: &sockets)
    _ = bridge.takeActions()
  }

  mutating func wait(_ duration: Duration) {
    now = now.advanced(by: duration)
    bridge.deadlineReached(now: now)
    turn()
  }

  /// A connection with Kraken that has said hello.
  mutating func open() {
    bridge.deadlineReached(now: now)
    bridge.upstreamOpened(.public, now: now)
    hear("{\"channel\":\"status\",\"type\":\"update\",\"data\":[{\"version\":\"1\",\"system\":\"online\"}]}")
  }

  mutating func hear(_ text: String, on upstream: UpstreamName = .public) {
    Array(text.utf8).withUnsafeBytes { bridge.upstreamReceived(upstream, text: $0, now: now) }
    wait(.milliseconds(1))
  }

  mutating func connect(listener: Int) -> SubscriberID {
    guard
      case .accepted(let id) = bridge.subscriberConnected(
        listener: listener, peer: Peer(uid: 1000, gid: 1000, pid: 7), now: now)
    else { fatalError("nothing limits connections here") }
    turn()
    return id
  }

  mutating func ask(_ id: SubscriberID, _ line: String) {
    Array((line + "\n").utf8).withUnsafeBytes { bridge.subscriberReceived(id, $0, now: now) }
    wait(.milliseconds(1))
  }

  func lines(_ id: SubscriberID) -> [Substring] {
    String(decoding: sockets.text[id] ?? [], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: true)
  }
}
