// `subscribe` and `snapshot`: lines from the bridge to standard output, for as long as asked.

import ArgumentParser
import KrakenBridgeClient

/// Which topics: shared by the verbs that name them.
struct TopicOptions: ParsableArguments {
  @Argument(help: "ticker, book, trade, ohlc, spread, instrument, status, executions, balances, level3, own_trades or open_orders.")
  var channel: String

  @Argument(help: "Pairs such as BTC/USD, or '*' for all that the bridge carries.", completion: .symbols)
  var symbols: [String] = []

  @Option(help: "Levels of a book: 10, 25, 100, 500 or 1000.")
  var depth: Int?

  @Option(help: "Minutes of a candle: 1, 5, 15, 30, 60, 240, 1440, 10080 or 21600.")
  var interval: Int?

  @Option(help: ArgumentHelp("When a ticker is sent: bbo or trades.", valueName: "trigger"))
  var eventTrigger: String?

  var subscription: Subscription {
    Subscription(channel.lowercased(), symbols, depth: depth, interval: interval, eventTrigger: eventTrigger)
  }

  /// Channels with account data live on the private listener.
  var listener: BridgeAddress.Listener {
    ["executions", "balances", "level3", "own_trades", "open_orders"].contains(channel.lowercased()) ? .private : .bridge
  }
}

extension Subscription.OnSlow: ExpressibleByArgument {}

struct SubscribeCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "subscribe",
    abstract: "Print what happens to topics, line by line.",
    discussion: """
      In JSON every line is printed exactly as received, the bridge's state, stale and gap lines among them. When the \
      daemon restarts, reading goes on after the last line seen; what could not be recovered is marked by a gap line.

      EXAMPLES
        kraken-ctl subscribe ticker BTC/USD ETH/USD
        kraken-ctl subscribe book BTC/USD --depth 25 --count 100 > book.jsonl
        kraken-ctl subscribe trade '*' --for 10m --format csv > trades.csv
        kraken-ctl subscribe ohlc BTC/USD --interval 5
        kraken-ctl subscribe trade BTC/USD --since 1868000000000042
      """)

  @OptionGroup var topics: TopicOptions
  @OptionGroup var options: GlobalOptions

  @Option(help: ArgumentHelp("Resume after this line.", valueName: "seq"))
  var since: UInt64?

  @Option(help: "End after so many event lines.")
  var count: Int?

  @Option(name: .customLong("for"), help: ArgumentHelp("End after this time: 500ms, 10s, 5m, 2h.", valueName: "duration"))
  var time: TimeSpan?

  @Flag(inversion: .prefixedNo, help: "Begin with the present state.")
  var snapshot = true

  @Option(help: "What the bridge does when we read too slowly: resync or disconnect.")
  var onSlow: Subscription.OnSlow = .resync

  @Flag(inversion: .prefixedNo, help: "Connect again when the daemon restarts.")
  var reconnect = true

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--count must be at least 1") }
  }

  func execute(on console: Console) async throws {
    var subscription = topics.subscription
    subscription.snapshot = snapshot
    subscription.since = since
    subscription.onSlow = onSlow
    let feed = BridgeFeed(
      options.address(topics.listener, on: console), [subscription], reconnects: reconnect)
    let printer = EventPrinter(console: console, options: options)
    guard let time else { return try await read(feed, printer, console) }
    try await withThrowingTaskGroup { group in
      group.addTask { try await read(feed, printer, console) }
      group.addTask { try await Task.sleep(for: time.duration) }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func read(_ feed: BridgeFeed, _ printer: EventPrinter, _ console: Console) async throws {
    var printer = printer
    var refusals = Refusals(asked: topics.symbols.count)
    var printed = 0
    var isConnected = true
    for try await element in feed {
      switch element {
      case .connected:
        if !isConnected { console.complain("connected again") }
        isConnected = true
      case .disconnected(let error, _):
        // Once per loss: the attempts that follow are no news.
        if isConnected { console.complain("\(error.message); trying to connect again") }
        isConnected = false
      case .caughtUp: break
      case .message(.answer(let answer)):
        if !answer.success { try refusals.note(answer, on: console) }
      case .message(let message):
        try printer.write(message)
        if case .event = message { printed += 1 }
        if printed == count { return }
      }
    }
  }
}

/// Refused symbols: each is reported; when none is left, there is nothing to wait for.
struct Refusals {
  let asked: Int
  private var refused = 0

  init(asked: Int) {
    self.asked = asked
  }

  mutating func note(_ answer: Answer, on console: Console) throws {
    refused += 1
    guard answer.symbol != nil, refused < asked else {
      _ = try answer.orThrow()
      return
    }
    console.complain("\(answer.symbol ?? "") refused: \(answer.error ?? answer.code ?? "no reason given")")
  }
}

struct SnapshotCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Print the present state of topics, and end.",
    discussion: """
      EXAMPLES
        kraken-ctl snapshot book BTC/USD --depth 25
        kraken-ctl snapshot ticker BTC/USD --format json | jq .data.last
      """)

  @OptionGroup var topics: TopicOptions
  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let bridge = try await BridgeConnection.connect(to: options.address(topics.listener, on: console))
    defer { bridge.close() }
    var printer = EventPrinter(console: console, options: options)
    try printer.write(try await bridge.snapshots(topics.subscription))
  }
}
