// The whole world in one thread: one bridge, one exchange, the network between them, and readers. It has one clock,
// which jumps from one event to the next, and one seed, which decides everything else.
//
//   World+Upstream   the network between bridge and exchange
//   World+REST       signed calls: tokens, and orders that are looked up
//   World+Readers    who connects, asks, reads, stops, leaves
//   World+Trouble    faults, steps of the wall clock
//   World+Restart    the bridge stops or dies, and another one takes its place
//   World+Traders    orders, and what is done with them
//   World+Judgement  what has to hold after every turn, and in the end
//   World+AccountJudgement  the same of the account

import BridgeCore
import FanOut
import KrakenSession
import MarketData
import SimulatedExchange

final class World {
  enum Event {
    /// The next message on the way to the bridge has arrived.
    case arrival(Link.ID)
    case request(Link.ID, [UInt8])
    case upgrade(Link.ID)
    case opened(Link.ID)
    case failed(Link.ID, TransportFailure)
    /// A signed call has reached the exchange; its answer has come back; nobody waits for it any longer.
    case restArrival(call: Int)
    case restAnswer(call: Int, RESTAnswer?)
    case restTimeout(call: Int)
    case disconnected(Exchange.ConnectionID)
    case connect(reader: Int)
    case act(reader: Int, generation: Int)
    case input(reader: Int, generation: Int)
    case read(reader: Int, generation: Int)
    case writable(SubscriberID, life: Int)
    case gone(SubscriberID, life: Int)
    case halfClosed(SubscriberID, life: Int)
    case trouble
    case restart
    case checkpoints
    case wallStep
    case calm
    case look
  }

  let plan: SimulationPlan
  var now: Int64 = 1000 * .second
  /// Wall clock minus monotonic clock.
  var wallOffset: Int64 = 1_790_000_000 * .second
  let start: Int64
  var agenda = Agenda<Event>()
  var exchange: Exchange
  var bridge: Bridge
  /// Counts bridges.
  var life = 0
  var saved: SavedText?
  /// What a bridge that dies leaves, while one is about to die.
  var checkpoint: BridgeState?
  var checkpointVersion: UInt64 = 0
  var makesCheckpoints = false
  /// By the raw value of their names.
  var links = LinkName.allCases.map { Link(id: Link.ID(name: $0)) }
  /// What Kraken has said on each of them.
  var models: [UpstreamModel]
  var rest = RESTCalls()
  let register = OrderRegister()
  let archive = LineArchive()
  var tap: Reader
  var tapLine: [UInt8] = []
  var tapIsGreeted = false
  /// How often each symbol's book was given up in this life.
  var booksGivenUp: [TopicName: Int] = [:]
  var readers: [Reader] = []
  var readerOf: [SubscriberID: Reader] = [:]
  /// Readers that were written to in this turn.
  var written: [Reader] = []
  var isCalm = false
  var calmSince: Int64 = 0
  var isSettled = false
  /// Monotonic times of connection attempts.
  var attempts: [Int64] = []
  var hasSteppedBack = false
  var hasLostMessages = false
  /// Breaks in the numbers of the account's channels, as readers were told of them, and all that there were.
  var breaksTold: [TopicName.Channel: Int] = [:]
  var breaksSeen = 0
  /// As the bridge last said.
  var ordersInDoubt = 0
  /// What Kraken says from then on arrives in full.
  var lossesEnd: Int64 = .max
  /// The market stands still.
  var isFrozen = false
  var turnsAtOnce = 0
  var turns = 0

  var network: Chance
  var manners: Chance
  var kernel: Chance
  var trouble: Chance

  var tracer: Tracer?
  private var digest = Digest()

  var moment: Moment { Moment(monotonic: now, wall: now + wallOffset) }
  /// The exchange has a clock of its own.
  var exchangeNow: Int64 { now + 1_790_000_000 * .second }

  init(plan: SimulationPlan, tracer: Tracer?) {
    self.plan = plan
    self.tracer = tracer
    start = now
    network = Chance(seed: plan.seed, purpose: 2)
    manners = Chance(seed: plan.seed, purpose: 3)
    kernel = Chance(seed: plan.seed, purpose: 4)
    trouble = Chance(seed: plan.seed, purpose: 5)
    exchange = Exchange(configuration: plan.exchange, seed: plan.seed, now: now + 1_790_000_000 * .second)
    models = LinkName.allCases.map { _ in UpstreamModel(plan.session) }
    bridge = Bridge(
      configuration: plan.bridge, seed: plan.seed, now: Moment(monotonic: now, wall: now + 1_790_000_000 * .second))
    tap = Reader(index: -1, manner: .everything, archive: archive, keepsMemory: false)
    tap.model.seesAccount = plan.account != nil
  }

  func trace(_ text: @autoclosure () -> String) {
    guard tracer != nil else { return }
    tracer?.note(now - start, text())
  }

  // MARK: Running

  /// Runs to the end of the plan.
  func run() throws(Violation) -> Outcome {
    makeReaders()
    planTrouble()
    try startBridge()
    try connectTap()
    let end = start + plan.troubleEnds + plan.settleWithin
    repeat {
      while !isSettled {
        try require(now <= end, "everything lives again after the trouble", "unsettled: \(whyUnsettled() ?? "nothing")")
        try step()
      }
      // What Kraken has not spoken of for long may be asked for anew while the market stands still.
      isSettled = try standStill()
    } while !isSettled
    try judgeTheEnd()
    return outcome
  }

