// Writing to every subscriber's connection, as the fan-out's transport: write(2) straight from the log. NIO reads; what
// the kernel would not take waits here, so that at every moment it is known, outside this process too, what is still to
// come.
//
// A flat array indexed by the subscriber's slot: the fan-out touches it once per subscriber and turn.

import FanOut
import Glibc
import NIOCore
import SystemdNotify

final class SubscriberSockets: SubscriberTransport {
  private struct Connection {
    let id: SubscriberID
    let channel: any Channel
    let descriptor: Int32
    /// The rest of the line it is in the middle of, and a goodbye behind it.
    var rest: ArraySlice<UInt8> = []
    var isInputPaused = false
  }

  /// What was parked must leave within this time once the connection is to be closed.
  private static let drainDeadline = TimeAmount.seconds(2)
  private static let sendFlags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)

  private let eventLoop: any EventLoop
  private var connections: [Connection?] = []
  private var count = 0
  /// Connections that the bridge has let go of and that still have bytes to write.
  private var draining: [SubscriberID: Connection] = [:]
  /// Subscribers whose parked bytes have gone, to be told to the bridge at the next turn.
  private var writable: [SubscriberID] = []
  /// Subscribers that are not read from at present.
  private(set) var paused: Set<SubscriberID> = []
  /// What is still to come of lines, remembered outside this process; nil if nobody keeps it.
  private let unfinished: UnfinishedLines?
  private var watch: WritableWatch!
  private var isClosed = false
  /// Asks for a turn.
  var wake: () -> Void = {}

  /// To be called on the event loop.
  init(eventLoop: any EventLoop, unfinished: UnfinishedLines? = nil) {
    self.eventLoop = eventLoop
    self.unfinished = unfinished
    let shared = NIOLoopBound(Reference(to: self), eventLoop: eventLoop)
    watch = WritableWatch { tokens in
      eventLoop.execute { shared.value.sockets?.becameWritable(tokens.map(SubscriberID.init(token:))) }
    }
  }

  deinit { watch.stop() }

  /// The watch must not keep what keeps it.
  private struct Reference {
    weak var sockets: SubscriberSockets?
    init(to sockets: SubscriberSockets) { self.sockets = sockets }
  }

  /// - Parameter rest: what it gets before anything else.
  func add(_ id: SubscriberID, channel: any Channel, descriptor: Int32, rest: [UInt8] = []) {
    let slot = Int(id.slot)
    while connections.count <= slot { connections.append(nil) }
    if connections[slot] == nil { count += 1 }
    connections[slot] = Connection(id: id, channel: channel, descriptor: descriptor)
    if rest.isEmpty { unfinished?.finish(id.slot) } else { rest.withUnsafeBytes { park(id, $0) } }
  }

  /// Forgets a connection that has ended. False if the bridge had let go of it before.
  func remove(_ id: SubscriberID) -> Bool {
    if draining[id]?.channel.isActive == false { draining[id] = nil }
    guard connection(id) != nil else { return false }
    connections[Int(id.slot)] = nil
    paused.remove(id)
    count -= 1
    return true
  }

  private func connection(_ id: SubscriberID) -> Connection? {
    guard Int(id.slot) < connections.count, let connection = connections[Int(id.slot)], connection.id == id
    else { return nil }
    return connection
  }

  // MARK: SubscriberTransport

  func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
    guard let connection = connection(id) else { return .closed }
    guard connection.rest.isEmpty else { return .wrote(0) }
    // Noted before the kernel takes a byte, so that even a kill between this line and the next is known of.
    unfinished?.begin(id.slot)
    let outcome = SubscriberSockets.send(bytes, to: connection)
    if outcome == .wrote(bytes.count) { unfinished?.finish(id.slot) }
    return outcome
  }

  private static func send(_ bytes: UnsafeRawBufferPointer, to connection: Connection) -> WriteOutcome {
    // An inactive channel's descriptor number may already belong to somebody else.
    guard connection.channel.isActive else { return .closed }
    while true {
      let count = Glibc.send(connection.descriptor, bytes.baseAddress, bytes.count, sendFlags)
      if count >= 0 { return .wrote(count) }
      switch errno {
      case EINTR: continue
      case EAGAIN, ENOBUFS, ENOMEM: return .wrote(0)
      default: return .closed
      }
    }
  }

  func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) {
    guard var connection = connection(id) else { return }
    connection.rest += remainder
    connections[Int(id.slot)] = connection
    connection.rest.withUnsafeBytes { unfinished?.keep(id.slot, rest: $0) }
    watch.watch(connection.descriptor, token: id.token)
  }

  func close(_ id: SubscriberID) {
    guard let connection = connection(id) else { return }
    _ = remove(id)
    guard !connection.rest.isEmpty else { return SubscriberSockets.end(connection) }
    // The slot may soon be another reader's.
    unfinished?.begin(id.slot)
    draining[id] = connection
    eventLoop.assumeIsolated().scheduleTask(in: SubscriberSockets.drainDeadline) { [weak self] in
      if let connection = self?.draining.removeValue(forKey: id) { SubscriberSockets.end(connection) }
    }
  }

  /// The service manager may hold a copy of the descriptor, so closing ours alone would not tell the reader.
  private static func end(_ connection: Connection) {
    if connection.channel.isActive { shutdown(connection.descriptor, Int32(SHUT_RDWR)) }
    connection.channel.close(promise: nil)
  }

  /// The rest of the line that a reader is in the middle of.
  func unwritten(_ id: SubscriberID) -> [UInt8] { Array(connection(id)?.rest ?? []) }

  // MARK: Waiting for the kernel

  private func becameWritable(_ ids: [SubscriberID]) {
    // What the next process was told is to come must not change any more.
    guard !isClosed else { return }
    for id in ids {
      if var connection = connection(id), !connection.rest.isEmpty {
        unfinished?.begin(id.slot)
        let kept = connection.rest.endIndex
        if writeRest(of: &connection) {
          unfinished?.finish(id.slot, keptBytes: kept)
          writable.append(id)
        } else {
          unfinished?.shorten(id.slot, to: connection.rest.count)
        }
        connections[Int(id.slot)] = connection
      } else if var connection = draining[id] {
        draining[id] = writeRest(of: &connection) ? nil : connection
        if draining[id] == nil { SubscriberSockets.end(connection) }
      }
    }
    if !writable.isEmpty { wake() }
  }

  /// Whether nothing is left of it, be it that all was written or that nobody is there any more; the next write, or
  /// NIO, finds that out.
  private func writeRest(of connection: inout Connection) -> Bool {
    while !connection.rest.isEmpty {
      let outcome = connection.rest.withUnsafeBytes { SubscriberSockets.send($0, to: connection) }
      guard case .wrote(let count) = outcome else { break }
      connection.rest = connection.rest.dropFirst(count)
      if count == 0 {
        watch.watch(connection.descriptor, token: connection.id.token)
        return false
      }
    }
    connection.rest = []
    return true
  }

  // MARK: Turns

  func takeWritable() -> [SubscriberID] {
    guard !writable.isEmpty else { return [] }
    defer { writable.removeAll(keepingCapacity: true) }
    return writable
  }

  /// Stops or resumes reading what a subscriber sends.
  func setInput(_ id: SubscriberID, paused isPaused: Bool) {
    guard let connection = connection(id), connection.isInputPaused != isPaused else { return }
    connections[Int(id.slot)]?.isInputPaused = isPaused
    if isPaused { paused.insert(id) } else { paused.remove(id) }
    connection.channel.setOption(.autoRead, value: !isPaused).assumeIsolated().whenFailure { _ in }
  }

  /// Whether every connection has ended or been let go of with all its bytes written.
  var isEmpty: Bool { count == 0 && draining.isEmpty }

  /// Whether connections that the bridge has let go of still have bytes to write.
  var isDraining: Bool { !draining.isEmpty }

  /// Closes everything that is left, whatever is still unwritten.
  func closeAll() {
    isClosed = true
    for case let connection? in connections { connection.channel.close(promise: nil) }
    for connection in draining.values { SubscriberSockets.end(connection) }
  }
}

extension SubscriberID {
  fileprivate var token: UInt64 { UInt64(slot) << 32 | UInt64(generation) }

  fileprivate init(token: UInt64) {
    self.init(slot: UInt32(token >> 32), generation: UInt32(truncatingIfNeeded: token))
  }
}
