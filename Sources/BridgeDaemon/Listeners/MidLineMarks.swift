// Which readers may be in the middle of a line, one byte for each slot, in memory that outlives the process.
//
// A process that is killed cannot say how much of a line it had written. So it notes, before every write, that the
// reader may be within a line, and takes that back when the whole was written. The service manager keeps the memory,
// and the next process ends the line of exactly those readers whose mark is set before it writes anything else.

import Glibc
import SystemdNotify

final class MidLineMarks {
  /// More than a process can have descriptors. Pages that are never touched take no memory.
  private static let size = 1 << 20

  let descriptor: Int32
  private let marks: UnsafeMutablePointer<UInt8>

  /// Takes over the marks of the process before, or makes new ones.
  init?(inheriting inherited: Int32?) {
    guard let descriptor = inherited ?? MemoryFile.shared("kraken-bridge mid-line", size: MidLineMarks.size)
    else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size == MidLineMarks.size,
      let memory = mmap(nil, MidLineMarks.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      memory != MAP_FAILED
    else {
      close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    // Sound: the mapping is `size` bytes that belong to this object until `deinit`, every access is checked against
    // `size`, and bytes need no initialisation.
    marks = memory.assumingMemoryBound(to: UInt8.self)
  }

  deinit {
    munmap(marks, MidLineMarks.size)
    close(descriptor)
  }

  /// The store is not moved past the system call that follows or precedes it: the compiler cannot know that the kernel
  /// does not read this memory.
  @inline(__always)
  func set(_ slot: UInt32, _ isMidLine: Bool) {
    guard slot < MidLineMarks.size else { return }
    marks[Int(slot)] = isMidLine ? 1 : 0
  }

  func isSet(_ slot: UInt32) -> Bool { slot < MidLineMarks.size && marks[Int(slot)] != 0 }
}
