// Raw writes, parking and closing on a real socket pair whose one end NIO holds.

import FanOut
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import BridgeDaemon

struct SubscriberSocketsTests {
  private static let id = SubscriberID(slot: 3, generation: 1)

  /// Everything the far end receives until it is closed.
  private static func drain(_ descriptor: Int32) -> [UInt8] {
    var received: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while case let count = recv(descriptor, &chunk, chunk.count, 0), count > 0 { received += chunk[..<count] }
    return received
  }

  @Test func whatTheKernelDoesNotTakeFollowsInOrder() async throws {
    var pair: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
    let (near, far) = (pair[0], pair[1])
    _ = fcntl(far, F_SETFL, 0)
    defer { close(far) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let eventLoop = group.next()
    let channel = try await ClientBootstrap(group: eventLoop).withConnectedSocket(near).get()
    let writable = eventLoop.makePromise(of: Void.self)
    let unfinished = Transfer(try #require(UnfinishedLines(inheriting: nil)))
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20) + [UInt8(ascii: "\n")]

    let sockets = try await eventLoop.submit {
      let sockets = SubscriberSockets(eventLoop: eventLoop, unfinished: unfinished.value)
      sockets.wake = { writable.succeed() }
      sockets.add(Self.id, channel: channel, descriptor: near)
      line.withUnsafeBytes { bytes in
        guard case .wrote(let count) = sockets.write(Self.id, bytes), count > 0, count < bytes.count else {
          Issue.record("a megabyte fitted into a socket, or nothing did")
          return
        }
        #expect(sockets.write(Self.id, UnsafeRawBufferPointer(rebasing: bytes[count...])) == .wrote(0))
        sockets.park(Self.id, UnsafeRawBufferPointer(rebasing: bytes[count...]))
      }
      #expect(!sockets.isEmpty)
      #expect(sockets.takeWritable().isEmpty)
      #expect(unfinished.value.rest(Self.id.slot) == .bytes(sockets.unwritten(Self.id)))
      #expect(!sockets.unwritten(Self.id).isEmpty)
      return NIOLoopBound(sockets, eventLoop: eventLoop)
    }.get()

    async let received = NIOThreadPool.singleton.runIfActive { Self.drain(far) }
    try await writable.futureResult.get()
    try await eventLoop.submit {
      let sockets = sockets.value
      #expect(sockets.takeWritable() == [Self.id])
      #expect(sockets.unwritten(Self.id).isEmpty && unfinished.value.rest(Self.id.slot) == .nothing)
      #expect(sockets.takeWritable().isEmpty)
      #expect([1, 2, 10].withUnsafeBytes { sockets.write(SubscriberID(slot: 3, generation: 2), $0) } == .closed)
      // Parked bytes still leave before the connection is closed.
      "bye\n".utf8CString.withUnsafeBytes { sockets.park(Self.id, UnsafeRawBufferPointer(rebasing: $0.dropLast())) }
      sockets.close(Self.id)
      #expect([1].withUnsafeBytes { sockets.write(Self.id, $0) } == .closed)
      #expect(!sockets.remove(Self.id))
    }.get()
    #expect(try await received == line + Array("bye\n".utf8))
    try await channel.closeFuture.get()
    #expect(try await eventLoop.submit { sockets.value.isEmpty }.get())
    try await group.shutdownGracefully()
  }

  @Test func aReaderThatIsGoneIsNoticed() async throws {
    var pair: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
    let near = pair[0]
    close(pair[1])
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let eventLoop = group.next()
    let channel = try await ClientBootstrap(group: eventLoop).channelOption(.autoRead, value: false)
      .withConnectedSocket(near).get()
    try await eventLoop.submit {
      let sockets = SubscriberSockets(eventLoop: eventLoop)
      sockets.add(Self.id, channel: channel, descriptor: near)
      #expect([1].withUnsafeBytes { sockets.write(Self.id, $0) } == .closed)
      #expect(sockets.remove(Self.id))
      #expect(sockets.isEmpty)
    }.get()
    try? await channel.close()
    try await group.shutdownGracefully()
  }
}
