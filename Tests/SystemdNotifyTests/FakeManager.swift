// The other end of NOTIFY_SOCKET: a datagram socket in a file of its own.

import Glibc
import Testing

struct FakeManager {
  struct Message {
    var text: String
    var descriptors: [Int32]
  }

  let path: String
  private let descriptor: Int32

  /// Binds, and points NOTIFY_SOCKET at it.
  init() throws {
    path = "/tmp/kb-\(getpid())-notify.sock"
    unlink(path)
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = FakeManager.address(path)
    try #require(FakeManager.bind(descriptor, &address) == 0)
    setenv("NOTIFY_SOCKET", path, 1)
  }

  func close() {
    unsetenv("NOTIFY_SOCKET")
    Glibc.close(descriptor)
    unlink(path)
  }

  /// The next datagram that has arrived; nil if there is none.
  func receive() -> Message? {
    var text = [UInt8](repeating: 0, count: 4096)
    var control = [UInt8](repeating: 0, count: 4096)
    // Sound: the header points into `text` and `control` only inside these closures, and the kernel stays within
    // the lengths it is given.
    return text.withUnsafeMutableBytes { text in
      control.withUnsafeMutableBytes { control in
        var vector = iovec(iov_base: text.baseAddress, iov_len: text.count)
        return withUnsafeMutablePointer(to: &vector) { vector -> Message? in
          var header = msghdr()
          header.msg_iov = vector
          header.msg_iovlen = 1
          header.msg_control = control.baseAddress
          header.msg_controllen = control.count
          let count = recvmsg(descriptor, &header, Int32(MSG_DONTWAIT))
          guard count >= 0 else { return nil }
          var descriptors: [Int32] = []
          if header.msg_controllen >= MemoryLayout<cmsghdr>.size {
            let first = control.load(as: cmsghdr.self)
            let size = MemoryLayout<cmsghdr>.size
            for offset in stride(from: size, to: Int(first.cmsg_len), by: MemoryLayout<Int32>.size) {
              descriptors.append(control.load(fromByteOffset: offset, as: Int32.self))
            }
          }
          return Message(text: String(decoding: text[..<count], as: UTF8.self), descriptors: descriptors)
        }
      }
    }
  }

  static func address(_ path: String) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return address
  }

  static func bind(_ descriptor: Int32, _ address: inout sockaddr_un) -> Int32 {
    // Sound: the kernel reads a sockaddr_un through the generic type.
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
