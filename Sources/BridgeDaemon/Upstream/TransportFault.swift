// Errors of the network in words that a person can act on.

import NIOCore
import NIOPosix
import NIOSSL

enum TransportFault {
  /// Whether TLS, rather than what carries it, failed.
  static func isTLS(_ error: any Error) -> Bool {
    error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError
  }

  static func describe(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      var causes = error.connectionErrors.map { "\(describe(address: $0.target)): \(describe($0.error))" }
      if causes.isEmpty {
        causes = [error.dnsAError, error.dnsAAAAError].compactMap { $0 }.map { describe($0) }
        let cause = causes.first.map { ": " + $0 } ?? ""
        return "cannot look up \(error.host)\(cause)"
      }
      return "cannot connect to \(error.host) port \(error.port): " + causes.joined(separator: "; ")
    case let error as IOError:
      return String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout:
      return "timed out"
    case ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed, ChannelError.eof:
      return "the connection was closed"
    case NIOSSLError.handshakeFailed(let cause):
      return "handshake failed: \(oneLine("\(cause)"))"
    case NIOSSLError.uncleanShutdown:
      return "the connection was cut off"
    default:
      return oneLine("\(error)")
    }
  }

  private static func describe(address: SocketAddress) -> String {
    guard let ip = address.ipAddress else { return "\(address)" }
    return address.port.map { ip.contains(":") ? "[\(ip)]:\($0)" : "\(ip):\($0)" } ?? ip
  }

  private static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}
