// Every order that any trader of this world has asked for, under a tag that goes through everything to the exchange and
// into its account (`sender_sub_id`), so that an order is known again whatever else is said of it.

final class OrderRegister {
  struct Entry {
    var trader: String
    /// How often it has left the bridge.
    var sent = 0
    /// The bridge has answered that nothing was sent.
    var isRefusedHere = false
    /// It is to be cancelled when its connection goes.
    var goesWithConnection = false
    /// Its connection has gone.
    var isLeft = false
    /// Filled by another order than its trader's: a probe that shows whether anything was missed.
    var isProbe = false
  }

  private(set) var entries: [Entry] = []
  /// Counts the moments after which stages may be skipped: what happens while nothing is heard is not told step by step.
  var doubts = 0

  subscript(tag: Int) -> Entry {
    get { entries[tag] }
    set { entries[tag] = newValue }
  }

  func begin(_ entry: Entry) -> Int {
    entries.append(entry)
    return entries.count - 1
  }

  /// The bridge goes with all its connections, and nobody is left who would cancel their orders.
  func forgetConnections() { for tag in entries.indices { entries[tag].goesWithConnection = false } }

  static func text(_ tag: Int) -> String { "order-\(tag)" }
  static func tag(_ text: String?) -> Int? { text.flatMap { $0.hasPrefix("order-") ? Int($0.dropFirst(6)) : nil } }

  /// A request on its way to Kraken's private endpoint.
  /// - Returns: whether it is about orders.
  func sent(_ bytes: [UInt8]) throws(Violation) -> Bool {
    guard let root = WireText(bytes)?.root, let method = root["method"]?.string, let params = root["params"] else {
      return false
    }
    guard method != "subscribe", method != "unsubscribe" else { return false }
    try require(root["req_id"]?.int != nil, "requests to Kraken are right", "\(method) without req_id")
    try require(params["token"]?.string?.isEmpty == false, "requests to Kraken are right", "\(method) without token")
    guard method == "add_order" || method == "batch_add" else { return true }
    guard !(params["validate"]?.isTrue ?? false) else { return true }
    var orders: [WireValue] = []
    if method == "add_order" { orders = [params] } else { params["orders"]?.forEachElement { orders.append($0) } }
    for order in orders {
      guard let tag = Self.tag(order["sender_sub_id"]?.string), entries.indices.contains(tag) else {
        throw Violation("orders are passed on as they came", String(decoding: bytes, as: UTF8.self))
      }
      entries[tag].sent += 1
      try require(
        entries[tag].sent == 1 && !entries[tag].isRefusedHere, "no order is sent twice",
        "\(Self.text(tag)) of \(entries[tag].trader), \(entries[tag].sent) times, refused \(entries[tag].isRefusedHere)")
      try require(
        order["cl_ord_id"] != nil || order["order_userref"] != nil, "an order has a name to be found by",
        String(decoding: bytes, as: UTF8.self))
      try require(order["cancel_on_disconnect"] == nil, "orders are passed on as they came", "what is the bridge's own")
    }
    return true
  }
}
