// Looks up host names with the system's resolver, on threads made for blocking work.
//
// NIO's own resolver does the same on a Dispatch queue. Dispatch adjusts its threads' priorities, which an
// unprivileged and confined service may not do, and then complains to the system log at every look-up.

import Glibc
import NIOCore
import NIOPosix

/// Used for one connection attempt.
final class SystemResolver: Resolver, Sendable {
  /// The host could not be looked up, in the system's words.
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  private let eventLoop: any EventLoop

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
    lookUp(host, port, family: AF_INET)
  }

  func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
    lookUp(host, port, family: AF_INET6)
  }

  /// getaddrinfo(3) cannot be interrupted; its answer is then ignored.
  func cancelQueries() {}

  private func lookUp(_ host: String, _ port: Int, family: Int32) -> EventLoopFuture<[SocketAddress]> {
    NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
      try SystemResolver.addresses(of: host, port: port, family: family)
    }
  }

  /// Blocks.
  static func addresses(of host: String, port: Int, family: Int32) throws -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_family = family
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0 else { throw Failure(description: String(cString: gai_strerror(code))) }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee {
      // Sound: the family says which structure the address is, and the list lives until we return.
      if let address = UnsafeRawPointer(entry.ai_addr) {
        switch entry.ai_family {
        case AF_INET: addresses.append(SocketAddress(address.loadUnaligned(as: sockaddr_in.self), host: host))
        case AF_INET6: addresses.append(SocketAddress(address.loadUnaligned(as: sockaddr_in6.self), host: host))
        default: break
        }
      }
      next = entry.ai_next
    }
    return addresses
  }
}
