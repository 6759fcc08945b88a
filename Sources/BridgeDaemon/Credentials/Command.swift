// A program of the user's that prints a secret: a WebSocket token, a one-time password.
//
// A lone absolute path is run as it is, anything else by /bin/sh -c. What it prints is a secret, and what it complains
// about may be one too: its standard error goes nowhere. It runs in a process group of its own, which is killed with
// all that is in it when time is up.

import Glibc
import KrakenWire
import NIOCore
import NIOPosix

struct Command: Equatable, Sendable {
  var text: String

  init(_ text: String) { self.text = text }

  static let deadline: Duration = .seconds(30)
  static let outputBytesMax = 4096
  /// How long its end goes unnoticed at most when it leaves its output open.
  private static let lookEvery: Int32 = 20

  /// What is wrong with it, or nil.
  var fault: String? {
    guard text.contains(where: { !$0.isWhitespace }) else { return "it is empty" }
    return isLonePath && access(text, X_OK) != 0 ? Errno.text : nil
  }

  private var isLonePath: Bool {
    text.hasPrefix("/") && text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "/._-+:@".utf8.contains(byte)
      }
    }
  }

  private var arguments: [String] { isLonePath ? [text] : ["/bin/sh", "-c", text] }

  /// Runs it on a thread made for blocking work.
  /// - Returns: what it printed, without white space at the end.
  func output(on eventLoop: any EventLoop, deadline: Duration = deadline) -> EventLoopFuture<Secret> {
    NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { try run(deadline: deadline) }
  }

  /// Blocks.
  func run(deadline: Duration = deadline) throws(CredentialFault) -> Secret {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw CredentialFault(message: Errno.text) }
    let (input, output) = (ends[0], ends[1])
    defer { close(input) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // Only our end: the program may expect that writing waits.
    _ = fcntl(input, F_SETFL, O_NONBLOCK)
    let started = start(output: output)
    close(output)
    var child = try Child(process: started.get())
    defer { child.kill() }

    let end = SystemClock.now.monotonic + deadline.nanoseconds
    return try withWipedBuffer(byteCount: Command.outputBytesMax + 1) { (buffer) throws(CredentialFault) in
      var count = 0
      while true {
        // Asked before reading: what an ended program printed is all there then.
        let hasEnded = child.hasEnded()
        var wasClosed = false
        while count < buffer.count {
          let step = read(input, buffer.baseAddress! + count, buffer.count - count)
          if step < 0, errno == EINTR { continue }
          wasClosed = step == 0
          guard step > 0 else { break }
          count += step
        }
        guard count <= Command.outputBytesMax else { throw CredentialFault(message: "it printed too much") }
        if hasEnded { break }
        let left = end - SystemClock.now.monotonic
        guard left > 0 else { throw CredentialFault(message: "it took longer than \(deadline.components.seconds) s") }
        var waiting = pollfd(fd: wasClosed ? -1 : input, events: Int16(POLLIN), revents: 0)
        poll(&waiting, 1, min(Command.lookEvery, Int32(clamping: left / 1_000_000 + 1)))
      }
      if let fault = child.fault { throw CredentialFault(message: fault) }
      guard let secret = Secret(trimming: UnsafeRawBufferPointer(rebasing: buffer[..<count])) else {
        throw CredentialFault(message: "it printed nothing")
      }
      return secret
    }
  }

  private func start(output: Int32) -> Result<pid_t, CredentialFault> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)

    // The daemon blocks the signals that it takes one by one, and ignores some; a program expects neither.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

    var arguments: [UnsafeMutablePointer<CChar>?] = self.arguments.map { strdup($0) } + [nil]
    var environment = Command.environment.map { strdup($0) } + [nil]
    defer { for copy in arguments + environment { free(copy) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, arguments[0]!, &actions, &attributes, &arguments, &environment)
    guard code == 0 else { return .failure(CredentialFault(message: "it cannot be run: \(Errno.text(code))")) }
    return .success(process)
  }

  /// Ours, without what the service manager meant for the daemon alone.
  private static var environment: [String] {
    ProcessFacts.variables.filter { isPassedOn($0.key) }.map { "\($0.key)=\($0.value)" }
  }

  static func isPassedOn(_ variable: String) -> Bool {
    !["NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", "FDSTORE", "MEMORY_PRESSURE_"].contains { variable.hasPrefix($0) }
  }
}

/// A process that we started and have to wait for.
private struct Child {
  let process: pid_t
  private var status: Int32?

  init(process: pid_t) { self.process = process }

  mutating func hasEnded() -> Bool {
    var status: Int32 = 0
    if self.status == nil, waitpid(process, &status, WNOHANG) == process { self.status = status }
    return self.status != nil
  }

  /// How it failed; nil after a success, and before the end. The bits are those of wait(2).
  var fault: String? {
    guard let status, status != 0 else { return nil }
    let signal = status & 0x7F
    return signal == 0 ? "it ended with status \(status >> 8 & 0xFF)" : "it was ended by signal \(signal)"
  }

  /// Does nothing to a program that has ended, nor to what it left running.
  mutating func kill() {
    guard status == nil else { return }
    Glibc.kill(-process, SIGKILL)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    self.status = status
  }
}
