// Who is at the other end of a Unix socket, from the kernel, as of when it connected.

import BridgeCore
import Glibc

extension Peer {
  /// Asks SO_PEERCRED. `struct ucred` is not imported into Swift; it is three 32-bit numbers: pid, uid, gid.
  init?(descriptor: Int32) {
    var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
    var size = socklen_t(MemoryLayout.size(ofValue: credentials))
    guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0,
      size == MemoryLayout.size(ofValue: credentials)
    else { return nil }
    self.init(uid: credentials.uid, gid: credentials.gid, pid: credentials.pid)
  }
}
