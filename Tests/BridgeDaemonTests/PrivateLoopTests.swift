// The daemon's loop with an account: tokens from the simulated exchange's REST interface or from a program, keys that
// change while it runs, and who may ask for what.

import Glibc
import KrakenSimulator
import KrakenWire
import Testing

@testable import BridgeDaemon
@testable import SimulatedExchange

struct PrivateLoopTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory() }

  /// Key and secret as files, which may have been changed since.
  private func writeCredentials(key: String = APIKey.demonstration.key, mode: mode_t = 0o600) {
    directory.writeCredentials(key: key, secret: APIKey.demonstration.secret, mode: mode)
  }

  private func addPrivateListener(_ settings: inout Settings) {
    settings.trading.enabled = true
    settings.credentials.directory = directory.path
    settings.listeners.append(
      ListenerSettings(
        path: directory("private.sock"), mode: 0o600, group: nil, scope: [.market, .account, .trade], preset: .none))
  }

  @Test func anAccountIsReadAndTradedWith() async throws {
    writeCredentials()
    let running = try await Running(directory, configure: addPrivateListener)
    let (path, market) = (directory("private.sock"), directory("bridge.sock"))
    try await reading {
      let reader = try Reader(path)
      let hello = try reader.line(with: "hello")
      #expect(hello.contains(#""scope":["market","account","trade"]"#), "\(hello)")
      reader.send("subscribe balances\n")
      let balances = try reader.line(with: #""channel":"balances""#, #""type":"snapshot""#)
      #expect(balances.contains(#""asset":"BTC""#))
      reader.send(
        #"{"method":"add_order","params":{"order_type":"market","side":"buy","order_qty":0.01,"symbol":"BTC/USD"},"req_id":7}"#
          + "\n")
      for stage in ["submitted", "accepted", "pending", "open", "filled"] {
        let line = try reader.line(with: #""channel":"orders""#, #""stage":"\#(stage)""#)
        #expect(line.contains(#""req_id":7"#), "\(line)")
      }

      let other = try Reader(market)
      other.send("subscribe balances\n" + #"{"method":"cancel_all","req_id":1}"# + "\n")
      let refusals = [try other.line(with: "\"code\""), try other.line(with: "\"code\"")]
      #expect(refusals.allSatisfy { $0.contains(#""code":"not_permitted""#) }, "\(refusals)")
    }
    try await running.stop()
    try await running.tearDown()
  }

  @Test func booksByOrderComeOverTheirOwnConnection() async throws {
    writeCredentials()
    let running = try await Running(directory, configure: addPrivateListener)
    let path = directory("private.sock")
    try await reading {
      let reader = try Reader(path)
      reader.send("subscribe level3 BTC/USD\n")
      let snapshot = try reader.line(with: #""channel":"level3""#, #""type":"snapshot""#)
      #expect(snapshot.contains(#""order_id":"#))
    }
    try await running.stop()
    try await running.tearDown()
  }

  /// A reader of the account's executions, and the snapshot it has got.
  private func followExecutions() async throws -> (reader: Transfer<Reader>, snapshot: String) {
    let path = directory("private.sock")
    return try await reading {
      let reader = try Reader(path)
      reader.send("subscribe executions\n")
      let snapshot = try reader.line(with: #""channel":"executions""#, #""type":"snapshot""#)
      return (Transfer(reader), snapshot)
    }
  }

  @Test func rotatedKeysAreTakenAndBadOnesAreNot() async throws {
    writeCredentials()
    // The settings stay the same at each reload; only the files change.
    let running = try await RunningWithChanges(directory, configure: addPrivateListener)
    let (reader, _) = try await followExecutions()

    // Nothing has changed: the connection stays. What cannot be used is refused, and the old key stays.
    #expect(try await running.reload() == nil)
    chmod(directory("api-secret"), 0o644)
    #expect(try await running.reload()?.contains("is open to everybody (mode 0644)") == true)
    chmod(directory("api-secret"), 0o600)

    writeCredentials(key: "a-key-that-kraken-does-not-know")
    #expect(try await running.reload() == nil)
    try await reading {
      _ = try reader.value.line(with: "stale", #""upstream":"private""#)
      let refusal = try reader.value.line(with: #""type":"state""#, #""upstream":"private""#, "EAPI:Invalid key")
      #expect(!refusal.contains("a-key-that"))
    }

    // A key may have got its permission since.
    #expect(try await running.reload() == nil)
    try await reading { _ = try reader.value.line(with: #""type":"state""#, #""upstream":"private""#, "EAPI:Invalid key") }

    writeCredentials()
    #expect(try await running.reload() == nil)
    try await reading { _ = try reader.value.line(with: #""channel":"executions""#, #""type":"snapshot""#) }
    try await running.end()
  }

  /// The exchange then sends no snapshot: reports name their user, and what became of orders is told all the same.
  @Test func allUsersAreFollowedAfterAReload() async throws {
    writeCredentials()
    let running = try await RunningWithChanges(directory, configure: addPrivateListener)
    let (reader, snapshot) = try await followExecutions()
    #expect(!snapshot.contains("partial"))
    #expect(try await running.reload { $0.account.allUsers = true } == nil)
    try await reading {
      let reader = reader.value
      _ = try reader.line(with: "stale", #""upstream":"private""#)
      let snapshot = try reader.line(with: #""channel":"executions""#, #""type":"snapshot""#)
      #expect(snapshot.contains(#""partial":true"#) && snapshot.contains(#""data":[]"#))
      reader.send("subscribe open_orders\n")
      _ = try reader.line(with: #""code":"not_configured""#, "account.users")
      reader.send(
        #"{"method":"add_order","params":{"order_type":"market","side":"buy","order_qty":0.01,"symbol":"BTC/USD"},"req_id":7}"#
          + "\n")
      let report = try reader.line(with: #""channel":"executions""#, #""exec_type":"trade""#)
      #expect(report.contains(#""user":"\#(Exchange.user)""#), "\(report)")
      _ = try reader.line(with: #""channel":"orders""#, #""stage":"filled""#)
    }
    try await running.end()
  }

  /// Orders of every outcome, a token that Kraken no longer takes and another one, questions over REST: none of the
  /// tokens, and nothing of the key, is in what readers, the log or the service manager get.
  @Test func tokensAreSaidNowhere() async throws {
    writeCredentials()
    let log = LogRecorder()
    let running = try await Running(
      directory,
      configure: {
        addPrivateListener(&$0)
        $0.log.level = "trace"
      }, log: log)
    let path = directory("private.sock")
    let simulator = running.simulator
    let (reader, first) = try await reading {
      let reader = try Reader(path)
      var said: [String] = []
      func listen(until parts: String...) throws {
        repeat { said.append(try #require(reader.line())) } while !parts.allSatisfy(said[said.count - 1].contains)
      }
      reader.send("subscribe executions\nsubscribe balances\n")
      try listen(until: #""channel":"balances""#, #""type":"snapshot""#)
      for (id, order) in [
        #""order_type":"market","order_qty":0.01"#, #""order_type":"limit","limit_price":100,"order_qty":0.01"#,
        #""order_type":"limit","limit_price":100,"order_qty":100000000"#, #""order_type":"market""#,
      ].enumerated() {
        reader.send(#"{"method":"add_order","params":{\#(order),"side":"buy","symbol":"BTC/USD"},"req_id":\#(id)}"# + "\n")
        try listen(until: #""method":"add_order""#, #""req_id":\#(id)"#)
      }
      reader.send(#"{"method":"cancel_all","req_id":9}"# + "\n")
      try listen(until: #""method":"cancel_all""#)
      return (Transfer(reader), said)
    }
    var tokens = try await simulator.inspect { Set($0.tokens.keys) }
    #expect(tokens.count == 1)
    // Orders with the old token are refused, and asked about.
    simulator.schedule(try ScheduledFault(parsing: "token-expired"))
    while try await !simulator.inspect({ $0.tokens.isEmpty }) { try await Task.sleep(for: .milliseconds(10)) }
    let second = try await reading {
      var said: [String] = []
      let reader = reader.value
      var id = 10
      repeat {
        id += 1
        reader.send(
          #"{"method":"add_order","params":{"order_type":"market","order_qty":0.01,"side":"sell","symbol":"BTC/USD"},"req_id":\#(id)}"#
            + "\n")
        // Its stages bear the same number.
        let answer = [#""method":"add_order""#, #""req_id":\#(id),"#]
        repeat { said.append(try #require(reader.line())) } while !answer.allSatisfy(said[said.count - 1].contains)
      } while !said[said.count - 1].contains(#""success":true"#)
      for method in ["status", "metrics", "topics", "clients"] {
        reader.send(method + "\n")
        repeat { said.append(try #require(reader.line())) } while !said[said.count - 1].contains(#""method":"\#(method)""#)
      }
      return said
    }
    let renewed = try await simulator.inspect { Set($0.tokens.keys) }
    #expect(tokens.isDisjoint(with: renewed) && !renewed.isEmpty)
    tokens.formUnion(renewed)
    try await running.stop()
    try await running.tearDown()

    let told = running.told.all.map { "\($0)" }
    #expect(log.lines.count > 3 && told.count > 3)
    let everything = first + second + log.lines + log.fields + told
    for secret in tokens.union([APIKey.demonstration.key, APIKey.demonstration.secret, "demonstration secret"]) {
      #expect(!everything.contains { $0.contains(secret) }, "\(secret)")
    }
  }

  @Test func withoutCredentialsTheAccountIsDisabled() async throws {
    let running = try await Running(directory) {
      addPrivateListener(&$0)
      $0.credentials = CredentialSettings()
    }
    let path = directory("private.sock")
    try await reading {
      let reader = try Reader(path)
      let hello = try reader.line(with: "hello")
      #expect(hello.contains(#""private":"disabled","level3":"disabled""#), "\(hello)")
      reader.send("subscribe balances\n")
      #expect(try reader.line(with: "\"code\"").contains(#""code":"not_configured""#))
    }
    try await running.stop()
    try await running.tearDown()
  }
}
