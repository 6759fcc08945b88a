// One seed's world in numbers: how large, how fast, how troubled, how tight its limits. Small rings, short lags and
// little buffers are the rule, so that what is rare in life happens all the time.

import BridgeCore
import FanOut
import KrakenSession
import SimulatedExchange

struct SimulationPlan {
  /// Small worlds are for the test suite, where nothing is optimized.
  enum Size { case small, full }

  var seed: UInt64
  var symbolCount: Int
  var exchange = ExchangeConfiguration()
  var session = SessionConfiguration()
  var limits = BridgeLimits()
  var lag: [LagLimits] = []
  var readerCount: Int
  var depths: [Int]
  var budgetLimit: Int
  var budgetWindow: Duration
  /// Trouble ends then, in nanoseconds from the start.
  var troubleEnds: Int64
  var faultsPerMinute: Int
  /// How long after that everything has to be well.
  var settleWithin: Int64
  var restarts: Int
  /// They follow each other, each as soon as the bridge has had time to ask for a connection.
  var isCrashLoop: Bool
  /// Whether readers stay connected through restarts.
  var keepsReaders: Bool
  /// How much of the log goes with an orderly one.
  var handedOverLineBytes: Int
  var wallSteps: Int
  /// Whether messages of Kraken's may be lost or swapped, which nobody can detect below the ten best levels.
  var isLossy: Bool
  var socketBytes: ClosedRange<Int>
  var latency: ClosedRange<Int>
  /// Nil: a world without credentials.
  var account: AccountPlan?

  init(seed: UInt64, size: Size, hasAccount: Bool = false) {
    var chance = Chance(seed: seed, purpose: 1)
    self.seed = seed
    let isSmall = size == .small
    symbolCount = chance.within(isSmall ? 2...3 : 2...12)
    readerCount = chance.within(isSmall ? 2...8 : chance.onceIn(3) ? 20...40 : 1...16)
    depths = chance.pick(isSmall ? [[10], [10, 25], [10, 25, 100]] : [[10, 25], [10, 25, 100], [10, 25, 100, 500, 1000]])
    // Crowds cost most of the time, and meet their trouble soon.
    troubleEnds = Int64(chance.within(isSmall ? 15...40 : readerCount > 16 ? 30...70 : 40...120)) * .second
    faultsPerMinute = chance.pick([0, 3, 10, 20, 40])
    // Now and then a crash loop, which must not spend the budget of attempts twice.
    isCrashLoop = chance.onceIn(12)
    restarts = isCrashLoop ? chance.within(8...14) : chance.onceIn(3) ? chance.within(1...3) : 0
    wallSteps = chance.onceIn(4) ? chance.within(1...4) : 0
    isLossy = chance.onceIn(2)
    socketBytes = chance.pick([64...512, 256...4096, 2048...65536])
    latency = chance.pick([0...2, 1...30, 20...300])
    budgetLimit = isCrashLoop ? 5 : chance.pick([5, 12, 100])
    budgetWindow = .seconds(isCrashLoop ? 60 : chance.within(20...60))
    settleWithin = 240 * .second
    keepsReaders = chance.onceIn(2)
    handedOverLineBytes = chance.pick([0, 4096, 1 << 20])

    exchange.symbolCount = symbolCount
    exchange.updatesPerSecond = Double(chance.within(isSmall ? 1...4 : symbolCount > 6 ? 1...6 : 1...12))
    exchange.candleHistory = chance.within(2...40)
    exchange.acknowledgementLatency = Int64(chance.within(0...40)) * .millisecond
    exchange.snapshotLatency = Int64(chance.within(0...300)) * .millisecond
    exchange.requestsPerSecond = chance.onceIn(3) ? 12 : nil

    session.quarantinePause = .seconds(20)
    session.refusedPause = .seconds(chance.within(5...20))
    session.blockedPause = .seconds(5)
    session.blockedPauseMax = .seconds(20)
    session.forgivenAfter = .seconds(60)
    session.firstDataDeadlineMax = .seconds(30)
    session.silenceLimits = [.book: .seconds(chance.within(8...60)), .ticker: .seconds(chance.within(20...120))]
    session.silenceLimitMax = .seconds(240)
    session.symbolsPerRequestMax = chance.pick([1, 3, 200])

    let deepest = depths.max()!
    limits.lineBytesMax = deepest * 2 * 48 + 16384
    // After a reconnect the snapshots of everything may come in one turn, and the tap must not miss any.
    let snapshots = (depths.reduce(0, +) * 2 * 48 + (2 * exchange.candleHistory + 60) * 240) * symbolCount
    limits.ringBytes = max(2 * limits.lineBytesMax, snapshots + chance.pick([64, 128, 256]) << 10)
    limits.writeBytesMax = chance.pick([1024, 8192, 65536])
    limits.linger = .milliseconds(chance.pick([0, 200, 3000, 15000]))
    limits.answerBytesMax = chance.pick([2048, 16384, 262144])
    limits.connectionsPerUID = chance.onceIn(4) ? max(2, readerCount / 2) : 16384
    lag = (0..<4).map { _ in
      LagLimits(
        bytes: chance.pick([4096, 16384, limits.ringBytes / 2, .max]), duration: .seconds(chance.pick([1, 5, 30, 3600])))
    }
    if hasAccount { addAccount(isSmall: isSmall) }
  }

  var bridge: BridgeConfiguration {
    let names = ["bridge.sock", "strict.sock", "preset.sock"]
    var listeners = names.indices.map { ListenerPolicy(name: names[$0], lag: lag[$0]) }
    listeners[2].preset = .topics([PinnedSubscription(channel: "ticker", symbols: ["BTC/USD", "ETH/USD"])])
    listeners.append(ListenerPolicy(name: "feed.sock", preset: .everything, lag: lag[3]))
    listeners.append(
      ListenerPolicy(
        name: "tap.sock", allowsAccount: account != nil, preset: .everything,
        lag: LagLimits(bytes: .max, duration: .seconds(3600))))
    if account != nil {
      listeners.append(ListenerPolicy(name: "account.sock", allowsAccount: true, lag: lag[0]))
      listeners.append(ListenerPolicy(name: "private.sock", allowsAccount: true, allowsTrade: true, lag: lag[1]))
    }
    var configuration = BridgeConfiguration(
      version: "1.0.0", pid: 1, publicURL: "wss://exchange.invalid/v2", session: session, listeners: listeners,
      pins: pins, limits: limits, ownUID: Self.tapUID, budget: AttemptBudget(limit: budgetLimit, window: budgetWindow))
    account?.configure(&configuration)
    return configuration
  }

  /// The tap is the bridge's own user, so that it may ask for `clients`.
  static let tapUID: UInt32 = 990
  static let presetListener = 2
  static let feedListener = 3
  static let tapListener = 4
  static let accountListener = 5
  static let tradeListener = 6

  var pins: [PinnedSubscription] {
    seed % 2 == 0 ? [PinnedSubscription(channel: "book", symbols: ["BTC/USD"], depth: 10)] : []
  }

  static let presetTopics = [TopicName(.ticker, "BTC/USD"), TopicName(.ticker, "ETH/USD")]
  var pinnedTopics: [TopicName] { pins.isEmpty ? [] : [TopicName(.book, "BTC/USD", parameter: 10)] }
}
