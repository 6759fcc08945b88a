// The envelope of an event line around its data, keys in the order the protocol promises.

import BridgeWire
import JSONText

enum EventLine {
  /// Everything in a line besides prefix, time and data: two 20-digit numbers, keys, `received`, braces, LF.
  static let overheadMax = 128

  @inline(__always)
  static func write(
    _ cursor: inout JSONCursor, prefix: [UInt8], seq: UInt64, prev: UInt64?, time: UnsafeRawBufferPointer?,
    received: borrowing ReceivedText, _ data: (inout JSONCursor) -> Void
  ) {
    prefix.withUnsafeBytes { cursor.append(bytes: $0) }
    cursor.append(seq)
    if let prev {
      cursor.append(",\"prev\":")
      cursor.append(prev)
    }
    if let time {
      cursor.append(",\"time\":")
      cursor.append(bytes: time)
    }
    cursor.append(",\"received\":\"")
    received.withUnsafeBytes { cursor.append(bytes: $0) }
    cursor.append("\",\"data\":")
    data(&cursor)
    cursor.append("}\n")
  }
}

/// `received` as text, made once for all lines of one socket read.
struct ReceivedText {
  private var bytes = [UInt8](repeating: UInt8(ascii: "0"), count: Timestamp.nanosecondByteCount)
  private var wall: Int64 = .min
  /// The beginning of the second that is written.
  private var second: Int64 = .min

  mutating func set(wall: Int64) {
    guard wall != self.wall else { return }
    self.wall = wall
    bytes.withUnsafeMutableBufferPointer { bytes in
      // Thousands of messages come in one second.
      if second != .min, case let passed = wall &- second, passed >= 0, passed < 1_000_000_000 {
        Timestamp.rewriteFraction(nanoseconds: UInt32(passed), in: bytes.baseAddress!)
      } else {
        Timestamp.write(wall: wall, to: bytes.baseAddress!)
        second = Timestamp.second(of: wall)
      }
    }
  }

  func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { bytes.withUnsafeBytes(body) }
}
