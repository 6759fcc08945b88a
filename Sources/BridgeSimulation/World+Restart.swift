// Restarts of the bridge: it stops or dies, and its readers with it, or a service manager keeps their connections.

import BridgeCore
import FanOut
import KrakenSession
import MarketData

extension World {
  func restart() throws(Violation) {
    guard !isCalm else { return }
    defer { if plan.isCrashLoop, life <= plan.restarts { agenda.plan(.restart, at: now + trouble.time(0, .second)) } }
    // A crash forgets the last number given out; that is only safe while the clock goes on.
    let isOrderly = hasSteppedBack || plan.wallSteps > 0 || trouble.onceIn(2)
    trace("trouble: the bridge \(isOrderly ? "stops" : "dies")\(plan.keepsReaders ? ", its readers are kept" : "")")
    if plan.keepsReaders { return try isOrderly ? handOver() : goOnFromCheckpoint() }
    if isOrderly {
      bridge.beginShutdown(now: moment)
      try endTurn()
      saved = SavedText(bridge.savedState, now: moment)
    }
    closeLinks()
    rest.abandon()
    for reader in readers + [tap] {
      reader.socket?.orphan()
      if let socket = reader.socket, reader !== tap { planRead(reader, socket) }
    }
    readerOf = [:]
    register.forgetConnections()
    try startBridge()
    try connectTap()
  }

  func startBridge(restoring state: BridgeState? = nil) throws(Violation) {
    if life > 0 { now += trouble.time(10 * .millisecond, (plan.isCrashLoop ? 1 : 5) * .second) }
    life += 1
    booksGivenUp = [:]
    checkpoint = nil
    var configuration = plan.bridge
    configuration.seqFloor = saved?.seq ?? 0
    configuration.budget = AttemptBudget(
      decoding: saved?.budget ?? [], limit: plan.budgetLimit, window: plan.budgetWindow, now: moment)
    // After a step of the wall clock nobody knows when the saved attempts were.
    if plan.wallSteps > 0 { attempts = [] }
    for index in models.indices { models[index] = UpstreamModel(plan.session, account: models[index].account) }
    bridge = Bridge(configuration: configuration, seed: plan.seed &+ UInt64(life), restoring: state, now: moment)
    bridge.start(now: moment)
  }

  // MARK: Readers that are kept

  /// As the daemon does it, but without its pause between two: what readers ask for is never lost here, so that it can
  /// be judged exactly what they get.
  func makeCheckpoint() {
    guard makesCheckpoints, checkpoint == nil || checkpointVersion != bridge.membershipVersion else { return }
    checkpoint = bridge.checkpoint()
    checkpointVersion = bridge.membershipVersion
  }

  /// Everybody goes on where they were, the tap too.
  private func handOver() throws(Violation) {
    bridge.beginHandover(now: moment)
    try endTurn()
    saved = SavedText(bridge.savedState, now: moment)
    let state = bridge.handOver(lineBytesMax: plan.handedOverLineBytes) { readerOf[$0]?.socket?.takeParked() ?? [] }
    closeLinks()
    rest.abandon()
    for reader in readers { reader.model.bridgeRestarted() }
    try takeUp(state)
  }

  /// Who waits for an answer that may be lost comes anew; so does the tap, which must know every line.
  private func goOnFromCheckpoint() throws(Violation) {
    let state = checkpoint ?? bridge.checkpoint()
    let known = state.connected
    closeLinks()
    rest.abandon()
    tap.socket = nil
    var torn: [SubscriberID] = []
    for reader in readers {
      guard let socket = reader.socket else { continue }
      guard known[socket.id] != nil, !socket.isClosedByBridge, reader.model.isGreeted, reader.model.requests.isIdle,
        socket.outbox.isEmpty
      else {
        leave(reader)
        planConnect(reader, manners.time(0, 3 * .second))
        continue
      }
      reader.model.bridgeRestarted()
      _ = socket.takeParked()
      let line = reader.model.lineInTheMiddle(unread: socket.unreadBytes)
      // The mark that a line may be torn is set a little too often.
      guard !line.isEmpty || kernel.onceIn(4) else { continue }
      torn.append(socket.id)
      reader.model.expectTorn(line)
    }
    try takeUp(state, torn: torn)
    try connectTap()
  }

  private func takeUp(_ state: BridgeState, torn: [SubscriberID] = []) throws(Violation) {
    let restored: BridgeState
    do {
      restored = try BridgeState(state.bytes)
    } catch {
      throw Violation("the state can be read again", "\(error)")
    }
    try startBridge(restoring: restored)
    for id in torn { bridge.endTornLine(id) }
    for id in restored.connected.keys.sorted(by: { $0.slot < $1.slot }) {
      guard let socket = readerOf[id]?.socket, socket.id == id else {
        bridge.subscriberGone(id, now: moment)
        continue
      }
      socket.owesWritable = false
      if socket.isHalfClosed, socket.outbox.isEmpty { agenda.plan(.halfClosed(id, life: life), at: now) }
    }
  }
}
