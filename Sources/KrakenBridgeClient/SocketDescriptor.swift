// A connected Unix stream socket and the four system calls made on it. All blocking: each side of
// a connection has a queue of its own to wait on. The only file of this library that hands pointers
// to the C library.

import Glibc

/// A connected `SOCK_STREAM` Unix socket, closed when the last reference goes.
final class SocketDescriptor: Sendable {
  private let number: Int32

  /// Connects, waiting at most `timeoutSeconds` for a place in the listener's queue.
  init(connectingTo address: BridgeAddress, timeoutSeconds: Int) throws(BridgeError) {
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    let path = Array(address.path.utf8)
    guard !path.isEmpty, path.count <= BridgeAddress.pathBytesMax, !path.contains(0) else {
      throw BridgeError(
        .badAddress, "\(address) cannot be a socket path",
        advice: "it must have 1 to \(BridgeAddress.pathBytesMax) bytes")
    }
    // Sound: the check above keeps the copy inside sun_path, whose last byte stays zero.
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path) }

    number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw Self.failure("socket", errno) }
    // A full queue would otherwise block connect for as long as the daemon is stuck. Only the
    // connect waits like this; afterwards a write may wait as long as it takes.
    setSendTimeout(seconds: timeoutSeconds)
    // Sound: the pointer is to a sockaddr_un of exactly the length given and lives for the call.
    let outcome = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    // What is thrown from here on leaves closing to deinit, which runs because every property is set.
    guard outcome == 0 else { throw Self.connectFailure(errno, address) }
    setSendTimeout(seconds: 0)
  }

  deinit {
    close(number)
  }

  /// Reads what there is into `buffer`, waiting for something. Returns the number of bytes, 0 at the end.
  func read(into buffer: inout [UInt8]) throws(BridgeError) -> Int {
    while true {
      // Sound: recv writes at most the given count into the array's own storage.
      let count = buffer.withUnsafeMutableBytes { recv(number, $0.baseAddress, $0.count, 0) }
      if count >= 0 { return count }
      if errno == ECONNRESET { return 0 }
      if errno != EINTR { throw Self.failure("read", errno) }
    }
  }

  /// Writes all bytes, waiting for room as long as it takes.
  func write(_ bytes: [UInt8]) throws(BridgeError) {
    var written = 0
    while written < bytes.count {
      // Sound: the slice lies inside the array, which is not changed meanwhile.
      let count = bytes[written...].withUnsafeBytes {
        send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        written += count
      } else if errno == EPIPE || errno == ECONNRESET {
        throw BridgeError(.connectionLost, "the bridge closed the connection")
      } else if errno != EINTR {
        throw Self.failure("write", errno)
      }
    }
  }

  /// Ends both directions: a blocked read or write returns at once.
  func shutDown() {
    shutdown(number, Int32(SHUT_RDWR))
  }

  private func setSendTimeout(seconds: Int) {
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  private static func connectFailure(_ reason: Int32, _ address: BridgeAddress) -> BridgeError {
    switch reason {
    case ENOENT, ECONNREFUSED, ENOTDIR:
      .unreachable(address)
    case EACCES, EPERM:
      .notPermitted(address)
    case EAGAIN:
      BridgeError(
        .timedOut, "the daemon at \(address) does not accept connections",
        advice: "it may be overloaded or stopped; see: systemctl status kraken-bridge")
    case ENOTSOCK, EPROTOTYPE:
      BridgeError(.badAddress, "\(address) is not a stream socket", advice: "check --socket")
    default:
      failure("connect to \(address)", reason)
    }
  }

  private static func failure(_ call: String, _ number: Int32) -> BridgeError {
    BridgeError(.system(errno: number), "\(call): \(String(cString: strerror(number)))")
  }
}
