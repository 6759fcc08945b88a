// The raw side of every subscriber's connection, as the fan-out's transport: write(2) straight from the log,
// and NIO only for what the kernel would not take, since NIO knows how to wait.
//
// A flat array indexed by the subscriber's slot: the fan-out touches it once per subscriber and turn.

import FanOut
import Glibc
import NIOCore

final class SubscriberSockets: SubscriberTransport {
  private struct Connection {
    let id: SubscriberID
    let channel: any Channel
    let descriptor: Int32
    /// Writes that NIO still holds.
    var parked = 0
    /// The last bytes handed to NIO; what of them it has not written is known from their number.
    var parkedBytes = ByteBuffer()
    var inputPaused = false
  }

  /// What is parked must leave within this time once the connection is to be closed.
  private static let drainDeadline = TimeAmount.seconds(2)

  private static let sendFlags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)

  private var connections: [Connection?] = []
  private var count = 0
  /// Subscribers whose parked bytes have gone, to be told to the bridge at the next turn.
  private var writable: [SubscriberID] = []
  private var pausedInputs: Set<SubscriberID> = []
  /// Asks for a turn.
  private let wake: () -> Void
  /// Connections that the bridge has let go of and that still have bytes to write.
  private var draining = 0

  /// Who may be in the middle of a line, remembered outside this process.
  private let midLine: MidLineMarks?

  init(midLine: MidLineMarks? = nil, wake: @escaping () -> Void) {
    self.midLine = midLine
    self.wake = wake
  }

  func add(_ id: SubscriberID, channel: any Channel, descriptor: Int32) {
    let slot = Int(id.slot)
    while connections.count <= slot { connections.append(nil) }
    if connections[slot] == nil { count += 1 }
    connections[slot] = Connection(id: id, channel: channel, descriptor: descriptor)
  }

  /// Forgets a connection that has ended. False if the bridge had let go of it before.
  func remove(_ id: SubscriberID) -> Bool {
    guard connection(id) != nil else { return false }
    connections[Int(id.slot)] = nil
    pausedInputs.remove(id)
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
    // An inactive channel's descriptor number may already belong to somebody else.
    guard let connection = connection(id), connection.channel.isActive else { return .closed }
    // Marked before the kernel takes a byte, so that even a kill between this line and the next leaves the mark.
    midLine?.set(id.slot, true)
    while true {
      let count = send(connection.descriptor, bytes.baseAddress, bytes.count, SubscriberSockets.sendFlags)
      if count >= 0 {
        if count == bytes.count { midLine?.set(id.slot, false) }
        return .wrote(count)
      }
      switch errno {
      case EINTR: continue
      case EAGAIN, ENOBUFS, ENOMEM: return .wrote(0)
      default: return .closed
      }
    }
  }

  func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) {
    guard let connection = connection(id) else { return }
    let bytes = connection.channel.allocator.buffer(bytes: remainder)
    connections[Int(id.slot)]?.parked += 1
    connections[Int(id.slot)]?.parkedBytes = bytes
    let written = connection.channel.writeAndFlush(bytes)
    written.assumeIsolated().whenSuccess { [self] in
      guard var connection = self.connection(id) else { return }
      connection.parked -= 1
      if connection.parked == 0 { connection.parkedBytes = ByteBuffer() }
      connections[Int(id.slot)] = connection
      guard connection.parked == 0 else { return }
      midLine?.set(id.slot, false)
      writable.append(id)
      wake()
    }
  }

  func close(_ id: SubscriberID) {
    guard let connection = connection(id) else { return }
    _ = remove(id)
    let channel = connection.channel
    guard connection.parked > 0 else { return SubscriberSockets.end(connection) }
    // Everything parked lies in the channel's order before this empty write.
    draining += 1
    let deadline = channel.eventLoop.assumeIsolated().scheduleTask(in: SubscriberSockets.drainDeadline) {
      SubscriberSockets.end(connection)
    }
    channel.writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { [self] _ in
      deadline.cancel()
      draining -= 1
      SubscriberSockets.end(connection)
    }
  }

  /// The service manager may hold a copy of the descriptor, so closing ours alone would not tell the reader.
  private static func end(_ connection: Connection) {
    if connection.channel.isActive { shutdown(connection.descriptor, Int32(SHUT_RDWR)) }
    connection.channel.close(promise: nil)
  }

  /// The rest of the line that a reader is in the middle of: what NIO has not written yet.
  func unwritten(_ id: SubscriberID) -> [UInt8] {
    guard let connection = connection(id), connection.parked > 0 else { return [] }
    let pending = (try? connection.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    return Array(connection.parkedBytes.readableBytesView.suffix(pending))
  }

  // MARK: Turns

  func takeWritable() -> [SubscriberID] {
    guard !writable.isEmpty else { return [] }
    defer { writable.removeAll(keepingCapacity: true) }
    return writable
  }

  /// Stops or resumes reading what a subscriber sends.
  func setInput(_ id: SubscriberID, paused: Bool) {
    guard let connection = connection(id), connection.inputPaused != paused else { return }
    connections[Int(id.slot)]?.inputPaused = paused
    if paused { pausedInputs.insert(id) } else { pausedInputs.remove(id) }
    connection.channel.setOption(.autoRead, value: !paused).assumeIsolated().whenFailure { _ in }
  }

  /// Subscribers that are not read from at present.
  var paused: Set<SubscriberID> { pausedInputs }

  /// Whether every connection has ended or been let go of with all its bytes written.
  var isEmpty: Bool { count == 0 && draining == 0 }

  /// Whether connections that the bridge has let go of still have bytes to write.
  var isDraining: Bool { draining > 0 }

  /// Closes everything that is left, whatever is still unwritten.
  func closeAll() {
    for case let connection? in connections { connection.channel.close(promise: nil) }
  }
}
