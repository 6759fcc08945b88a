import Testing

@testable import SimulatedExchange

/// Faults, scenarios, commands and REST as text.
struct ScenarioTests {
  @Test(arguments: [
    ("drop", ScheduledFault(Fault(.drop))),
    ("drop@10", ScheduledFault(Fault(.drop), at: 10 * second)),
    ("@1.5 drop", ScheduledFault(Fault(.drop), at: 1_500_000_000)),
    ("drop at=250ms every=2m", ScheduledFault(Fault(.drop), at: 250_000_000, every: 120 * second)),
    (
      "wrong-checksum:symbol=BTC/USD,count=3@15",
      ScheduledFault(Fault(.wrongChecksum, symbol: "BTC/USD", count: 3), at: 15 * second)
    ),
    (
      "silence symbol=ETH/USD channel=book duration=20",
      ScheduledFault(Fault(.silence, symbol: "ETH/USD", channel: .book, duration: 20 * second))
    ),
    ("close code=1013 text=bye", ScheduledFault(Fault(.close, code: 1013, text: "bye"))),
    (#"close text="Market data unavailable" code=1013"#, ScheduledFault(Fault(.close, code: 1013, text: "Market data unavailable"))),
    ("maintenance duration=10 close=true", ScheduledFault(Fault(.maintenance, duration: 10 * second, flag: true))),
    ("  stall\tresume=false  ", ScheduledFault(Fault(.stall, flag: false))),
    ("system state=cancel_only", ScheduledFault(Fault(.system, text: "cancel_only"))),
  ])
  func faultsAreReadFromText(_ text: String, _ expected: ScheduledFault) throws {
    #expect(try ScheduledFault(parsing: text) == expected)
  }

  @Test(arguments: [
    ("", "no name"), ("explode", "unknown fault 'explode'"), ("drop now", "key=value"),
    ("drop color=red", "no parameter 'color'"), ("silence channel=weather", "unknown channel"),
    ("drop@soon", "not a time"), ("drop@-1", "not a time"), ("drop@1.2.3", "not a time"), ("drop@", "not a time"),
    ("wrong-checksum count=0", "above zero"), ("close code=x", "whole number"), ("stall resume=maybe", "true or false"),
    ("system", "needs state"), ("system state=asleep", "unknown state"), ("empty-side side=top", "bids or asks"),
    ("drop every=0", "above zero"), ("drop@99999999999999999999", "not a time"),
  ])
  func mistakesAreNamed(_ text: String, _ part: String) {
    let error = #expect(throws: ScenarioError.self) { try ScheduledFault(parsing: text) }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  @Test func everyFaultIsDescribedAndUnderstood() throws {
    for name in Fault.Name.allCases {
      let description = Fault.describe(name)
      #expect(description.summary.count > 10)
      let states = description.parameters.contains(.state) ? " state=online" : ""
      #expect(try ScheduledFault(parsing: name.rawValue + states).fault.name == name)
      // None of them disturbs an exchange without connections.
      var exchange = Client(symbols: 1, rate: 5).exchange
      _ = exchange.control("drop")
      #expect(exchange.control(name.rawValue + states) == "ok")
      exchange.advance(to: start + 60 * second)
    }
  }

  @Test func scenarioFile() throws {
    let scenario = try Scenario(
      parsing: """
        # A bad day.

        set seed=42 symbols=50 rate=12.5
        set idle-timeout=5s connection-limit=150
        @5 drop
        {"fault":"silence","symbol":"ETH/USD","at":20,"duration":"15s","every":60}
        {"fault":"maintenance","close":true}
        """)
    #expect(scenario.seed == 42)
    #expect(scenario.exchange.symbolCount == 50)
    #expect(scenario.exchange.updatesPerSecond == 12.5)
    #expect(scenario.exchange.idleTimeout == 5 * second)
    #expect(scenario.exchange.connectionsPerTenMinutes == 150)
    #expect(
      scenario.faults == [
        ScheduledFault(Fault(.drop), at: 5 * second),
        ScheduledFault(Fault(.silence, symbol: "ETH/USD", duration: 15 * second), at: 20 * second, every: 60 * second),
        ScheduledFault(Fault(.maintenance, flag: true)),
      ])
  }

