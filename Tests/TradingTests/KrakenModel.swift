// A small Kraken: takes orders, leads each to an end decided by chance, tells of it in the order of its mood, and
// answers REST. Knows the truth about every order, which is what the desk is judged by.

import JSONText

struct Chance: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
  }
  mutating func one(in n: Int) -> Bool { Int.random(in: 0..<n, using: &self) == 0 }
}

struct KrakenModel {
  enum Mood: CaseIterable { case answerAtOnce, answerAfterFiveMilliseconds, answerAfterReports }
  enum Fate: CaseIterable {
    case refused, filledAtOnce, filledInParts, rests, canceled, expired, wouldCross, canceledInPart
  }

  struct Order {
    var id: String
    var clientID: String?
    var userref: String?
    var quantity: String
    var side: String
    var status: String
    var openedAt: Int64
    var filled = 0
    var fills: [String] = []
    var reason: String?
    var isOpen: Bool { ["pending_new", "new", "partially_filled"].contains(status) }
    /// The stage its owner should have seen last.
    var trueStage: String { status == "new" ? "open" : status == "pending_new" ? "pending" : status }
  }

  var orders: [String: Order] = [:]
  /// Ids in the order of placing.
  var ids: [String] = []
  /// Everything that was received, by the name it bears.
  var timesReceived: [String: Int] = [:]
  var refusedNames: Set<String> = []
  var fillTexts: [(id: String, text: String)] = []
  var mood = Mood.answerAtOnce
  var chance: Chance

  init(chance: Chance) { self.chance = chance }

  static func time(_ wall: Int64) -> String {
    let micro = wall / 1000
    return
      "2026-09-21T\(pad(micro / 3_600_000_000 % 24)):\(pad(micro / 60_000_000 % 60)):\(pad(micro / 1_000_000 % 60)).\(pad(micro % 1_000_000, 6))Z"
  }
  static func pad(_ value: Int64, _ width: Int = 2) -> String {
    String(repeating: "0", count: max(0, width - "\(value)".count)) + "\(value)"
  }

