// What a service can tell its manager, as values, and the one function that sends them.
//
// Several notes travel in one datagram, so that the manager sees them together: READY=1 with its STATUS=,
// for example. Without NOTIFY_SOCKET everything here does nothing and says so in its result, which lets the
// daemon run the same code under a shell.

import CSystemd
import Glibc

/// One assignment of the notification protocol, sd_notify(3).
public enum ServiceNote: Sendable, Hashable {
  /// Start-up or a reload is complete.
  case ready
  /// One line for people; line breaks are replaced, since they would start a new assignment.
  case status(String)
  /// The main loop is alive.
  case watchdog
  /// The service is going down.
  case stopping
  /// A reload begins; the time is CLOCK_MONOTONIC, which systemd 253 and later insist on.
  case reloading(monotonicMicroseconds: UInt64)
  /// The current start, reload or stop needs this much longer, counted from now.
  case extendTimeout(Duration)
  /// Why the service failed, as an `errno` value.
  case errno(Int32)
  /// Stored descriptors of this name are to be dropped.
  case removeStoredDescriptors(name: String)

  var assignment: String {
    switch self {
    case .ready: "READY=1"
    case .status(let text): "STATUS=" + text.flattened
    case .watchdog: "WATCHDOG=1"
    case .stopping: "STOPPING=1"
    case .reloading(let microseconds): "RELOADING=1\nMONOTONIC_USEC=\(microseconds)"
    case .extendTimeout(let duration): "EXTEND_TIMEOUT_USEC=\(duration.wholeMicroseconds)"
    case .errno(let code): "ERRNO=\(code)"
    case .removeStoredDescriptors(let name): "FDSTOREREMOVE=1\nFDNAME=\(name.flattened)"
    }
  }
}

/// What became of a notification.
public enum NotificationOutcome: Sendable, Hashable {
  case sent
  /// Nobody asked to be notified.
  case noManager
  /// The manager's socket refused it, with this `errno`.
  case failed(Int32)

  init(_ result: Int32) {
    self = result > 0 ? .sent : result == 0 ? .noManager : .failed(-result)
  }
}

/// The service manager's end of NOTIFY_SOCKET.
public enum ServiceManager {
  /// Most descriptors that one datagram carries (the kernel's SCM_MAX_FD).
  public static let descriptorsPerMessageMax = 253

  /// Sends all notes in one datagram, in the given order.
  @discardableResult
  public static func notify(_ notes: ServiceNote...) -> NotificationOutcome { notify(notes) }

  /// Sends all notes in one datagram, in the given order.
  @discardableResult
  public static func notify(_ notes: [ServiceNote]) -> NotificationOutcome {
    NotificationOutcome(sd_notify(0, notes.map(\.assignment).joined(separator: "\n")))
  }

  /// Hands copies of descriptors to the manager, which gives them back under `name` after a restart.
  /// `name` must not contain a colon. More than ``descriptorsPerMessageMax`` go in several messages; the
  /// first failure ends it.
  @discardableResult
  public static func store(_ descriptors: [Int32], name: String) -> NotificationOutcome {
    precondition(!name.contains(":"), "FDNAME= may not contain a colon")
    var outcome = NotificationOutcome.noManager
    var rest = descriptors[...]
    while !rest.isEmpty {
      let batch = Array(rest.prefix(descriptorsPerMessageMax))
      rest = rest.dropFirst(batch.count)
      outcome = NotificationOutcome(
        sd_pid_notify_with_fds(
          0, 0, "FDSTORE=1\nFDNAME=\(name.flattened)", batch, UInt32(batch.count)))
      guard outcome == .sent else { break }
    }
    return outcome
  }

  /// Waits until the manager has read everything sent before.
  @discardableResult
  public static func barrier(timeout: Duration) -> NotificationOutcome {
    NotificationOutcome(sd_notify_barrier(0, timeout.wholeMicroseconds))
  }

  /// CLOCK_MONOTONIC in microseconds, for ``ServiceNote/reloading(monotonicMicroseconds:)``.
  public static var monotonicMicroseconds: UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1_000
  }
}

extension String {
  /// The text on one line.
  fileprivate var flattened: String {
    String(map { $0.isNewline ? " " : $0 })
  }
}

extension Duration {
  /// Rounded up, so that a short duration never becomes none; negative durations count as none.
  var wholeMicroseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(seconds) * 1_000_000 + (UInt64(attoseconds) + 999_999_999_999) / 1_000_000_000_000
  }
}