  @Test(arguments: [
    "set colour=red", "set rate", "set rate=-1", "set symbols=2001", "set seed=x", "{", #"{"at":1}"#,
    #"{"fault":"drop","at":null}"#, "explode",
  ])
  func scenarioMistakesNameTheLine(_ line: String) {
    let error = #expect(throws: ScenarioError.self) { try Scenario(parsing: "# fine\n\(line)\n") }
    #expect(error?.description.hasPrefix("line 2: ") == true)
  }

  @Test func everySettingIsUnderstood() throws {
    for setting in Scenario.settings {
      var scenario = Scenario()
      try scenario.set(setting == "tier" ? "tier=starter" : "\(setting)=3")
    }
  }

  @Test func commands() {
    var client = Client()
    client.subscribe("book", "BTC/USD")
    #expect(client.exchange.control("wrong-checksum symbol=BTC/USD") == "ok")
    #expect(client.exchange.control("wrong-checksum symbol=NO/SUCH") == "error: unknown symbol 'NO/SUCH'")
    #expect(client.exchange.control("") == "error: empty line; try 'help'")
    #expect(client.exchange.control("explode").hasPrefix("error: unknown fault"))
    #expect(client.exchange.control("faults").contains("wrong-checksum"))
    let status = JSONValue(Array(client.exchange.control("status").utf8))
    #expect(status?["connections"]?.integer == 1)
    #expect(status?["subscribed"]?["book BTC/USD 10"]?.integer == 1)
    #expect(status?["faults"]?["wrong-checksum"]?.integer == 1)
    #expect(client.exchange.control("clear") == "ok")
  }
}

struct RESTTests {
  private func ask(_ path: String, _ query: String = "") -> JSONValue? {
    JSONValue(Client(rate: 0).exchange.rest(path: path, query: query).body)
  }

  @Test func timeAndStatus() {
    let time = ask("/0/public/Time")
    #expect(time?["error"] == .array([]))
    #expect(time?["result"]?["unixtime"]?.integer == Int(start / second))
    #expect(time?["result"]?["rfc1123"]?.string == "Fri, 09 Oct 26 00:34:00 +0000")
    #expect(ask("/0/public/SystemStatus")?["result"]?["status"]?.string == "online")
  }

  @Test func pairsHaveTheirLegacyNames() {
    let pairs = ask("/0/public/AssetPairs")?["result"]
    #expect(pairs?.members?.count == 12)
    #expect(pairs?["XXBTZUSD"]?["wsname"]?.string == "XBT/USD")
    #expect(pairs?["XXBTZUSD"]?["altname"]?.string == "XBTUSD")
    #expect(pairs?["XXBTZUSD"]?["pair_decimals"]?.integer == 1)
    #expect(pairs?["XETHXXBT"]?["quote"]?.string == "XXBT")
    #expect(pairs?["SOLUSD"]?["base"]?.string == "SOL")
    #expect(pairs?["XDGUSD"]?["wsname"]?.string == "XDG/USD")
    #expect(pairs?["SHIBUSD"]?["lot_decimals"]?.integer == 5)
  }

  @Test(arguments: ["BTC/USD", "BTC%2FUSD", "XBT/USD", "XBTUSD", "XXBTZUSD", "btcusd"])
  func onePair(_ name: String) {
    let pairs = ask("/0/public/AssetPairs", "pair=\(name)")?["result"]?.members
    #expect(pairs?.count == 1)
    #expect(pairs?.first?.value["altname"]?.string == "XBTUSD")
    if name.contains("/") { #expect(pairs?.first?.key == name) }
  }

  @Test func assetsAndMistakes() {
    #expect(ask("/0/public/Assets")?["result"]?["XXBT"]?["altname"]?.string == "XBT")
    #expect(ask("/0/public/AssetPairs", "pair=NOSUCH")?["error"]?.array?.first?.string == "EQuery:Unknown asset pair")
    #expect(ask("/0/public/Weather")?["error"]?.array?.first?.string == "EGeneral:Unknown method")
  }
}
