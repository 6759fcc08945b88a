// What is typed, and what follows from it and from the surroundings.

import KrakenBridgeClient
import Testing

@testable import ControlCommands

@Suite struct OptionsTests {
  private func console(terminal: Bool, _ environment: [String: String] = [:]) -> Console {
    Console(
      output: { _ in }, errors: { _ in }, environment: { environment[$0] }, outputIsTerminal: terminal, errorsAreTerminal: false,
      inputIsTerminal: false, input: { nil }, size: { TerminalSize(columns: 80, rows: 24) })
  }

  @Test func tableOnATerminalLinesInAPipe() throws {
    #expect(try GlobalOptions.parse([]).format(on: console(terminal: true)) == .table)
    #expect(try GlobalOptions.parse([]).format(on: console(terminal: false)) == .json)
    #expect(try GlobalOptions.parse(["--format", "csv"]).format(on: console(terminal: true)) == .csv)
  }

  @Test func colours() throws {
    func isColored(_ arguments: [String], terminal: Bool, _ environment: [String: String] = [:]) throws -> Bool {
      try GlobalOptions.parse(arguments).style(on: console(terminal: terminal, environment)).isColored
    }
    #expect(try isColored([], terminal: true))
    #expect(try !isColored([], terminal: false))
    #expect(try !isColored([], terminal: true, ["NO_COLOR": "1"]))
    #expect(try isColored([], terminal: true, ["NO_COLOR": ""]))
    #expect(try !isColored([], terminal: true, ["TERM": "dumb"]))
    #expect(try isColored(["--color", "always"], terminal: false, ["NO_COLOR": "1"]))
    #expect(try !isColored(["--color", "never"], terminal: true))
  }

  @Test func globalOptionsMayStandBeforeTheVerb() {
    func moved(_ arguments: String...) -> [String] { KrakenControl.globalOptionsLast(arguments) }
    #expect(moved("--socket", "x", "status") == ["status", "--socket", "x"])
    #expect(moved("--socket=x", "--format", "csv", "topics", "-h") == ["topics", "-h", "--socket=x", "--format", "csv"])
    #expect(moved("status", "--socket", "x") == ["status", "--socket", "x"])
    #expect(moved("--socket", "x", "send", "--", "-y") == ["send", "--socket", "x", "--", "-y"])
    #expect(moved("order", "--socket", "x", "cancel-all") == ["order", "cancel-all", "--socket", "x"])
    #expect(moved("--socket", "x", "order", "cancel-all") == ["order", "cancel-all", "--socket", "x"])
    #expect(moved("--help") == ["--help"])
    #expect(moved("--socket") == ["--socket"])
    #expect(moved() == [])
  }

  @Test(arguments: [
    ("10", Duration.seconds(10)), ("500ms", .milliseconds(500)), ("1.5s", .milliseconds(1500)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
    ("1d", .seconds(86400)), ("0", .zero),
  ])
  func durations(text: String, duration: Duration) {
    #expect(TimeSpan(argument: text)?.duration == duration)
  }

  @Test(arguments: ["", "s", "-1s", "1x", "1 s", "1e400", "999999999d"])
  func notDurations(text: String) {
    #expect(TimeSpan(argument: text) == nil)
  }

  @Test func byteCounts() {
    #expect(ByteCount(argument: "65536")?.bytes == 65536)
    #expect(ByteCount(argument: "100M")?.bytes == 100 << 20)
    #expect(ByteCount(argument: "2GiB")?.bytes == 2 << 30)
    for bad in ["", "0", "M", "-1", "1T", "99999999999999999999", "9223372036854775807G"] { #expect(ByteCount(argument: bad) == nil, "\(bad)") }
  }

  @Test func topicsAsWords() throws {
    #expect(try Subscription(words: "book BTC/USD ETH/USD depth=25") == Subscription("book", ["BTC/USD", "ETH/USD"], depth: 25))
    #expect(try Subscription(words: "Ticker * event_trigger=bbo") == Subscription("ticker", ["*"], eventTrigger: "bbo"))
    #expect(try Subscription(words: "ohlc A/B interval=5") == Subscription("ohlc", ["A/B"], interval: 5))
    #expect(try Subscription(words: "trade") == Subscription("trade", ["*"]))
    for bad in ["", "  ", "book X depth=deep", "book X width=5"] {
      #expect(throws: CommandFailure.self) { try Subscription(words: bad) }
    }
  }

  @Test func accountChannelsGoToThePrivateListener() async throws {
    for (channel, file) in [("ticker", "bridge.sock"), ("executions", "private.sock"), ("Balances", "private.sock"), ("level3", "private.sock")] {
      let command = try #require(try await SubscribeCommand.asyncParseAsRoot([channel]) as? SubscribeCommand)
      #expect(command.topics.listener.rawValue == file)
    }
  }

  @Test func bashShowsSymbolsWhole() async {
    let bash = await run("--generate-completion-script", "bash").output
    #expect(bash.contains(#"__kraken-ctl_add_completions() {\#n    [[ "${1}" != -W ]] || compopt +o filenames\#n"#))
    #expect(await !run("--generate-completion-script", "zsh").output.contains("compopt +o"))
    #expect(SymbolCompletion.keepingSymbolsWhole(in: "anything else") == "anything else")
  }

  @Test func symbolsForCompletion() throws {
    let topics = try #require(JSON(parsing: #"[{"channel":"ticker","symbol":"ETH/USD"},{"channel":"book","symbol":"BTC/USD"},{"channel":"ticker","symbol":"BTC/USD"},{"channel":"status"}]"#))
    #expect(SymbolCompletion.symbols(in: topics) == ["BTC/USD", "ETH/USD"])
    #expect(SymbolCompletion.socket(in: ["kraken-ctl", "--socket", "x", "book"]) == "x")
    #expect(SymbolCompletion.socket(in: ["kraken-ctl", "--socket=y", "book"]) == "y")
    #expect(SymbolCompletion.socket(in: ["kraken-ctl", "book", "--socket"]) == nil)
  }
}
