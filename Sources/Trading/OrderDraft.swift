// One order as a client asks for it, and as it goes to Kraken: the client's own digits and fields, a name by which
// it can be found again, and nothing of what is meant for the bridge.

import BridgeWire
import JSONText
import MarketData

struct OrderDraft: Sendable {
  var symbol: String
  var isBuy: Bool
  var orderType: String
  var quantity: NumberText?
  /// In quote units, instead of `quantity`.
  var cashQuantity: NumberText?
  /// As a price; nil if there is none or if it is relative to another.
  var limitPrice: NumberText?
  var triggerPrice: NumberText?
  var isPostOnly = false
  var clientID: String?
  var userref: Int64?
  var hasOwnUserref = false
  var cancelsOnDisconnect = false
  /// How long after sending Kraken may still take it up.
  var patience: Duration = .seconds(10)
  /// The members to send besides symbol and token, with commas between them.
  var encoded: [UInt8] = []

  /// Members that Kraken never sees, and those that are written anew.
  static let omitted: Set<String> = ["token", "cancel_on_disconnect", "symbol", "validate"]

  /// - Parameter symbol: nil to read it from the parameters; in a batch it stands outside.
  init(_ parameters: RequestParameters, symbol outer: String?, names: inout OrderNames) throws(RequestFault) {
    if let outer {
      symbol = outer
    } else {
      symbol = Spelling.currentPair(try parameters.required("symbol", "a pair such as \"BTC/USD\""))
    }
    let side = try parameters.required("side", "\"buy\" or \"sell\"")
    guard side == "buy" || side == "sell" else {
      throw RequestFault(.badParameter, "side must be \"buy\" or \"sell\"", symbol: symbol)
    }
    isBuy = side == "buy"
    orderType = try parameters.required("order_type", "such as \"limit\" or \"market\"")
    quantity = try parameters.number("order_qty")
    cashQuantity = try parameters.number("cash_order_qty")
    guard quantity != nil || cashQuantity != nil else {
      throw RequestFault(.badParameter, "order_qty is missing: how much, in units of the base asset", symbol: symbol)
    }
    let limitPrice = try parameters.number("limit_price")
    if try parameters.string("limit_price_type") ?? "static" == "static" { self.limitPrice = limitPrice }
    if let triggers = parameters["triggers"] {
      let triggers = try RequestParameters(triggers)
      let price = try triggers.number("price")
      if try triggers.string("price_type") ?? "static" == "static" { triggerPrice = price }
    }
    isPostOnly = try parameters.bool("post_only")
    cancelsOnDisconnect = try parameters.bool("cancel_on_disconnect")
    clientID = try parameters.string("cl_ord_id")
    if clientID == "" { clientID = nil }
    userref = try parameters.integer("order_userref")
    if userref == 0 { userref = nil }
    // Kraken gives an order five seconds to reach the books unless the order says up to sixty.
    if parameters.has("deadline") { patience = .seconds(70) }
    encode(parameters, names: &names)
  }

  private mutating func encode(_ parameters: RequestParameters, names: inout OrderNames) {
    var omitted = Self.omitted
    let isNamed = clientID != nil || userref != nil
    // Kraken takes a cl_ord_id neither beside an order_userref nor for an order with a conditional close.
    if !isNamed, parameters.has("conditional") {
      omitted.insert("order_userref")
      userref = names.userref()
      hasOwnUserref = true
    } else if !isNamed {
      omitted.formUnion(["order_userref", "cl_ord_id"])
      clientID = names.clientID()
    }
    var json = JSONBytes(reserving: 256)
    parameters.write(without: omitted, into: &json)
    if !isNamed, let clientID { json.member("cl_ord_id", quoted: clientID) }
    if hasOwnUserref, let userref { json.member("order_userref", userref) }
    encoded = json.bytes
  }
}
