// The few things the daemon does with files. All calls block, but only on local files of some hundred bytes.

import Glibc

/// The calling thread's last error, in words.
enum Errno {
  static var text: String { text(errno) }

  static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// What a system call left behind: nothing, or an `errno` value.
struct SystemOutcome {
  var code: Int32

  func orThrow(_ words: (String) -> String) throws(ListenError) {
    if code != 0 { throw ListenError(description: words(Errno.text(code))) }
  }
}

enum FileSystem {
  /// Makes a directory and its missing parents.
  static func makeDirectory(_ path: String) -> SystemOutcome {
    if isDirectory(path) || mkdir(path, 0o755) == 0 { return SystemOutcome(code: 0) }
    guard errno == ENOENT, path != path.parentDirectory else {
      return SystemOutcome(code: errno == EEXIST ? ENOTDIR : errno)
    }
    let parent = makeDirectory(path.parentDirectory)
    if parent.code != 0 { return parent }
    return SystemOutcome(code: mkdir(path, 0o755) == 0 || isDirectory(path) ? 0 : errno)
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func isSocketFile(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// Where a Unix socket is bound; an accepted connection is where its listener is. Empty for one without a file, nil
  /// for what is no Unix socket.
  static func path(ofSocket descriptor: Int32) -> String? {
    var address = sockaddr_un()
    var size = socklen_t(MemoryLayout<sockaddr_un>.size)
    // Sound: the kernel writes a sockaddr_un through the generic type, within the size it is given.
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    guard result == 0, address.sun_family == sa_family_t(AF_UNIX) else { return nil }
    return withUnsafeBytes(of: &address.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  static func isReadableFile(_ path: String) -> Bool { access(path, R_OK) == 0 }

  static func isWritableDirectory(_ path: String) -> Bool { isDirectory(path) && access(path, W_OK | X_OK) == 0 }

  static func groupID(named name: String) -> UInt32? {
    getgrnam(name).map { $0.pointee.gr_gid }
  }

  enum ReadResult {
    case contents([UInt8])
    case absent
    case failed(String)
  }

  /// Reads a whole file of at most `bytesMax` bytes.
  static func read(_ path: String, bytesMax: Int) -> ReadResult {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return errno == ENOENT ? .absent : .failed(Errno.text) }
    defer { close(descriptor) }
    var contents: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return .failed(Errno.text) }
      if count == 0 { return .contents(contents) }
      contents += chunk[..<count]
      guard contents.count <= bytesMax else { return .failed("it is longer than \(bytesMax) bytes") }
    }
  }

  /// Puts new contents in place of a file's old ones: afterwards there are the old or the new, never a part.
  /// - Parameter durably: waits until they are on the disk.
  static func replace(_ path: String, with contents: [UInt8], durably: Bool = false) -> SystemOutcome {
    let draft = path + ".new"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return SystemOutcome(code: errno) }
    var outcome = SystemOutcome(code: 0)
    var rest = contents[...]
    while !rest.isEmpty, outcome.code == 0 {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { outcome.code = errno }
    }
    if durably, outcome.code == 0, fdatasync(descriptor) != 0 { outcome.code = errno }
    close(descriptor)
    if outcome.code == 0, rename(draft, path) != 0 { outcome.code = errno }
    if outcome.code != 0 { unlink(draft) }
    return outcome
  }
}

extension String {
  /// The directory part of a path.
  var parentDirectory: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }
}
