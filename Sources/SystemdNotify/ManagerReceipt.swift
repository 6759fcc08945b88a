// Whether the service manager has read what it was sent, told without waiting for it: it is given one end of a
// connection (BARRIER=1), and closes that once everything before it is done.

import CSystemd
import Glibc

public final class ManagerReceipt {
  private let descriptor: Int32

  /// Asks for the receipt of everything sent so far; nil if nobody can be asked.
  public init?() {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { return nil }
    defer { close(ends[1]) }
    guard sd_pid_notify_with_fds(0, 0, "BARRIER=1", [ends[1]], 1) > 0 else {
      close(ends[0])
      return nil
    }
    descriptor = ends[0]
  }

  deinit { close(descriptor) }

  public var hasCome: Bool {
    var request = pollfd(fd: descriptor, events: 0, revents: 0)
    return poll(&request, 1, 0) > 0
  }
}
