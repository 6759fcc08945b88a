// The messages that are measured: what the simulated exchange sends to a bridge that follows one channel, from the
// snapshots on, or a recording of what Kraken sent. Both are consistent, so every checksum of every message holds;
// since a set begins with snapshots, it can be played over and over. The exchange shares no code with the bridge.

import Glibc

struct MessageSet {
  static let channels = [
    "book", "book-100", "book-1000", "ticker", "spread", "trade", "ohlc", "instrument", "level3", "level3-1000",
    "executions", "balances",
  ]
  /// More than caches hold of them does no good: real messages have just been read from a socket.
  static let sizeMax = 10_000

  /// The bridge that has everything live, and in which the messages belong.
  let rig: BridgeRig
  private(set) var text: [UInt8] = []
  private(set) var ranges: [Range<Int>] = []
  /// Place of the last message that is a snapshot.
  private(set) var lastSnapshot = 0
  var count: Int { ranges.count }

  init(_ rig: BridgeRig, size: Int, recordedIn file: String?) throws(BenchmarkFault) {
    self.rig = rig
    let made = try rig.record(file == nil ? size : 0)
    if let file {
      for line in try Self.read(file).split(separator: UInt8(ascii: "\n")) { append(Array(line)) }
    } else {
      for message in made { append(message) }
    }
    guard count > 0 else { throw .failed("there are no messages") }
  }

  private mutating func append(_ message: [UInt8]) {
    if String(decoding: message, as: UTF8.self).contains("\"type\":\"snapshot\"") { lastSnapshot = count }
    ranges.append(text.count..<text.count + message.count)
    text += message
  }

  func write(to path: String) throws(BenchmarkFault) {
    guard let file = fopen(path, "w") else { throw .failed("cannot write \(path)") }
    for range in ranges {
      text.withUnsafeBytes { _ = fwrite($0.baseAddress! + range.lowerBound, 1, range.count, file) }
      putc(Int32(UInt8(ascii: "\n")), file)
    }
    guard fclose(file) == 0 else { throw .failed("cannot write \(path)") }
  }

  private static func read(_ path: String) throws(BenchmarkFault) -> [UInt8] {
    guard let file = fopen(path, "r") else { throw .failed("cannot read \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return bytes
  }
}
