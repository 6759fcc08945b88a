// The account as users have it: the daemon on its simulated exchange, its private socket, and a daemon with key files.

import Foundation
import Testing

@Suite(.serialized) struct PrivateSideTests {
  private static let key = "THE/KEY/THAT/NOBODY/MAY/SEE"
  private static let secret = "dGhlIHNlY3JldCB0aGF0IG5vYm9keSBtYXkgc2Vl"

  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "kb-" + UUID().uuidString.prefix(8))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  private func simulation() throws -> Child {
    let bridge = try Child(
      "kraken-bridged",
      ["--simulate", "--socket", path("bridge.sock"), "--private-socket", path("private.sock"), "--state-dir", path("s")])
    try bridge.errors.first(containing: "serves")
    return bridge
  }

  private func writeCredentials(mode: Int = 0o600) throws {
    for (name, text) in [("api-key", Self.key), ("api-secret", Self.secret)] {
      try Data(text.utf8).write(to: folder.appending(path: name))
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
    }
  }

  @Test func anOrderIsFollowedToItsEndOverThePrivateSocketAlone() throws {
    let bridge = try simulation()
    let order = #"{"method":"add_order","params":{"order_type":"market","side":"buy","order_qty":0.01,"symbol":"BTC/USD"},"req_id":7}"#
    let trader = try Reader(path("private.sock"))
    trader.send("subscribe executions")
    try trader.first(channel: "executions", type: "snapshot")
    trader.send(order)
    var stages: [String] = []
    while stages.last != "filled" {
      let line = try trader.first(channel: "orders", type: "update")
      if let stage = (line["data"] as? [String: Any])?["stage"] as? String, stage != stages.last { stages.append(stage) }
    }
    #expect(stages.filter { $0 != "partially_filled" } == ["submitted", "accepted", "pending", "open", "filled"])

    let other = try Reader(path("bridge.sock"))
    for line in [order, "subscribe balances"] {
      other.send(line)
      let answer = try other.first("a refusal") { $0["code"] != nil }
      #expect(answer["code"] as? String == "not_permitted")
    }
    bridge.signal(SIGTERM)
    #expect(try bridge.wait() == 0)
  }

  /// root is whom the kernel lets through anyway; it can also become somebody else.
  @Test(.enabled(if: getuid() == 0)) func anotherUserIsRefused() throws {
    let bridge = try simulation()
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    func connect(_ name: String) throws -> String {
      let child = try Child.shell(
        "setpriv --reuid 65534 --regid 65534 --clear-groups nc -N -U \(path(name)) </dev/null 2>&1 | head -n 1")
      return try child.output.rest().joined()
    }
    #expect(try connect("private.sock").contains("Permission denied"))
    #expect(try connect("bridge.sock").contains("hello"))
    bridge.signal(SIGTERM)
    #expect(try bridge.wait() == 0)
  }

  @Test func filesOpenToEverybodyAreRefused() throws {
    try writeCredentials(mode: 0o644)
    let bridge = try Child(
      "kraken-bridged", ["--credentials-dir", folder.path, "--socket", path("bridge.sock"), "--state-dir", path("s")])
    #expect(try bridge.wait() == 78)
    let said = try bridge.errors.rest().joined(separator: "\n")
    #expect(said.contains("is open to everybody (mode 0644)"), "\(said)")
    #expect(!said.contains(Self.key) && !said.contains(Self.secret))
  }

  @Test func withoutCredentialsThereIsNoPrivateSocket() throws {
    let world = try World(bridge: ["--private-socket", path("private.sock")])
    let hello = try world.reader().first(channel: "bridge", type: "hello")
    let upstreams = (hello["data"] as? [String: Any])?["upstreams"] as? [String: String]
    #expect(upstreams?["private"] == "disabled" && upstreams?["level3"] == "disabled")
    #expect(!FileManager.default.fileExists(atPath: path("private.sock")))
  }

  /// A key that the exchange takes, one that it refuses, files that cannot be used, a program for tokens: nothing of them
  /// is in the log at its most talkative, in status, metrics, answers or errors.
  @Test func nothingSecretIsSaid() throws {
    try writeCredentials()
    let token = "TOKEN/OF/A/PROGRAM"
    let exchange = try Child("kraken-sim", ["--port", "0", "--api-key", Self.key, "--api-secret", Self.secret])
    let url = try #require(try exchange.output.next())
    let origin = url.dropFirst("ws://".count).prefix { $0 != "/" }
    let arguments = [
      "--public-url", url, "--private-url", "ws://\(origin)/auth/v2", "--level3-url", "ws://\(origin)/l3/v2",
      "--rest-url", "http://\(origin)", "--socket", path("bridge.sock"), "--private-socket", path("private.sock"),
      "--state-dir", path("s"), "--log-level", "trace",
    ]
    var said: [String] = []
    /// Takes down every line up to one with all of `parts`.
    func listen(_ lines: LineBuffer, until parts: String...) throws {
      while let line = try lines.next() {
        said.append(line)
        if parts.allSatisfy({ line.contains($0) }) { return }
      }
      throw Overdue(description: "no line with \(parts)")
    }
    func finish(_ bridge: Child) throws {
      let reader = try Reader(path("private.sock"))
      for method in ["status", "metrics", "topics", "clients"] {
        reader.send(method)
        try listen(reader.lines, until: #""method":"\#(method)""#)
      }
      bridge.signal(SIGTERM)
      #expect(try bridge.wait() == 0)
      said += try bridge.errors.rest() + bridge.output.rest()
    }

    let keyed = try Child(
      "kraken-bridged", ["--credentials-dir", folder.path] + arguments,
      environment: ["KRAKEN_BRIDGE_TRADING_ENABLED": "true"])
    try listen(keyed.errors, until: "serves")
    let reader = try Reader(path("private.sock"))
    reader.send("subscribe balances")
    try listen(reader.lines, until: #""channel":"balances","type":"snapshot""#)
    for (id, quantity) in ["0.01", "100000000"].enumerated() {
      reader.send(
        #"{"method":"add_order","params":{"order_type":"market","side":"buy","order_qty":\#(quantity),"symbol":"BTC/USD"},"req_id":\#(id)}"#)
      try listen(reader.lines, until: #""method":"add_order""#, #""success":\#(id == 0)"#)
    }
    // A key that Kraken does not know: told in the stream, in Kraken's words.
    try Data("ANOTHER/KEY".utf8).write(to: folder.appending(path: "api-key"))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("api-key"))
    keyed.signal(SIGHUP)
    try listen(reader.lines, until: "EAPI:Invalid key")
    try finish(keyed)

    let program = folder.appending(path: "config.yaml")
    try Data("credentials: {token-command: \"echo \(token); echo \(token) >&2\"}\n".utf8).write(to: program)
    let commanded = try Child("kraken-bridged", ["--config", program.path] + arguments)
    try listen(commanded.errors, until: "serves")
    let hopeful = try Reader(path("private.sock"))
    hopeful.send("subscribe balances")
    try listen(hopeful.lines, until: #""type":"state""#, #""upstream":"private""#)
    try finish(commanded)

    #expect(said.count > 10)
    for word in [Self.key, Self.secret, "the secret that nobody", "ANOTHER/KEY", token] {
      #expect(!said.contains { $0.contains(word) }, "\(word)")
    }
  }
}
