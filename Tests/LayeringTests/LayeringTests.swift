// The layers, read from the sources: which target may import which, and what the pure targets must not touch.
//
// The build's import check catches undeclared imports; this catches a dependency that was declared in the wrong
// direction, and a clock, a file or a random number in a place that promises to have none.

import Foundation
import Testing

@Suite struct LayeringTests {
  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Our own targets each target may import. Imports go to targets listed above only.
  static let allowed: [(target: String, imports: Set<String>)] = [
    ("MarketData", []),
    ("JSONText", []),
    ("KrakenWire", ["MarketData", "JSONText"]),
    ("KrakenSession", ["MarketData", "JSONText", "KrakenWire"]),
    ("FanOut", ["MarketData"]),
    ("BridgeWire", ["JSONText"]),
    ("Trading", ["MarketData", "JSONText", "BridgeWire", "KrakenWire"]),
    ("BridgeCore", ["MarketData", "JSONText", "KrakenWire", "KrakenSession", "FanOut", "BridgeWire", "Trading"]),
    ("SystemdNotify", ["CSystemd"]),
    (
      "BridgeDaemon",
      ["MarketData", "KrakenWire", "KrakenSession", "FanOut", "BridgeWire", "Trading", "BridgeCore", "SystemdNotify"]
    ),
    ("SimulatedExchange", []),
    ("KrakenSimulator", ["SimulatedExchange"]),
    ("KrakenBridgeClient", ["JSONText"]),
    ("ControlCommands", ["KrakenBridgeClient"]),
    ("BridgeSimulation", ["BridgeCore", "FanOut", "KrakenSession", "KrakenWire", "MarketData", "SimulatedExchange"]),
    ("kraken-bridged", ["BridgeDaemon", "BridgeCore", "KrakenSimulator", "SimulatedExchange"]),
    ("kraken-ctl", ["ControlCommands"]),
    ("kraken-sim", ["KrakenSimulator", "SimulatedExchange"]),
    ("kraken-simulate", ["BridgeSimulation"]),
    ("kraken-bench", ["BridgeCore", "FanOut", "KrakenSession", "KrakenWire", "MarketData", "SimulatedExchange"]),
    ("example-bot", ["KrakenBridgeClient"]),
  ]

  /// No I/O, no clock, no chance, no tasks: what they need of these is handed in.
  static let pure = [
    "MarketData", "JSONText", "KrakenWire", "KrakenSession", "FanOut", "BridgeWire", "Trading", "BridgeCore",
    "SimulatedExchange", "BridgeSimulation",
  ]

  static func sources(of target: String) throws -> [(file: String, text: String)] {
    let folder = repository.appending(path: "Sources/\(target)")
    let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.map {
      (String($0.path.dropFirst(repository.path.count + 1)), try String(contentsOf: $0, encoding: .utf8))
    }
  }

  static func imports(in text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard let place = words.firstIndex(of: "import"), words[..<place].allSatisfy({ $0.hasPrefix("@") || $0 == "public" })
      else { return nil }
      return words.last.map { String($0.prefix { $0 != "." }) }
    }
  }

  @Test func everyTargetIsListed() throws {
    let folders = try FileManager.default.contentsOfDirectory(
      at: Self.repository.appending(path: "Sources"), includingPropertiesForKeys: [.isDirectoryKey])
    let targets = Set(folders.map(\.lastPathComponent)).subtracting(["CSystemd"])
    #expect(targets == Set(Self.allowed.map(\.target)))
  }

  @Test(arguments: allowed.map(\.target))
  func importsGoDownwards(target: String) throws {
    let allowed = try #require(Self.allowed.first { $0.target == target }?.imports)
    let ours = Set(Self.allowed.map(\.target)).union(["CSystemd"])
    let files = try Self.sources(of: target)
    #expect(!files.isEmpty)
    for (file, text) in files {
      for name in Self.imports(in: text) where ours.contains(name) {
        #expect(allowed.contains(name), "\(file) imports \(name)")
      }
    }
  }

  @Test func allowedImportsThemselvesGoUpwardsOnly() {
    var above: Set<String> = ["CSystemd"]
    for (target, imports) in Self.allowed {
      #expect(imports.isSubset(of: above), "\(target) may import only what is listed before it")
      above.insert(target)
    }
  }

  @Test(arguments: pure)
  func pureTargetsTouchNothingOutside(target: String) throws {
    let forbidden = [
      "import Foundation", "import NIO", "import Dispatch", "SystemRandomNumberGenerator", ".random(in:", "ContinuousClock",
      "clock_gettime", "Task {", "Task.detached", "await ", "fopen(", "getenv(",
    ]
    for (file, text) in try Self.sources(of: target) {
      for line in text.split(separator: "\n") where !line.drop(while: { $0 == " " }).hasPrefix("//") {
        for word in forbidden where line.contains(word) {
          // A generator handed in by the caller is the rule, not the exception.
          if word == ".random(in:", line.contains("using:") { continue }
          Issue.record("\(file) uses \(word): \(line)")
        }
      }
    }
  }
}
