// Descriptors that the manager opened or kept for us (LISTEN_FDS), each with its name.
//
// Being passed a descriptor proves nothing about what it is, so its kind is asked of the kernel before use.

import CSystemd
import Glibc

/// One descriptor received from the manager. The receiver owns it.
public struct PassedDescriptor: Sendable, Hashable {
  public let descriptor: Int32
  /// FileDescriptorName= of the socket unit, or the FDNAME= it was stored under.
  public let name: String

  public init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  /// All descriptors passed to this process, which are closed on exec from now on. The environment variables
  /// are removed, so that a second call and child processes get nothing.
  public static func takeAll() -> [PassedDescriptor] {
    var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    let count = sd_listen_fds_with_names(1, &names)
    guard count > 0 else { return [] }
    // Sound: libsystemd returns an array of `count` malloc'ed strings and a final NULL, all ours to free.
    defer {
      for index in 0..<Int(count) { free(names?[index]) }
      free(names)
    }
    return (0..<count).map { index in
      PassedDescriptor(
        descriptor: SD_LISTEN_FDS_START + index,
        name: names?[Int(index)].map { String(cString: $0) } ?? "unknown")
    }
  }

  /// Whether this is a listening stream socket of the Unix family, and bound to `path` if one is given.
  public func isUnixListener(boundTo path: String? = nil) -> Bool {
    sd_is_socket_unix(descriptor, Int32(SOCK_STREAM.rawValue), 1, path, 0) > 0
  }

  /// Whether this is a stream socket of the Unix family that does not listen: a client's connection.
  public var isUnixConnection: Bool {
    sd_is_socket_unix(descriptor, Int32(SOCK_STREAM.rawValue), 0, nil, 0) > 0
  }
}
