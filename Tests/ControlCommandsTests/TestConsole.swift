// A console that remembers what was written, and a way to run kraken-ctl as a function.

import Synchronization

@testable import ControlCommands

/// What one run of kraken-ctl wrote, and how it ended.
struct Run {
  var status: Int32
  var output: String
  var errors: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }
}

private final class Written: Sendable {
  let output = Mutex<[UInt8]>([])
  let errors = Mutex<[UInt8]>([])
}

/// Runs a command line.
///
/// - Parameter closesAfter: the reader of the output goes away after so many writes.
func run(
  _ arguments: String..., environment: [String: String] = [:], terminal: Bool = false, input: [String] = [], closesAfter: Int = .max
) async -> Run {
  let written = Written()
  let inputs = InputLines(input)
  let writes = Counter()
  let console = Console(
    output: { bytes in
      if writes.next() > closesAfter { throw OutputClosed() }
      written.output.withLock { $0 += bytes }
    },
    errors: { bytes in written.errors.withLock { $0 += bytes } },
    environment: { environment[$0] },
    outputIsTerminal: terminal, errorsAreTerminal: false, inputIsTerminal: !input.isEmpty,
    input: { inputs.next() },
    size: { TerminalSize(columns: 80, rows: 24) })
  let status = await KrakenControl.run(arguments, on: console)
  return Run(
    status: status, output: String(decoding: written.output.withLock { $0 }, as: UTF8.self),
    errors: String(decoding: written.errors.withLock { $0 }, as: UTF8.self))
}

private final class InputLines: Sendable {
  private let lines: Mutex<[String]>

  init(_ lines: [String]) {
    self.lines = Mutex(lines)
  }

  func next() -> String? { lines.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
}

private final class Counter: Sendable {
  private let count = Atomic<Int>(0)

  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
