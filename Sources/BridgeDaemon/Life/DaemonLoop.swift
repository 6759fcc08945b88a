// The bridge's hands: one event loop that owns the bridge, feeds it what sockets and timers bring, and carries
// out what it orders. Everything here runs on that loop, so there are no locks, and the class is not Sendable
// on purpose.
//
//   DaemonLoop+Upstream     the connections with Kraken
//   DaemonLoop+Credentials  tokens and signed calls
//   DaemonLoop+Subscribers  the connections of readers
//   DaemonLoop+Life         start, stop, and what the service manager hears
//   DaemonLoop+Reload       a new configuration while running
//   DaemonLoop+Restart      what the service manager keeps for the next process
//
// A turn ends each batch of input: readers are brought up to date, the bridge's orders are carried out, and the
// one timer is set to its next deadline.

import BridgeCore
import FanOut
import Logging
import MarketData
import NIOCore
import SystemdNotify

final class DaemonLoop {
  let eventLoop: any EventLoop
  let bridge: Bridge
  let version: String
  let processID: Int32
  let userID: UInt32
  var settings: Settings
  /// By the index that the bridge knows each by. A listener that a reload removed keeps its place, because
  /// connections are known by it.
  var listeners: [Listener]
  let reread: () throws(InvalidSettings) -> Settings
  let makeLogger: (LogSettings) -> Logger
  var logger: Logger
  var repetition = Repetition()
  let stateFile: StateFile
  let sockets: SubscriberSockets
  /// Readers whose connections ended. The bridge hears of them at the next turn: the news may come while it is
  /// writing to them.
  var departed: [SubscriberID] = []
  var upstreams: [UpstreamName: UpstreamTransport] = [:]
  let trust: TrustedContext
  let rest: RESTClient
  let tokens: TokenSource
  let watchdog: Watchdog?
  let memoryPressure: MemoryPressure?
  /// Tells the service manager.
  let notify: ([ServiceNote]) -> Void
  var lastStatus = ""
  var repeatedTasks: [RepeatedTask] = []
  var stopping: EventLoopPromise<Void>?

  /// Keeps what a restart needs; nil without a manager that does.
  let store: DescriptorStore?
  var inherited: Inheritance
  /// What readers of the process before get first.
  var continuations: [SubscriberID: [UInt8]] = [:]
  var isTakingUp = false
  var isHandedOver = false
  var nextCheckpoint = Int64.min
  var checkpointTime = Int64.min
  var checkpointVersion: UInt64 = 0

  private var timer: Scheduled<Void>?
  private var timerDeadline = Int64.max
  private var isTurnDue = false
  var isEndingTurn = false
  /// Readers that left while the bridge was writing.
  var left: [SubscriberID] = []

  /// What the daemon is made of, gathered before the loop runs.
  struct Parts {
    var settings: Settings
    /// As the settings' credentials say.
    var credentials: Credentials?
    var version: String
    var sockets: [ListeningSocket]
    var reread: () throws(InvalidSettings) -> Settings
    var makeLogger: (LogSettings) -> Logger
    var processID: Int32
    var userID: UInt32
    var watchdog: Watchdog?
    var memoryPressure: MemoryPressure?
    var notify: ([ServiceNote]) -> Void
    /// nil without a manager that keeps descriptors.
    var store: DescriptorStore?
    var inherited = Inheritance()
  }

  init(_ parts: Parts, eventLoop: any EventLoop) {
    let now = SystemClock.now
    self.eventLoop = eventLoop
    settings = parts.settings
    version = parts.version
    processID = parts.processID
    userID = parts.userID
    watchdog = parts.watchdog
    memoryPressure = parts.memoryPressure
    notify = parts.notify
    reread = parts.reread
    store = parts.store
    inherited = parts.inherited
    makeLogger = parts.makeLogger
    logger = parts.makeLogger(parts.settings.log)
    listeners = zip(parts.sockets, parts.settings.listeners).enumerated().map { index, pair in
      Listener(socket: pair.0, settings: pair.1, index: index)
    }
    stateFile = StateFile(directory: parts.settings.stateDirectory)
    let (saved, fault) = stateFile.load(now: now)
    if let fault { logger.warning("\(fault); starting without what was remembered") }
    trust = TrustedContext(caFile: parts.settings.upstream.caFile)
    let (nonces, nonceFault) = NonceFile.open(directory: parts.settings.stateDirectory)
    if let nonceFault { logger.warning("\(nonceFault); nonces start with the time") }
    rest = RESTClient(
      endpoint: parts.settings.upstream.restEndpoint, userAgent: DaemonLoop.userAgent(parts.version),
      eventLoop: eventLoop, tls: trust.context)
    let calls = SignedCalls(client: rest, nonces: nonces)
    tokens = TokenSource(credentials: parts.credentials, calls: calls, eventLoop: eventLoop)
    bridge = Bridge(
      configuration: parts.settings.bridgeConfiguration(
        listeners: parts.settings.listeners, version: parts.version, pid: parts.processID, ownUID: parts.userID,
        saved: saved),
      seed: .random(in: 0 ... .max), restoring: parts.inherited.state, now: now)
    sockets = SubscriberSockets(eventLoop: eventLoop, unfinished: parts.store?.unfinished)
    sockets.wake = { [unowned self] in scheduleTurn() }
    calls.warn = { [unowned self] in warn($0) }
  }