  var outcome: Outcome {
    var digest = digest
    for reader in [tap] + readers {
      digest.feed(UInt64(reader.model.counts.lines))
      digest.feed(reader.model.largestSeq)
    }
    let models = readers.map(\.model.counts)
    return Outcome(
      seconds: Double(now - start) / 1e9, turns: turns, lines: archive.lineCount,
      delivered: models.reduce(0) { $0 + $1.lines }, gaps: models.reduce(0) { $0 + $1.gaps },
      stales: tap.model.counts.stales, attempts: attempts.count, digest: digest.value)
  }

  /// Goes to the next thing that happens, does all that is due, and lets the bridge write.
  func step() throws(Violation) {
    var next = agenda.nextTime ?? .max
    if !isFrozen { next = min(next, (exchange.nextEventTime ?? .max) - (exchangeNow - now)) }
    if let deadline = bridge.nextDeadline { next = min(next, deadline) }
    turnsAtOnce = next <= now ? turnsAtOnce + 1 : 0
    try require(turnsAtOnce < 2000, "time goes on", "the bridge asks for one moment again and again")
    now = max(now, next)
    // A busy loop comes late, and finds several things to do at once.
    if kernel.onceIn(8) { now += kernel.time(0, 3 * .millisecond) }
    advanceExchange()
    while let event = agenda.take(notAfter: now) { try happen(event) }
    if let deadline = bridge.nextDeadline, deadline <= now { bridge.deadlineReached(now: moment) }
    try endTurn()
  }

  /// As the daemon does it: as many turns as the bridge asks for before anything else happens.
  func endTurn() throws(Violation) {
    var rounds = 0
    repeat {
      if rounds > 0 { bridge.deadlineReached(now: moment) }
      rounds += 1
      turns += 1
      try require(rounds < 2000, "time goes on", "the bridge asks for one moment again and again")
      var port = Port(world: self)
      bridge.endTurn(now: moment, transport: &port)
      try takeActions()
      try readTap()
    } while bridge.nextDeadline.map { $0 <= now } ?? false
    // The tap has everything now: whatever else has a number is a stage of an order.
    if plan.account != nil, tapIsGreeted { archive.skip(to: bridge.savedState.seq + 1) }
    planReads()
    makeCheckpoint()
    try judgeTurn()
  }

  private func happen(_ event: Event) throws(Violation) {
    switch event {
    case .arrival(let id): try arrive(id)
    case .request(let id, let bytes): takeRequest(id, bytes)
    case .upgrade(let id): upgrade(id)
    case .opened(let id): opened(id)
    case .failed(let id, let failure): failed(id, failure)
    case .restArrival(let call): restArrived(call)
    case .restAnswer(let call, let answer): restAnswered(call, answer)
    case .restTimeout(let call): restTimedOut(call)
    case .disconnected(let id): if !isFrozen { exchange.disconnected(id, now: exchangeNow) }
    case .connect(let index): try connect(readers[index])
    case .act(let index, let generation): act(readers[index], generation)
    case .input(let index, let generation): input(readers[index], generation)
    case .read(let index, let generation): try read(readers[index], generation)
    case .writable(let id, let life): if life == self.life { bridge.subscriberWritable(id, now: moment) }
    case .gone(let id, let life): if life == self.life { bridge.subscriberGone(id, now: moment) }
    case .halfClosed(let id, let life):
      if life == self.life { bridge.subscriberHalfClosed(id, now: moment) }
    case .trouble: makeTrouble()
    case .restart: try restart()
    case .checkpoints: makesCheckpoints = true
    case .wallStep: stepWallClock()
    case .calm: beCalm()
    case .look: look()
    }
  }

  private func takeActions() throws(Violation) {
    for action in bridge.takeActions() {
      switch action {
      case .openTransport(let name): try openLink(name)
      case .closeTransport(let name, let code, let why):
        trace("bridge closes \(name.text): \(code) \(why)")
        closeLink(name)
      case .send(let name, let bytes): try send(name, bytes)
      case .requestToken(let name): call(.token(name), "/0/private/GetWebSocketsToken", "")
      case .rest(let id, let path, let form): call(.query(id), path, form)
      case .saveState: saved = SavedText(bridge.savedState, now: moment)
      case .log(let record):
        trace("log \(record.event.rawValue): \(record.message)")
        try rest.tokens.check(Array(record.message.utf8)[...], "the log")
      case .reload: break
      }
    }
  }

  /// What a reader has been given goes into the run's digest.
  func note(_ bytes: ArraySlice<UInt8>) { digest.feed(UInt64(bytes.count)) }
}

/// What the daemon would have written to the state directory.
struct SavedText {
  var seq: UInt64
  var budget: [UInt8]

  init(_ state: SavedState, now: Moment) {
    seq = state.seq
    budget = state.budget.encoded(now: now)
  }
}

/// The bridge's way to the sockets of readers.
struct Port: SubscriberTransport {
  unowned let world: World

  mutating func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
    world.write(id, bytes)
  }

  mutating func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) { world.park(id, remainder) }

  mutating func close(_ id: SubscriberID) { world.readerOf[id]?.socket?.isClosedByBridge = true }
}
