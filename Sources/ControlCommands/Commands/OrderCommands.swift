// `order …`: orders through the bridge's private listener. Nothing is sent without a yes, from a person
// or from --yes; no answer is never taken for a refusal.

import ArgumentParser
import KrakenBridgeClient

struct OrderCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "order",
    abstract: "Add, change and cancel orders.",
    discussion: """
      Needs trading enabled in the daemon's configuration, and its private socket. Every order asks before it is sent; \
      scripts say --yes.

      EXAMPLES
        kraken-ctl order add buy 0.01 BTC/USD --limit 60000 --post-only
        kraken-ctl order add sell 0.5 ETH/USD --validate
        kraken-ctl order amend OABCDE-12345-FGHIJ --limit 60100
        kraken-ctl order cancel OABCDE-12345-FGHIJ --yes
        kraken-ctl order cancel-after 60 --keep
      """,
    subcommands: [
      OrderAddCommand.self, OrderAmendCommand.self, OrderEditCommand.self, OrderCancelCommand.self,
      OrderCancelAllCommand.self, OrderCancelAfterCommand.self,
    ])
}

enum OrderSide: String, ExpressibleByArgument, CaseIterable, Sendable {
  case buy, sell
}

struct OrderAddCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Send an order and show what becomes of it.",
    discussion: """
      Prints every stage: submitted, accepted, pending, open, partially_filled, filled, canceled, expired, rejected. \
      unknown means that nobody knows yet what became of the order; the bridge finds out, and the true stage follows. \
      Ends when the order stands in the book or is over; --follow waits until it is over.

      EXAMPLES
        kraken-ctl order add buy 0.01 BTC/USD --limit 60000 --post-only
        kraken-ctl order add sell 0.5 ETH/USD --follow --yes
        kraken-ctl order add sell 0.5 ETH/USD --type stop-loss --parameter 'triggers={"price":3000}'
        kraken-ctl order add buy 0.01 BTC/USD --limit 60000 --follow --cancel-on-disconnect

      EXIT STATUS
        0 done, 65 refused or rejected, 69 no daemon or no connection to Kraken, 75 the outcome is unknown,
        77 not permitted, 78 trading is not configured
      """)

  @Argument(help: "buy or sell.")
  var side: OrderSide

  @Argument(help: "How much, in the base currency.")
  var qty: DecimalArgument

  @Argument(help: "A pair such as BTC/USD.", completion: .symbols)
  var symbol: String

  @Option(help: ArgumentHelp("A limit order at this price (without: a market order).", valueName: "price"))
  var limit: DecimalArgument?

  @Option(help: "Another of Kraken's order types, such as stop-loss; its other parameters go into --parameter.")
  var type: String?

  @Option(help: ArgumentHelp("gtc, gtd or ioc.", valueName: "tif"))
  var timeInForce: String?

  @Option(help: ArgumentHelp("Your own name for the order (default: the bridge makes one up).", valueName: "id"))
  var clOrdId: String?

  @Flag(help: "Refuse to take liquidity.")
  var postOnly = false

  @Flag(help: "Only reduce a position.")
  var reduceOnly = false

  @Flag(name: .customLong("validate"), help: "Let Kraken check the order without placing it.")
  var isOnlyChecked = false

  @Flag(help: "Wait until the order is over.")
  var follow = false

  @Flag(help: "Let the bridge cancel the order when this program ends; goes with --follow.")
  var cancelOnDisconnect = false

  @OptionGroup var order: OrderOptions

  var parameters: [JSON.Member] {
    var members = [
      JSON.Member("order_type", .string(type ?? (limit == nil ? "market" : "limit"))), JSON.Member("side", .string(side.rawValue)),
      JSON.Member("order_qty", qty.json), JSON.Member("symbol", .string(symbol)),
    ]
    if let limit { members.append(JSON.Member("limit_price", limit.json)) }
    if let timeInForce { members.append(JSON.Member("time_in_force", .string(timeInForce))) }
    if let clOrdId { members.append(JSON.Member("cl_ord_id", .string(clOrdId))) }
    for (name, flag) in [
      ("post_only", postOnly), ("reduce_only", reduceOnly), ("validate", isOnlyChecked), ("cancel_on_disconnect", cancelOnDisconnect),
    ] where flag {
      members.append(JSON.Member(name, true))
    }
    return members
  }

  func execute(on console: Console) async throws {
    let price = limit.map { "limit \($0.digits)" } ?? type ?? "at the market"
    let goal: OrderProgress.Goal = isOnlyChecked ? .answered : follow ? .over : .settled
    let summary = "\(side.rawValue) \(qty.digits) \(symbol) \(price)"
    try await order.send("add_order", parameters, summary: summary, until: goal, isHarmless: isOnlyChecked, on: console)
  }
}

/// Which order: Kraken's id, or one's own.
struct OrderReference: ParsableArguments {
  @Argument(help: "Kraken's order id, or your own with --cl-ord-id.")
  var id: String

  @Flag(name: .customLong("cl-ord-id"), help: "The id is your own (cl_ord_id).")
  var isOwn = false

  var member: JSON.Member { JSON.Member(isOwn ? "cl_ord_id" : "order_id", .string(id)) }
}

