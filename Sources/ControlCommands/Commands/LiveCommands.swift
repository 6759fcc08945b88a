// The verbs that draw: live on a terminal, one picture with --once or into a pipe.

import ArgumentParser
import KrakenBridgeClient

/// What the drawing verbs share.
struct LiveOptions: ParsableArguments {
  @Flag(help: "Print one picture and end (the default when the output is no terminal).")
  var once = false

  func isSinglePicture(on console: Console) -> Bool { once || !console.outputIsTerminal }

  /// Shows a view as this command line and the console ask for it.
  func show(_ view: some LiveView, _ options: GlobalOptions, on console: Console) async throws {
    let screen = LiveScreen(
      view: view, address: options.address(on: console), console: console, style: options.style(on: console))
    if isSinglePicture(on: console) {
      try await screen.printOnce()
    } else {
      try await screen.run()
    }
  }
}

extension GlobalOptions {
  /// A picture has no JSON or CSV form: whoever asks a drawing verb for one gets the topics' lines instead.
  func wantsLines() -> Bool { format == .json || format == .csv }

  func printLines(_ subscriptions: [Subscription], on console: Console) async throws {
    let bridge = try await BridgeConnection.connect(to: address(on: console))
    defer { bridge.close() }
    for subscription in subscriptions {
      var printer = EventPrinter(console: console, options: self)
      try printer.write(try await bridge.snapshots(subscription))
    }
  }
}

struct BookCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "book",
    abstract: "Draw the order book of a symbol.",
    discussion: """
      EXAMPLES
        kraken-ctl book BTC/USD
        kraken-ctl book ETH/USD --depth 100 --once
      """)

  @Argument(help: "A pair such as BTC/USD.", completion: .symbols)
  var symbol: String

  @Option(help: "Levels: 10, 25, 100, 500 or 1000.")
  var depth = 25

  @OptionGroup var live: LiveOptions
  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let view = BookView(symbol: symbol, depth: depth)
    if options.wantsLines() { return try await options.printLines([view.subscriptions[0]], on: console) }
    try await live.show(view, options, on: console)
  }
}

struct TradesCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "trades", abstract: "Show the trades of a symbol as they happen.")

  @Argument(help: "A pair such as BTC/USD.", completion: .symbols)
  var symbol: String

  @OptionGroup var live: LiveOptions
  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let view = TradesView(symbol: symbol)
    if options.wantsLines() { return try await options.printLines(view.subscriptions, on: console) }
    try await live.show(view, options, on: console)
  }
}

struct WatchCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Show prices in a live table.",
    discussion: """
      Keys: s l c p v a sort, the same key again or r reverses, / filters, arrows and page keys scroll, q leaves.

      EXAMPLES
        kraken-ctl watch
        kraken-ctl watch BTC/USD ETH/USD SOL/USD
      """)

  @Argument(help: "Pairs such as BTC/USD (default: all that the bridge carries).", completion: .symbols)
  var symbols: [String] = []

  @OptionGroup var live: LiveOptions
  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    var symbols = self.symbols
    if symbols.isEmpty, live.isSinglePicture(on: console) || options.wantsLines() {
      // One picture of everything: what everything is has to be known before it can be complete.
      let topics = try await console.ask(BridgeRequest("topics"), options).result["topics"] ?? .null
      symbols = SymbolCompletion.symbols(in: .array(topics.elements.filter { $0["channel"] == "ticker" }))
    }
    let view = WatchView(symbols: symbols)
    if options.wantsLines() { return try await options.printLines(view.subscriptions, on: console) }
    try await live.show(view, options, on: console)
  }
}

struct ChartCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "chart",
    abstract: "Draw candles and volume of a symbol.",
    discussion: """
      EXAMPLES
        kraken-ctl chart BTC/USD --interval 5
        kraken-ctl chart BTC/USD --interval 1440 --once
      """)

  @Argument(help: "A pair such as BTC/USD.", completion: .symbols)
  var symbol: String

  @Option(help: "Minutes of a candle: 1, 5, 15, 30, 60, 240, 1440, 10080 or 21600.")
  var interval = 1

  @OptionGroup var live: LiveOptions
  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let view = ChartView(symbol: symbol, interval: interval)
    if options.wantsLines() { return try await options.printLines(view.subscriptions, on: console) }
    try await live.show(view, options, on: console)
  }
}
