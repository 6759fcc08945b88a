import Foundation

@testable import SimulatedExchange

/// Recorded Kraken messages, one a line.
enum Fixtures {
  static func lines(_ name: String) throws -> [String] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let file = folder.appendingPathComponent("Fixtures/kraken/\(name).jsonl")
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  static func messages(_ name: String) throws -> [JSONValue] {
    try lines(name).compactMap { JSONValue(Array($0.utf8)) }
  }
}
