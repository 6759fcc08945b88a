// Execution reports, word for word. They are sparse: each kind says only what it is about, and a reader keeps the
// rest from earlier ones.

struct ExecutionReport: Sendable {
  enum Kind: String, Sendable {
    case pendingNew = "pending_new"
    case new, trade, filled, canceled, expired, amended, restated, status
    case icebergRefill = "iceberg_refill"

    /// What is left when a subscriber asked not to hear of every transition.
    var isMilestone: Bool { self == .new || self == .filled || self == .canceled || self == .expired }
  }

  var kind: Kind
  /// A JSON object.
  var text: Text
  /// The pair's rate counter at that moment, for those who asked for it.
  var rateCount: Int

  func text(withRateCount: Bool, user: String?) -> Text {
    guard withRateCount else { return text.naming(user) }
    var longer = Text(text.dropLast())
    longer.add(",\"ratecount\":")
    longer.add(integer: rateCount)
    longer.append(UInt8(ascii: "}"))
    return longer.naming(user)
  }
}

extension Text {
  /// An object with `user` as its last member, or as it is.
  func naming(_ user: String?) -> Text {
    guard let user else { return self }
    var longer = Text(dropLast())
    longer.add(",\"user\":")
    longer.add(quoted: user)
    longer.append(UInt8(ascii: "}"))
    return longer
  }
}

extension Order {
  func report(_ kind: ExecutionReport.Kind, _ pair: Instrument, fill: Account.Fill? = nil, feeInUSD: Int64) -> Text {
    switch (kind, fill) {
    case (.pendingNew, _): pendingNew(pair)
    case (.trade, let fill?): trade(fill, pair, feeInUSD: feeInUSD)
    case (.amended, _), (.restated, _): changed(kind, pair)
    case (.status, _), (.icebergRefill, _), (.new, _), (.trade, nil): step(kind, pair)
    case (.filled, _), (.canceled, _), (.expired, _): end(kind, pair, feeInUSD: feeInUSD)
    }
  }

  private func pendingNew(_ pair: Instrument) -> Text {
    var object = ObjectText()
    object.string("order_id", id)
    object.string("cl_ord_id", clientID)
    object.string("symbol", pair.symbol)
    addQuantity(to: &object, pair)
    object.number("cum_cost", cost, pair.costPrecision)
    object.string("time_in_force", timeInForce.rawValue.uppercased())
    object.string("exec_type", ExecutionReport.Kind.pendingNew.rawValue)
    object.string("side", isBuy ? "buy" : "sell")
    object.string("order_type", type.rawValue)
    object.integer("order_userref", reference ?? 0)
    addTerms(to: &object, pair)
    object.string("order_status", status.rawValue)
    object.number("fee_usd_equiv", 0, pair.costPrecision)
    object.string("fee_ccy_pref", feesInBase ? "fcib" : "fciq")
    object.time("timestamp", changedAt)
    return object.finished
  }

  private func addQuantity(to object: inout ObjectText, _ pair: Instrument) {
    if let cashQuantity {
      object.number("cash_order_qty", cashQuantity, pair.costPrecision)
    } else {
      object.number("order_qty", quantity, pair.quantityPrecision)
    }
  }

  /// Prices, flags and times: what stays the same unless somebody changes it.
  private func addTerms(to object: inout ObjectText, _ pair: Instrument) {
    if let limit {
      object.string("limit_price_type", limit.form.rawValue)
      object.number("limit_price", limit.value, limit.form.decimals(pair))
    }
    if let trigger {
      object.json("triggers", trigger.text(pair))
      object.number("stop_price", trigger.price, pair.pricePrecision)
      object.string("trigger", trigger.followsIndex ? "index" : "last")
    } else {
      object.number("stop_price", 0, pair.pricePrecision)
    }
    if isPostOnly { object.flag("post_only", true) }
    if let display {
      object.number("display_qty", display, pair.quantityPrecision)
      object.number("display_qty_remain", displayRemaining, pair.quantityPrecision)
    }
    if let effectiveAt { object.time("effective_time", effectiveAt) }
    if let expiresAt { object.time("expire_time", expiresAt) }
    if let closing { object.json("contingent", closing.text) }
    object.string("ord_ref_id", parentID)
    object.string("sender_sub_id", senderID)
  }

  /// What most reports begin and end with.
  private func open(_ kind: ExecutionReport.Kind) -> ObjectText {
    var object = ObjectText()
    object.time("timestamp", changedAt)
    object.string("order_status", status.rawValue)
    object.string("exec_type", kind.rawValue)
    return object
  }

  private func close(_ object: inout ObjectText) -> Text {
    object.integer("order_userref", reference ?? 0)
    object.string("cl_ord_id", clientID)
    object.string("order_id", id)
    return object.finished
  }

  private func step(_ kind: ExecutionReport.Kind, _ pair: Instrument) -> Text {
    var object = open(kind)
    if kind == .new, isPostOnly { object.flag("post_only", true) }
    if kind != .icebergRefill, let trigger { object.json("triggers", trigger.text(pair)) }
    if kind == .icebergRefill, let display {
      object.number("display_qty", display, pair.quantityPrecision)
      object.number("display_qty_remain", displayRemaining, pair.quantityPrecision)
    }
    return close(&object)
  }

