// `record`: lines from the bridge into files, without holes, or with holes that say so.

import ArgumentParser
import Glibc
import KrakenBridgeClient
import Synchronization

extension SyncPolicy: ExpressibleByArgument {}

/// A number of bytes on the command line: `100M`, `2G`, `65536`.
struct ByteCount: ExpressibleByArgument, Sendable, Equatable {
  var bytes: Int

  init?(argument: String) {
    let digits = argument.prefix { $0.isNumber }
    guard let amount = Int(digits), amount > 0 else { return nil }
    let shift: Int
    switch argument[digits.endIndex...].uppercased() {
    case "", "B": shift = 0
    case "K", "KIB": shift = 10
    case "M", "MIB": shift = 20
    case "G", "GIB": shift = 30
    default: return nil
    }
    guard amount <= Int.max >> (shift + 1) else { return nil }
    bytes = amount << shift
  }
}

struct RecordCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record topics to a file of JSON lines.",
    discussion: """
      Lines are written exactly as the bridge sends them, its state, stale and gap lines among them. After a break, of \
      the daemon or of this program, recording goes on after the last line in the file; what could not be recovered is \
      marked by a gap line. A name that ends in .zst is compressed (needs the program zstd).

      EXAMPLES
        kraken-ctl record trades.jsonl trade '*'
        kraken-ctl record market.jsonl.zst book BTC/USD --depth 100 --also 'trade BTC/USD' --also 'ticker *'
        kraken-ctl record market.jsonl.zst --rotate-every 1h --rotate-size 500M
      """)

  @Argument(help: "The file; appended to if it exists.", completion: .file(extensions: ["jsonl", "zst"]))
  var file: String

  @Argument(help: "A channel (default: ticker, book, trade and ohlc of all that the bridge carries).")
  var channel: String?

  @Argument(help: "Pairs such as BTC/USD, or '*'.", completion: .symbols)
  var symbols: [String] = []

  @Option(help: "Levels of a book.")
  var depth: Int?

  @Option(help: "Minutes of a candle.")
  var interval: Int?

  @Option(help: ArgumentHelp("More topics, as one word: 'book ETH/USD depth=25'. May be repeated.", valueName: "topics"))
  var also: [String] = []

  @Option(help: ArgumentHelp("Begin a new file after so much, before compression: 100M, 2G.", valueName: "bytes"))
  var rotateSize: ByteCount?

  @Option(help: ArgumentHelp("Begin a new file after this time: 1h, 1d.", valueName: "duration"))
  var rotateEvery: TimeSpan?

  @Option(help: "Force to disk at the end of a file, every second, or after every line. Compressed files grow with the last two.")
  var fsync: SyncPolicy = .end

  @Option(help: "End after so many lines.")
  var count: Int?

  @Option(name: .customLong("for"), help: ArgumentHelp("End after this time.", valueName: "duration"))
  var time: TimeSpan?

  @OptionGroup var options: GlobalOptions

  func subscriptions() throws -> [Subscription] {
    var list: [Subscription] = []
    if let channel {
      list.append(Subscription(channel.lowercased(), symbols.isEmpty ? ["*"] : symbols, depth: depth, interval: interval))
    }
    list += try also.map(Subscription.init(words:))
    return list.isEmpty ? ["ticker", "book", "trade", "ohlc"].map { Subscription($0, ["*"]) } : list
  }

  func execute(on console: Console) async throws {
    var subscriptions = try self.subscriptions()
    let tail = try RecordingTail.prepare(file)
    if let tail, let damaged = tail.damaged {
      console.complain("the end of \(file) was damaged: its first \(tail.lines) lines are kept, and the original as \(damaged)")
    }
    if let tail, let last = tail.lastSeq {
      console.complain("\(file) has \(tail.lines) lines; going on after seq \(last)")
      for index in subscriptions.indices { subscriptions[index].since = last }
    }
    let recording = Recording(
      recorder: try Recorder(
        path: file, rotation: .init(bytes: rotateSize?.bytes, seconds: rotateEvery?.duration.seconds), policy: fsync,
        now: monotonicSeconds()))
    let feed = BridgeFeed(options.address(on: console), subscriptions)
    let events = TerminalEvents()
    let signals = events.sequence
    defer { events.stop() }
    do {
      try await withThrowingTaskGroup { group in
        group.addTask { try await record(feed, recording, console) }
        group.addTask { for await _ in signals { return } }
        group.addTask {
          while true {
            try await Task.sleep(for: .milliseconds(200))
            let progress = try recording.state.withLock { recorder in
              try recorder.tick(now: monotonicSeconds())
              return "\(Quantity.grouped(String(recorder.lines))) lines, \(Quantity.bytes(Double(recorder.bytes)))"
            }
            if console.errorsAreTerminal { console.errors(Array("\r\(progress)\u{1B}[K".utf8)) }
          }
        }
        if let time { group.addTask { try await Task.sleep(for: time.duration) } }
        defer { group.cancelAll() }
        try await group.next()
      }
    } catch {
      // What was recorded until the failure is kept.
      try? recording.state.withLock { try $0.finish() }
      throw error
    }
    let (lines, bytes) = try recording.state.withLock { recorder in
      try recorder.finish()
      return (recorder.lines, recorder.bytes)
    }
    if console.errorsAreTerminal { console.errors(Array("\r\u{1B}[K".utf8)) }
    console.write(error: "recorded \(Quantity.grouped(String(lines))) lines, \(Quantity.bytes(Double(bytes)))")
  }

  private func record(_ feed: BridgeFeed, _ recording: Recording, _ console: Console) async throws {
    var refusals = Refusals(asked: feed.subscriptions.reduce(0) { $0 + $1.symbols.count })
    var isConnected = true
    // While several topics are being resumed, one may run ahead of another. Nothing is written until all are there, so
    // that the largest `seq` in the file always means: everything up to it.
    var isCaughtUp = false
    var waiting: [BridgeMessage] = []
    for try await element in feed {
      switch element {
      case .connected:
        isConnected = true
        isCaughtUp = false
      case .disconnected(let error, _):
        // Once per loss: the attempts that follow are no news.
        if isConnected { console.complain("\(error.message); trying to connect again") }
        isConnected = false
      case .caughtUp: isCaughtUp = true
      case .message(.answer(let answer)):
        if !answer.success { try refusals.note(answer, on: console) }
      case .message(.hello), .message(.goodbye): break
      case .message(let message): waiting.append(message)
      }
      guard isCaughtUp, !waiting.isEmpty else { continue }
      let isDone = try recording.state.withLock { recorder in
        for message in waiting where recorder.lines != count {
          try recorder.append(message.line.bytes, now: monotonicSeconds(), wall: compactWallTime)
        }
        return recorder.lines == count
      }
      if isDone { return }
      waiting.removeAll(keepingCapacity: true)
    }
  }
}

/// The recorder, between the task that reads and the one that flushes.
private final class Recording: Sendable {
  let state: Mutex<Recorder>

  init(recorder: sending Recorder) {
    state = Mutex(recorder)
  }
}

extension Subscription {
  /// Reads the plain-text form for people: `book BTC/USD ETH/USD depth=25`.
  init(words text: String) throws {
    let words = text.split(separator: " ").map(String.init)
    guard let channel = words.first else { throw CommandFailure(.usage, "empty topics") }
    self.init(channel.lowercased(), words.dropFirst().filter { !$0.contains("=") })
    for word in words where word.contains("=") {
      let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
      switch (pair.first, pair.count == 2 ? pair[1] : "") {
      case ("depth", let value) where Int(value) != nil: depth = Int(value)
      case ("interval", let value) where Int(value) != nil: interval = Int(value)
      case ("event_trigger", let value) where !value.isEmpty: eventTrigger = value
      default:
        throw CommandFailure(.usage, "'\(word)' is no parameter of a topic", advice: "use depth=N, interval=M or event_trigger=bbo")
      }
    }
    if symbols.isEmpty { symbols = ["*"] }
  }
}
