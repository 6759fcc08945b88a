// The whole bridge without its sockets: Kraken's messages and subscribers' requests in, lines and actions out.
//
// It composes the session (what we say to Kraken), the feeds (what Kraken's data means) and the fan-out (who gets
// which line), and is confined to one event loop: not Sendable on purpose, no locks, no tasks. Time is handed in
// and chance comes from a seed, so a simulation can run it thousands of times faster than life.
//
//   Bridge+Upstream       what the session says, carried out
//   Bridge+Data           Kraken's data into feeds and lines
//   Bridge+Demand         which topics exist, and for how long
//   Bridge+BookDepths     one book at Kraken for readers at several depths
//   Bridge+Account        what needs credentials: tokens, executions, balances, level 3
//   Bridge+AllUsers       an account that is followed without a snapshot
//   Bridge+Trading        orders
//   Bridge+Subscribers    connections, their input and their end
//   Bridge+Requests       who may ask what
//   Bridge+Subscriptions  subscribe and unsubscribe
//   Bridge+HeldRequests   snapshots, and whoever waits for Kraken's word
//   Bridge+Reports        status, topics, clients, metrics, help

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData
import Trading

public final class Bridge {
  var configuration: BridgeConfiguration
  /// By the raw value of their names.
  let upstreams: [Upstream]
  var budget: AttemptBudget
  var fanOut: FanOut
  let firstSeq: UInt64
  let catalog = Catalog()
  let orders: OrderStreams
  /// Topics of the process before that were not made again yet.
  var savedTopics: [TopicKey: BridgeState.SavedTopic] = [:]

  var connections: [SubscriberID: Connection] = [:]
  var connectionsByUID: [UInt32: Int] = [:]
  var upstreamParser = JSONParser()
  var requestParser = RequestParser()
  /// Parameters of orders, and what Kraken's REST API says of them.
  var orderParser = JSONParser()
  /// Scratch for directed lines and snapshots; its memory is kept.
  var line = JSONBytes(reserving: 4096)
  /// `received` of the message at hand, as JSON text.
  var receivedText = ReceivedText()
  var actions: [BridgeAction] = []

  /// Topics nobody wants, oldest first; each is dropped when its time is up and it is still unwanted.
  var lingering: [(deadline: Int64, topic: TopicID)] = []
  /// Books deeper than Kraken gave, oldest deadline first: each is tried again then.
  var refusedDepths: [(deadline: Int64, topic: TopicID)] = []
  /// Requests waiting for Kraken, oldest deadline first.
  var heldDeadlines: [(deadline: Int64, topic: TopicID)] = []
  /// Connections whose answers pile up; their input waits.
  var pausedInput: Set<SubscriberID> = []
  /// The last turn left work that another one can do at once; others get their turn in between.
  private var isTurnDue = false
  private var turnEndedAt: Int64 = .min
  /// Looking for the nearest of a thousand names takes a while, so a flood of misspelt symbols gets few suggestions.
  var suggestionsLeft = Bridge.suggestionsPerTurn
  private static let suggestionsPerTurn = 20
  /// `reload` requests under way.
  var reloadRequests: [SubscriberID: [AnswerHead]] = [:]
  /// Connections that follow every instrument.
  var wideInstrumentReaders = 0
  var delistedPairs: Set<String> = []
  var departures = RecentDepartures()
  var rates: LineRates
  let startedAt: Moment
  var isShuttingDown = false
  /// `start` was called: from then on upstreams may be connected.
  private(set) var hasStarted = false
  /// See `membershipVersion`.
  var membershipChanges: UInt64 = 0
  /// What the process before left, until `start` has taken it up.
  private var restored: BridgeState?
  /// Resident memory as the daemon last saw it; the bridge itself looks at nothing outside.
  public var residentBytes = 0

