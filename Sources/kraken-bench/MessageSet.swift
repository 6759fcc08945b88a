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

  /// The bridge that has followed the messages already, with everything live.
  let rig: BridgeRig
  let text: [UInt8]
  let ranges: [Range<Int>]

  init(_ channel: String, size: Int, recordedIn file: String?, readers: Int) throws(BenchmarkFault) {
    let words = channel.split(separator: "-")
    rig = BridgeRig(
      channel: String(words[0]), depth: words.count > 1 ? Int(words[1]) : nil, symbolsMax: words.count > 1 || file != nil ? 1 : 12,
      readers: readers)
    var text: [UInt8] = []
    var ranges: [Range<Int>] = []
    func append(_ message: some Collection<UInt8>) {
      ranges.append(text.count..<text.count + message.count)
      text += message
    }
    for message in try rig.record(file == nil ? size : 0) { append(message) }
    if let file {
      text = []
      ranges = []
      for line in try Self.read(file).split(separator: UInt8(ascii: "\n")) { append(line) }
      guard !ranges.isEmpty else { throw .failed("\(file) is empty") }
    }
    self.text = text
    self.ranges = ranges
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
