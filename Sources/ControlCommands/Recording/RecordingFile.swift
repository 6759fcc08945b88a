// A recording on disk: JSON lines, through zstd when the name ends in .zst. Only whole lines are ever
// counted as recorded: what a crash tore is cut off before more is appended.

import Glibc
import KrakenBridgeClient

/// When what was recorded is forced to the disk.
enum SyncPolicy: String, CaseIterable, Sendable {
  /// When a file is finished.
  case end
  /// Once a second.
  case second
  /// After every line.
  case line
}

/// A recording being written.
final class RecordingWriter {
  let path: String
  private(set) var lines = 0
  /// Bytes before compression.
  private(set) var bytes = 0

  private let file: Int32
  /// zstd and the pipe to it, while a frame is being written.
  private var compressor: (child: ChildProcess, input: Int32)?
  private var buffer: [UInt8] = []

  static func isCompressed(_ path: String) -> Bool { path.hasSuffix(".zst") }

  /// Opens for appending, or makes the file.
  init(path: String) throws {
    self.path = path
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      throw CommandFailure(.cannotCreate, "cannot write \(path): \(String(cString: strerror(errno)))")
    }
    try Self.lock(file, path)
    // A missing zstd is said at once, and not when the first lines are written.
    if Self.isCompressed(path) { try beginFrame() }
  }

  /// A recording has one writer at a time.
  static func lock(_ file: Int32, _ path: String) throws {
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      throw CommandFailure(.cannotCreate, "\(path) is being recorded to by another program", advice: "choose another name")
    }
  }

  /// Closes the file. Closing alone would leave the lock to a child that is just being started and has a copy.
  static func unlock(_ file: Int32) {
    flock(file, LOCK_UN)
    Glibc.close(file)
  }

  func append(_ line: [UInt8]) {
    buffer += line
    buffer.append(UInt8(ascii: "\n"))
    lines += 1
    bytes += line.count + 1
  }

  /// Hands everything to the file or to zstd.
  func flush() throws {
    guard !buffer.isEmpty else { return }
    if Self.isCompressed(path), compressor == nil { try beginFrame() }
    let output = compressor?.input ?? file
    var written = 0
    while written < buffer.count {
      // Sound: the slice lies inside the array, which is not changed meanwhile.
      let count = buffer[written...].withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        throw CommandFailure(
          .cannotCreate, "writing \(path) failed: \(String(cString: strerror(errno)))",
          advice: errno == ENOSPC ? "the disk is full; free some space and start again: recording goes on where it ended" : nil)
      }
    }
    buffer.removeAll(keepingCapacity: true)
  }

  /// Forces everything to the disk. What zstd has been given is on the disk only when its frame has ended; a recording
  /// is as many frames as it takes.
  func sync() throws {
    try flush()
    try endFrame()
    fdatasync(file)
  }

  func finish() throws {
    defer { Self.unlock(file) }
    try flush()
    try endFrame()
    fsync(file)
  }

  private func beginFrame() throws {
    let (reading, writing) = try ChildProcess.pipe()
    defer { Glibc.close(reading) }
    compressor = (try ChildProcess(["zstd", "-q", "-c", "-T1"], input: reading, output: file), writing)
  }

  private func endFrame() throws {
    guard let (child, input) = compressor.take() else { return }
    Glibc.close(input)
    guard child.wait() else { throw CommandFailure(.cannotCreate, "zstd failed while writing \(path)") }
  }
}

/// Reads a recording line by line, through `zstd` if it is compressed.
final class RecordingReader {
  let path: String
  private let file: Int32
  private let output: Int32
  private var decompressor: ChildProcess?
  private var buffer: [UInt8] = []
  private var start = 0
  private var isAtEnd = false
  /// Bytes of the file up to the end of the last whole line; meaningful for uncompressed files.
  private(set) var wholeBytes = 0

  init(path: String) throws {
    self.path = path
    file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      throw CommandFailure(.badData, "cannot read \(path): \(String(cString: strerror(errno)))")
    }
    guard RecordingWriter.isCompressed(path) else {
      output = file
      decompressor = nil
      return
    }
    let (reading, writing) = try ChildProcess.pipe()
    defer { close(writing) }
    decompressor = try ChildProcess(["zstd", "-qq", "-d", "-c"], input: file, output: writing)
    output = reading
  }

  deinit {
    close(output)
    if output != file { close(file) }
    _ = decompressor?.wait()
  }

  /// The next whole line without its LF; `nil` at the end. A torn last line is not returned. Throws after the last line
  /// that can be read if the compressed data are broken there.
  func next() throws -> [UInt8]? {
    while true {
      if let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { start = end + 1 }
        wholeBytes += end + 1 - start
        return Array(buffer[start..<end])
      }
      guard !isAtEnd else { return nil }
      buffer.removeSubrange(..<start)
      start = 0
      try fill()
    }
  }

  private func fill() throws {
    var portion = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      // Sound: read writes at most the given count into the array's own storage.
      let count = portion.withUnsafeMutableBytes { read(output, $0.baseAddress, $0.count) }
      if count > 0 {
        buffer += portion[..<count]
        return
      }
      if count == 0 {
        isAtEnd = true
        defer { decompressor = nil }
        guard decompressor?.wait() ?? true else {
          throw CommandFailure(
            .badData, "\(path) ends in broken zstd data",
            advice: "kraken-ctl record \(path) keeps what can be read and goes on after it")
        }
        return
      }
      guard errno == EINTR else {
        throw CommandFailure(.badData, "reading \(path) failed: \(String(cString: strerror(errno)))")
      }
    }
  }
}
