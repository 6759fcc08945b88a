// What is left of a run: a summary, and the newest events if somebody wants to see them.

/// What a run was like, for summaries and for comparing two runs of one seed.
public struct Outcome: Sendable, Equatable {
  /// Simulated.
  public var seconds: Double
  public var turns: Int
  public var lines: Int
  public var delivered: Int
  public var gaps: Int
  public var stales: Int
  public var attempts: Int
  public var digest: UInt64
}

/// The newest events of a run, kept only when somebody wants to see them.
public struct Tracer: Sendable {
  private var entries: [String] = []
  private var next = 0
  private let kept: Int

  public init(kept: Int) { self.kept = max(kept, 1) }

  mutating func note(_ time: Int64, _ text: String) {
    let milliseconds = time / 1_000_000
    let entry = "\(milliseconds / 1000).\(String(milliseconds % 1000 + 1000).dropFirst())  \(text)"
    if entries.count < kept { entries.append(entry) } else { entries[next % kept] = entry }
    next += 1
  }

  /// Oldest first.
  public var events: [String] {
    guard entries.count == kept else { return entries }
    return Array(entries[(next % kept)...] + entries[..<(next % kept)])
  }
}
