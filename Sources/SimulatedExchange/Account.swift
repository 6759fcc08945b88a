// The account behind every key: what it owns, its orders and what they count against. Ended orders are kept for
// queries, up to a number.

struct Account: Sendable {
  struct Fill: Sendable {
    var orderNumber: Int
    var executionID: String
    var tradeID: Int64
    var quantity: Int64
    var price: Int64
    var cost: Int64
    var fee: Int64
    var isMaker: Bool
    var time: Int64
  }

  /// In units of each asset's own precision.
  private(set) var balances: [String: Int64] = [:]
  private(set) var orders: [Int: Order] = [:]
  private var numberByID: [String: Int] = [:]
  /// Open orders of each market, oldest first.
  private var openByMarket: [Int: [Int]] = [:]
  private var ended: [Int] = []
  private(set) var orderCount = 0
  /// The latest fills, oldest first.
  private(set) var fills: [Fill] = []
  var counters: [Int: RateCounter] = [:]
  /// How often each `cl_ord_id` has come in a request for an order, whatever became of it. Forgotten now and then.
  private(set) var requested: [String: Int] = [:]
  var openCount: Int { openByMarket.values.reduce(0) { $0 + $1.count } }

  static let endedMax = 20_000
  static let fillsMax = 50

  // MARK: Balances

  func balance(_ asset: String) -> Int64 { balances[asset] ?? 0 }

  mutating func change(_ asset: String, by amount: Int64) {
    balances[asset] = balance(asset).addingReportingOverflow(amount).partialValue
  }

  // MARK: Orders

  mutating func noteRequest(of clientID: String) {
    if requested.count >= 2 * Self.endedMax { requested = [:] }
    requested[clientID, default: 0] += 1
  }

  /// The next order's number.
  mutating func takeNumber() -> Int {
    orderCount += 1
    return orderCount
  }

  mutating func add(_ order: Order) {
    orders[order.number] = order
    numberByID[order.id] = order.number
    openByMarket[order.market, default: []].append(order.number)
  }

  mutating func update(_ number: Int, _ change: (inout Order) -> Void) {
    guard var order = orders[number] else { return }
    let wasOpen = order.isOpen
    change(&order)
    orders[number] = order
    guard wasOpen, !order.isOpen else { return }
    openByMarket[order.market]?.removeAll { $0 == number }
    ended.append(number)
    guard ended.count > 2 * Self.endedMax else { return }
    for old in ended.prefix(Self.endedMax) {
      if let order = orders.removeValue(forKey: old) { numberByID[order.id] = nil }
    }
    ended.removeFirst(Self.endedMax)
  }

  subscript(id id: String) -> Order? { numberByID[id].flatMap { orders[$0] } }

  func open(in market: Int) -> [Order] { (openByMarket[market] ?? []).compactMap { orders[$0] } }
  func hasOpen(in market: Int) -> Bool { openByMarket[market]?.isEmpty == false }

  /// All open orders, oldest first.
  var open: [Order] { openByMarket.values.joined().sorted().compactMap { orders[$0] } }

  /// The same in no order, for what needs none: most requests look at them all.
  var openUnordered: some Sequence<Order> { openByMarket.values.joined().lazy.compactMap { orders[$0] } }

  func open(clientID: String) -> Order? { openUnordered.first { $0.clientID == clientID } }
  func open(reference: Int) -> [Order] { open.filter { $0.reference == reference } }

  /// Ended orders, latest first.
  var closed: [Order] { ended.reversed().compactMap { orders[$0] } }

  mutating func record(_ fill: Fill) {
    if fills.count >= 2 * Self.fillsMax { fills.removeFirst(Self.fillsMax) }
    fills.append(fill)
  }
}
