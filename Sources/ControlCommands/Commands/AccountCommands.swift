// `balances` and `executions`: the account as the bridge knows it, from the private listener.

import ArgumentParser
import KrakenBridgeClient

/// What the account verbs share: one snapshot, then updates if wanted.
struct AccountOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Go on and print what changes.")
  var follow = false

  @OptionGroup var options: GlobalOptions

  func show(_ channel: String, on console: Console, table: ([JSON]) -> Table) async throws {
    let format = options.format(on: console)
    let subscription = Subscription(channel)
    let address = options.address(.private, on: console)
    var printer = EventPrinter(console: console, options: options)
    func write(snapshot event: Event) throws {
      switch format {
      case .json: try console.write(line: event.line.bytes)
      case .table: for line in table(event.data.elements).aligned(options.style(on: console)) { try console.write(line: line) }
      case .csv: for line in table(event.data.elements).csv() { try console.write(line: line) }
      }
    }
    guard follow else {
      let bridge = try await BridgeConnection.connect(to: address)
      defer { bridge.close() }
      let answer = try await bridge.ask(subscription.snapshotRequest)
      guard case .event(let event)? = BridgeMessage(line: answer.resultText) else {
        throw BridgeError(.protocolViolation, "the answer to snapshot holds no event line")
      }
      return try write(snapshot: event)
    }
    for try await element in BridgeFeed(address, [subscription]) {
      switch element {
      case .connected, .caughtUp: break
      case .disconnected(let error, _): console.complain("\(error.message); trying to connect again")
      case .message(.answer(let answer)): _ = try answer.orThrow()
      case .message(.event(let event)) where event.kind == .snapshot: try write(snapshot: event)
      case .message(let message): try printer.write(message)
      }
    }
  }
}

struct BalancesCommand: ControlCommand {
  static let configuration = CommandConfiguration(commandName: "balances", abstract: "Show the account's balances.")

  @OptionGroup var account: AccountOptions

  func execute(on console: Console) async throws {
    try await account.show("balances", on: console, table: Self.table)
  }

  static func table(_ elements: [JSON]) -> Table {
    Table(
      columns: [.text("asset"), .number("balance"), .text("wallets")],
      rows: elements.map { element in
        let wallets = element["wallets"]?.elements.map { wallet in
          [wallet["type"], wallet["id"], wallet["balance"]].compactMap { $0?.plainText }.joined(separator: " ")
        }
        return [element["asset"]?.plainText ?? "", element["balance"]?.plainText ?? "", wallets?.joined(separator: ", ") ?? ""]
      })
  }
}

struct ExecutionsCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "executions", abstract: "Show open orders and fills as Kraken reports them.")

  @OptionGroup var account: AccountOptions

  func execute(on console: Console) async throws {
    try await account.show("executions", on: console, table: Self.table)
  }

  private static let columns: [(title: String, keys: [String], isNumber: Bool)] = [
    ("time", ["timestamp"], false), ("order", ["order_id"], false), ("symbol", ["symbol"], false), ("side", ["side"], false),
    ("type", ["order_type"], false), ("what", ["exec_type"], false), ("status", ["order_status"], false),
    ("qty", ["last_qty", "order_qty"], true), ("price", ["last_price", "limit_price"], true), ("filled", ["cum_qty"], true),
  ]

  static func table(_ elements: [JSON]) -> Table {
    Table(
      columns: columns.map { $0.isNumber ? .number($0.title) : .text($0.title) },
      rows: elements.map { element in
        columns.map { column in column.keys.lazy.compactMap { element[$0]?.plainText }.first ?? "" }
      })
  }
}
