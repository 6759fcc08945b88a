// The runner must not only pass what is right: each kind of mistake has to be caught.

import Testing

@Suite struct ScenarioRunnerTests {
  private static let subscribed = """
    include online
    connect A
    A< $hello
    A: subscribe ticker BTC/USD
    < {"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"event_trigger":"trades","snapshot":true},"req_id":$r2}
    ack
    A< {"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","event_trigger":"trades","snapshot":true},"success":true,$times}
    > {"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":1.0}]}

    """

  private func failures(_ text: String) throws -> [String] {
    try ScenarioRunner(ScenarioFile(text: Self.subscribed + text)).run()
  }

  @Test func whatIsRightPasses() throws {
    let failures = try failures(#"A< {"channel":"ticker","type":"snapshot","symbol":"BTC/USD","seq":$s1,$at,"data":{"bid":1.0}}"#)
    #expect(failures == [])
  }

  @Test(arguments: [
    ("a digit", #"A< {"channel":"ticker","type":"snapshot","symbol":"BTC/USD","seq":$s1,$at,"data":{"bid":1.00}}"#),
    ("a line that did not come", #"A< $all"# + "\n" + #"A< {"channel":"ticker"}"#),
    ("a line that was not expected", ""),
    ("a line before an event", "advance 1s"),
    ("a request that was not sent", "A< $all\n" + #"< {"method":"unsubscribe"}"#),
    ("a connection that is open", "A< $all\nA closed"),
    ("a log record", "A< $all\nlogged quarantined"),
    ("nothing", "nothing A\nA< $all"),
    ("a reader that is listening", "A< $all\nA paused"),
    ("a name with two meanings", "A< $all\nA: ping\n" + #"A< {"method":"$r2",$times}"#),
    ("an event that cannot be", "A< $all\nopen"),
    ("a name without meaning", "A< $all\nA: $nobody"),
  ])
  func whatIsWrongFails(_ what: String, _ text: String) throws {
    let failures = try failures(text)
    #expect(!failures.isEmpty, "\(what) passes")
  }

  @Test(arguments: ["dance", "advance soon", "A? x", "fixture book.jsonl", "refuse me", "A* many x", "A! \\q"])
  func whatIsNotUnderstoodIsRefused(_ line: String) {
    #expect(throws: ScenarioSyntaxError.self) { _ = try ScenarioFile(text: line) }
  }

  @Test func failuresNameTheirPlace() throws {
    let failures = try failures("A< {}\n")
    let failure = try #require(failures.first)
    #expect(failure.hasPrefix("inline:9: A< {}"))
    #expect(failure.contains(#""data":{"bid":1.0}"#))
  }

  // MARK: Patterns

  @Test(arguments: [
    ("a$x,b$x", "a1,b1", true), ("a$x,b$x", "a1,b2", false), ("$any", "12.5e-7", true), ("$any", "1,2", false),
    ("[$all]", "[1,2,[3]]", true), ("$all,$x]", "1,2,3]", true), ("$times", #""time_in":"1","time_out":"2""#, true),
    ("a", "ab", false), ("ab", "a", false), ("$x", "", false), ("$", "$", true),
  ])
  func patterns(_ pattern: String, _ line: String, _ fits: Bool) {
    var meanings: [String: String] = [:]
    #expect(LinePattern(pattern).matches(line, &meanings) == fits)
    if !fits { #expect(meanings == [:]) }
  }

  // MARK: Sequences

  private static func line(_ type: String, _ seq: Int, prev: Int? = nil, symbol: String = "BTC/USD") -> String {
    #"{"channel":"ticker","type":"\#(type)","symbol":"\#(symbol)","seq":\#(seq)"#
      + (prev.map { ",\"prev\":\($0)" } ?? "") + #","received":"x","data":{}}"#
  }

  @Test func aSequenceThatIsRight() {
    var checker = SequenceChecker()
    for line in [
      Self.line("snapshot", 5), Self.line("snapshot", 6, symbol: "ETH/USD"), Self.line("update", 7, prev: 5),
      #"{"channel":"bridge","type":"stale","seq":8,"data":{"reason":"silent","topics":"*"}}"#,
      Self.line("snapshot", 9), Self.line("update", 10, prev: 9),
      #"{"method":"unsubscribe","result":{"channel":"ticker","symbol":"ETH/USD","event_trigger":"trades"},"success":true}"#,
      Self.line("snapshot", 10, symbol: "ETH/USD"),
    ] { #expect(checker.check(line) == [], "\(line)") }
  }

  @Test(arguments: [
    [line("update", 5, prev: 4)],
    [line("snapshot", 5), line("update", 7, prev: 6)],
    [line("snapshot", 5), line("update", 5, prev: 5)],
    [line("snapshot", 5), line("snapshot", 9, symbol: "ETH/USD"), line("update", 7, prev: 5)],
    [line("snapshot", 5, prev: 4)],
    [line("snapshot", 5), line("snapshot", 4)],
    [line("snapshot", 1 << 53)],
    [line("snapshot", 5), #"{"channel":"bridge","type":"stale","seq":6,"data":{"topics":"*"}}"#, line("update", 7, prev: 5)],
    [line("snapshot", 5), #"{"channel":"bridge","type":"gap","data":{"reason":"slow_reader"}}"#, line("update", 7, prev: 5)],
    [line("snapshot", 5), #"{"channel":"bridge","type":"state","seq":3,"data":{}}"#],
    [#"{"type":"snapshot","channel":"ticker","seq":5,"data":{}}"#],
    [#"{"channel":"ticker","type":"snapshot","seq":5,"data":{},"extra":1}"#],
    [line("news", 5)],
    ["{\"channel\":"],
    ["[]"],
  ])
  func aSequenceThatIsWrong(_ lines: [String]) {
    var checker = SequenceChecker()
    let faults = lines.map { checker.check($0) }
    let earlier = faults.dropLast().flatMap { $0 }
    #expect(earlier == [])
    #expect(faults.last?.isEmpty == false)
  }
}
