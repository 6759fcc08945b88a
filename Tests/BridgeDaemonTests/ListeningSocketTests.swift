// Sockets in a directory of the test's own.

import BridgeCore
import Glibc
import SystemdNotify
import Testing

@testable import BridgeDaemon

/// A directory that disappears with its contents.
final class ScratchDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/kb-test-XXXXXX".utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    guard let listing = opendir(path) else { return }
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      unlink("\(path)/\(name)")
      rmdir("\(path)/\(name)")
    }
    closedir(listing)
    rmdir(path)
  }

  func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

/// Connects to a Unix socket.
/// - Returns: the descriptor, or the negative `errno`.
func connectTo(_ path: String) throws -> Int32 {
  var address = try UnixAddress(path)
  let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  if address.use({ connect(descriptor, $0, $1) }) == 0 { return descriptor }
  let code = errno
  close(descriptor)
  return -code
}

private func mode(_ path: String) -> UInt32? {
  var status = stat()
  return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
}

struct ListeningSocketTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory() }

  @Test(arguments: [0o666, 0o660, 0o600] as [UInt32])
  func theFileHasItsModeWhateverTheMask(wanted: UInt32) throws {
    let path = directory("a.sock")
    let socket = try ListeningSocket(path: path, mode: wanted, group: nil)
    defer { socket.discard() }
    #expect(mode(path) == wanted)
    let client = try connectTo(path)
    #expect(client >= 0)
    close(client)
  }

  @Test func theGroupIsSet() throws {
    let path = directory("a.sock")
    let socket = try ListeningSocket(path: path, mode: 0o660, group: getegid())
    defer { socket.discard() }
    var status = stat()
    #expect(stat(path, &status) == 0)
    #expect(status.st_gid == getegid())
  }

  @Test func missingDirectoriesAreMade() throws {
    let path = directory("sub") + "/a.sock"
    let socket = try ListeningSocket(path: path, mode: 0o666, group: nil)
    #expect(mode(path) == 0o666)
    socket.discard()
    #expect(mode(path) == nil)
  }

  @Test func aStaleFileIsReplaced() throws {
    let path = directory("a.sock")
    let first = try ListeningSocket(path: path, mode: 0o666, group: nil)
    // As after a crash: the file is there and nobody listens.
    close(first.descriptor)
    #expect(try connectTo(path) == -ECONNREFUSED)
    let second = try ListeningSocket(path: path, mode: 0o666, group: nil)
    defer { second.discard() }
    let client = try connectTo(path)
    #expect(client >= 0)
    close(client)
    // The first one's clean-up must not take the second one's file.
    first.removeFile()
    #expect(mode(path) != nil)
  }

  @Test func aLiveOneIsLeftAlone() throws {
    let path = directory("a.sock")
    let first = try ListeningSocket(path: path, mode: 0o666, group: nil)
    defer { first.discard() }
    do throws(ListenError) {
      _ = try ListeningSocket(path: path, mode: 0o666, group: nil)
      Issue.record("a second listener on a live socket")
    } catch {
      #expect(error.description == "another instance is serving \(path)")
    }
    let client = try connectTo(path)
    #expect(client >= 0)
    close(client)
  }

  @Test func whatIsNoSocketIsLeftAlone() throws {
    let path = directory("a.sock")
    close(open(path, O_CREAT | O_WRONLY, 0o644))
    #expect(throws: ListenError.self) { try ListeningSocket(path: path, mode: 0o666, group: nil) }
    #expect(mode(path) == 0o644)
    let link = directory("b.sock")
    #expect(symlink(path, link) == 0)
    #expect(throws: ListenError.self) { try ListeningSocket(path: link, mode: 0o666, group: nil) }
    #expect(mode(link) == 0o644)
  }

  @Test func aDirectoryThatCannotBeIsAnError() throws {
    let file = directory("file")
    close(open(file, O_CREAT | O_WRONLY, 0o644))
    #expect(throws: ListenError.self) { try ListeningSocket(path: file + "/a.sock", mode: 0o666, group: nil) }
  }

  @Test func accessCanChangeLater() throws {
    let path = directory("a.sock")
    let socket = try ListeningSocket(path: path, mode: 0o666, group: nil)
    defer { socket.discard() }
    #expect(socket.setAccess(mode: 0o600, group: getegid()) == nil)
    #expect(mode(path) == 0o600)
  }

  /// Sockets that the service manager bound: known by their address or by their name, and never open to more users than
  /// the configuration says.
  @Test func aPassedSocketIsWhatTheListenerExpects() throws {
    func settings(_ path: String, mode: UInt32 = 0o666) -> ListenerSettings {
      ListenerSettings(path: path, mode: mode, group: nil, scope: [.market], preset: .none)
    }
    let path = directory("a.sock")
    let made = try ListeningSocket(path: path, mode: 0o660, group: nil)
    defer { made.discard() }
    let passed = [PassedDescriptor(descriptor: made.descriptor, name: "kraken-bridge.socket")]
    for mode in [0o666, 0o660] as [UInt32] {
      let socket = try settings(path, mode: mode).open(passed: passed)
      #expect(socket.descriptor == made.descriptor && socket.boundPath == path && !socket.isOurs)
    }
    do throws(ListenError) {
      _ = try settings(path, mode: 0o600).open(passed: passed)
      Issue.record("a socket that the group can use")
    } catch {
      #expect(error.description.contains("has mode 0660") && error.description.contains("wider than 0600"))
    }

    let elsewhere = directory("elsewhere.sock")
    for name in ["elsewhere", "elsewhere.sock"] {
      let named = [PassedDescriptor(descriptor: made.descriptor, name: name)]
      let socket = try settings(elsewhere).open(passed: named)
      #expect(socket.descriptor == made.descriptor && socket.boundPath == path)
    }
    let other = try settings(elsewhere).open(passed: passed)
    defer { other.discard() }
    #expect(other.descriptor != made.descriptor && other.isOurs)
  }

  @Test func theKernelSaysWhoIsThere() throws {
    var pair: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    defer { for descriptor in pair { close(descriptor) } }
    let peer = try #require(Peer(descriptor: pair[0]))
    #expect(peer == Peer(uid: geteuid(), gid: getegid(), pid: getpid()))
    #expect(Peer(descriptor: -1) == nil)
  }
}

