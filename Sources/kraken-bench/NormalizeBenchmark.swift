// Kraken's messages through the whole of the bridge: parsed, admitted, applied, verified, written as lines into the
// log and handed to readers. The peers read the same bytes from the file that `--write` makes.

struct NormalizeBenchmark {
  private let messages: MessageSet
  private let count: Int
  private let isSteady: Bool
  private let output: String?

  init(_ options: inout Options) throws(BenchmarkFault) {
    guard let channel = try options.text("--channel") else { throw .usage("--channel is missing") }
    guard MessageSet.channels.contains(channel) else { throw .usage("no channel \(channel)") }
    count = try options.count("--messages", default: MessageSet.sizeMax)
    isSteady = try options.flag("--steady")
    let readers = try options.count("--readers", default: 0, atLeast: 0)
    let perTurn = try options.count("--messages-per-turn", default: 16)
    output = try options.text("--write")
    let recorded = try options.text("--recorded")
    try options.finish()
    let rig = BridgeRig(channel: channel, readers: readers, messagesPerTurn: perTurn)
    messages = try MessageSet(rig, size: min(count, MessageSet.sizeMax), recordedIn: recorded)
  }

  /// Nothing to report after writing a file.
  func run() throws(BenchmarkFault) -> Report? {
    if let output {
      try messages.write(to: output)
      return nil
    }
    // In a steady state everything has been seen once, every snapshot is behind, and lists that a snapshot begins
    // anew (the latest trades) are full again.
    let range = isSteady ? messages.count / 2..<messages.count : 0..<count
    guard !isSteady || messages.lastSnapshot < range.lowerBound else {
      throw .failed("the last snapshot comes late: ask for more messages")
    }
    if isSteady { play(0..<messages.count + range.lowerBound) }
    let rig = messages.rig
    let (linesBefore, bytesBefore) = (rig.linesPublished, rig.bytesDelivered)
    let allocations = AllocationCount()
    var stopwatch = Stopwatch()
    allocations.start()
    stopwatch.start()
    let bytes = play(range)
    stopwatch.stop()
    let allocated = allocations.stop()
    try rig.judge()
    let lines = rig.linesPublished - linesBefore
    guard lines > 0 else { throw .failed("no lines came of \(range.count) messages") }
    var report = Report(units: range.count, bytes: bytes, stopwatch: stopwatch)
    report.further = [("lines", lines), ("delivered_bytes", rig.bytesDelivered - bytesBefore)]
    if let allocated { report.further.append(("allocations", allocated)) }
    return report
  }

  /// Hands messages to the bridge, beginning anew after the last one.
  /// - Returns: their bytes.
  @discardableResult
  private func play(_ range: Range<Int>) -> Int {
    messages.text.withUnsafeBytes { text in
      var bytes = 0
      var next = range.lowerBound % messages.count
      for _ in range {
        let place = messages.ranges[next]
        bytes += place.count
        messages.rig.take(UnsafeRawBufferPointer(rebasing: text[place]))
        next = next + 1 == messages.count ? 0 : next + 1
      }
      messages.rig.endTurn()
      return bytes
    }
  }
}
