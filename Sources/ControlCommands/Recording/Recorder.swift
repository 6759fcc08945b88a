// Decides where recorded lines go: the current file, and when it is full or old enough, the next one.
// Time is handed in.

import Glibc

final class Recorder {
  struct Rotation: Sendable {
    /// Bytes before compression; `nil` for no limit.
    var bytes: Int?
    /// Seconds; `nil` for no limit.
    var seconds: Double?
  }

  let path: String
  private let rotation: Rotation
  private let policy: SyncPolicy
  private var writer: RecordingWriter
  private var openedAt: Double
  private var syncedAt: Double
  private(set) var lines = 0
  private(set) var bytes = 0

  init(path: String, rotation: Rotation, policy: SyncPolicy, now: Double) throws {
    self.path = path
    self.rotation = rotation
    self.policy = policy
    writer = try RecordingWriter(path: path)
    openedAt = now
    syncedAt = now
  }

  /// - Parameter wall: tells the time of day for the name of a finished file, like `20261123T064500.123Z`.
  func append(_ line: [UInt8], now: Double, wall: () -> String) throws {
    if isFull(now: now) { try rotate(now: now, wall: wall) }
    writer.append(line)
    lines += 1
    bytes += line.count + 1
    if policy == .line { try writer.sync() }
  }

  private func isFull(now: Double) -> Bool {
    guard writer.lines > 0 else { return false }
    return rotation.bytes.map { writer.bytes >= $0 } ?? false || rotation.seconds.map { now - openedAt >= $0 } ?? false
  }

  private func rotate(now: Double, wall: () -> String) throws {
    try writer.finish()
    let finished = Self.name(path, finishedAt: wall) { access($0, F_OK) == 0 }
    guard rename(path, finished) == 0 else {
      throw CommandFailure(.cannotCreate, "cannot rename \(path) to \(finished): \(String(cString: strerror(errno)))")
    }
    writer = try RecordingWriter(path: path)
    openedAt = now
  }

  /// `trades.jsonl.zst` becomes `trades.20261123T064500.123Z.jsonl.zst`, so that sorted names are in order of time; the
  /// clock is asked again while the name is taken.
  static func name(_ path: String, finishedAt wall: () -> String, isTaken: (String) -> Bool) -> String {
    let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let dot = path[slash...].dropFirst().firstIndex(of: ".") ?? path.endIndex
    while true {
      let candidate = "\(path[..<dot]).\(wall())\(path[dot...])"
      if !isTaken(candidate) { return candidate }
    }
  }

  /// Called now and then: writes what is buffered, and syncs as the policy says.
  func tick(now: Double) throws {
    try writer.flush()
    if policy == .second, now - syncedAt >= 1 {
      try writer.sync()
      syncedAt = now
    }
  }

  func finish() throws {
    try writer.finish()
  }
}
