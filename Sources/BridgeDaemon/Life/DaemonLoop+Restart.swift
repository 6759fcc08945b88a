// A restart under a service manager that keeps descriptors: readers are taken up at the start, and handed over at the
// end instead of being sent away. Without such a manager nothing of this happens.

import BridgeCore
import FanOut
import Glibc
import MarketData
import NIOCore
import NIOPosix
import SystemdNotify

extension DaemonLoop {
  /// How much of the log goes with an orderly restart.
  private static let handedOverLineBytes = 8 << 20
  private static let checkpointInterval: Int64 = 250_000_000
  /// A checkpoint that nobody's coming or going asks for, so that its sequence number does not grow old.
  private static let checkpointAge: Int64 = 5_000_000_000

  // MARK: Taking up

  /// Makes the connections that the manager kept ours again. Until it is done no turn ends: the bridge would take
  /// readers that are not there yet for gone.
  func takeUpReaders() -> EventLoopFuture<Void> {
    guard let store else { return eventLoop.makeSucceededVoidFuture() }
    isTakingUp = true
    let now = SystemClock.now
    let known = inherited.state?.connected ?? [:]
    let slots = Dictionary(known.keys.map { ($0.slot, $0) }, uniquingKeysWith: { first, _ in first })
    let isCertain = inherited.state?.isCertain ?? false
    var missing = Set(known.keys)
    var unknown: [(client: PassedDescriptor, peer: Peer, listener: Int, rest: UnfinishedLines.Rest)] = []
    var adopted: [EventLoopFuture<Void>] = []
    for client in inherited.clients {
      guard let (slot, generation) = DescriptorStore.client(named: client.name), client.isUnixConnection,
        let peer = Peer(descriptor: client.descriptor), let listener = listenerIndex(of: client.descriptor),
        listeners[listener].settings.admits(uid: peer.uid, gid: peer.gid)
      else {
        store.remove(named: client.name)
        turnAway(client.descriptor)
        continue
      }
      let rest = store.unfinished?.rest(slot) ?? .uncertain
      guard let id = slots[slot], id.generation % DescriptorStore.generations == generation, known[id] == peer,
        missing.remove(id) != nil
      else {
        unknown.append((client, peer, listener, rest))
        continue
      }
      store.note(id)
      // A certain state has the rest of the line too.
      if !isCertain { continuations[id] = rest.continuation }
      adopted.append(adopt(client.descriptor, listener: listener, returning: id))
    }
    for id in missing.sorted(by: { $0.slot < $1.slot }) { bridge.subscriberGone(id, now: now) }
    // Their old names first, all of them, since new ids may make the same names.
    for each in unknown { store.remove(named: each.client.name) }
    for (client, peer, listener, rest) in unknown {
      switch bridge.subscriberFound(listener: listener, peer: peer, lineMayBeTorn: false, now: now) {
      case .refused: turnAway(client.descriptor)
      case .accepted(let id):
        continuations[id] = rest.continuation
        rest.continuation.withUnsafeBytes { store.unfinished?.keep(id.slot, rest: $0) }
        store.add(id, descriptor: client.descriptor)
        adopted.append(adopt(client.descriptor, listener: listener, returning: id))
      }
    }
    if !inherited.clients.isEmpty {
      let asOf = isCertain ? "after an orderly stop" : "as of its last checkpoint"
      logger.notice("took up \(adopted.count) readers of the process before, \(asOf)")
    }
    inherited = Inheritance()
    return EventLoopFuture.andAllComplete(adopted, on: eventLoop).assumeIsolated().map { [self] in
      isTakingUp = false
      // Before anything is written: what is handed over can be taken up only once.
      checkpoint(now: SystemClock.now, force: true)
      store.manager.barrier(.seconds(1))
    }.nonisolated()
  }

