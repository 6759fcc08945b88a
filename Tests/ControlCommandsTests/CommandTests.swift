// Verbs run as functions against a bridge that plays a script: what they ask, what they print in each
// format, and the exit status of every kind of end.

import KrakenBridgeClient
import ScriptedBridge
import Testing

@testable import ControlCommands

@Suite struct CommandTests {
  private static let ticker =
    #"{"channel":"ticker","type":"snapshot","symbol":"BTC/USD","seq":5,"received":"2026-10-09T00:34:21.084312907Z","data":{"bid":81776.60,"last":81776.70}}"#
  private static let update =
    #"{"channel":"ticker","type":"update","symbol":"BTC/USD","seq":6,"prev":5,"received":"2026-10-09T00:34:22.084312907Z","data":{"bid":81776.60,"last":81776.80}}"#
  private static let gap = #"{"channel":"bridge","type":"gap","seq":5,"data":{"reason":"slow_reader","from":1,"to":4,"dropped":3}}"#

  /// A bridge that answers every method with these lines.
  private func bridge(_ answers: [String: [String]]) -> ScriptedBridge {
    ScriptedBridge { peer in
      peer.greet()
      peer.serve { method, _ in answers[method] ?? [#"{"method":"\#(method)","success":false,"error":"what?","code":"unknown_method","req_id":$ID}"#] }
    }
  }

  private func result(_ method: String, _ result: String) -> [String] {
    [#"{"method":"\#(method)","result":\#(result),"success":true,"req_id":$ID}"#]
  }

  @Test func statusInEveryFormat() async {
    let daemon = bridge(["status": result("status", #"{"version":"1.0.0","ready":true,"uptime_s":61,"round":1.50,"upstreams":[]}"#)])
    defer { daemon.stop() }
    #expect(await run("status", "--socket", daemon.path).output == #"{"version":"1.0.0","ready":true,"uptime_s":61,"round":1.50,"upstreams":[]}"# + "\n")
    #expect(await run("--format", "csv", "status", "--socket", daemon.path).lines == ["key,value", "version,1.0.0", "ready,true", "uptime_s,61", "round,1.50"])
    let table = await run("status", "--socket", daemon.path, "--format", "table")
    #expect(table.status == 0)
    #expect(table.lines == ["● kraken-bridge 1.0.0 ready", "         Up: 1 min 1 s", "      round: 1.50"])
  }

  @Test func subscribePrintsLinesAsReceived() async {
    let daemon = bridge(["subscribe": [#"{"method":"subscribe","success":true,"req_id":$ID}"#, Self.gap, Self.ticker, Self.update]])
    defer { daemon.stop() }
    let run = await run("--socket", daemon.path, "subscribe", "ticker", "BTC/USD", "--count", "2")
    #expect(run.status == 0)
    #expect(run.lines == [Self.gap, Self.ticker, Self.update])
    #expect(run.errors == "")
  }

  @Test func subscribeAsCSVKeepsDigits() async {
    let daemon = bridge(["subscribe": [Self.gap, Self.ticker]])
    defer { daemon.stop() }
    let run = await run("subscribe", "ticker", "BTC/USD", "--count", "1", "--socket", daemon.path, "--format", "csv")
    #expect(run.lines.first == "channel,type,symbol,seq,prev,time,received,bid,bid_qty,ask,ask_qty,last,volume,vwap,low,high,change,change_pct,trades")
    #expect(run.lines.last == "ticker,snapshot,BTC/USD,5,,,2026-10-09T00:34:21.084312907Z,81776.60,,,,81776.70,,,,,,,")
    #expect(run.errors.contains("gap: slow_reader, seq 1 to 4, 3 lines lost"))
  }

  @Test func subscribeForATimeEndsWell() async {
    let daemon = bridge(["subscribe": [Self.ticker]])
    defer { daemon.stop() }
    let run = await run("subscribe", "ticker", "BTC/USD", "--for", "100ms", "--socket", daemon.path)
    // How much arrives in that time is not for a test to say.
    #expect(run.status == 0)
    #expect(run.errors == "")
  }

  @Test func aRefusedSymbolIsReportedAndTheOthersGoOn() async {
    let daemon = bridge([
      "subscribe": [
        #"{"method":"subscribe","success":false,"error":"no such pair","code":"unknown_symbol","symbol":"BAD/USD","req_id":$ID}"#, Self.ticker,
      ]
    ])
    defer { daemon.stop() }
    let both = await run("subscribe", "ticker", "BAD/USD", "BTC/USD", "--count", "1", "--socket", daemon.path)
    #expect(both.status == 0)
    #expect(both.lines == [Self.ticker])
    #expect(both.errors == "kraken-ctl: BAD/USD refused: no such pair\n")
    let alone = await run("subscribe", "ticker", "BAD/USD", "--count", "1", "--socket", daemon.path)
    #expect(alone.status == 65)
    #expect(alone.output == "")
  }

  @Test func aClosedPipeIsAQuietEnd() async {
    let daemon = bridge(["subscribe": [Self.ticker, Self.update, Self.update]])
    defer { daemon.stop() }
    let run = await run("subscribe", "ticker", "BTC/USD", "--socket", daemon.path, closesAfter: 1)
    #expect(run.status == 0)
    #expect(run.errors == "")
  }

  @Test func snapshotPrintsTheLineInsideTheAnswer() async {
    let daemon = bridge(["snapshot": result("snapshot", Self.ticker)])
    defer { daemon.stop() }
    #expect(await run("snapshot", "ticker", "BTC/USD", "--socket", daemon.path).output == Self.ticker + "\n")
  }

  /// One request each, printed in the order asked for; what is refused does not keep the others back.
  @Test func severalSnapshots() async {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, line in
        let symbol = line.contains("A/B") ? "A/B" : line.contains("C/D") ? "C/D" : "E/F"
        return symbol == "C/D"
          ? [#"{"method":"snapshot","success":false,"error":"what is C/D?","code":"unknown_symbol","req_id":$ID}"#]
          : self.result("snapshot", #"{"channel":"ticker","type":"snapshot","symbol":"\#(symbol)","seq":5,"data":{}}"#)
      }
    }
    defer { daemon.stop() }
    let run = await run("snapshot", "ticker", "A/B", "C/D", "E/F", "--socket", daemon.path)
    #expect(run.lines.map { JSON(parsing: $0)?["symbol"]?.string } == ["A/B", "E/F"])
    #expect(run.status == 65)
    #expect(run.errors.contains("what is C/D?"))
  }

  @Test func sendPrintsTheAnswerAsItIs() async {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { method, line in
        #expect(line == "topics please")
        return [#"{"method":"topics","result":{"n":1.10},"success":true}"#]
      }
    }
    defer { daemon.stop() }
    let run = await run("send", "topics", "please", "--socket", daemon.path)
    #expect(run.status == 0)
    #expect(run.output == #"{"method":"topics","result":{"n":1.10},"success":true}"# + "\n")
  }

  @Test(arguments: [
    ("malformed", 65), ("unknown_symbol", 65), ("upstream_refused", 65), ("not_permitted", 77), ("not_configured", 78), ("rate_limited", 75),
    ("limit_exceeded", 75), ("timeout", 75), ("outcome_unknown", 75), ("upstream_offline", 69), ("internal", 70), ("something_new", 65),
  ] as [(String, Int32)])
  func everyRefusalHasItsStatus(code: String, status: Int32) async {
    let daemon = bridge(["status": [#"{"method":"status","success":false,"error":"because","code":"\#(code)","req_id":$ID}"#]])
    defer { daemon.stop() }
    let run = await run("status", "--socket", daemon.path)
    #expect(run.status == status)
    #expect(run.output == "")
    #expect(run.errors == "kraken-ctl: status refused: because\n")
  }

  @Test func noDaemon() async {
    for arguments in [["status"], ["topics"], ["clients"], ["metrics"], ["reload"]] {
      let run = await run(arguments[0], "--socket", "/tmp/no-such-directory/x.sock")
      #expect(run.status == 69)
      #expect(run.errors == "kraken-ctl: no daemon at /tmp/no-such-directory/x.sock: is the service running? try: systemctl status kraken-bridge\n")
    }
    #expect(await run("subscribe", "ticker", "BTC/USD", "--socket", "/tmp/no-such-directory/x.sock").status == 69)
    #expect(await run("status", environment: ["KRAKEN_BRIDGE_SOCKET": "/tmp/no-such-directory/y.sock"]).errors.contains("/tmp/no-such-directory/y.sock"))
  }

  @Test(arguments: [
    ["nonsense"], ["status", "--nonsense"], ["subscribe"], ["subscribe", "ticker", "--count", "x"], ["subscribe", "ticker", "--count", "0"],
    ["subscribe", "ticker", "--for", "soon"], ["status", "--format", "xml"], ["replay", "x", "--speed", "0"],
    ["record", "x", "--rotate-size", "big"], ["order", "add", "buy", "1x", "BTC/USD"], ["order", "cancel-after", "-1"],
  ])
  func usageErrors(arguments: [String]) async {
    let console = Console(
      output: { _ in }, errors: { _ in }, environment: { _ in nil }, outputIsTerminal: false, errorsAreTerminal: false,
      inputIsTerminal: false, input: { nil }, size: { TerminalSize(columns: 80, rows: 24) })
    #expect(await KrakenControl.run(arguments, on: console) == 64)
  }

  @Test func helpAndVersion() async {
    let help = await run("--help")
    #expect(help.status == 0)
    #expect(help.output.contains("EXAMPLES") && help.output.contains("EXIT STATUS"))
    #expect(await run("--version").output == "1.0.0\n")
    let version = await run("version", "--socket", "/tmp/no-such-directory/x.sock")
    #expect(version.status == 0)
    #expect(version.output == #"{"kraken-ctl":"1.0.0","kraken-bridged":null,"protocol":null}"# + "\n")
  }

  @Test func everyVerbHasHelp() async {
    for verb in [
      "status", "topics", "clients", "metrics", "doctor", "watch", "book", "chart", "trades", "subscribe", "snapshot", "record", "replay",
      "balances", "executions", "reload", "send", "version", "order",
    ] {
      let help = await run(verb, "--help")
      #expect(help.status == 0 && help.output.contains("USAGE: kraken-ctl \(verb)"), "\(verb)")
    }
  }

  @Test func reload() async {
    let willing = bridge(["reload": result("reload", "{}")])
    defer { willing.stop() }
    #expect(await run("reload", "--socket", willing.path).status == 0)
    let unwilling = bridge(["reload": [#"{"method":"reload","success":false,"error":"config.yaml: log.level: loud","code":"bad_parameter","req_id":$ID}"#]])
    defer { unwilling.stop() }
    let refused = await run("reload", "--socket", unwilling.path)
    #expect(refused.status == 78)
    #expect(refused.errors.contains("config.yaml: log.level: loud"))
    let forbidden = bridge(["reload": [#"{"method":"reload","success":false,"error":"no","code":"not_permitted","req_id":$ID}"#]])
    defer { forbidden.stop() }
    #expect(await run("reload", "--socket", forbidden.path).status == 77)
  }

  @Test func metricsAreTextUnlessJSONIsAskedFor() async {
    let daemon = bridge(["metrics": result("metrics", #"{"text":"a 1\nb 2\n"}"#)])
    defer { daemon.stop() }
    #expect(await run("metrics", "--socket", daemon.path).output == "a 1\nb 2\n")
    #expect(await run("metrics", "--socket", daemon.path, "--format", "json").output == #"{"text":"a 1\nb 2\n"}"# + "\n")
  }

  @Test func topicsAsLinesAndTable() async {
    let topics = #"{"topics":[{"channel":"book","symbol":"BTC/USD","depth":10,"state":"stale","subscribers":2,"reason":"checksum","novel":"x"}]}"#
    let daemon = bridge(["topics": result("topics", topics)])
    defer { daemon.stop() }
    #expect(
      await run("topics", "--socket", daemon.path).output
        == #"{"channel":"book","symbol":"BTC/USD","depth":10,"state":"stale","subscribers":2,"reason":"checksum","novel":"x"}"# + "\n")
    #expect(
      await run("topics", "--socket", daemon.path, "--format", "table").lines == [
        "CHANNEL  SYMBOL   DEPTH  STATE  READERS  REASON    NOVEL", "book     BTC/USD     10  stale        2  checksum  x",
      ])
    #expect(await run("topics", "--socket", daemon.path, "--format", "csv").lines.first == "channel,symbol,depth,state,subscribers,reason,novel")
  }

  @Test func onePictureIntoAPipe() async {
    let daemon = bridge([
      "subscribe": [
        #"{"method":"subscribe","success":true,"result":{"channel":"book","symbol":"BTC/USD"},"req_id":$ID}"#,
        #"{"channel":"book","type":"snapshot","symbol":"BTC/USD","depth":10,"seq":5,"data":{"bids":[{"price":10.0,"qty":1.50}],"asks":[{"price":10.5,"qty":0.50}]}}"#,
        #"{"channel":"trade","type":"snapshot","symbol":"BTC/USD","seq":5,"data":[]}"#,
      ]
    ])
    defer { daemon.stop() }
    let run = await run("book", "BTC/USD", "--depth", "10", "--socket", daemon.path, environment: ["COLUMNS": "60"])
    #expect(run.status == 0)
    #expect(run.output.contains("spread 0.5 (487.80 bp)"))
    #expect(!run.output.contains("\u{1B}"))
  }
}