/// What may be changed of an order.
struct OrderChange: ParsableArguments {
  @Option(help: "The new quantity.")
  var qty: DecimalArgument?

  @Option(help: ArgumentHelp("The new limit price.", valueName: "price"))
  var limit: DecimalArgument?

  @OptionGroup var order: OrderOptions

  func send(_ method: String, _ reference: [JSON.Member], verb: String, on console: Console) async throws {
    var members: [JSON.Member] = []
    if let qty { members.append(JSON.Member("order_qty", qty.json)) }
    if let limit { members.append(JSON.Member("limit_price", limit.json)) }
    let changes = members.map { "\($0.name) \($0.value.plainText)" } + order.parameter
    guard !changes.isEmpty else { throw CommandFailure(.usage, "nothing to change", advice: "give --qty or --limit") }
    try await order.send(method, reference + members, summary: "\(verb): \(changes.joined(separator: ", "))", on: console)
  }
}

struct OrderAmendCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "amend", abstract: "Change an order in place; it keeps its id.")

  @OptionGroup var reference: OrderReference

  @OptionGroup var change: OrderChange

  func execute(on console: Console) async throws {
    try await change.send("amend_order", [reference.member], verb: "amend \(reference.id)", on: console)
  }
}

struct OrderEditCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Replace an order by a changed one; it gets a new id. Prefer amend.")

  @Argument(help: "Kraken's order id.")
  var id: String

  @Argument(help: "The order's pair.", completion: .symbols)
  var symbol: String

  @OptionGroup var change: OrderChange

  func execute(on console: Console) async throws {
    let reference = [JSON.Member("order_id", .string(id)), JSON.Member("symbol", .string(symbol))]
    try await change.send("edit_order", reference, verb: "replace \(id)", on: console)
  }
}

struct OrderCancelCommand: ControlCommand {
  static let configuration = CommandConfiguration(commandName: "cancel", abstract: "Cancel orders.")

  @Argument(help: "Kraken's order ids, or your own with --cl-ord-id.")
  var ids: [String]

  @Flag(name: .customLong("cl-ord-id"), help: "The ids are your own (cl_ord_id).")
  var areOwn = false

  @OptionGroup var order: OrderOptions

  func execute(on console: Console) async throws {
    try await order.send(
      "cancel_order", [JSON.Member(areOwn ? "cl_ord_id" : "order_id", .array(ids.map { .string($0) }))],
      summary: "cancel \(ids.joined(separator: ", "))", answers: ids.count, on: console)
  }
}

struct OrderCancelAllCommand: ControlCommand {
  static let configuration = CommandConfiguration(commandName: "cancel-all", abstract: "Cancel every open order of the account.")

  @OptionGroup var order: OrderOptions

  func execute(on console: Console) async throws {
    try await order.send("cancel_all", [], summary: "cancel EVERY open order of the account", on: console)
  }
}

struct OrderCancelAfterCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel-after",
    abstract: "Let Kraken cancel every order unless this is said again within the time; 0 switches it off.",
    discussion: """
      With --keep this program stays, and while it is there the bridge says it again at a third of the time. When it ends, \
      however it ends, Kraken cancels every order of the account when the time is over.

      EXAMPLES
        kraken-ctl order cancel-after 60
        kraken-ctl order cancel-after 60 --keep
        kraken-ctl order cancel-after 0
      """)

  @Argument(help: "Seconds, less than a day.")
  var seconds: Int

  @Flag(help: "Stay, and have it renewed until this program ends.")
  var keep = false

  @OptionGroup var order: OrderOptions

  func validate() throws {
    if !(0..<86400).contains(seconds) { throw ValidationError("seconds must be 0 to 86399") }
    if keep, seconds == 0 { throw ValidationError("--keep needs a time") }
  }

  func execute(on console: Console) async throws {
    let summary = switch (seconds, keep) {
    case (0, _): "switch the cancel timer off"
    case (_, false): "cancel EVERY order in \(seconds) s unless renewed"
    case (_, true): "cancel EVERY order \(seconds) s after this program ends"
    }
    try await order.send(
      "cancel_all_orders_after", [JSON.Member("timeout", .number(String(seconds)))] + (keep ? [JSON.Member("keep", true)] : []),
      summary: summary, on: console
    ) { bridge in
      if keep { try await hold(bridge, console) }
    }
  }

  /// Stays until a signal comes, or the bridge goes.
  private func hold(_ bridge: BridgeConnection, _ console: Console) async throws {
    console.complain("held: the bridge renews it while this runs; end with Ctrl-C")
    let events = TerminalEvents()
    let signals = events.sequence
    defer { events.stop() }
    let isLost = await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        while (try? await bridge.messages.next()) != nil {}
        return true
      }
      group.addTask {
        for await _ in signals { return false }
        return false
      }
      defer { group.cancelAll() }
      return await group.next() ?? true
    }
    let advice = "to keep your orders: kraken-ctl order cancel-after 0"
    guard !isLost else {
      throw CommandFailure(.unavailable, "the bridge is gone: Kraken cancels every order in at most \(seconds) s", advice: advice)
    }
    console.complain("no longer held: Kraken cancels every order in at most \(seconds) s: \(advice)")
  }
}
