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
  var control: String { folder.appending(path: "control.sock").path }

  /// - Parameter configuration: YAML added to a configuration with `bridge.sock` and `feed.sock`.
  init(
    exchange exchangeArguments: [String] = [], bridge extra: [String] = [], configuration: String = "",
    environment: [String: String] = [:]
  ) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "kb-" + UUID().uuidString.prefix(8))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    exchange = try Child(
      "kraken-sim", ["--port", "0", "--seed", "7", "--control", folder.appending(path: "control.sock").path]
        + exchangeArguments)
    guard let first = try exchange.output.next() else { throw Overdue(description: "kraken-sim said nothing") }
    url = first
    let file = folder.appending(path: "config.yaml")
    try """
    listeners:
      - {path: \(folder.path)/bridge.sock, mode: "0666"}
      - {path: \(folder.path)/feed.sock, mode: "0666", preset: all}
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

  /// Waits until Kraken's side is up, so that answers do not depend on who was faster.
  func waitUntilOnline() throws { try bridge.errors.first(containing: "upstream_back") }

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
    descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // Sound: the path is cut to the field, which starts zeroed and keeps its last byte zero.
    withUnsafeMutableBytes(of: &address.sun_path) { $0.dropLast().copyBytes(from: path.utf8.prefix(107)) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) }
    }
    guard result == 0 else {
      Glibc.close(descriptor)
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
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
