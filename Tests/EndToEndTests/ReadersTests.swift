// The readers that README gives for copying, each run as it stands there, with only the socket's path replaced.

import Foundation
import Testing

@Suite(.serialized) struct ReadersTests {
  @Test(.enabled(if: Interpreter.python.isAtHand))
  func python() throws {
    try withReader("python", of: .python, file: "reader.py") { reader, world in
      try reader.output.first("a price") { $0.wholeMatch(of: /[0-9]+\.[0-9]+/) != nil }
      try world.inject("drop")
      try reader.output.first(containing: "do not trade on what you have: upstream_lost")
    }
  }

  @Test(.enabled(if: Interpreter.node.isAtHand))
  func node() throws {
    try withReader("js", of: .node, file: "reader.js") { reader, world in
      try reader.output.first("a price") { $0.wholeMatch(of: /BTC\/USD [0-9.]+/) != nil }
      try world.inject("drop")
      try reader.output.first(containing: "do not trade on what you have: upstream_lost")
    }
  }

  @Test(.enabled(if: Interpreter.go.isAtHand))
  func go() throws {
    try withReader("go", of: .go, file: "reader.go") { reader, _ in
      try reader.output.first("a ticker") { $0.contains(#""channel":"ticker""#) && $0.contains(#""last":"#) }
    }
  }

  @Test(.enabled(if: Interpreter.bash.isAtHand && Interpreter.jq.isAtHand && Interpreter.nc.isAtHand))
  func bash() throws {
    try withReader("sh", of: .bash, file: "reader.sh") { reader, _ in
      for _ in 0..<2 { try reader.output.first("a price") { $0.wholeMatch(of: /[0-9]+\.[0-9]+/) != nil } }
    }
  }

  /// The bot is a target of the package; README shows its source.
  @Test func swift() throws {
    let source = try String(
      contentsOf: InstallTests.repository.appending(path: "Sources/example-bot/main.swift"), encoding: .utf8)
    #expect(source.split(separator: "\n").count <= 30)
    #expect(try Self.block("swift") + "\n" == source)
    let world = try World()
    try world.waitUntilOnline()
    // Into a pipe, output waits for a full buffer.
    let bot = try Child(
      "/usr/bin/stdbuf", ["-oL", Programs.path("example-bot"), "ETH/USD"], environment: ["KRAKEN_BRIDGE_SOCKET": world.socket])
    let observer = try world.reader()
    var isRead = false
    while !isRead, bot.process.isRunning {
      observer.send("topics")
      let answer = try observer.first("topics") { $0["method"] as? String == "topics" }
      let topics = (answer["result"] as? [String: Any])?["topics"] as? [[String: Any]]
      isRead = topics?.contains { $0["channel"] as? String == "spread" && $0["state"] as? String == "live" } == true
    }
    try world.inject("drop")
    try bot.output.first(containing: "not live: upstream_lost")
  }

  /// Runs README's reader in that language against a world of its own.
  private func withReader(
    _ language: String, of interpreter: Interpreter, file: String, _ body: (Child, World) throws -> Void
  ) throws {
    let code = try Self.block(language)
    #expect(code.contains(Self.usualSocket))
    let world = try World()
    try world.waitUntilOnline()
    let path = world.folder.appending(path: file)
    try Data((code.replacing(Self.usualSocket, with: world.socket) + "\n").utf8).write(to: path)
    let reader = try Child("/usr/bin/env", interpreter.words + [path.path], environment: ["PYTHONUNBUFFERED": "1"])
    try body(reader, world)
  }

  private static let usualSocket = "/run/kraken-bridge/bridge.sock"

  /// The first block of code in that language, in README's section on readers.
  private static func block(_ language: String) throws -> String {
    let readme = try String(contentsOf: InstallTests.repository.appending(path: "README.md"), encoding: .utf8)
    let section = try #require(readme.range(of: "### Readers in other languages\n"))
    let opening = try #require(readme.range(of: "```\(language)\n", range: section.upperBound..<readme.endIndex))
    let closing = try #require(readme.range(of: "\n```", range: opening.upperBound..<readme.endIndex))
    return String(readme[opening.upperBound..<closing.lowerBound])
  }
}

private enum Interpreter: String {
  case python = "python3"
  case node, go, bash, jq, nc

  var words: [String] { self == .go ? ["go", "run"] : [rawValue] }

  var isAtHand: Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(rawValue)")
    }
  }
}
