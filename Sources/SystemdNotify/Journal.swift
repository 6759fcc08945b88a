// Structured entries for the journal. Only worth it when standard error is the journal: then a native entry
// replaces the text line, and its fields can be searched (journalctl SYMBOL=BTC/USD).

import CSystemd
import Glibc

public enum Journal {
  /// Whether standard error leads to the journal: systemd puts the device and inode of the stream it set up
  /// into JOURNAL_STREAM, and a redirected descriptor no longer matches.
  public static var isStandardError: Bool {
    guard let variable = getenv("JOURNAL_STREAM") else { return false }
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return String(cString: variable) == "\(status.st_dev):\(status.st_ino)"
  }

  /// Writes one entry. Field names are upper case ASCII letters, digits and underscores and do not begin with
  /// an underscore; values may contain anything.
  /// - Returns: zero, or an `errno` value. No journal running counts as success, as libsystemd has it.
  @discardableResult
  public static func send(_ fields: [(name: String, value: String)]) -> Int32 {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    for field in fields {
      bytes += field.name.utf8
      bytes.append(UInt8(ascii: "="))
      bytes += field.value.utf8
      ends.append(bytes.count)
    }
    // Sound: the vectors point into `bytes`, which neither moves nor changes inside this closure, and
    // libsystemd only reads through them.
    return bytes.withUnsafeMutableBytes { storage in
      var start = 0
      let vectors = ends.map { end in
        defer { start = end }
        return iovec(iov_base: storage.baseAddress.map { $0 + start }, iov_len: end - start)
      }
      return -sd_journal_sendv(vectors, Int32(vectors.count))
    }
  }
}