  private func turnAway(_ descriptor: Int32) {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  /// Whoever found the sockets of the process before and was not accepted by it.
  func acceptWaiting() -> EventLoopFuture<Void> {
    let waiting = listeners.flatMap { listener in
      listener.acceptWaiting().map { adopt($0, listener: listener.index, returning: nil) }
    }
    return EventLoopFuture.andAllComplete(waiting, on: eventLoop)
  }

  /// Gives a connection to NIO.
  /// - Parameter id: what it goes by if the process before had it; nil for a newcomer.
  private func adopt(_ descriptor: Int32, listener: Int, returning id: SubscriberID?) -> EventLoopFuture<Void> {
    let owner = NIOLoopBound(self as any SubscriberOwner, eventLoop: eventLoop)
    let shared = NIOLoopBound(self, eventLoop: eventLoop)
    return ClientBootstrap(group: eventLoop)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.maxMessagesPerRead, value: 16)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 512))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            SubscriberHandler(owner: owner.value, listener: listener, returning: id))
        }
      }
      .withConnectedSocket(descriptor)
      .map { _ in }
      .flatMapErrorThrowing { error in
        if let id {
          shared.value.store?.remove(id)
          shared.value.bridge.subscriberGone(id, now: SystemClock.now)
        }
        throw error
      }
  }

  /// The listener that accepted this connection.
  private func listenerIndex(of descriptor: Int32) -> Int? {
    guard let path = FileSystem.path(ofSocket: descriptor) else { return nil }
    return listeners.firstIndex { $0.boundPath == path }
  }

  // MARK: While running

  func startKeeping() {
    guard let store else { return }
    storeListeners()
    every(.milliseconds(10)) { _ in store.storeBatch() }
    every(.milliseconds(50)) { loop in loop.checkpoint(now: SystemClock.now, force: false) }
    every(.seconds(1)) { _ in store.unfinished?.failedStarts = 0 }
  }

  func storeListeners() {
    store?.store(listeners: listeners.filter { !$0.isStopped && $0.isOurs }.map(\.descriptor))
  }

  /// Keeps the state for a process that has to go on after a crash of this one: at once when a reader came, left or
  /// asked for something, but never so often that it costs more than a fiftieth of the time.
  private func checkpoint(now: Moment, force: Bool) {
    guard let store, force || now.monotonic >= nextCheckpoint else { return }
    let version = bridge.membershipVersion
    guard
      force || version != checkpointVersion || now.monotonic - checkpointTime >= DaemonLoop.checkpointAge
    else { return }
    if !store.store(state: bridge.checkpoint().bytes) {
      warn("the service manager did not take the state that a restart needs")
    }
    checkpointVersion = version
    checkpointTime = now.monotonic
    let cost = SystemClock.now.monotonic - now.monotonic
    nextCheckpoint = now.monotonic + max(DaemonLoop.checkpointInterval, 50 * cost)
  }

  // MARK: Handing over

  /// Leaves everything to the next process. Whether there will be one is not known here: if not, the manager closes
  /// what it keeps, and readers see the end of their connections.
  func handOver(_ store: DescriptorStore, done: EventLoopPromise<Void>) {
    for listener in listeners { listener.stop(keepsFile: listener.isOurs) }
    let now = SystemClock.now
    bridge.beginHandover(now: now)
    endTurn()
    saveState(now: now)
    guard sockets.isDraining else { return finishHandover(store, done: done) }
    let deadline = now.monotonic + DaemonLoop.drainTime.nanoseconds
    every(.milliseconds(10)) { loop in
      loop.endTurn()
      guard !loop.sockets.isDraining || SystemClock.now.monotonic >= deadline else { return }
      loop.finishHandover(store, done: done)
    }
  }

  /// In one piece, so that nothing is written to a reader after it was recorded what it has.
  private func finishHandover(_ store: DescriptorStore, done: EventLoopPromise<Void>) {
    for task in repeatedTasks { task.cancel() }
    repeatedTasks = []
    let state = bridge.handOver(lineBytesMax: DaemonLoop.handedOverLineBytes) { sockets.unwritten($0) }
    if !store.handOver(state: state.bytes) {
      logger.error("the service manager did not take the state; readers will be told of a gap")
    }
    store.unfinished?.failedStarts = 0
    isHandedOver = true
    sockets.closeAll()
    for name in Array(upstreams.keys) { closeUpstream(name, code: 1001, why: "restarting") }
    logger.info("stopped; readers are left to the next process")
    done.succeed()
  }

  func subscriberReturned(_ id: SubscriberID, _ channel: any Channel, descriptor: Int32) {
    sockets.add(id, channel: channel, descriptor: descriptor, rest: continuations.removeValue(forKey: id) ?? [])
  }
}
