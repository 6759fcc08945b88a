// Memory pressure, told through a pipe as the protocol allows; what the kernel's own file does differently is one
// poll flag.

import Glibc
import Testing

@testable import SystemdNotify

struct MemoryPressureTests {
  private func withPipe(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/kb-pressure-XXXXXX".utf8CString)
    let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    let path = folder + "/pipe"
    defer {
      unlink(path)
      rmdir(folder)
    }
    try #require(mkfifo(path, 0o600) == 0)
    try body(path)
  }

  @Test func anEventIsSeenOnce() throws {
    try withPipe { path in
      let pressure = try #require(MemoryPressure(path: path, trigger: nil))
      #expect(!pressure.happened())
      let writer = open(path, O_WRONLY)
      defer { close(writer) }
      #expect(write(writer, "xyz", 3) == 3)
      #expect(pressure.happened())
      #expect(!pressure.happened())
      #expect(write(writer, "x", 1) == 1)
      #expect(pressure.happened())
    }
  }

  @Test func theTriggerIsWrittenFirst() throws {
    try withPipe { path in
      let reader = open(path, O_RDWR | O_NONBLOCK)
      defer { close(reader) }
      let pressure = try #require(MemoryPressure(path: path, trigger: "c29tZSAyMDAwMDAgMjAwMDAwMAA="))
      var bytes = [UInt8](repeating: 0, count: 64)
      let count = read(reader, &bytes, bytes.count)
      #expect(bytes.prefix(max(0, count)) == Array("some 200000 2000000\0".utf8)[...])
      #expect(!pressure.happened())
    }
  }

  @Test func nothingToWatch() throws {
    #expect(MemoryPressure(path: "/dev/null", trigger: nil) == nil)
    #expect(MemoryPressure(path: "/nonexistent/memory.pressure", trigger: nil) == nil)
    try withPipe { #expect(MemoryPressure(path: $0, trigger: "no Base64!") == nil) }
  }

  @Test(arguments: [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg", "foob"), ("+/+/", nil)])
  func base64(text: String, decoded: String?) {
    #expect(text.base64Decoded == decoded.map { Array($0.utf8) } ?? [0xFB, 0xFF, 0xBF])
  }
}
