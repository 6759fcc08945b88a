// The daemon as a service: bad input, bad configuration, second instances, TLS, signals, the service manager.

import Foundation
import Testing

@Suite(.serialized) struct DaemonTests {
  @Test func badInputOfEveryKindGetsAnErrorWithItsCode() throws {
    let world = try World()
    try world.waitUntilOnline()
    let bystander = try world.reader()
    bystander.send("subscribe book BTC/USD")
    try bystander.first(channel: "book", type: "snapshot")
    let reader = try world.reader()
    let cases: [([UInt8], String)] = [
      (Array("hello?".utf8), "malformed"),
      (Array("helo".utf8), "unknown_method"),
      (Array("{".utf8), "malformed"),
      (Array("[1,2]".utf8), "malformed"),
      (Array(#"{"method":7}"#.utf8), "malformed"),
      (Array(#"{"method":"subscribe","params":[]}"#.utf8), "bad_parameter"),
      (Array(#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":11}}"#.utf8), "bad_parameter"),
      (Array(#"{"method":"subscribe","params":{"channel":"bok","symbol":["BTC/USD"]}}"#.utf8), "unknown_channel"),
      (Array(#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USX"]}}"#.utf8), "unknown_symbol"),
      (Array(#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#.utf8), "not_subscribed"),
      (Array(#"{"method":"add_order","params":{}}"#.utf8), "not_permitted"),
      (Array(#"{"method":"subscribe","params":{"channel":"balances"}}"#.utf8), "not_permitted"),
      ([0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x7D], "malformed"),
      ([0x00, 0x00, 0x00], "malformed"),
      (Array(String(repeating: "[", count: 5000).utf8), "malformed"),
      (Array((#"{"method":"ping","params":"# + String(repeating: #"{"a":"#, count: 100)).utf8), "malformed"),
    ]
    for (bytes, code) in cases {
      reader.send(bytes + [0x0A])
      let answer = try reader.first("an answer") { $0["success"] as? Bool == false }
      #expect(answer["code"] as? String == code, "\(String(decoding: bytes.prefix(60), as: UTF8.self)): \(answer)")
      #expect(answer["error"] as? String != nil)
    }
    // A line that is too long is the only mistake that costs the connection.
    reader.send([UInt8](repeating: 0x61, count: 70000) + [0x0A])
    let answer = try reader.first("an answer") { $0["success"] as? Bool == false }
    #expect(answer["code"] as? String == "line_too_long")
    let goodbye = try reader.first(channel: "bridge", type: "goodbye")
    #expect((goodbye["data"] as? [String: Any])?["reason"] as? String == "protocol")
    #expect(try reader.lines.rest().isEmpty)
    try bystander.first(channel: "book", type: "update")
  }

  @Test func aSecondInstanceIsRefusedAndAStaleSocketReplaced() throws {
    let world = try World()
    let second = try Child(
      "kraken-bridged",
      ["--public-url", world.url, "--socket", world.socket, "--state-dir", world.folder.path + "/other"])
    #expect(try second.wait() == 71)
    #expect(try second.errors.rest().joined().contains(world.socket))
    world.bridge.signal(SIGKILL)
    try world.bridge.wait()
    #expect(FileManager.default.fileExists(atPath: world.socket))
    try world.startBridgeAgain()
    #expect(try world.reader().next()?["type"] as? String == "hello")
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func aCleanStopSaysGoodbye(signal: Int32) throws {
    let world = try World()
    let reader = try world.reader()
    try reader.first(channel: "bridge", type: "hello")
    world.bridge.signal(signal)
    let goodbye = try reader.first(channel: "bridge", type: "goodbye")
    #expect((goodbye["data"] as? [String: Any])?["reason"] as? String == "shutdown")
    #expect(try world.bridge.wait() == 0)
    #expect(!FileManager.default.fileExists(atPath: world.socket))
  }

  @Test func seqGoesOnRisingAcrossARestart() throws {
    let world = try World()
    try world.waitUntilOnline()
    let before = try #require(try world.reader().next()?["seq"] as? UInt64)
    world.bridge.signal(SIGKILL)
    try world.bridge.wait()
    try world.startBridgeAgain()
    let reader = try world.reader()
    let after = try #require(try reader.next()?["seq"] as? UInt64)
    #expect(after > before)
    reader.send("subscribe book BTC/USD since=\(before)")
    let gap = try reader.first(channel: "bridge", type: "gap")
    #expect((gap["data"] as? [String: Any])?["reason"] as? String == "resume_expired")
    try reader.first(channel: "book", type: "snapshot")
  }

  @Test func configurationErrorsNameFileKeyAndWhatIsAllowed() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "kb-\(UUID().uuidString).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    try "limits: {ring-byte: 5}\nlog: {level: loud}\nsubscriptions: [{channel: book, symbols: [BTC/USD], depth: 11}]\n"
      .write(to: file, atomically: true, encoding: .utf8)
    let check = try Child("kraken-bridged", ["--config", file.path, "--check-config"])
    #expect(try check.wait() == 78)
    let said = try (check.errors.rest() + check.output.rest()).joined(separator: "\n")
    for word in [file.lastPathComponent, "limits.ring-byte", "ring-bytes", "log.level", "loud", "trace", "depth", "1000"] {
      #expect(said.contains(word), "\(word) is missing from: \(said)")
    }
    for (arguments, status) in [
      (["--public-url", "ws://example.com/v2", "--check-config"], Int32(78)), (["--no-such-flag"], 64),
      (["--public-url", "ws://127.0.0.1:1/v2", "--check-config"], 0),
    ] {
      #expect(try Child("kraken-bridged", arguments).wait() == status, "\(arguments)")
    }
  }

  @Test func tlsIsVerifiedAlways() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kb-tls-" + UUID().uuidString.prefix(8))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let made = try Child.shell(
      "cd \(folder.path) && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 "
        + "-subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1'")
    #expect(try made.wait() == 0)
    let certificate = folder.path + "/cert.pem"
    let tls = ["--tls-cert", certificate, "--tls-key", folder.path + "/key.pem"]
    let trusted = try World(exchange: tls, bridge: ["--ca-file", certificate])
    #expect(trusted.url.hasPrefix("wss://"))
    try trusted.waitUntilOnline()
    let reader = try trusted.reader()
    reader.send("subscribe book BTC/USD")
    try reader.first(channel: "book", type: "snapshot")
    let untrusted = try World(exchange: tls)
    let line = try untrusted.bridge.errors.first(containing: "attempt_failed")
    #expect(line.lowercased().contains("certificate") || line.lowercased().contains("tls"), "\(line)")
  }

  @Test func theServiceManagerIsTold() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kb-notify-" + UUID().uuidString.prefix(8))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.path + "/notify"
    let manager = try ServiceManagerSocket(path)
    let world = try World(environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"])
    try manager.first(containing: "READY=1")
    try manager.first(containing: "STATUS=")
    for _ in 0..<3 { try manager.first(containing: "WATCHDOG=1") }
    world.bridge.signal(SIGTERM)
    try manager.first(containing: "STOPPING=1")
    #expect(try world.bridge.wait() == 0)
  }

  @Test func runningOutOfDescriptorsDoesNotStopIt() throws {
    let world = try World()
    let limited = try Child.shell(
      "ulimit -n 40; exec \(Programs.path("kraken-bridged")) --public-url \(world.url) "
        + "--socket \(world.folder.path)/few.sock --state-dir \(world.folder.path)/few")
    try limited.errors.first(containing: "serves")
    var readers = try (0..<60).map { _ in try Reader(world.folder.path + "/few.sock") }
    #expect(try readers[0].next()?["type"] as? String == "hello")
    readers.removeAll()
    let late = try Reader(world.folder.path + "/few.sock")
    #expect(try late.next()?["type"] as? String == "hello")
    #expect(limited.process.isRunning)
  }

  @Test func theBuiltInExchangeNeedsNothing() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kb-sim-" + UUID().uuidString.prefix(8))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let bridge = try Child(
      "kraken-bridged", ["--simulate", "--socket", folder.path + "/b.sock", "--state-dir", folder.path + "/state"])
    try bridge.errors.first(containing: "serves")
    let reader = try Reader(folder.path + "/b.sock")
    reader.send("subscribe ticker BTC/USD")
    try reader.first(channel: "ticker", type: "update")
  }
}