struct FileSystemTests {
  @Test func replacingIsWhole() throws {
    let directory = try ScratchDirectory()
    let path = directory("state")
    #expect(FileSystem.replace(path, with: [1, 2, 3]).code == 0)
    #expect(FileSystem.replace(path, with: [4]).code == 0)
    guard case .contents([4]) = FileSystem.read(path, bytesMax: 10) else {
      Issue.record("not what was written")
      return
    }
    #expect(mode(path) == 0o600)
    #expect(mode(path + ".new") == nil)
    #expect(FileSystem.replace(directory("none/state"), with: [1]).code == ENOENT)
  }

  @Test func readingHasALimit() throws {
    let directory = try ScratchDirectory()
    let path = directory("file")
    #expect(FileSystem.replace(path, with: [UInt8](repeating: 7, count: 100)).code == 0)
    guard case .failed = FileSystem.read(path, bytesMax: 99) else {
      Issue.record("read beyond the limit")
      return
    }
    guard case .contents(let bytes) = FileSystem.read(path, bytesMax: 100) else {
      Issue.record("not read")
      return
    }
    #expect(bytes.count == 100)
    guard case .absent = FileSystem.read(directory("none"), bytesMax: 1) else {
      Issue.record("found what is not there")
      return
    }
  }

  @Test(arguments: [("/a/b", "/a"), ("/a", "/"), ("a", "."), ("a/b/c", "a/b"), ("/", "/")])
  func parents(path: String, parent: String) {
    #expect(path.parentDirectory == parent)
  }
}
