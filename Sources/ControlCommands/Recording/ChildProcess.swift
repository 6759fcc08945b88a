// Another program with our file descriptors as its standard input and output: zstd, so that recordings
// compress without a library to link, and the programs that `doctor` asks.

import Glibc
import Synchronization

/// Held while descriptors are made and while a child is started, so that no child inherits another's pipe: it would
/// keep that pipe from ever ending.
private let spawning = Mutex(())

/// A running child.
struct ChildProcess: Sendable {
  private let identifier: pid_t

  /// Starts a program found on PATH. The descriptors stay the caller's.
  ///
  /// Everything the caller has open but these is closed in the child by close-on-exec, which all descriptors of this
  /// program carry.
  ///
  /// - Parameter errors: where its standard error goes; `nil` for ours.
  init(_ arguments: [String], input: Int32, output: Int32, errors: Int32? = nil) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    if let errors { posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Ctrl-C is for us: the child ends when its input does, and loses nothing.
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)

    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    // Sound: the array is NULL-terminated and lives for the call.
    let outcome = spawning.withLock { _ in posix_spawnp(&child, arguments[0], &actions, &attributes, &words, environ) }
    guard outcome == 0 else {
      throw CommandFailure(
        .unavailable, "cannot run \(arguments[0]): \(String(cString: strerror(outcome)))",
        advice: outcome == ENOENT ? "install it: apt install \(arguments[0])" : nil)
    }
    identifier = child
  }

  /// Waits for the end; true if the child says all went well.
  func wait() -> Bool { exitStatus() == 0 }

  /// Waits for the end and returns the exit status; 128 plus its number if a signal ended it.
  func exitStatus() -> Int32 {
    var status: Int32 = 0
    while waitpid(identifier, &status, 0) < 0 {
      guard errno == EINTR else { return 127 }
    }
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
  }

  /// Runs a program to its end and returns everything it wrote; `nil` if there is no such program.
  static func output(of arguments: [String]) -> (status: Int32, text: String)? {
    let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { close(nothing) }
    guard let (reading, writing) = try? pipe() else { return nil }
    let child = try? ChildProcess(arguments, input: nothing, output: writing, errors: writing)
    close(writing)
    defer { close(reading) }
    guard let child else { return nil }
    var bytes: [UInt8] = []
    var portion = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(reading, &portion, portion.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      bytes += portion[..<count]
    }
    return (child.exitStatus(), String(decoding: bytes, as: UTF8.self))
  }

  /// A pipe whose ends no child inherits by accident.
  static func pipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    let outcome = spawning.withLock { _ in
      let outcome = Glibc.pipe(&ends)
      if outcome == 0 { for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) } }
      return outcome
    }
    guard outcome == 0 else { throw CommandFailure(.internalError, "pipe: \(String(cString: strerror(errno)))") }
    return (ends[0], ends[1])
  }
}