  /// - Parameters:
  ///   - seed: for jitter and everything else that is left to chance.
  ///   - restored: what the process before left; its readers are connected from the start.
  public init(configuration: BridgeConfiguration, seed: UInt64, restoring restored: BridgeState? = nil, now: Moment) {
    self.configuration = configuration
    upstreams = UpstreamName.allCases.map { name in
      Upstream(
        name, configuration.session, account: configuration.account,
        isEnabled: name == .public || configuration.hasCredentials, seed: seed)
    }
    orders = OrderStreams(OrderDesk(configuration: configuration.trading, seed: seed ^ UInt64(bitPattern: now.wall)))
    budget = configuration.budget
    var log = FanOutConfiguration()
    log.ringBytes = configuration.limits.ringBytes
    log.lineBytesMax = configuration.limits.lineBytesMax
    log.writeBytesMax = configuration.limits.writeBytesMax
    let fresh = Self.firstSeq(floor: configuration.seqFloor, wall: now.wall)
    if let restored {
      let listeners = Dictionary(
        restored.connections.map { ($0.id, $0.listener) }, uniquingKeysWith: { first, _ in first })
      fanOut = FanOut(configuration: log, restoring: restored.fanOut, firstSeq: fresh) { id in
        configuration.listeners.first { $0.name == listeners[id] }?.lag ?? configuration.listeners[0].lag
      }
    } else {
      fanOut = FanOut(configuration: log, firstSeq: fresh)
    }
    firstSeq = fanOut.lastSeq + 1
    self.restored = restored
    rates = LineRates(now: now)
    startedAt = now
  }

  /// Sequence numbers start at the microseconds since 1970 and go up by one a line.
  ///
  /// A bridge that publishes fewer than a million lines a second on average can therefore never catch up with the
  /// clock, so the next start is always above the last number given out, without any stored state; the floor from the
  /// state directory covers a clock that was set back. 2^53 µs are reached in the year 2255.
  static func firstSeq(floor: UInt64, wall: Int64) -> UInt64 { max(UInt64(max(wall, 0)) / 1000, floor + 1) }