  private func changed(_ kind: ExecutionReport.Kind, _ pair: Instrument) -> Text {
    var object = open(kind)
    object.number("cum_qty", filledQuantity, pair.quantityPrecision)
    object.string("reason", reason)
    object.flag("amended", true)
    object.number("order_qty", quantity, pair.quantityPrecision)
    addTerms(to: &object, pair)
    return close(&object)
  }

  private func end(_ kind: ExecutionReport.Kind, _ pair: Instrument, feeInUSD: Int64) -> Text {
    var object = open(kind)
    addTotals(to: &object, pair, feeInUSD: feeInUSD)
    object.string("cancel_reason", reason)
    object.string("reason", reason)
    return close(&object)
  }

  private func addTotals(to object: inout ObjectText, _ pair: Instrument, feeInUSD: Int64) {
    object.number("cum_qty", filledQuantity, pair.quantityPrecision)
    object.number("cum_cost", cost, pair.costPrecision)
    object.number("fee_usd_equiv", feeInUSD, pair.costPrecision)
    object.number(
      "avg_price", pair.averagePrice(cost: cost, quantity: filledQuantity), pair.pricePrecision)
  }

  private func trade(_ fill: Account.Fill, _ pair: Instrument, feeInUSD: Int64) -> Text {
    var object = ObjectText()
    addFill(fill, to: &object, pair)
    object.string("order_status", status.rawValue)
    addTotals(to: &object, pair, feeInUSD: feeInUSD)
    addFees(fill, to: &object, pair)
    return object.finished
  }

  private func addFill(_ fill: Account.Fill, to object: inout ObjectText, _ pair: Instrument) {
    object.string("order_id", id)
    object.integer("order_userref", reference ?? 0)
    object.string("cl_ord_id", clientID)
    object.string("exec_id", fill.executionID)
    object.string("exec_type", ExecutionReport.Kind.trade.rawValue)
    object.integer("trade_id", Int(fill.tradeID))
    object.string("symbol", pair.symbol)
    object.string("side", isBuy ? "buy" : "sell")
    object.number("last_qty", fill.quantity, pair.quantityPrecision)
    object.number("last_price", fill.price, pair.pricePrecision)
    object.string("liquidity_ind", fill.isMaker ? "m" : "t")
    object.number("cost", fill.cost, pair.costPrecision)
    object.string("order_type", type.rawValue)
    object.time("timestamp", fill.time)
  }

  private func addFees(_ fill: Account.Fill, to object: inout ObjectText, _ pair: Instrument) {
    var fee = ObjectText()
    fee.string("asset", feesInBase ? pair.base : pair.quote)
    fee.number("qty", fill.fee, feesInBase ? pair.quantityPrecision : pair.costPrecision)
    object.json("fees", .list([fee.finished]))
  }

  /// An open order in a snapshot: everything about it.
  func snapshot(_ pair: Instrument, feeInUSD: Int64) -> Text {
    var object = ObjectText()
    object.string("order_id", id)
    object.integer("order_userref", reference ?? 0)
    object.string("cl_ord_id", clientID)
    object.string("symbol", pair.symbol)
    object.string("side", isBuy ? "buy" : "sell")
    object.string("order_type", type.rawValue)
    addQuantity(to: &object, pair)
    addTotals(to: &object, pair, feeInUSD: feeInUSD)
    object.string("time_in_force", timeInForce.rawValue.uppercased())
    addTerms(to: &object, pair)
    object.string("exec_type", status == .pendingNew ? "pending_new" : "new")
    object.string("order_status", status.rawValue)
    object.string("fee_ccy_pref", feesInBase ? "fcib" : "fciq")
    object.flag("amended", isAmended)
    object.string("reason", reason)
    object.time("timestamp", changedAt)
    return object.finished
  }

  /// A past fill in a snapshot.
  func snapshot(_ fill: Account.Fill, _ pair: Instrument, feeInUSD: Int64) -> Text {
    var object = ObjectText()
    addFill(fill, to: &object, pair)
    object.string("order_status", status == .filled ? "filled" : "partially_filled")
    object.number("fee_usd_equiv", feeInUSD, pair.costPrecision)
    addFees(fill, to: &object, pair)
    return object.finished
  }
}

extension PriceTerm.Form {
  func decimals(_ pair: Instrument) -> Int { self == .percent ? PriceTerm.percentDecimals : pair.pricePrecision }
}

extension Trigger {
  func text(_ pair: Instrument) -> Text {
    var object = ObjectText()
    object.string("reference", followsIndex ? "index" : "last")
    object.number("price", term.value, term.form.decimals(pair))
    object.string("price_type", term.form.rawValue)
    object.number("actual_price", price, pair.pricePrecision)
    object.number("peak_price", peak, pair.pricePrecision)
    if let lastPrice { object.number("last_price", lastPrice, pair.pricePrecision) }
    object.string("status", isStruck ? "triggered" : "untriggered")
    if let struckAt { object.time("timestamp", struckAt) }
    return object.finished
  }
}
