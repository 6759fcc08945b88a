// The manager's word that memory is short (MEMORY_PRESSURE_WATCH, systemd 254 and later), and the answer to it.
//
// It is asked for with a poll that does not wait, every now and then: the kernel remembers what happened since the
// last one, so no thread has to sit and wait for it.

import CSystemd
import Glibc

/// The file or pipe that tells of memory pressure; open for as long as the process runs.
public struct MemoryPressure: Sendable {
  private let descriptor: Int32
  private let event: Int16

  /// What the manager asks this process to watch; nil if nothing, or if that cannot be opened.
  public static func requested() -> MemoryPressure? {
    guard let path = getenv("MEMORY_PRESSURE_WATCH").map({ String(cString: $0) }) else { return nil }
    return MemoryPressure(path: path, trigger: getenv("MEMORY_PRESSURE_WRITE").map { String(cString: $0) })
  }

  /// - Parameters:
  ///   - path: a pressure file of the kernel's, or a pipe that gets a byte for each event.
  ///   - trigger: what has to be written to it first, in Base64.
  init?(path: String, trigger: String?) {
    // The manager's way of saying that nothing is to be watched.
    guard path != "/dev/null" else { return nil }
    descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      close(descriptor)
      return nil
    }
    event = Int16(status.st_mode & S_IFMT == S_IFIFO ? POLLIN : POLLPRI)
    if let trigger {
      guard let bytes = trigger.base64Decoded, write(descriptor, bytes, bytes.count) == bytes.count else {
        close(descriptor)
        return nil
      }
    }
  }

  /// Whether memory was short at some time since this was last asked.
  public func happened() -> Bool {
    var request = pollfd(fd: descriptor, events: event, revents: 0)
    guard poll(&request, 1, 0) > 0, request.revents & event != 0 else { return false }
    if event == Int16(POLLIN) {
      var buffer = [UInt8](repeating: 0, count: 512)
      while read(descriptor, &buffer, buffer.count) > 0 {}
    }
    return true
  }

  /// Gives the kernel the pages that were freed and that the allocator keeps for later.
  public static func giveBackFreeMemory() {
    kraken_bridge_trim_heap()
  }
}

extension String {
  /// RFC 4648; nil if it is no Base64.
  var base64Decoded: [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var bitCount = 0
    for character in utf8.reversed().drop(while: { $0 == UInt8(ascii: "=") }).reversed() {
      let value: UInt8
      switch character {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
      }
    }
    return bytes
  }
}