  // MARK: Turns

  /// Ends the turn when all input that is ready now has been taken.
  func scheduleTurn() {
    guard !isTurnDue, !isTakingUp else { return }
    isTurnDue = true
    eventLoop.assumeIsolated().execute { [self] in if isTurnDue { endTurn() } }
  }

  func endTurn() {
    isTurnDue = false
    guard !isTakingUp, !isHandedOver else { return }
    let now = SystemClock.now
    for id in sockets.takeWritable() { bridge.subscriberWritable(id, now: now) }
    // Writing can end a connection, and NIO says so at once: such news waits until the bridge is done.
    isEndingTurn = true
    var transport = sockets
    bridge.endTurn(now: now, transport: &transport)
    isEndingTurn = false
    for id in left { bridge.subscriberGone(id, now: now) }
    left.removeAll(keepingCapacity: true)
    for action in bridge.takeActions() { perform(action, now: now) }
    for id in sockets.paused where bridge.wantsInput(id) { sockets.setInput(id, paused: false) }
    setTimer(now: now)
  }

  private func perform(_ action: BridgeAction, now: Moment) {
    switch action {
    case .openTransport(let name): openUpstream(name)
    case .closeTransport(let name, let code, let why): closeUpstream(name, code: code, why: why)
    case .send(let name, let text): upstreams[name]?.send(text)
    case .log(let record): log(record, now: now)
    case .saveState: saveState(now: now)
    case .requestToken(let name): fetchToken(name)
    case .rest(let id, let path, let form): query(id, path: path, form: form)
    case .reload(let requester):
      let error = reload()
      bridge.reloadFinished(requester, error: error, now: now)
      scheduleTurn()
    }
  }

  // MARK: Time

  private func setTimer(now: Moment) {
    guard let deadline = bridge.nextDeadline else { return }
    // Deadlines mostly move away with each message; a timer that fires early only looks again.
    guard deadline < timerDeadline else { return }
    timer?.cancel()
    timerDeadline = deadline
    timer = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(max(0, deadline - now.monotonic))) { [self] in
      timerDeadline = .max
      let now = SystemClock.now
      if let due = bridge.nextDeadline, due <= now.monotonic { bridge.deadlineReached(now: now) }
      endTurn()
    }
  }

  /// Lets go of everything that would keep this object alive or call it again.
  func dissolve() {
    timer?.cancel()
    timer = nil
    timerDeadline = .min
  }

  // MARK: Log and state

  func log(_ record: LogRecord, now: Moment) {
    let level = record.level.loggerLevel
    guard level >= logger.logLevel else { return }
    let told = record.fields.filter { $0.0 != "peer_pid" && $0.0 != "reason" }.map(\.1)
    let key = ([record.event.rawValue] + told).joined(separator: "\u{0}")
    guard repetition.admit(key, message: record.message, level: level.priority, now: now.monotonic) == .write
    else { return }
    var metadata: Logger.Metadata = [LogFormat.eventField: "\(record.event.rawValue)"]
    for (name, value) in record.fields { metadata[name] = "\(value)" }
    logger.log(level: level, "\(record.message)", metadata: metadata)
  }

  /// A trouble of the daemon's own; repeats are counted.
  func warn(_ message: String) {
    let now = SystemClock.now.monotonic
    guard repetition.admit("daemon", message: message, level: Logger.Level.warning.priority, now: now) == .write
    else { return }
    logger.warning("\(message)")
  }

  func logRepeats() {
    for summary in repetition.summaries(now: SystemClock.now.monotonic) {
      let level = Logger.Level.allCases.first { $0.priority == summary.level } ?? .info
      logger.log(level: level, "\(summary.message) (and \(summary.repeats) more like it in the last minute)")
    }
  }

  func saveState(now: Moment) {
    if let fault = stateFile.save(bridge.savedState, now: now) { warn(fault) }
  }
}

extension LogRecord.Level {
  var loggerLevel: Logger.Level {
    switch self {
    case .debug: .debug
    case .info: .info
    case .notice: .notice
    case .warning: .warning
    case .error: .error
    }
  }
}
