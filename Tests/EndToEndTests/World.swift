// A simulated exchange, a bridge connected to it, and readers: each test has a world of its own in a temporary folder.

import Foundation

final class World {
  let folder: URL
  let exchange: Child
  let url: String
  private(set) var bridge: Child
  private let bridgeArguments: [String]

  var socket: String { folder.appending(path: "bridge.sock").path }
  var feed: String { folder.appending(path: "feed.sock").path }
  /// Lets its readers fall behind by very little.
  var strict: String { folder.appending(path: "strict.sock").path }
  var control: String { folder.appending(path: "control.sock").path }

  /// - Parameters:
  ///   - configuration: YAML added to a configuration with `bridge.sock` and `feed.sock`.
  ///   - strictLagBytes: how far readers of `strict.sock` may fall behind; without it there is none.
  init(
    exchange exchangeArguments: [String] = [], bridge extra: [String] = [], configuration: String = "",
    strictLagBytes: Int? = nil, environment: [String: String] = [:]
  ) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "kb-" + UUID().uuidString.prefix(8))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    exchange = try Child(
      "kraken-sim", ["--port", "0", "--seed", "7", "--control", folder.appending(path: "control.sock").path]
        + exchangeArguments)
    guard let first = try exchange.output.next() else { throw Overdue(description: "kraken-sim said nothing") }
    url = first
    let file = folder.appending(path: "config.yaml")
    let strict = strictLagBytes.map { [folder] in "\n  - {path: \(folder.path)/strict.sock, mode: \"0666\", lag-bytes: \($0)}" } ?? ""
    try """
    listeners:
      - {path: \(folder.path)/bridge.sock, mode: "0666"}
      - {path: \(folder.path)/feed.sock, mode: "0666", preset: all}\(strict)
    state-dir: \(folder.path)/state
    \(configuration)
    """.write(to: file, atomically: true, encoding: .utf8)
    bridgeArguments = ["--config", file.path, "--public-url", url] + extra
    bridge = try Child("kraken-bridged", bridgeArguments, environment: environment)
    try bridge.errors.first(containing: "serves")
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func startBridgeAgain() throws {
    bridge = try Child("kraken-bridged", bridgeArguments)
    try bridge.errors.first(containing: "serves")
  }

  /// Waits until Kraken's side is up and the pairs are known, so that answers do not depend on who was faster.
  func waitUntilOnline() throws {
    let reader = try reader()
    reader.send("subscribe instrument BTC/USD")
    try reader.first(channel: "instrument", type: "snapshot")
  }

  func inject(_ fault: String) throws {
    let child = try Child("kraken-sim", ["inject", "--control", control, fault])
    guard try child.wait() == 0 else { throw Overdue(description: try child.errors.rest().joined(separator: " ")) }
  }

  func reader(_ path: String? = nil) throws -> Reader { try Reader(path ?? socket) }

  func control(_ arguments: [String]) throws -> Child { try Child("kraken-ctl", ["--socket", socket] + arguments) }
}

/// A connection to the bridge's socket.
final class Reader {
  let descriptor: Int32
  let lines: LineBuffer
  private let handle: FileHandle

  init(_ path: String) throws {
    let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let result = withSocketAddress(path) { Glibc.connect(descriptor, $0, $1) }
    guard result == 0 else {
      Glibc.close(descriptor)
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    self.descriptor = descriptor
    handle = FileHandle(fileDescriptor: dup(descriptor), closeOnDealloc: true)
    lines = LineBuffer(handle)
  }

  func send(_ text: String) { send(Array(text.utf8) + [0x0A]) }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  /// The next line as JSON.
  func next() throws -> [String: Any]? { try lines.next().map(Self.parse) }

  @discardableResult
  func first(_ what: String, where matches: ([String: Any]) -> Bool) throws -> [String: Any] {
    try Self.parse(lines.first(what) { matches(Self.parse($0)) })
  }

  @discardableResult
  func first(channel: String, type: String) throws -> [String: Any] {
    try first("\(channel) \(type)") { $0["channel"] as? String == channel && $0["type"] as? String == type }
  }

  static func parse(_ line: String) -> [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] ?? ["unparsable": line]
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))
    Glibc.close(descriptor)
  }
}

/// Calls `body` with the address of a Unix socket.
func withSocketAddress<R>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  // Sound: the path is cut to the field, which starts zeroed and keeps its last byte zero.
  withUnsafeMutableBytes(of: &address.sun_path) { $0.dropLast().copyBytes(from: path.utf8.prefix(107)) }
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
  }
}

/// Where a service manager listens for `sd_notify`: one message a datagram.
final class ServiceManagerSocket {
  private let descriptor: Int32

  init(_ path: String) throws {
    descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var patient = timeval(tv_sec: Int(patience), tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patient, socklen_t(MemoryLayout<timeval>.size))
    guard withSocketAddress(path, { Glibc.bind(descriptor, $0, $1) }) == 0 else { throw POSIXError(.EADDRINUSE) }
  }

  /// Takes messages until one contains `text`.
  func first(containing text: String) throws {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
      if String(decoding: buffer[..<count], as: UTF8.self).contains(text) { return }
    }
    throw Overdue(description: "no message with \(text)")
  }

  deinit { Glibc.close(descriptor) }
}
