// A Unix listening socket that is right before anybody can use it: the file gets its mode and group while
// connecting to it is still refused, because nobody listens yet.
//
// A file left behind by a crash is replaced, but only after a connection attempt shows that nobody serves it;
// a live one, or something that is no socket, is never touched. Replacing happens under a lock on the
// directory, so that two daemons started together do not each take the other's socket for stale.

import Glibc
import SystemdNotify

/// Why a listener could not be opened.
public struct ListenError: Error, CustomStringConvertible {
  public var description: String
}

final class ListeningSocket {
  let descriptor: Int32
  let path: String
  /// `path`, unless the service manager bound it elsewhere.
  let boundPath: String
  /// The socket that the process before had at this path, whose file is gone: connections may wait in it.
  var predecessor: Int32?
  /// The file as we made it; nil if the service manager made it, who then also removes it.
  private var file: FileIdentity?

  /// Inode numbers are soon given out again, to the very next socket on some file systems; the time of the last
  /// change tells them apart.
  private struct FileIdentity: Equatable {
    var device: UInt
    var inode: UInt
    var changed: [Int]

    /// What is at `path` now; nil if nothing is.
    init?(_ path: String) {
      var status = stat()
      guard lstat(path, &status) == 0 else { return nil }
      device = UInt(status.st_dev)
      inode = UInt(status.st_ino)
      changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }
  }

  /// Takes over a socket that the service manager opened, or kept for us from the process before.
  init(adopting descriptor: Int32, path: String, isOurs: Bool = false) {
    self.descriptor = descriptor
    self.path = path
    boundPath = FileSystem.path(ofSocket: descriptor) ?? path
    file = isOurs ? FileIdentity(path) : nil
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  /// Binds and listens.
  /// - Parameters:
  ///   - mode: permission bits of the socket file.
  ///   - group: the file's group; nil leaves it.
  init(path: String, mode: UInt32, group: UInt32?) throws(ListenError) {
    self.path = path
    boundPath = path
    let directory = path.parentDirectory
    try FileSystem.makeDirectory(directory).orThrow { "cannot make the directory \(directory): \($0)" }
    let lock = DirectoryLock(directory)
    defer { lock.release() }

    try ListeningSocket.clearStaleFile(path)
    var address = try UnixAddress(path)
    let descriptor = socket(AF_UNIX, UnixAddress.streamType, 0)
    guard descriptor >= 0 else { throw ListenError(description: "cannot make a socket: \(Errno.text)") }
    self.descriptor = descriptor
    var bound = false
    do throws(ListenError) {
      guard address.use({ bind(descriptor, $0, $1) }) == 0 else {
        throw ListenError(description: "cannot bind \(path): \(Errno.text)")
      }
      bound = true
      if let group, chown(path, uid_t.max, group) != 0 {
        throw ListenError(description: "cannot give \(path) to group \(group): \(Errno.text)")
      }
      guard chmod(path, mode) == 0 else {
        throw ListenError(description: "cannot set the mode of \(path): \(Errno.text)")
      }
      // As long as the kernel allows: a burst of readers waits here while the loop is busy.
      guard listen(descriptor, 65535) == 0 else {
        throw ListenError(description: "cannot listen on \(path): \(Errno.text)")
      }
      file = FileIdentity(path)
    } catch {
      if bound { unlink(path) }
      close(descriptor)
      throw error
    }
  }

  var isOurs: Bool { file != nil }

  /// Removes the file if it is still the one we made. The descriptor belongs to whoever listens with it.
  func removeFile() {
    guard let file, FileIdentity(path) == file else { return }
    unlink(path)
  }

  /// Gives the socket file another mode and group. One that the service manager made is only looked at.
  /// - Returns: what went wrong, or nil.
  func setAccess(mode: UInt32, group: UInt32?) -> String? {
    guard let file else { return accessFault(mode: mode) }
    guard FileIdentity(path) == file else { return nil }
    defer { self.file = FileIdentity(path) }
    if let group, chown(path, uid_t.max, group) != 0 { return "cannot give \(path) to group \(group): \(Errno.text)" }
    return chmod(path, mode) == 0 ? nil : "cannot set the mode of \(path): \(Errno.text)"
  }

  /// Whether the service manager lets more users connect than the configuration does.
  /// - Returns: what to do about it, or nil.
  private func accessFault(mode: UInt32) -> String? {
    var status = stat()
    // Without a file there is nothing that would keep anybody out.
    let actual = stat(boundPath, &status) == 0 ? status.st_mode & 0o777 : 0o666
    // To connect is to write.
    guard actual & 0o222 & ~mode != 0 else { return nil }
    let (given, configured) = (String(actual, radix: 8), String(mode, radix: 8))
    return "\(path) has mode 0\(given) from its socket unit, which is wider than 0\(configured) in the configuration: "
      + "change SocketMode= or the listener's mode"
  }

  /// Undoes the opening of a socket that nobody listens with yet.
  func discard() {
    removeFile()
    close(descriptor)
  }

  private static func clearStaleFile(_ path: String) throws(ListenError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw ListenError(description: "cannot look at \(path): \(Errno.text)")
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw ListenError(description: "\(path) exists and is not a socket; it is left alone")
    }
    var address = try UnixAddress(path)
    let probe = socket(AF_UNIX, UnixAddress.streamType, 0)
    guard probe >= 0 else { throw ListenError(description: "cannot make a socket: \(Errno.text)") }
    defer { close(probe) }
    if address.use({ connect(probe, $0, $1) }) == 0 || errno == EAGAIN {
      throw ListenError(description: "another instance is serving \(path)")
    }
    guard errno == ECONNREFUSED else {
      throw ListenError(description: "cannot tell whether another instance is serving \(path): \(Errno.text)")
    }
    guard unlink(path) == 0 || errno == ENOENT else {
      throw ListenError(description: "cannot remove the stale socket \(path): \(Errno.text)")
    }
  }
}

/// A lock that all instances take on the directory of their sockets. Best effort: a directory that cannot be
/// opened, or that somebody else keeps locked, is used without.
private struct DirectoryLock {
  private let descriptor: Int32

  init(_ path: String) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    for _ in 0..<100 where flock(descriptor, LOCK_EX | LOCK_NB) != 0 { usleep(10_000) }
  }

  func release() {
    if descriptor >= 0 { close(descriptor) }
  }
}

/// `sockaddr_un` of a path.
struct UnixAddress {
  static let streamType = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

  private var address = sockaddr_un()

  init(_ path: String) throws(ListenError) {
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count <= Settings.socketPathBytesMax else {
      throw ListenError(
        description: "\(path) is \(bytes.count) bytes long; a socket's path has 1 to \(Settings.socketPathBytesMax)")
    }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
  }

  mutating func use(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    // Sound: the kernel reads a sockaddr_un through the generic type, as its interface has it.
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }
}
