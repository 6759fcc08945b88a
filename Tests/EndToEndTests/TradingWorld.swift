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
  private let control: Reader

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
    control = try Reader(folder.appending(path: "control.sock").path)
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
    control.send(command)
    guard let answer = try control.lines.next(), !answer.hasPrefix("error") else {
      throw Overdue(description: "kraken-sim refuses: \(command)")
    }
    return answer
  }

  /// How many requests of a method have reached the exchange.
  func requests(_ method: String) throws -> Int { try count("requests", method) }

  /// One of the counts in the exchange's status: `requests` by method, `subscribed` and `unsubscribed` by topic.
  func count(_ kind: String, _ name: String) throws -> Int {
    (Reader.parse(try tell("status"))[kind] as? [String: Int])?[name] ?? 0
  }

  /// The exchange's own list: how often each `cl_ord_id` was asked for, and its orders by id.
  func orders() throws -> (received: [String: Int], orders: [String: (clientID: String?, status: String?)]) {
    let line = Reader.parse(try tell("orders"))
    let orders = line["orders"] as? [String: [String: String]] ?? [:]
    return (line["received"] as? [String: Int] ?? [:], orders.mapValues { ($0["cl_ord_id"], $0["status"]) })
  }
}
