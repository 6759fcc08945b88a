// The simulated exchange as a value: requests and time in, messages out. No socket, no clock, no chance of its own:
// the same seed, requests and times give the same bytes. A server turns the outputs into frames; a simulation of the
// whole system drives the value directly, far faster than real time.
//
// Its JSON, books and checksums are its own and shared with nobody, so that an error in the bridge cannot be hidden
// by the same error here. Both answer to recorded messages.

public struct Exchange: Sendable {
  public struct ConnectionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Counts accepted connections, from 1.
    public let ordinal: Int
    public static func < (left: Self, right: Self) -> Bool { left.ordinal < right.ordinal }
    public var description: String { "#\(ordinal)" }
  }

  public enum Endpoint: Sendable { case publicV2, privateV2, level3 }

  /// What a transport does for one connection.
  public enum Output: Sendable, Equatable {
    /// One message in one text frame. The bytes need not be JSON, nor even UTF-8.
    case text([UInt8])
    /// One message in several frames; with a ping frame between the first two if asked.
    case fragments([[UInt8]], pingBetween: Bool)
    /// One text frame whose bytes trickle out, `chunk` at a time every `interval` nanoseconds.
    case slow([UInt8], chunk: Int, interval: Int64)
    case binary([UInt8])
    case ping([UInt8])
    /// A close frame, then the end of the connection.
    case close(code: UInt16, reason: String)
    /// The end of the connection without a word.
    case drop
    /// Half-open: while it is on, nothing is read and nothing is sent, frames of the protocol included.
    case stall(Bool)
  }

  public enum UpgradeDecision: Sendable, Equatable {
    case accept
    case refuse(status: Int)
    /// Cut the connection without an answer.
    case drop
  }

  enum Event: Sendable {
    case market(Int)
    case heartbeat(ConnectionID)
    case idleCheck(ConnectionID)
    /// A subscription comes alive; the number tells it apart from an earlier one of the same topic.
    case goLive(ConnectionID, Topic, number: Int, wantsSnapshot: Bool)
    case text(ConnectionID, Text)
    case fault(Fault, every: Int64?, era: Int)
    case faultOver
    case endStall(ConnectionID, resumes: Bool, era: Int)
    case system(SystemState, cycle: Int)
    case refill(market: Int)
    case forget(ConnectionID, Topic, number: Int)
    case trading(TradingCall)
    case privateMessages([PrivateMessage])
    case orderDue(Int)
    case orderExpiry(Int)
    case deadManSwitch(era: Int)
  }

  public let configuration: ExchangeConfiguration
  public internal(set) var now: Int64
  public internal(set) var systemState = SystemState.online
  public internal(set) var counters = Counters()

  var markets: [Market]
  /// Who listens to each market; one more for `instrument`, which has none.
  var audiences: [Audience]
  let assets: [Asset]
  let marketIndex: [String: Int]
  /// Ascending by id.
  var connections: [Connection] = []
  var events = EventQueue<Event>()
  var outputs: [(ConnectionID, Output)] = []
  var rules: [FaultRule] = []
  var postponed: [Postponed] = []
  /// Counts how often faults were cleared: what was planned before that is void.
  var faultEra = 0
  /// Counts what decides the system's state: only the latest maintenance runs its course.
  var maintenanceCycle = 0
  /// Draws for connections, apart from every market's.
  var chance: SeededGenerator
  /// Draws for faults, so that they change nothing but what they are about.
  var mischief: SeededGenerator
  var subscriptionCount = 0
  /// Times of the connection attempts of the last ten minutes.
  var attempts: [Int64] = []
  var blockedUntil = Int64.min

  // The private side.
  var account = Account()
  var tokens: [String: SessionToken] = [:]
  /// The highest nonce of each key.
  var nonces: [String: UInt64] = [:]
  /// Draws for the private side, so that it changes nothing about the market.
  var privateChance: SeededGenerator
  /// Seeds the orders behind each market's levels.
  let ordersSeed: UInt64
  /// What the private channels will say when the engine has done its work.
  var unsent: [PrivateMessage] = []
  /// Whether reports of one kind go into one message.
  var groupsReports = false
  /// When the last delayed report goes out.
  var reportsUntil = Int64.min
  /// When every order will be cancelled; the era tells a switch apart from an earlier one.
  var switchTime: Int64?
  var switchEra = 0

  public init(configuration: ExchangeConfiguration = .init(), seed: UInt64, now: Int64) {
    self.configuration = configuration
    self.now = now
    chance = SeededGenerator(seed: seed, purpose: 0)
    mischief = SeededGenerator(seed: seed, purpose: .max)
    privateChance = SeededGenerator(seed: seed, purpose: .max - 1)
    ordersSeed = privateChance.next()
    let instruments = InstrumentCatalog.instruments(count: max(configuration.symbolCount, 1), seed: seed)
    assets = InstrumentCatalog.assets(of: instruments)
    markets = instruments.enumerated().map { index, instrument in
      Market(
        instrument: instrument, index: index, seed: seed, now: now, candleHistory: configuration.candleHistory)
    }
    audiences = instruments.map { _ in Audience() } + [Audience()]
    marketIndex = Dictionary(uniqueKeysWithValues: instruments.enumerated().map { ($1.symbol.uppercased(), $0) })
    for index in markets.indices { planMarket(index) }
    for asset in assets { account.change(asset.id, by: configuration.balances[asset.id] ?? 100_000 * powerOfTen[asset.precision]) }
  }

  // MARK: Time

  /// When `advance` is next useful.
  public var nextEventTime: Int64? { events.nextTime }

  public mutating func advance(to time: Int64) {
    while let (at, event) = events.takeFirst(notAfter: time) {
      now = max(now, at)
      happen(event)
    }
    now = max(now, time)
  }

  /// What is to be sent, in order. Empty until something happens again.
  public mutating func takeOutput() -> [(ConnectionID, Output)] {
    defer { outputs.removeAll() }
    return outputs
  }

  private mutating func happen(_ event: Event) {
    switch event {
    case .market(let index): moveMarket(index)
    case .heartbeat(let id): beat(id)
    case .idleCheck(let id): checkIdle(id)
    case .goLive(let id, let topic, let number, let wantsSnapshot):
      goLive(id, topic, number: number, wantsSnapshot: wantsSnapshot)
    case .text(let id, let text): send(text, to: id)
    case .fault(let fault, let every, let era):
      guard era == faultEra else { return }
      strike(fault)
      if let every { events.plan(.fault(fault, every: every, era: era), at: now + every) }
    case .faultOver: rules.removeAll { !$0.isActive(at: now) }
    case .endStall(let id, let resumes, let era): if era == faultEra { endStall(id, resumes: resumes) }
    case .system(let state, let cycle): if cycle == maintenanceCycle { announce(state) }
    case .refill(let market): markets[market].emptiedSide = nil
    case .forget(let id, let topic, let number): leave(id, topic, number: number)
    case .trading(let call): run(call)
    case .privateMessages(let messages): for message in messages { publish(message) }
    case .orderDue(let number): orderDue(number)
    case .orderExpiry(let number): orderExpires(number)
    case .deadManSwitch(let era): fireDeadManSwitch(era: era)
    }
  }

  // MARK: Connections

  /// Asked for every WebSocket upgrade, before `connect`.
  public mutating func upgradeDecision(now time: Int64) -> UpgradeDecision {
    advance(to: time)
    counters.connectionAttempts += 1
    let decision = decideUpgrade()
    if decision != .accept { counters.connectionsRefused += 1 }
    return decision
  }

  private mutating func decideUpgrade() -> UpgradeDecision {
    if let limit = configuration.connectionsPerTenMinutes {
      attempts.removeAll { $0 <= now - 600_000_000_000 }
      attempts.append(now)
      if attempts.count > limit { blockedUntil = max(blockedUntil, now + 600_000_000_000) }
      if now < blockedUntil { return .refuse(status: 429) }
    }
    if takeRule(.refuseConnections) != nil { return .drop }
    if let fault = takeRule(.httpStatus) { return .refuse(status: fault.code ?? 503) }
    return .accept
  }

  /// False while a fault has the port closed: a server then stops listening.
  public var isListening: Bool { !rules.contains { $0.fault.name == .refuseConnections && $0.isActive(at: now) } }

  public mutating func connect(_ endpoint: Endpoint, now time: Int64) -> ConnectionID {
    advance(to: time)
    counters.connectionsAccepted += 1
    let id = ConnectionID(ordinal: counters.connectionsAccepted)
    let connection = Connection(
      id: id, endpoint: endpoint, number: chance.next() | (1 << 63), sortsKeys: chance.chance(1, in: 3),
      lastActivity: now, requestTokens: Int64(configuration.requestBurst) * 1_000_000, requestTokensAt: now)
    connections.append(connection)
    send(Messages.status(systemState, of: connection), to: id)
    events.plan(.idleCheck(id), at: now + configuration.idleTimeout)
    return id
  }

  /// The other side is gone.
  public mutating func disconnected(_ id: ConnectionID, now time: Int64) {
    advance(to: time)
    forgetConnection(id)
  }

  /// Open connections, oldest first.
  public var openConnections: [ConnectionID] { connections.map(\.id) }

  func index(of id: ConnectionID) -> Int? {
    var low = 0
    var high = connections.count
    while low < high {
      let middle = (low + high) / 2
      if connections[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low < connections.count && connections[low].id == id ? low : nil
  }

  mutating func forgetConnection(_ id: ConnectionID) {
    guard let index = index(of: id) else { return }
    let markets = Set(connections[index].topics.keys.map { audienceIndex($0) })
    for market in markets { audiences[market].remove { $0.connection == id } }
    connections.remove(at: index)
  }

  /// Ends a connection from this side.
  mutating func end(_ id: ConnectionID, with output: Output) {
    guard index(of: id) != nil else { return }
    outputs.append((id, output))
    forgetConnection(id)
  }

  private mutating func checkIdle(_ id: ConnectionID) {
    guard let index = index(of: id) else { return }
    let deadline = connections[index].lastActivity + configuration.idleTimeout
    if !connections[index].topics.isEmpty {
      events.plan(.idleCheck(id), at: now + configuration.idleTimeout)
    } else if deadline > now {
      events.plan(.idleCheck(id), at: deadline)
    } else {
      end(id, with: .close(code: 1001, reason: "Idle timeout"))
    }
  }

  private mutating func beat(_ id: ConnectionID) {
    guard let index = index(of: id) else { return }
    guard !connections[index].topics.isEmpty else {
      connections[index].isHeartbeatPlanned = false
      return
    }
    if takeRule(.heartbeatStop, connection: id) == nil { send(Messages.heartbeat, to: id) }
    planHeartbeat(id)
  }

  mutating func planHeartbeat(_ id: ConnectionID) {
    // Measured distances were 936 to 1119 ms for a nominal second.
    let interval = configuration.heartbeatInterval
    events.plan(.heartbeat(id), at: now + interval / 1000 * chance.between(940, 1060))
  }
}
