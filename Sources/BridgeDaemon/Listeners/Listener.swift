// One listening socket in NIO's hands. Accepting stops for a while when the process or the system runs out of
// descriptors: the pending connection would otherwise wake the loop for nothing, again and again.

import Glibc
import NIOCore
import NIOPosix

final class Listener {
  private(set) var settings: ListenerSettings
  private(set) var isStopped = false
  /// Its place in the bridge's list.
  let index: Int
  private let socket: ListeningSocket
  private var channel: (any Channel)?

  init(socket: ListeningSocket, settings: ListenerSettings, index: Int) {
    self.socket = socket
    self.settings = settings
    self.index = index
  }

  /// Starts accepting.
  /// - Parameter outOfDescriptors: called each time accepting has to stop for a while.
  func start(
    eventLoop: any EventLoop, owner: any SubscriberOwner, outOfDescriptors: @escaping (String) -> Void
  ) -> EventLoopFuture<Void> {
    let index = index
    let owner = NIOLoopBound(owner, eventLoop: eventLoop)
    let pause = NIOLoopBound(AcceptPause(reporting: outOfDescriptors), eventLoop: eventLoop)
    let shared = NIOLoopBound(self, eventLoop: eventLoop)
    return ServerBootstrap(group: eventLoop)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(pause.value) }
      }
      .serverChannelOption(.maxMessagesPerRead, value: 64)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.maxMessagesPerRead, value: 16)
      // Requests are short, and NIO keeps a buffer of this size for every connection.
      .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 512))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(SubscriberHandler(owner: owner.value, listener: index))
        }
      }
      .withBoundSocket(socket.descriptor)
      .map { shared.value.channel = $0 }
  }

  /// Takes over changed access rights.
  /// - Returns: what went wrong, or nil.
  func update(_ next: ListenerSettings) -> String? {
    let before = settings
    settings = next
    guard next.mode != before.mode || next.group != before.group else { return nil }
    do throws(ListenError) {
      return socket.setAccess(mode: next.mode, group: try next.groupID())
    } catch {
      return error.description
    }
  }

  /// Closes a socket that was opened but not started.
  func abandon() {
    isStopped = true
    socket.discard()
  }

  var descriptor: Int32 { socket.descriptor }
  /// The address that its connections bear.
  var boundPath: String { socket.boundPath }
  /// Whether a process of ours bound it, not the service manager.
  var isOurs: Bool { socket.isOurs }

  /// Connections that waited for the process before when the socket's file was removed. To be called once.
  func acceptWaiting() -> [Int32] {
    guard let predecessor = socket.predecessor else { return [] }
    socket.predecessor = nil
    defer { close(predecessor) }
    _ = fcntl(predecessor, F_SETFL, fcntl(predecessor, F_GETFL) | O_NONBLOCK)
    var waiting: [Int32] = []
    while case let descriptor = accept(predecessor, nil, nil), descriptor >= 0 {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      waiting.append(descriptor)
    }
    return waiting
  }

  /// Stops accepting and removes the socket file; connections stay.
  /// - Parameter keepsFile: the service manager holds the socket for the next process.
  func stop(keepsFile: Bool = false) {
    guard !isStopped else { return }
    isStopped = true
    if !keepsFile { socket.removeFile() }
    channel?.close(promise: nil)
    channel = nil
  }
}

private final class AcceptPause: ChannelInboundHandler {
  typealias InboundIn = any Channel

  private static let pause = TimeAmount.milliseconds(200)
  private let report: (String) -> Void

  init(reporting report: @escaping (String) -> Void) {
    self.report = report
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
      // Any other error of accept(2) concerns the connection that was to be accepted.
      return
    }
    report(Errno.text(error.errnoCode))
    let channel = context.channel
    channel.setOption(.autoRead, value: false).assumeIsolated().whenComplete { _ in
      channel.eventLoop.scheduleTask(in: AcceptPause.pause) { channel.setOption(.autoRead, value: true) }
    }
  }
}
