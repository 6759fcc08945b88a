// `balances` and `executions`: the account as the bridge knows it, from the private listener.

import ArgumentParser
import KrakenBridgeClient

/// What the account verbs share: one snapshot, then updates if wanted.
struct AccountOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Go on and print what changes.")
  var follow = false

  @OptionGroup var options: GlobalOptions

  /// Prints the channel's snapshot, and with `--follow` what comes after it.
  func show(
    _ channel: String, _ parameters: [JSON.Member] = [], on console: Console, table: @escaping @Sendable ([JSON]) -> Table
  ) async throws {
    let feed = BridgeFeed(options.address(.private, on: console), [Subscription(channel, parameters: parameters)])
    guard !follow else { return try await print(feed, on: console, table) }
    try await withThrowingTaskGroup { group in
      group.addTask { try await print(feed, on: console, table) }
      group.addTask {
        try await Task.sleep(for: .seconds(10))
        throw BridgeError(.timedOut, "no \(channel) within 10 s", advice: "is the private upstream online? see: kraken-ctl status")
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func print(_ feed: BridgeFeed, on console: Console, _ table: ([JSON]) -> Table) async throws {
    let format = options.format(on: console)
    var printer = EventPrinter(console: console, options: options)
    for try await element in feed {
      switch element {
      case .connected, .caughtUp: break
      case .disconnected(let error, _): console.complain("\(error.message); trying to connect again")
      case .message(.answer(let answer)): _ = try answer.orThrow()
      case .message(.event(let event)) where event.kind == .snapshot:
        if event.isPartial, format != .json {
          console.complain("this is what has come since the bridge follows all users, not all there is")
        }
        switch format {
        case .json: try console.write(line: event.line.bytes)
        case .table: for line in table(event.data.elements).aligned(options.style(on: console)) { try console.write(line: line) }
        case .csv: for line in table(event.data.elements).csv() { try console.write(line: line) }
        }
        if !follow { return }
      case .message(.state(let state)) where state.upstream != "private": break
      case .message(let message):
        if follow { try printer.write(message) } else { console.complain(EventText(style: Style(isColored: false)).line(message)) }
      }
    }
  }
}

struct BalancesCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "balances", abstract: "Show the account's balances.",
    discussion: """
      EXAMPLES
        kraken-ctl balances
        kraken-ctl balances --follow
        kraken-ctl balances --format csv
      """)

  @OptionGroup var account: AccountOptions

  func execute(on console: Console) async throws {
    try await account.show("balances", on: console, table: Self.table)
  }

  static func table(_ elements: [JSON]) -> Table {
    // Several users' holdings of one asset are told apart.
    let namesUsers = elements.contains { $0["user"] != nil }
    return Table(
      columns: [.text("asset"), .number("balance"), .text("wallets")] + (namesUsers ? [.text("user")] : []),
      rows: elements.map { element in
        let wallets = element["wallets"]?.elements.map { wallet in
          [wallet["type"], wallet["id"], wallet["balance"]].compactMap { $0?.plainText }.joined(separator: " ")
        }
        let user = namesUsers ? [element["user"]?.plainText ?? ""] : []
        return [element["asset"]?.plainText ?? "", element["balance"]?.plainText ?? "", wallets?.joined(separator: ", ") ?? ""] + user
      })
  }
}

struct ExecutionsCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "executions", abstract: "Show open orders, and fills as they happen.",
    discussion: """
      The bridge merges Kraken's reports into one complete record for each order; --raw shows them as they come.

      EXAMPLES
        kraken-ctl executions
        kraken-ctl executions --trades
        kraken-ctl executions --follow --format json | jq .data.exec_type
      """)

  @Flag(help: "Begin with the latest fills as well.")
  var trades = false

  @Flag(help: "Kraken's reports as they come, not merged.")
  var raw = false

  @OptionGroup var account: AccountOptions

  func execute(on console: Console) async throws {
    let parameters = [
      JSON.Member("snap_orders", true), JSON.Member("snap_trades", .bool(trades)), JSON.Member("form", raw ? "raw" : "merged"),
    ]
    try await account.show("executions", parameters, on: console, table: Self.table)
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
