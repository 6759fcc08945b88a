// Cuts the byte stream into lines. Bytes arrive in any portions; a line is handed out when its LF
// has come. The length limit is checked before anything more is kept.

/// Collects bytes until a line is whole.
struct LineSplitter {
  /// The bridge writes no line longer than this; anything longer is not the bridge.
  static let lineBytesMax = 4 << 20

  private var partial: [UInt8] = []

  enum Outcome: Equatable {
    case lines
    case lineTooLong
  }

  /// Takes a portion and calls `line` for every line it completes, without its LF (and CR). Empty lines are skipped.
  mutating func feed(_ portion: ArraySlice<UInt8>, line: ([UInt8]) -> Void) -> Outcome {
    var rest = portion
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      partial.append(contentsOf: rest[..<end])
      rest = rest[(end + 1)...]
      if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
      guard partial.count <= Self.lineBytesMax else { return .lineTooLong }
      if !partial.isEmpty { line(partial) }
      partial = []
    }
    guard partial.count + rest.count <= Self.lineBytesMax else { return .lineTooLong }
    partial.append(contentsOf: rest)
    return .lines
  }
}
