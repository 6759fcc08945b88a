// Files without a name (memfd), which the service manager can keep for the next process: one sealed with its contents,
// or one that is shared memory and survives whatever happens to the process that writes to it.

import CSystemd
import Glibc

public enum MemoryFile {
  /// A file with these contents, which nobody can change any more. The caller owns the descriptor.
  /// - Returns: nil if the system has no room for it.
  public static func sealed(_ name: String, _ bytes: [UInt8]) -> Int32? {
    let descriptor = kraken_bridge_memory_file(name)
    guard descriptor >= 0 else { return nil }
    var written = 0
    while written < bytes.count {
      // Sound: the kernel reads what is left of the array, inside the closure.
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written) }
      guard count > 0 || count < 0 && errno == EINTR else { break }
      written += max(0, count)
    }
    guard written == bytes.count, kraken_bridge_seal(descriptor) == 0 else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  /// The contents of a file, from its beginning; nil if it cannot be read.
  public static func contents(_ descriptor: Int32) -> [UInt8]? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return read(descriptor, at: 0, count: Int(status.st_size))
  }

  /// A file of zeros to be shared. The caller owns the descriptor.
  public static func shared(_ name: String, size: Int) -> Int32? {
    let descriptor = kraken_bridge_memory_file(name)
    guard descriptor >= 0 else { return nil }
    guard ftruncate(descriptor, off_t(size)) == 0 else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  /// Writes all bytes at an offset of a shared file; false if there is no room for them.
  public static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int) -> Bool {
    var written = 0
    while written < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(offset + written))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }

  /// Exactly so many bytes at an offset; nil if there are fewer.
  public static func read(_ descriptor: Int32, at offset: Int, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      // Sound: the kernel writes into what is left of the array, inside the closure.
      let more = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress! + done, count - done, off_t(offset + done)) }
      if more < 0, errno == EINTR { continue }
      guard more > 0 else { return nil }
      done += more
    }
    return bytes
  }

  /// Gives back the memory of a part of a shared file.
  public static func forget(_ descriptor: Int32, at offset: Int, count: Int) {
    kraken_bridge_punch_hole(descriptor, offset, count)
  }
}
