// A real process under test: started, read line by line with a deadline, and gone when the test is.

import Foundation

/// Where the programs under test are: beside the test bundle, or where KRAKEN_BRIDGE_BIN says.
enum Programs {
  static let folder: URL = {
    if let given = ProcessInfo.processInfo.environment["KRAKEN_BRIDGE_BIN"] { return URL(fileURLWithPath: given) }
    return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
  }()

  static func path(_ name: String) -> String { folder.appending(path: name).path }
}

struct Overdue: Error, CustomStringConvertible {
  var description: String
}

/// Long enough for a loaded machine; reached only when something is wrong.
let patience: TimeInterval = 60

final class Child: @unchecked Sendable {
  let process = Process()
  let output: LineBuffer
  let errors: LineBuffer
  private let input = Pipe()

  /// - Parameter program: a name of ours, or a path.
  init(_ program: String, _ arguments: [String] = [], environment: [String: String] = [:]) throws {
    let path = program.contains("/") ? program : Programs.path(program)
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let outputPipe = Pipe()
    let errorPipe = Pipe()
    process.standardInput = input
    process.standardOutput = outputPipe
    process.standardError = errorPipe
    output = LineBuffer(outputPipe.fileHandleForReading)
    errors = LineBuffer(errorPipe.fileHandleForReading)
    try process.run()
  }

  static func shell(_ command: String) throws -> Child { try Child("/bin/bash", ["-c", command]) }

  /// Writes one line to its standard input.
  func send(_ line: String) { input.fileHandleForWriting.write(Data((line + "\n").utf8)) }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Waits for the end; the exit status, or minus the signal.
  @discardableResult
  func wait() throws -> Int32 {
    let deadline = Date(timeIntervalSinceNow: patience)
    while process.isRunning {
      guard Date() < deadline else { throw Overdue(description: "\(process.arguments ?? []) did not end") }
      usleep(10000)
    }
    return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
  }

  deinit {
    guard process.isRunning else { return }
    // The whole group: what a shell started would otherwise outlive it. Nothing is waited for, since Foundation
    // considers a process running as long as any of its descendants is.
    for target in [-process.processIdentifier, process.processIdentifier] {
      kill(target, SIGCONT)
      kill(target, SIGKILL)
    }
  }
}

/// Lines as they come out of a file descriptor, read on a thread of its own.
final class LineBuffer: @unchecked Sendable {
  private let condition = NSCondition()
  private var lines: [String] = []
  private var taken = 0
  private var isAtEnd = false

  init(_ handle: FileHandle) {
    Thread.detachNewThread { [self] in
      var rest = Data()
      while case let data = handle.availableData, !data.isEmpty {
        rest.append(data)
        var fresh: [String] = []
        while let end = rest.firstIndex(of: 0x0A) {
          fresh.append(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
          rest = Data(rest[rest.index(after: end)...])
        }
        add(fresh)
      }
      add(rest.isEmpty ? [] : [String(decoding: rest, as: UTF8.self)], end: true)
    }
  }

  private func add(_ fresh: [String], end: Bool = false) {
    condition.lock()
    lines += fresh
    isAtEnd = isAtEnd || end
    condition.broadcast()
    condition.unlock()
  }

  /// The next line, or nil at the end.
  func next() throws -> String? {
    let deadline = Date(timeIntervalSinceNow: patience)
    condition.lock()
    defer { condition.unlock() }
    while taken == lines.count {
      if isAtEnd { return nil }
      guard condition.wait(until: deadline) else { throw Overdue(description: "no line; so far: \(lines.suffix(5))") }
    }
    taken += 1
    return lines[taken - 1]
  }

  /// Reads on until a line matches.
  @discardableResult
  func first(_ what: String, where matches: (String) -> Bool) throws -> String {
    // A stream that goes on without ever matching is as wrong as one that stops.
    let deadline = Date(timeIntervalSinceNow: patience)
    while let line = try next() {
      if matches(line) { return line }
      guard Date() < deadline else { break }
    }
    throw Overdue(description: "no \(what); last lines: \(lines.suffix(5))")
  }

  @discardableResult
  func first(containing text: String) throws -> String { try first(text) { $0.contains(text) } }

  /// Everything until the end.
  func rest() throws -> [String] {
    var rest: [String] = []
    while let line = try next() { rest.append(line) }
    return rest
  }

  var count: Int {
    condition.lock()
    defer { condition.unlock() }
    return lines.count
  }
}
