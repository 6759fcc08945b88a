// The recorded messages, and parsing one line of them.

import Glibc
import JSONText
import Testing

enum Fixtures {
  static let names = [
    "acks", "balances", "book", "book-matic", "book-replay", "errors", "executions", "executions-constructed",
    "instrument", "level3", "ohlc", "requests", "status", "ticker", "trade", "trading", "v1", "v1-book-replay",
  ]

  /// The lines of `Tests/Fixtures/kraken/NAME.jsonl`.
  static func lines(_ name: String, file: String = #filePath) throws -> [String] {
    let tests = file.split(separator: "/").dropLast(2).joined(separator: "/")
    let path = "/\(tests)/Fixtures/kraken/\(name).jsonl"
    let stream = try #require(fopen(path, "r"), "cannot open \(path)")
    defer { fclose(stream) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { text += chunk[..<count] }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}

/// Parses `text` and hands the root to `body`; everything from it ends with the call.
func withJSON<R>(_ text: String, _ body: (JSONValue) throws -> R) throws -> R {
  var parser = JSONParser()
  return try parser.withDocument(Array(text.utf8), body)
}
