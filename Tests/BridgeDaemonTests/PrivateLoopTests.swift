// The daemon's loop with an account: tokens from the simulated exchange's REST interface or from a program, keys that
// change while it runs, and who may ask for what.

import Glibc
import KrakenWire
import SimulatedExchange
import Testing

@testable import BridgeDaemon

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

  @Test func rotatedKeysAreTakenAndBadOnesAreNot() async throws {
    writeCredentials()
    // The settings stay the same at each reload; only the files change.
    let running = try await RunningWithChanges(directory, configure: addPrivateListener)
    let path = directory("private.sock")
    let reader = try await reading {
      let reader = try Reader(path)
      reader.send("subscribe executions\n")
      _ = try reader.line(with: #""channel":"executions""#, #""type":"snapshot""#)
      return Transfer(reader)
    }

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
