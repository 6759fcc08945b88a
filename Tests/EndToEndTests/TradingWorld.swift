// A simulated exchange with an account and a bridge that trades on it, for one test. The exchange counts what it was
// asked, so that a test does not have to believe the bridge.

import Foundation

final class TradingWorld {
  private static let key = "KEY/OF/A/TEST"
  private static let secret = "c2VjcmV0IG9mIGEgdGVzdA=="

  let folder: URL
  let exchange: Child
  let bridge: Child

  /// The listener with all scopes.
  var socket: String { folder.appending(path: "private.sock").path }
  private var control: String { folder.appending(path: "control.sock").path }

  init(exchange exchangeArguments: [String] = []) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "kb-" + UUID().uuidString.prefix(8))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (name, text) in [("api-key", Self.key), ("api-secret", Self.secret), ("config.yaml", "trading: {enabled: true}\n")] {
      let path = folder.appending(path: name).path
      guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
      else { throw Overdue(description: "cannot write \(path)") }
    }
    exchange = try Child(
      "kraken-sim",
      ["--port", "0", "--seed", "7", "--api-key", Self.key, "--api-secret", Self.secret, "--set", "tier=unlimited"]
        + ["--control", folder.appending(path: "control.sock").path] + exchangeArguments)
    guard let url = try exchange.output.next() else { throw Overdue(description: "kraken-sim said nothing") }
    let origin = url.dropFirst("ws://".count).prefix { $0 != "/" }
    bridge = try Child(
      "kraken-bridged",
      [
        "--config", folder.appending(path: "config.yaml").path, "--public-url", url,
        "--private-url", "ws://\(origin)/auth/v2", "--level3-url", "ws://\(origin)/l3/v2", "--rest-url", "http://\(origin)",
        "--socket", folder.appending(path: "bridge.sock").path, "--private-socket", folder.appending(path: "private.sock").path,
        "--credentials-dir", folder.path, "--state-dir", folder.appending(path: "state").path,
      ])
    try bridge.errors.first(containing: "serves")
    // The account is connected when its snapshot is there.
    let reader = try reader()
    reader.send("subscribe executions")
    try reader.first(channel: "executions", type: "snapshot")
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func reader() throws -> Reader { try Reader(socket) }

  /// Gives the exchange a command; its answer.
  @discardableResult
  func tell(_ command: String) throws -> String {
    let child = try Child("kraken-sim", ["inject", "--control", control, command])
    guard try child.wait() == 0 else { throw Overdue(description: try child.errors.rest().joined(separator: " ")) }
    return try child.output.rest().joined()
  }

  /// How many requests of a method have reached the exchange.
  func requests(_ method: String) throws -> Int {
    (Reader.parse(try tell("status"))["requests"] as? [String: Int])?[method] ?? 0
  }
}
