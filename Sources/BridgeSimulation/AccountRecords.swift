// The account as the judge keeps it: orders merged from sparse events, the latest fills, balances. Written from Kraken's
// rules alone and shared by both of the judge's sides, what Kraken has said and what readers were told.

/// One order or one fill: its members by name, each as a digest that knows no white space, and as text.
struct OrderRecord {
  private(set) var members: [String: (digest: UInt64, text: String)] = [:]
  var isEnded = false

  subscript(name: String) -> String? { members[name]?.text }

  /// Members whose names are in `excluded` are left out.
  mutating func merge(_ item: WireValue, without excluded: Set<String>) {
    item.forEachMember { key, value in
      let name = String(decoding: key.slice, as: UTF8.self)
      guard !excluded.contains(name) else { return }
      set(name, value)
    }
  }

  mutating func set(_ name: String, _ value: WireValue?) {
    guard let value else { return }
    members[name] = (value.digest(), String(decoding: value.slice, as: UTF8.self))
  }

  /// The order of members says nothing.
  var digest: UInt64 {
    members.reduce(0) { sum, member in
      var digest = Digest()
      digest.feed(Array(member.key.utf8)[...])
      digest.feed(member.value.digest)
      return sum &+ digest.value
    }
  }
}

/// What a stream of executions says, whichever of its forms it has.
struct OrderRecords {
  /// By order id; ended ones stay, for events that come after the end.
  private(set) var orders: [String: OrderRecord] = [:]
  /// Digests of the latest fills, oldest first.
  private(set) var fills: [UInt64] = []
  private var openDigest: UInt64 = 0
  private let keepsOrders: Bool
  private let keepsFills: Bool

  static let fillsKept = 50
  /// What is said of one fill and not of its order.
  private static let ofFills: Set = [
    "exec_id", "trade_id", "last_qty", "last_price", "cost", "liquidity_ind", "fees", "fee_usd_equiv", "margin_borrow",
    "ext_exec_id", "ratecount",
  ]
  private static let ends: Set = ["filled", "canceled", "expired"]

  init(_ topic: TopicName) {
    keepsOrders = topic.channel == .openOrders || topic.channel == .executions && !topic.form.contains(.withoutOrders)
    keepsFills = topic.channel == .ownTrades || topic.form.contains(.withFills)
  }

  /// Everything, as Kraken is asked for it.
  init() { (keepsOrders, keepsFills) = (true, true) }

  var open: [String: OrderRecord] { orders.filter { !$0.value.isEnded } }

  var digest: UInt64 { digest(hasOrders: keepsOrders, hasFills: keepsFills) }

  /// As a stream of another form says the same.
  func digest(of topic: TopicName) -> UInt64 {
    let other = OrderRecords(topic)
    return digest(hasOrders: other.keepsOrders, hasFills: other.keepsFills)
  }

  private func digest(hasOrders: Bool, hasFills: Bool) -> UInt64 {
    var digest = Digest()
    if hasOrders { digest.feed(openDigest) }
    if hasFills { for fill in fills { digest.feed(fill) } }
    return digest.value
  }

  /// A snapshot: open orders and fills, told apart by the name that only fills have.
  /// - Parameter isKrakens: a fill then says less of its order than the order itself, which stands before it; readers
  ///   are given fills with everything that was known then.
  mutating func begin(_ items: WireValue, isKrakens: Bool = false) -> String? {
    orders = [:]
    fills = []
    openDigest = 0
    var fault: String?
    items.forEachElement { item in
      guard let id = item["order_id"]?.string else { return fault = "an order without order_id" }
      let isFill = item["exec_id"] != nil
      var record = (isFill && !isKrakens ? nil : orders[id]) ?? OrderRecord()
      record.merge(item, without: Self.ofFills)
      if isFill {
        addFill(item, of: record)
      } else {
        keep(record, id, item)
        if orders[id]?.isEnded ?? false { fault = "order \(id) is over and stands in a snapshot" }
      }
    }
    return fault
  }

  /// One event. What stands in a line's envelope is handed in beside it.
  mutating func update(_ item: WireValue, symbol: WireValue?, time: WireValue?) -> String? {
    guard let id = item["order_id"]?.string else { return "an event without order_id" }
    var record = orders[id] ?? OrderRecord()
    record.merge(item, without: Self.ofFills)
    record.set("symbol", symbol)
    record.set("timestamp", time)
    if item["exec_id"] != nil { addFill(item, of: record) }
    keep(record, id, item)
    return nil
  }

  private mutating func keep(_ record: OrderRecord, _ id: String, _ item: WireValue) {
    var record = record
    let isEnd = ["exec_type", "order_status"].contains { name in record[name].map { Self.ends.contains($0) } ?? false }
    if let before = orders[id], !before.isEnded { openDigest &-= before.digest }
    record.isEnded = orders[id]?.isEnded ?? false || isEnd
    if !record.isEnded { openDigest &+= record.digest }
    orders[id] = record
  }

  private mutating func addFill(_ item: WireValue, of record: OrderRecord) {
    var fill = record
    fill.merge(item, without: ["ratecount", "symbol", "timestamp"])
    fills.append(fill.digest)
    if fills.count > Self.fillsKept { fills.removeFirst() }
  }
}

/// What the account owns: the snapshot's assets, and the ledger lines after it.
struct BalanceRecords {
  struct Asset: Equatable {
    var balance: String
    /// By type and id.
    var wallets: [String: String]
  }

  private(set) var assets: [String: Asset] = [:]

  var digest: UInt64 {
    assets.reduce(0) { sum, asset in
      var digest = Digest()
      let wallets = asset.value.wallets.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      for text in [asset.key, asset.value.balance] + wallets {
        digest.feed(Array(text.utf8)[...])
        digest.feed(byte: 0)
      }
      return sum &+ digest.value
    }
  }

  mutating func begin(_ items: WireValue) -> String? {
    assets = [:]
    var fault: String?
    items.forEachElement { item in
      guard let name = item["asset"]?.string, let balance = item["balance"]?.number, let list = item["wallets"] else {
        return fault = "a balance without asset, balance or wallets"
      }
      var wallets: [String: String] = [:]
      list.forEachElement {
        wallets["\($0["type"]?.string ?? "")/\($0["id"]?.string ?? "")"] = $0["balance"]?.number
      }
      assets[name] = Asset(balance: balance, wallets: wallets)
    }
    return fault
  }

  /// A ledger line tells what one wallet holds after it. This account has one wallet of each asset.
  mutating func update(_ item: WireValue) -> String? {
    guard let name = item["asset"]?.string, let balance = item["balance"]?.number,
      let type = item["wallet_type"]?.string, let id = item["wallet_id"]?.string
    else { return "a ledger line without asset, wallet or balance" }
    assets[name] = Asset(balance: balance, wallets: ["\(type)/\(id)": balance])
    return nil
  }
}

extension WireValue {
  /// Its digits.
  var number: String? { kind == .number ? String(decoding: slice, as: UTF8.self) : nil }
}