  public func start(now: Moment) {
    let restored = restored
    self.restored = nil
    savedTopics = Dictionary(
      (restored?.topics ?? []).map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    hasStarted = true
    makeStandingTopics(now: now)
    if let restored { takeUp(restored, now: now) }
    applyPins(configuration.pins, now: now)
    tendUpstreams(now: now)
  }

  public func takeActions() -> [BridgeAction] {
    guard !actions.isEmpty else { return [] }
    defer { actions = [] }
    return actions
  }

  // MARK: Turn and time

  /// Call at the end of each batch of input: everyone who can be written to is brought up to date.
  public func endTurn<T: SubscriberTransport>(now: Moment, transport: inout T) {
    takePausedInput(now: now)
    var composer = SnapshotComposer(catalog: catalog, orders: orders, lastSeq: fanOut.lastSeq)
    if let deadline = fanOut.nextLagCheck, deadline <= now.monotonic {
      for notice in fanOut.checkLag(now: now, transport: &transport, snapshots: &composer) { take(notice, now: now) }
    }
    for notice in fanOut.flush(now: now, transport: &transport, snapshots: &composer) { take(notice, now: now) }
    closeFinishedTraders()
    suggestionsLeft = Self.suggestionsPerTurn
    isTurnDue = fanOut.hasDueWork || pausedInput.contains { mayAnswer($0) }
    turnEndedAt = now.monotonic
  }

  /// So much was published in this turn that readers who are up to date would soon miss lines: end the turn now.
  public var isTurnFull: Bool { fanOut.unflushedBytes > configuration.limits.ringBytes / 4 }

  /// Monotonic nanoseconds of the next moment `deadlineReached` has something to do.
  public var nextDeadline: Int64? {
    guard !isTurnDue else { return turnEndedAt }
    var earliest = rates.nextTick
    for upstream in upstreams {
      if let deadline = upstream.nextDeadline { earliest = min(earliest, deadline) }
    }
    if let deadline = orders.desk.nextDeadline { earliest = min(earliest, deadline) }
    if let first = lingering.first { earliest = min(earliest, first.deadline) }
    if let first = heldDeadlines.first { earliest = min(earliest, first.deadline) }
    if let first = refusedDepths.first { earliest = min(earliest, first.deadline) }
    if let deadline = fanOut.nextLagCheck { earliest = min(earliest, deadline) }
    return earliest
  }

  /// Must be followed by `endTurn`, as every batch of input.
  public func deadlineReached(now: Moment) {
    for upstream in upstreams {
      guard let deadline = upstream.nextDeadline, deadline <= now.monotonic else { continue }
      perform(upstream.session.deadlineReached(now: now, budget: &budget), upstream, now: now)
    }
    if let deadline = orders.desk.nextDeadline, deadline <= now.monotonic {
      perform(orders.desk.deadlineReached(now: now), now: now)
    }
    dropLingering(now: now)
    expireHeld(now: now)
    retryRefusedDepths(now: now)
    if rates.nextTick <= now.monotonic {
      rates.tick(now: now, published: publishedLines, delivered: fanOut.statistics.lines)
    }
  }

  // MARK: Life

  /// New pins, limits and listener policies; connections stay. The log keeps its size.
  public func reconfigure(_ next: BridgeConfiguration, now: Moment) {
    let before = configuration
    configuration = next
    // Whether there are credentials is told by `credentialsChanged`.
    configuration.hasCredentials = before.hasCredentials
    orders.desk.configuration = next.trading
    makeStandingExecutions(now: now)
    applyPins(next.pins, replacing: before.pins, now: now)
    if next.account != before.account { accountChanged(now: now) }
  }

  public func beginShutdown(now: Moment) {
    isShuttingDown = true
    stopUpstreams(now: now)
    line.removeAll()
    Line.goodbye(&line, reason: "shutdown")
    for connection in connectionsInOrder {
      send(to: connection.id)
      fanOut.closeWhenWritten(connection.id)
    }
  }

  /// Text for the state directory: the attempt budget and the highest seq given out.
  public var savedState: SavedState { SavedState(seq: fanOut.lastSeq, budget: budget) }

  /// How many topics are live, and how many there are.
  public var liveTopics: (live: Int, all: Int) { (catalog.count(where: \.isLive), catalog.count) }

  /// One human line for `systemctl status`.
  public func statusLine(now: Moment) -> String {
    let topics = liveTopics
    let readers = connections.count
    let states = upstreams.filter(\.isEnabled).map { "\($0.name.text) \($0.stateText)" }.joined(separator: ", ")
    return "\(states), \(topics.live) of \(topics.all) topics live, "
      + "\(readers) \(readers == 1 ? "reader" : "readers"), \(rates.deliveredPerSecond) lines/s"
  }

  // MARK: Small things everyone uses

  func upstream(_ name: UpstreamName) -> Upstream { upstreams[Int(name.rawValue)] }
  func upstream(of topic: Topic) -> Upstream { upstream(topic.upstreamName) }

  var publishedLines: UInt64 { fanOut.lastSeq + 1 - firstSeq }

  /// What happens to all must happen in an order that does not depend on hashing.
  var connectionsInOrder: [Connection] { connections.values.sorted { $0.id.slot < $1.id.slot } }

  /// Sends what is in `line` to one subscriber.
  func send(to id: SubscriberID) { line.withUnsafeBytes { fanOut.send(id, $0) } }

  func log(
    _ level: LogRecord.Level, _ event: LogRecord.Event, _ message: String, _ fields: [(String, String)] = []
  ) {
    actions.append(.log(LogRecord(level, event, message, fields)))
  }
}

/// What survives a restart: see `Bridge.savedState`.
public struct SavedState: Sendable, Equatable {
  public var seq: UInt64
  public var budget: AttemptBudget

  public init(seq: UInt64, budget: AttemptBudget) {
    self.seq = seq
    self.budget = budget
  }
}
