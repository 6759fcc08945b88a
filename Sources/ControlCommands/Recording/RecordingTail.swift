// What is in a recording that is to be gone on with. A crash leaves half a line at the end of a plain file and half a
// frame at the end of a compressed one; both are taken off, so that what is appended can be read.

import Glibc
import KrakenBridgeClient

struct RecordingTail: Equatable {
  var lines = 0
  /// The largest `seq` in it: where to go on.
  var lastSeq: UInt64?
  /// Where the damaged original is, if a compressed file had to be written anew.
  var damaged: String?

  /// Reads the file to its end and mends it. `nil` when there is no such file.
  static func prepare(_ path: String) throws -> RecordingTail? {
    let file = open(path, O_RDWR | O_CLOEXEC)
    if file < 0, errno == ENOENT { return nil }
    guard file >= 0 else { throw CommandFailure(.cannotCreate, "cannot write \(path): \(String(cString: strerror(errno)))") }
    defer { RecordingWriter.unlock(file) }
    try RecordingWriter.lock(file, path)
    var tail = RecordingTail()
    let reader = try RecordingReader(path: path)
    do {
      while let line = try reader.next() {
        tail.lines += 1
        if let seq = BridgeMessage(line: line)?.seq { tail.lastSeq = max(tail.lastSeq ?? 0, seq) }
      }
    } catch where tail.lines > 0 {
      tail.damaged = try rewrite(path, lines: tail.lines)
    }
    if !RecordingWriter.isCompressed(path), ftruncate(file, off_t(reader.wholeBytes)) != 0 {
      throw CommandFailure(.cannotCreate, "cannot cut \(path): \(String(cString: strerror(errno)))")
    }
    return tail
  }

  /// Puts a file with only the first lines in the place of a damaged one, which is kept; returns its new name.
  private static func rewrite(_ path: String, lines: Int) throws -> String {
    let fresh = path + ".mended.zst"
    unlink(fresh)
    let reader = try RecordingReader(path: path)
    let writer = try RecordingWriter(path: fresh)
    for _ in 0..<lines {
      if let line = try reader.next() { writer.append(line) }
      if writer.lines.isMultiple(of: 1000) { try writer.flush() }
    }
    try writer.finish()
    let damaged = Recorder.name(path, finishedAt: compactWallTime) { access($0 + ".damaged", F_OK) == 0 } + ".damaged"
    guard link(path, damaged) == 0, rename(fresh, path) == 0 else {
      throw CommandFailure(.cannotCreate, "cannot replace \(path): \(String(cString: strerror(errno)))")
    }
    return damaged
  }
}
