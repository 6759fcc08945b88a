// The conversation with one Kraken endpoint, as a value: events in, actions out.
//
// It has no socket, no clock and no chance of its own. Every event is a method that takes the time;
// what has to happen without an event happens in `deadlineReached`, due at `nextDeadline`. Requests
// are sent only from there: an event changes the ledger, and the ledger says what is to be sent.
//
// One connection at a time. Its end makes every topic absent; the next one asks for what is wanted
// then. Nothing is resumed, because Kraken cannot.
//
//   stopped ──start──▶ waiting ──deadline──▶ opening ──opened──▶ open
//                         ▲                     │ failed          │ closed, silent, useless
//                         └─────────────────────┴─────────────────┘

import KrakenWire
import MarketData

public struct KrakenSession: Sendable {
  enum Phase: Equatable, Sendable {
    case stopped
    /// No transport; the next attempt is made at this monotonic time.
    case waiting(until: Int64)
    /// The transport was ordered; it has to answer by then.
    case opening(until: Int64)
    case open
  }

  let configuration: SessionConfiguration
  let limits: LivenessLimits
  let forgivenAfter: Int64
  var generator: SplitMix64

  var phase = Phase.stopped
  /// Of the open connection, or the last one.
  var connection = Connection(openedAt: 0)
  var backoff = Backoff()
  var bucket: TokenBucket
  var ledger = Ledger()
  var requests = RequestLog()
  /// What `level3` snapshots may cost now.
  var snapshotUnits: TokenBucket
  /// Requests wait until then for another reason than their number.
  var requestsHeldUntil: Int64 = .min
  var authority = Authority()
  private(set) var account = AccountParameters()

  /// What was last said by `upstreamChanged`.
  var state = UpstreamState.offline
  var reason: String?
  /// Kraken's word for the trading engine; outlives the connection, as the floor of the pauses depends on it.
  var system: String?
  var connectionID: String?
  var lastStatusItem: [UInt8] = []
  var roundTrip: Int64?
  /// The time of the latest event: nothing is due before it.
  var latest: Int64 = .min

  var offences = OffenceCounts()
  var warningsSeen: Set<String> = []
  var connectionsOpened = 0
  var messageCount = 0
  var byteCount = 0
  var discardedCount = 0

  /// - Parameter seed: decides the jitter; the same seed and events give the same actions.
  public init(configuration: SessionConfiguration = SessionConfiguration(), seed: UInt64) {
    precondition(configuration.symbolsPerRequestMax > 0 && configuration.asksMax > 0 && configuration.leavesMax > 0)
    self.configuration = configuration
    limits = LivenessLimits(configuration)
    forgivenAfter = configuration.forgivenAfter.nanoseconds
    generator = SplitMix64(seed: seed)
    bucket = TokenBucket(burst: configuration.requestBurst, perSecond: configuration.requestsPerSecond)
    snapshotUnits = TokenBucket(
      burst: configuration.snapshotUnitsPerSecond, perSecond: configuration.snapshotUnitsPerSecond)
  }

  // MARK: Starting and stopping

  /// The first attempt is due at once.
  public mutating func start(now: Moment) {
    guard phase == .stopped else { return }
    latest = now.monotonic
    phase = .waiting(until: now.monotonic)
  }

  /// Closes the connection and does nothing more until started again; what is wanted stays wanted.
  public mutating func stop(now: Moment) -> [SessionAction] {
    guard phase != .stopped else { return [] }
    latest = now.monotonic
    var actions: [SessionAction] = []
    if hasTransport { actions.append(.closeTransport(code: 1000, why: "stopping")) }
    if connection.wasLive { actions.append(.allStale(.upstreamLost)) }
    forgetConnection(now: now.monotonic)
    phase = .stopped
    change(to: .offline, reason: "stopped", &actions)
    return actions
  }

  // MARK: What is wanted

