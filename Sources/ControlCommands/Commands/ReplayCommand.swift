// `replay`: a recording as if it happened now, on standard output or on a socket like the bridge's.

import ArgumentParser
import Glibc
import KrakenBridgeClient

struct ReplayCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Replay recordings, to standard output or on a socket like the bridge's.",
    discussion: """
      On a socket every reader gets the recording from its beginning, from the moment it subscribes; only the greeting \
      says that it is a replay. Several files are played one after the other, as rotation has written them.

      EXAMPLES
        kraken-ctl replay market.jsonl.zst | jq .data
        kraken-ctl replay market.jsonl.zst --socket /tmp/replay.sock --speed 10
        kraken-ctl replay market.*.jsonl.zst market.jsonl.zst --socket /tmp/replay.sock --as-fast-as-possible --once
      """)

  @Argument(help: "Recordings, oldest first.", completion: .file(extensions: ["jsonl", "zst"]))
  var files: [String]

  @Option(help: ArgumentHelp("Serve on this socket instead of printing.", valueName: "path"))
  var socket: String?

  @Option(help: "How many times as fast as life.")
  var speed = 1.0

  @Flag(help: "Do not wait between lines.")
  var asFastAsPossible = false

  @Flag(help: "On a socket: say goodbye and end when the first reader has got everything.")
  var once = false

  func validate() throws {
    if speed <= 0 || !speed.isFinite { throw ValidationError("--speed must be greater than 0") }
    if files.isEmpty { throw ValidationError("name a recording") }
  }

  private var effectiveSpeed: Double? { asFastAsPossible ? nil : speed }

  func execute(on console: Console) async throws {
    if let socket { try await serve(at: socket, console) } else { try await printLines(console) }
  }

  private func printLines(_ console: Console) async throws {
    var clock = ReplayClock(speed: effectiveSpeed)
    for file in files {
      let recording = try RecordingReader(path: file)
      while let line = try recording.next() {
        guard let message = BridgeMessage(line: line) else {
          throw CommandFailure(.badData, "\(file) holds a line that is not JSON", advice: "is it a recording of kraken-ctl record?")
        }
        let wait = clock.wait(received: message.received, now: monotonicSeconds())
        if wait > 0 { try await Task.sleep(for: .seconds(wait)) }
        try console.write(line: line)
      }
    }
  }

  private func serve(at path: String, _ console: Console) async throws {
    let index = try readIndex(console)
    let listener = try UnixListener(path: path)
    defer { listener.stop() }
    let speedText = asFastAsPossible ? "as fast as possible" : Quantity.fixed(speed, places: 2)
    console.write(error: "serving \(Quantity.grouped(String(index.lines))) lines at \(path); end with Ctrl-C")
    let (finished, continuation) = AsyncStream<Void>.makeStream()
    let files = self.files
    let speed = effectiveSpeed
    startThread {
      while let connection = listener.accept() {
        let reader = ReplayReader(connection: connection, session: ReplaySession(index: index, speed: speedText))
        startThread { reader.answerRequests() }
        startThread {
          do {
            guard try reader.play(files, speed: speed) else { return }
            console.write(error: "a reader has got everything")
            if once { reader.sayGoodbye() }
            continuation.yield()
          } catch {
            console.complain("\(error)")
          }
        }
      }
    }
    let events = TerminalEvents()
    let signals = events.sequence
    defer { events.stop() }
    await withTaskGroup { group in
      group.addTask { for await _ in signals { return } }
      if once { group.addTask { for await _ in finished { return } } }
      defer { group.cancelAll() }
      await group.next()
    }
  }

  /// Reads everything once to know what there is.
  private func readIndex(_ console: Console) throws -> RecordingIndex {
    var index = RecordingIndex()
    var shownAt = monotonicSeconds()
    for file in files {
      let recording = try RecordingReader(path: file)
      while let line = try recording.next() {
        guard let message = BridgeMessage(line: line) else {
          throw CommandFailure(.badData, "\(file) holds a line that is not JSON", advice: "is it a recording of kraken-ctl record?")
        }
        index.note(message)
        if console.errorsAreTerminal, monotonicSeconds() - shownAt > 0.2 {
          shownAt = monotonicSeconds()
          console.errors(Array("\rreading \(file): \(Quantity.grouped(String(index.lines))) lines\u{1B}[K".utf8))
        }
      }
    }
    if console.errorsAreTerminal { console.errors(Array("\r\u{1B}[K".utf8)) }
    guard index.lines > 0 else { throw CommandFailure(.badData, "nothing is recorded in \(files.joined(separator: ", "))") }
    return index
  }
}
