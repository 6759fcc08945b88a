// Start, stop, and what the service manager hears of it.

import BridgeCore
import Logging
import MarketData
import NIOCore
import SystemdNotify

extension DaemonLoop {
  // MARK: Start

  /// Begins serving. Succeeds when every listener accepts; Kraken may come later.
  func start() -> EventLoopFuture<Void> {
    bridge.start(now: SystemClock.now)
    return takeUpReaders()
      .assumeIsolated()
      .flatMap { [self] in
        endTurn()
        return EventLoopFuture.andAllSucceed(listeners.map(startListener), on: eventLoop)
      }
      .flatMap { [self] in acceptWaiting() }
      .map { [self] in
        let paths = settings.listeners.map(\.path).joined(separator: ", ")
        logger.notice("kraken-bridged \(version) serves \(paths)")
        lastStatus = bridge.statusLine(now: SystemClock.now)
        notify([.ready, .status(lastStatus)])
        startReporting()
        startKeeping()
      }
      .nonisolated()
  }

  func startListener(_ listener: Listener) -> EventLoopFuture<Void> {
    listener.start(eventLoop: eventLoop, owner: self) { [unowned self] why in
      warn("cannot accept connections to \(listener.settings.path) for a moment: \(why)")
    }
  }

  private func startReporting() {
    every(.seconds(2)) { loop in
      loop.reportStatus()
      loop.logRepeats()
      loop.relieveMemoryPressure()
    }
    every(.seconds(60)) { loop in loop.saveState(now: SystemClock.now) }
    if let interval = watchdog?.pingInterval {
      every(.nanoseconds(max(1, interval.nanoseconds))) { loop in loop.feedWatchdog() }
    }
  }

  func every(_ interval: TimeAmount, _ body: @escaping (DaemonLoop) -> Void) {
    let shared = NIOLoopBound((self, body), eventLoop: eventLoop)
    let task = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
      let (loop, body) = shared.value
      body(loop)
    }
    repeatedTasks.append(task)
  }

  private func reportStatus() {
    bridge.residentBytes = ResidentMemory.bytes
    let status = bridge.statusLine(now: SystemClock.now)
    guard status != lastStatus else { return }
    lastStatus = status
    notify([.status(status)])
  }

  /// Free memory is all there is to give: the ring is what readers resume from, and books are what the bridge is for.
  private func relieveMemoryPressure() {
    guard let memoryPressure, memoryPressure.happened() else { return }
    MemoryPressure.giveBackFreeMemory()
    warn("the machine is short of memory; gave back what was free")
  }

  /// The ping is evidence that this loop does its work: it comes from the loop, and not when the bridge waits
  /// in vain for a deadline to be served.
  private func feedWatchdog() {
    guard let watchdog else { return }
    let overdue = SystemClock.now.monotonic - (bridge.nextDeadline ?? .max)
    guard overdue < watchdog.interval.nanoseconds else { return }
    notify([.watchdog])
  }

  // MARK: Stop

  /// How long readers have to take their last lines.
  static let drainTime = TimeAmount.seconds(2)

  /// Says goodbye to everyone and closes everything. Succeeds when it is done, in bounded time.
  func stop() -> EventLoopFuture<Void> {
    if let stopping { return stopping.futureResult }
    let done = eventLoop.makePromise(of: Void.self)
    stopping = done
    logger.notice("stopping")
    notify([.stopping, .status("stopping")])
    for task in repeatedTasks { task.cancel() }
    repeatedTasks = []
    if let store {
      handOver(store, done: done)
      return done.futureResult
    }
    for listener in listeners { listener.stop() }
    let now = SystemClock.now
    bridge.beginShutdown(now: now)
    endTurn()
    saveState(now: now)
    // The manager waits for as long as the loop can still say that it is at it.
    every(.seconds(1)) { loop in loop.notify([.extendTimeout(.seconds(5))]) }
    let deadline = now.monotonic + DaemonLoop.drainTime.nanoseconds
    every(.milliseconds(10)) { loop in
      loop.endTurn()
      guard loop.sockets.isEmpty || SystemClock.now.monotonic >= deadline else { return }
      loop.finish()
    }
    return done.futureResult
  }

  private func finish() {
    for task in repeatedTasks { task.cancel() }
    repeatedTasks = []
    sockets.closeAll()
    for name in Array(upstreams.keys) { closeUpstream(name, code: 1001, why: "shutting down") }
    logger.info("stopped")
    stopping?.succeed()
  }
}
