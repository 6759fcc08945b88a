// The terminal while a live screen is open: alternate screen, no echo, no cursor. Whatever ends the
// program (a key, an error, a signal, a crash), the terminal is put back first. The only file that
// changes terminal modes.

import Dispatch
import Glibc

/// The terminal in full-screen mode, until `leave`.
struct Terminal: Sendable {
  private static let enterSequence = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J"
  fileprivate static let leaveSequence: StaticString = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

  let console: Console

  func enter() throws {
    if console.inputIsTerminal {
      var raw = termios()
      tcgetattr(STDIN_FILENO, &raw)
      savedModes = raw
      // Signals stay on: Ctrl-C and Ctrl-Z do what they do everywhere.
      raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
      tcsetattr(STDIN_FILENO, TCSANOW, &raw)
    }
    for number in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP] { signal(number, restoreAndDie) }
    try console.write(Self.enterSequence)
  }

  func leave() {
    restoreTerminal()
    for number in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP] { signal(number, SIG_DFL) }
  }

  /// Ends this process by a signal. The threads that run tasks block signals, so it is let through first.
  static func die(of number: Int32) {
    var mask = sigset_t()
    sigemptyset(&mask)
    sigaddset(&mask, number)
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    raise(number)
  }

  /// Gives the terminal back to the shell until it continues us.
  func suspend() throws {
    leave()
    raise(SIGSTOP)
    try enter()
  }
}

// The state that a signal handler needs must be global. Sound: written by the one task that owns the
// terminal before the handlers are installed, and read afterwards only.
nonisolated(unsafe) private var savedModes: termios?

/// Only async-signal-safe calls: this runs in handlers of fatal signals too.
private func restoreTerminal() {
  let sequence = Terminal.leaveSequence
  // Sound: the sequence is constant memory of that length.
  _ = write(STDOUT_FILENO, sequence.utf8Start, sequence.utf8CodeUnitCount)
  if var modes = savedModes { tcsetattr(STDIN_FILENO, TCSANOW, &modes) }
}

private func restoreAndDie(_ number: Int32) {
  restoreTerminal()
  signal(number, SIG_DFL)
  raise(number)
}

/// What comes from outside while a screen is open.
enum TerminalEvent: Sendable, Equatable {
  case key(Key)
  case resized
  case suspended
  /// Asked to end by a signal of that number.
  case terminated(Int32)
}

/// Keys and signals as one sequence.
final class TerminalEvents {
  /// What asks a program to end.
  static let endings = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  let sequence: AsyncStream<TerminalEvent>
  private let continuation: AsyncStream<TerminalEvent>.Continuation
  private let queue = DispatchQueue(label: "kraken-ctl.terminal")
  private var sources: [any DispatchSourceProtocol] = []
  private var ignored: [Int32] = []

  /// Only the signals that ask the program to end.
  init() {
    (sequence, continuation) = AsyncStream<TerminalEvent>.makeStream(bufferingPolicy: .bufferingNewest(256))
    for number in Self.endings { watch(number, .terminated(number)) }
  }

  /// Everything a full-screen program has to answer to.
  convenience init(readingKeys: Bool) {
    self.init()
    watch(SIGWINCH, .resized)
    watch(SIGTSTP, .suspended)
    if readingKeys { readKeys() }
  }

  private func watch(_ number: Int32, _ event: TerminalEvent) {
    signal(number, SIG_IGN)
    ignored.append(number)
    let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
    source.setEventHandler { [continuation] in continuation.yield(event) }
    source.activate()
    sources.append(source)
  }

  private func readKeys() {
    let keys = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: queue)
    keys.setEventHandler { [continuation] in
      var buffer = [UInt8](repeating: 0, count: 256)
      let count = read(STDIN_FILENO, &buffer, buffer.count)
      guard count > 0 else { return keys.cancel() }
      for key in Key.parse(buffer[..<count]) { continuation.yield(.key(key)) }
    }
    keys.activate()
    sources.append(keys)
  }

  func stop() {
    for source in sources { source.cancel() }
    for number in ignored { signal(number, SIG_DFL) }
  }
}
