// Tells when the kernel takes more bytes for a connection that it took no more for.
//
// NIO waits for that too, but only with bytes of its own to write: when the process is killed nobody could then say how
// much of them was written. Here the writing stays with whoever waits. One thread, which sleeps while nobody is blocked.

import CSystemd
import Glibc

public final class WritableWatch: Sendable {
  private static let batch = 256
  /// The token of the descriptor that ends the thread.
  private static let stopToken = UInt64.max

  private let poller: Int32
  private let stopper: Int32
  private let onWritable: @Sendable ([UInt64]) -> Void

  /// - Parameter onWritable: called on the watch's own thread, with the tokens given.
  public init(onWritable: @escaping @Sendable (_ tokens: [UInt64]) -> Void) {
    self.onWritable = onWritable
    poller = epoll_create1(Int32(EPOLL_CLOEXEC))
    stopper = eventfd(0, Int32(EFD_CLOEXEC))
    precondition(poller >= 0 && stopper >= 0, "no descriptors left at the start")
    add(stopper, EPOLLIN.rawValue, WritableWatch.stopToken)
    var thread = pthread_t()
    // Sound: the thread takes over the reference that is retained for it here.
    let failure = pthread_create(&thread, nil, { watch in
      Unmanaged<WritableWatch>.fromOpaque(watch!).takeRetainedValue().run()
      return nil
    }, Unmanaged.passRetained(self).toOpaque())
    precondition(failure == 0, "no thread at the start")
    pthread_detach(thread)
  }

  /// Reports `token` once, as soon as the descriptor can be written to or has failed. The descriptor may be closed
  /// meanwhile; a token that is of no use any more may come all the same.
  public func watch(_ descriptor: Int32, token: UInt64) {
    add(descriptor, EPOLLOUT.rawValue | EPOLLONESHOT.rawValue, token)
  }

  /// Ends the thread; nothing is reported any more, except what is on its way.
  public func stop() {
    eventfd_write(stopper, 1)
  }

  private func add(_ descriptor: Int32, _ events: UInt32, _ token: UInt64) {
    var event = epoll_event(events: events, data: epoll_data(u64: token))
    if epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) != 0, errno == EEXIST {
      epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event)
    }
  }

  private func run() {
    var events = [epoll_event](repeating: epoll_event(), count: WritableWatch.batch)
    while true {
      let count = Int(epoll_wait(poller, &events, Int32(events.count), -1))
      guard count > 0 else { continue }
      let tokens = events[..<count].map(\.data.u64)
      if tokens.contains(WritableWatch.stopToken) { break }
      onWritable(tokens)
    }
    close(poller)
    close(stopper)
  }
}
