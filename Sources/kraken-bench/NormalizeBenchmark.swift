// Kraken's messages through the whole of the bridge: parsed, admitted, applied, verified, written as lines into the
// log and handed to readers. The peers read the same bytes from the file that `--write` makes.

import Glibc

struct NormalizeBenchmark {
  private let messages: MessageSet
  private let count: Int
  private let readers: Int
  private let output: String?

  init(_ options: inout Options) throws(BenchmarkFault) {
    guard let channel = try options.text("--channel") else { throw .usage("--channel is missing") }
    guard MessageSet.channels.contains(channel) else { throw .usage("no channel \(channel)") }
    count = try options.count("--messages", default: MessageSet.sizeMax)
    readers = try options.count("--readers", default: 0, atLeast: 0)
    output = try options.text("--write")
    let recorded = try options.text("--recorded")
    try options.finish()
    messages = try MessageSet(channel, size: min(count, MessageSet.sizeMax), recordedIn: recorded, readers: readers)
  }

  /// Nothing to report after writing a file.
  func run() throws(BenchmarkFault) -> Report? {
    if let output {
      try messages.write(to: output)
      return nil
    }
    let rig = messages.rig
    let linesBefore = rig.linesPublished
    var bytes = 0
    var stopwatch = Stopwatch()
    stopwatch.start()
    messages.text.withUnsafeBytes { text in
      var next = 0
      for _ in 0..<count {
        let range = messages.ranges[next]
        next = next + 1 == messages.ranges.count ? 0 : next + 1
        bytes += range.count
        rig.take(UnsafeRawBufferPointer(rebasing: text[range]))
      }
    }
    stopwatch.stop()
    try rig.judge()
    let lines = rig.linesPublished - linesBefore
    guard lines > 0 else { throw .failed("no lines came of \(count) messages") }
    return Report(
      units: count, bytes: bytes, stopwatch: stopwatch,
      further: [("lines", lines), ("delivered_bytes", rig.bytesDelivered)])
  }
}
