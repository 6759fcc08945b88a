// What each reader still has to get of the line it is in the middle of, in memory that outlives the process.
//
// A process that is killed cannot say how much of a line it had written. So it notes, before every write, that this is
// uncertain, and afterwards what is still to come: nothing, or the rest of a line, which is kept here too. The service
// manager keeps the memory. The next process goes on with the rest; only where the kill fell into the write itself does
// it end the line, whatever there is of it.

import Glibc
import SystemdNotify

final class UnfinishedLines {
  enum Rest: Equatable {
    case nothing
    case bytes([UInt8])
    case uncertain

    /// What has to be written before anything else.
    var continuation: [UInt8] {
      switch self {
      case .nothing: []
      case .bytes(let bytes): bytes
      case .uncertain: [UInt8(ascii: "\n")]
      }
    }
  }

  /// More than a process can have descriptors.
  static let slotsMax = 1 << 17
  /// Room for the longest line. Pages that are never touched take no memory.
  static let restBytesMax = 4 << 20
  private static let uncertain = UInt32.max
  /// The words, one for each slot, and one more.
  private static let wordsSize = (slotsMax + 1024) * 4
  private static let size = wordsSize + slotsMax * restBytesMax
  /// Rests up to here keep their memory for the next one.
  private static let keptBytesMax = 4096

  let descriptor: Int32
  /// Bytes that are still to come; they are the last ones of the slot's room.
  private let words: UnsafeMutablePointer<UInt32>

  /// Takes over what the process before left, or begins anew.
  init?(inheriting inherited: Int32?) {
    guard let descriptor = inherited ?? MemoryFile.shared("kraken-bridge lines", size: UnfinishedLines.size)
    else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size == UnfinishedLines.size,
      let memory = mmap(nil, UnfinishedLines.wordsSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      memory != MAP_FAILED
    else {
      close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    // Sound: the mapping is `wordsSize` bytes that belong to this object until `deinit`, every access is checked
    // against `slotsMax`, and whole numbers need no initialisation.
    words = memory.assumingMemoryBound(to: UInt32.self)
  }

  deinit {
    munmap(words, UnfinishedLines.wordsSize)
    close(descriptor)
  }

  /// Times in a row that a process began with this and did not run for long: what made it fail may be in here.
  var failedStarts: UInt32 {
    get { words[UnfinishedLines.slotsMax] }
    set { words[UnfinishedLines.slotsMax] = newValue }
  }

  // The compiler does not move a store past a system call: it cannot know that the kernel does not read this memory.

  /// Before a write.
  @inline(__always)
  func begin(_ slot: UInt32) {
    guard slot < UnfinishedLines.slotsMax else { return }
    words[Int(slot)] = UnfinishedLines.uncertain
  }

  /// The reader has whole lines.
  @inline(__always)
  func finish(_ slot: UInt32) {
    guard slot < UnfinishedLines.slotsMax else { return }
    words[Int(slot)] = 0
  }

  /// The reader is in the middle of a line, and this is to come.
  func keep(_ slot: UInt32, rest: UnsafeRawBufferPointer) {
    guard slot < UnfinishedLines.slotsMax else { return }
    words[Int(slot)] = UnfinishedLines.uncertain
    guard rest.count <= UnfinishedLines.restBytesMax,
      MemoryFile.write(rest, to: descriptor, at: end(of: slot) - rest.count)
    else { return }
    words[Int(slot)] = UInt32(rest.count)
  }

  /// Of the rest that was kept so many bytes are still to come.
  func shorten(_ slot: UInt32, to count: Int) {
    guard slot < UnfinishedLines.slotsMax else { return }
    words[Int(slot)] = UInt32(count)
  }

  /// The rest that was kept has been written; it had so many bytes.
  func finish(_ slot: UInt32, keptBytes: Int) {
    finish(slot)
    guard slot < UnfinishedLines.slotsMax, keptBytes > UnfinishedLines.keptBytesMax else { return }
    let count = min(keptBytes, UnfinishedLines.restBytesMax)
    MemoryFile.forget(descriptor, at: end(of: slot) - count, count: count)
  }

  func rest(_ slot: UInt32) -> Rest {
    guard slot < UnfinishedLines.slotsMax else { return .uncertain }
    let count = words[Int(slot)]
    if count == 0 { return .nothing }
    guard count <= UnfinishedLines.restBytesMax,
      let bytes = MemoryFile.read(descriptor, at: end(of: slot) - Int(count), count: Int(count)),
      bytes.last == UInt8(ascii: "\n")
    else { return .uncertain }
    return .bytes(bytes)
  }

  private func end(of slot: UInt32) -> Int {
    UnfinishedLines.wordsSize + (Int(slot) + 1) * UnfinishedLines.restBytesMax
  }
}