  /// - Returns: messages with their delays in milliseconds, each an answer (`method`) or an executions item.
  mutating func receive(_ text: String, wall: Int64) -> [(after: Int, text: String)] {
    let number = member(text, "req_id")!
    guard member(text, "method") == "add_order" else { return receiveCancel(text, number, wall) }
    let name = member(text, "params", "cl_ord_id") ?? member(text, "params", "order_userref")!
    timesReceived[name, default: 0] += 1
    let fate = Fate.allCases.randomElement(using: &chance)!
    guard fate != .refused else {
      refusedNames.insert(name)
      return [(0, #"{"method":"add_order","req_id":\#(number),"success":false,"error":"EOrder:Insufficient funds"}"#)]
    }
    let id = "O\(ids.count)"
    ids.append(id)
    orders[id] = Order(
      id: id, clientID: member(text, "params", "cl_ord_id"), userref: member(text, "params", "order_userref"),
      quantity: member(text, "params", "order_qty")!, side: member(text, "params", "side")!, status: "pending_new",
      openedAt: wall)
    let answer =
      #"{"method":"add_order","req_id":\#(number),"result":{"order_id":"\#(id)"\#(names(id))},"success":true}"#
    var reports = steps(of: fate, quantity: Int(orders[id]!.quantity)!).map { step(id, $0, wall) }
    if fate == .rests {
      // The first two at once, as always.
      reports = Array(reports.prefix(2))
    }
    let life = reports.enumerated().map { ($0.offset < 3 ? 0 : $0.offset * 3, $0.element) }
    switch mood {
    case .answerAtOnce: return [(0, answer)] + life
    case .answerAfterFiveMilliseconds: return life.filter { $0.0 < 5 } + [(5, answer)] + life.filter { $0.0 >= 5 }
    case .answerAfterReports: return life + [((life.last?.0 ?? 0), answer)]
    }
  }

  private mutating func receiveCancel(_ text: String, _ number: String, _ wall: Int64) -> [(after: Int, text: String)] {
    let id = member(text, "params", "order_id", "0")!
    guard orders[id]?.isOpen == true else {
      return [(0, #"{"method":"cancel_order","req_id":\#(number),"success":false,"error":"EOrder:Unknown order"}"#)]
    }
    return [
      (0, #"{"method":"cancel_order","req_id":\#(number),"result":{"order_id":"\#(id)"},"success":true}"#),
      (0, step(id, "canceled", wall)),
    ]
  }

  private func steps(of fate: Fate, quantity: Int) -> [String] {
    switch fate {
    case .refused: []
    case .filledAtOnce: ["pending_new", "new", "trade \(quantity)", "filled"]
    case .filledInParts: ["pending_new", "new", "trade 1", "trade 1", "trade \(quantity - 2)", "filled"]
    case .rests: ["pending_new", "new"]
    case .canceled: ["pending_new", "new", "canceled"]
    case .expired: ["pending_new", "new", "expired"]
    case .wouldCross: ["pending_new", "canceled"]
    case .canceledInPart: ["pending_new", "new", "trade 1", "canceled"]
    }
  }

  private func names(_ id: String) -> String {
    let order = orders[id]!
    return (order.clientID.map { #","cl_ord_id":"\#($0)""# } ?? "")
      + (order.userref.map { #","order_userref":\#($0)"# } ?? "")
  }

  /// Takes an order one step on and reports it.
  private mutating func step(_ id: String, _ step: String, _ wall: Int64) -> String {
    var extra = ""
    var type = step
    if step.hasPrefix("trade ") {
      type = "trade"
      let quantity = Int(step.dropFirst(6))!
      orders[id]!.filled += quantity
      orders[id]!.status = "partially_filled"
      let fill = "T\(id)-\(orders[id]!.fills.count)"
      orders[id]!.fills.append(fill)
      extra = #","exec_id":"\#(fill)","last_qty":\#(quantity)"#
    } else {
      orders[id]!.status = step
    }
    let order = orders[id]!
    if type == "pending_new" { extra = #","symbol":"BTC/USD","side":"\#(order.side)","order_qty":\#(order.quantity)"# }
    let text =
      #"{"order_id":"\#(id)"\#(names(id)),"exec_type":"\#(type)","order_status":"\#(order.status)","cum_qty":\#(order.filled)\#(extra),"timestamp":"\#(Self.time(wall))"}"#
    if type == "trade" { fillTexts.append((id, text)) }
    return text
  }

  func snapshot(wall: Int64) -> [String] {
    let open = ids.compactMap { orders[$0] }.filter(\.isOpen).map { order in
      #"{"order_id":"\#(order.id)"\#(names(order.id)),"symbol":"BTC/USD","side":"\#(order.side)","order_qty":\#(order.quantity),"cum_qty":\#(order.filled),"exec_type":"new","order_status":"\#(order.status)","timestamp":"\#(Self.time(wall))"}"#
    }
    // The status in a fill of the snapshot is the order's.
    let fills = fillTexts.suffix(50).reversed().map { fill in
      fill.text.replacing("partially_filled", with: orders[fill.id]!.status)
    }
    return open + fills
  }

  /// - Returns: a REST answer.
  func rest(_ path: String, _ form: String) -> String {
    let pairs = form.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
    let filter = Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) })
    func text(_ order: Order) -> String {
      let status = ["pending_new": "pending", "new": "open", "partially_filled": "open", "filled": "closed"][
        order.status]
      return
        #""\#(order.id)":{"refid":null,"userref":\#(order.userref ?? "0"),"cl_ord_id":"\#(order.clientID ?? "")","status":"\#(status ?? order.status)","opentm":\#(order.openedAt / 1_000_000_000).\#(Self.pad(order.openedAt % 1_000_000_000, 9)),"descr":{"type":"\#(order.side)","price":"0"},"vol":"\#(order.quantity)","vol_exec":"\#(order.filled)"}"#
    }
    func list(_ isIncluded: (Order) -> Bool) -> String {
      ids.compactMap { orders[$0] }.filter { order in
        isIncluded(order) && (filter["cl_ord_id"] ?? order.clientID) == order.clientID
          && (filter["userref"] ?? order.userref) == order.userref
      }.map(text).joined(separator: ",")
    }
    switch path {
    case "/0/private/QueryOrders":
      let wanted = Set(filter["txid"]!.replacing("%2C", with: ",").split(separator: ",").map(String.init))
      return #"{"error":[],"result":{\#(list { wanted.contains($0.id) })}}"#
    case "/0/private/OpenOrders": return #"{"error":[],"result":{"open":{\#(list(\.isOpen))}}}"#
    default: return #"{"error":[],"result":{"closed":{\#(list { !$0.isOpen })},"count":1}}"#
    }
  }
}
