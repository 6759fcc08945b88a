// The outside world as commands see it: two outputs, the environment, the terminal's size. Commands
// get it handed in, so that tests run them as functions and look at what they wrote.

import Glibc
import KrakenBridgeClient

/// Standard output was closed by its reader: the end of the command, and not an error.
struct OutputClosed: Error {}

/// Where a command writes, and what it may know about its surroundings.
public struct Console: Sendable {
  /// Writes to standard output; throws `OutputClosed` when nobody reads any more.
  var output: @Sendable ([UInt8]) throws -> Void
  /// Writes to standard error.
  var errors: @Sendable ([UInt8]) -> Void
  var environment: @Sendable (String) -> String?
  var outputIsTerminal: Bool
  var errorsAreTerminal: Bool
  var inputIsTerminal: Bool
  /// A line from standard input without its LF; `nil` at the end.
  var input: @Sendable () -> String?
  /// Columns and rows of the terminal.
  var size: @Sendable () -> TerminalSize

  func write(_ text: String) throws {
    try output(Array(text.utf8))
  }

  func write(line: String) throws {
    try output(Array(line.utf8) + [UInt8(ascii: "\n")])
  }

  func write(line bytes: [UInt8]) throws {
    try output(bytes + [UInt8(ascii: "\n")])
  }

  func write(error line: String) {
    errors(Array(line.utf8) + [UInt8(ascii: "\n")])
  }

  /// A line of our own on standard error.
  func complain(_ text: String) {
    write(error: "kraken-ctl: " + text)
  }
}

struct TerminalSize: Sendable, Equatable {
  var columns: Int
  var rows: Int
}

extension Console {
  /// The console of this process. From here on a closed pipe is an error of `write`, not a signal.
  public static func process() -> Console {
    signal(SIGPIPE, SIG_IGN)
    return Console(
      output: { try writeAll($0, to: STDOUT_FILENO) },
      errors: { try? writeAll($0, to: STDERR_FILENO) },
      environment: BridgeAddress.processEnvironment,
      outputIsTerminal: isatty(STDOUT_FILENO) == 1,
      errorsAreTerminal: isatty(STDERR_FILENO) == 1,
      inputIsTerminal: isatty(STDIN_FILENO) == 1,
      input: { readLine(strippingNewline: true) },
      size: terminalSize)
  }

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
    var written = 0
    while written < bytes.count {
      // Sound: the slice lies inside the array, which is not changed meanwhile.
      let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        written += count
      } else if errno == EPIPE {
        throw OutputClosed()
      } else if errno == EAGAIN {
        waitForRoom(in: descriptor)
      } else if errno != EINTR {
        throw CommandFailure(.cannotCreate, "writing failed: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Somebody else may have made a shared terminal or pipe non-blocking.
  private static func waitForRoom(in descriptor: Int32) {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&wanted, 1, -1)
  }

  private static func terminalSize() -> TerminalSize {
    var window = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
      return TerminalSize(columns: 80, rows: 24)
    }
    return TerminalSize(columns: Int(window.ws_col), rows: Int(window.ws_row))
  }
}
