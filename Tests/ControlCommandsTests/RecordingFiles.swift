// What the tests of recordings share: a directory of their own, and a line to record.

import Glibc
import Testing

@testable import ControlCommands

/// A directory of one test, removed with everything in it.
final class Directory: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/kraken-ctl-test-XXXXXX".utf8CString)
    // Sound: mkdtemp changes the array in place within its length.
    path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  var names: [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      // Sound: d_name is a NUL-terminated string inside the entry, which lives until the next readdir.
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  func lines(_ name: String) throws -> [String] {
    let reader = try RecordingReader(path: "\(path)/\(name)")
    var lines: [String] = []
    while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
    return lines
  }

  func append(_ source: String, to name: String) throws {
    #expect(ChildProcess.output(of: ["sh", "-c", "cat '\(path)/\(source)' >> '\(path)/\(name)'"])?.status == 0)
  }

  func write(_ name: String, _ text: String) throws {
    let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    defer { close(file) }
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
  }
}

func trade(_ seq: UInt64, second: Int = 0) -> String {
  #"{"channel":"trade","type":"update","symbol":"BTC/USD","seq":\#(seq),"prev":\#(seq - 1),"received":"2026-10-09T00:00:\#(second < 10 ? "0" : "")\#(second).000000000Z","data":{"side":"buy","price":1.50,"qty":0.10}}"#
}