  /// Makes sure that the topic is carried. The same topic gives the same id as long as it is in the ledger.
  public mutating func want(_ topic: UpstreamTopic, now: Moment) -> UpstreamTopicID {
    precondition(topic.channel.isRequestable, "\(topic.channel) cannot be subscribed to")
    latest = now.monotonic
    if let id = ledger.id(of: topic) {
      ledger[id].isWanted = true
      ledger.isUnsettled = true
      return UpstreamTopicID(id)
    }
    let id = ledger.insert(topic)
    ledger[id].silenceLimit = configuration.silenceLimits[topic.channel]?.nanoseconds
    return UpstreamTopicID(id)
  }

  /// Nobody needs the topic any more; the id must not be used again.
  public mutating func unwant(_ topic: UpstreamTopicID, now: Moment) {
    let id = topic.index
    guard ledger.isOccupied(id), ledger[id].isWanted else { return }
    latest = now.monotonic
    ledger[id].isWanted = false
    switch ledger[id].stage {
    case .absent:
      ledger.remove(id)
    case .asked, .confirmed, .live:
      // Items are discarded from here on, so what is left of this subscription cannot be picked up again.
      ledger[id].isWorthless = true
    case .leaving:
      break
    }
    ledger.isUnsettled = true
  }

  /// Forces a fresh subscription with a fresh snapshot.
  public mutating func resubscribe(_ topic: UpstreamTopicID, now: Moment) {
    let id = topic.index
    guard ledger.isOccupied(id) else { return }
    latest = now.monotonic
    switch ledger[id].stage {
    case .confirmed, .live:
      ledger[id].isWorthless = true
      ledger.isUnsettled = true
    case .absent, .asked, .leaving:
      break
    }
  }

  /// Asks at once again for what was refused: the pair has become known.
  public mutating func retryRefused(symbol: String, now: Moment) {
    latest = now.monotonic
    var symbol = symbol
    var refused: [Int] = []
    for channel in KrakenChannel.allCases where channel.hasSymbols {
      symbol.withUTF8 { bytes in
        ledger.forEachTopic(channel, UnsafeRawBufferPointer(bytes)) { id in
          if case .refused? = ledger[id].hold?.reason { refused.append(id) }
        }
      }
    }
    for id in refused {
      ledger[id].hold = nil
      ledger.isUnsettled = true
    }
  }

  /// After a probe of a silent topic: its new snapshot differs from what was known, so it had been missing data.
  /// The topic's limit, doubled by the probe, goes back to the configured one.
  public mutating func probeFoundChange(_ topic: UpstreamTopicID) {
    guard ledger.isOccupied(topic.index) else { return }
    ledger[topic.index].silenceLimit =
      configuration.silenceLimits[ledger[topic.index].topic.channel]?.nanoseconds
  }

  /// How the account's channels are asked for. What was refused in other words is asked for again.
  ///
  /// - Precondition: not connected, since nothing that Kraken has already is asked for anew.
  public mutating func use(_ account: AccountParameters) {
    precondition(!hasTransport)
    guard account != self.account else { return }
    self.account = account
    for id in ledger.ids where ledger.isOccupied(id) {
      if case .refused? = ledger[id].hold?.reason { ledger[id].hold = nil }
    }
    ledger.isUnsettled = true
  }

  // MARK: Time

  /// When `deadlineReached` has to be called, on the monotonic clock; nil while stopped. A few comparisons.
  public var nextDeadline: Int64? {
    switch phase {
    case .stopped: return nil
    case .waiting(let until), .opening(let until): return until
    case .open:
      var deadline = min(
        connection.deadAt(limits), max(connection.pingDue(limits), bucket.readyAt), ledger.earliestDeadline)
      if ledger.isUnsettled, mayRequest {
        deadline = min(deadline, max(bucket.readyAt, requestsHeldUntil, latest))
      }
      return deadline
    }
  }

  var hasTransport: Bool {
    switch phase {
    case .stopped, .waiting: false
    case .opening, .open: true
    }
  }

  /// Records a change of state and tells it, unless nothing changed.
  mutating func change(
    to state: UpstreamState, reason: String?, retryIn: Duration? = nil, _ actions: inout [SessionAction]
  ) {
    self.state = state
    self.reason = reason
    let attempt = phase == .open ? 0 : backoff.attempts
    actions.append(
      .upstreamChanged(UpstreamChange(state: state, reason: reason, attempt: attempt, retryIn: retryIn)))
  }
}
