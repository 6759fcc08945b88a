// Trading over REST: the same engine as behind the WebSocket, under the names that the REST API has for everything.
// A call's parameters are written anew as those of the WebSocket's request, so that both are read and refused alike.

extension Exchange {
  static let restTradingCalls: Set<String> = [
    "AddOrder", "AmendOrder", "CancelOrder", "CancelAll", "CancelAllOrdersAfter",
  ]

  mutating func trade(_ call: String, _ parameters: [String: String]) -> RESTAnswer {
    defer { sendReports() }
    do throws(Refusal) {
      switch call {
      case "AddOrder": return success(try addOrder(parameters))
      case "AmendOrder": return success(try amendOrder(parameters))
      case "CancelOrder": return success(try cancelOrder(parameters))
      case "CancelAll": return success(try cancelAll(OrderParameters(nil)))
      default:
        let request = Self.translate(parameters, ["timeout": .number(nil)])
        return success(try cancelAllAfter(OrderParameters(request)))
      }
    } catch {
      return failure(error.text)
    }
  }

  private mutating func addOrder(_ parameters: [String: String]) throws(Refusal) -> Text {
    let request = try OrderParameters(orderRequest(parameters))
    _ = try request.deadline(now: now)
    let order = try placeOrder(request)
    var description = ObjectText()
    description.string("order", sentence(order))
    var object = ObjectText()
    object.json("descr", description.finished)
    if !order.id.isEmpty { object.json("txid", JSONValue.array([.string(order.id)]).text) }
    return object.finished
  }

  private mutating func amendOrder(_ parameters: [String: String]) throws(Refusal) -> Text {
    let request = Self.translate(
      parameters,
      [
        "txid": .text("order_id"), "cl_ord_id": .text(nil), "order_qty": .number(nil), "display_qty": .number(nil),
        "limit_price": .number(nil), "trigger_price": .number(nil), "post_only": .flag, "deadline": .text(nil),
      ])
    let parameters = try OrderParameters(request)
    _ = try parameters.deadline(now: now)
    let result = JSONValue(try amendOrder(parameters))
    var object = ObjectText()
    object.string("amend_id", result?["amend_id"]?.string)
    return object.finished
  }

  /// By id, by the client's id, or all that bear a user's reference.
  private mutating func cancelOrder(_ parameters: [String: String]) throws(Refusal) -> Text {
    try checkCancelling()
    guard let name = parameters["cl_ord_id"] ?? parameters["txid"] else { throw .invalid("txid") }
    var orders = [parameters["cl_ord_id"] == nil ? account[id: name] : account.open(clientID: name)].compactMap { $0 }
    if orders.isEmpty, let reference = Int(name) { orders = account.open(reference: reference) }
    orders.removeAll { !$0.isOpen }
    guard !orders.isEmpty else { throw .unknownOrder }
    var object = ObjectText()
    object.integer("count", cancel(all: orders))
    return object.finished
  }

  // MARK: Parameters

  /// What a field of a form becomes.
  private enum Field {
    /// Under another name, if one is given.
    case number(String?)
    case text(String?)
    /// In lower case.
    case word(String)
    case flag
  }

  private static func translate(_ parameters: [String: String], _ fields: [String: Field]) -> JSONValue {
    .object(
      fields.sorted { $0.key < $1.key }.compactMap { key, field in
        parameters[key].map { text in
          switch field {
          case .number(let name): .init(key: name ?? key, value: .number(text))
          case .text(let name): .init(key: name ?? key, value: .string(text))
          case .word(let name): .init(key: name, value: .string(text.lowercased()))
          case .flag: .init(key: key, value: .bool(text.lowercased() == "true"))
          }
        }
      })
  }

  /// The parameters of `add_order` for those of AddOrder.
  private func orderRequest(_ parameters: [String: String]) throws(Refusal) -> JSONValue {
    guard let pair = parameters["pair"].flatMap({ pair(called: $0) }) else {
      throw Refusal("EQuery:Unknown asset pair")
    }
    // An order that closes another is only taken over the WebSocket here.
    if let close = parameters.keys.first(where: { $0.hasPrefix("close[") }) { throw .invalid(close) }
    var request =
      Self.translate(
        parameters,
        [
          "type": .word("side"), "ordertype": .word("order_type"), "timeinforce": .word("time_in_force"),
          "cl_ord_id": .text(nil), "userref": .number("order_userref"), "displayvol": .number("display_qty"),
          "deadline": .text(nil), "validate": .flag, "reduce_only": .flag,
        ]).members ?? []
    func add(_ key: String, _ value: JSONValue) { request.append(.init(key: key, value: value)) }
    add("symbol", .string(pair.symbol))
    if let leverage = parameters["leverage"], leverage != "none" { add("margin", .bool(true)) }
    if let type = parameters["stptype"] { add("stp_type", .string(String(type.map { $0 == "-" ? "_" : $0 }))) }
    for (key, name) in [("starttm", "effective_time"), ("expiretm", "expire_time")] {
      if let time = try moment(key, parameters) { add(name, .string(time)) }
    }
    let flags = Set((parameters["oflags"] ?? "").split(separator: ",").map(String.init))
    guard flags.isSubset(of: ["post", "fcib", "fciq", "nompp", "viqc"]) else { throw .invalid("oflags") }
    if flags.contains("post") { add("post_only", .bool(true)) }
    if flags.contains("fcib") { add("fee_preference", .string("base")) }
    guard let volume = parameters["volume"] else { throw .invalid("volume") }
    add(flags.contains("viqc") ? "cash_order_qty" : "order_qty", .number(volume))

    // The first price is the trigger's where there is one, and the limit then comes second.
    let hasTrigger = OrderType(rawValue: parameters["ordertype"] ?? "")?.hasTrigger ?? false
    if hasTrigger, let price = parameters["price"] {
      let (number, form) = Self.priceTerm(price)
      var trigger = [JSONValue.Member(key: "price", value: number), .init(key: "price_type", value: form)]
      if let reference = parameters["trigger"] { trigger.append(.init(key: "reference", value: .string(reference))) }
      add("triggers", .object(trigger))
    }
    if let limit = parameters[hasTrigger ? "price2" : "price"] {
      let (number, form) = Self.priceTerm(limit)
      add("limit_price", number)
      add("limit_price_type", form)
    }
    return .object(request)
  }

  /// `50000.5`, or a distance such as `+25` or `-0.5%`.
  private static func priceTerm(_ text: String) -> (number: JSONValue, form: JSONValue) {
    let isPercent = text.hasSuffix("%")
    let isDistance = isPercent || text.hasPrefix("+") || text.hasPrefix("-")
    let number = text.drop { $0 == "+" }.prefix { $0 != "%" }
    let form: PriceTerm.Form = isPercent ? .percent : isDistance ? .quote : .fixed
    return (.number(String(number)), .string(form.rawValue))
  }

  /// Seconds since 1970, or from now after a plus sign; 0 is the same as nothing.
  private func moment(_ key: String, _ parameters: [String: String]) throws(Refusal) -> String? {
    guard let text = parameters[key], text != "0" else { return nil }
    guard let seconds = Int64(text.drop { $0 == "+" }), (0..<1 << 33).contains(seconds) else { throw .invalid(key) }
    var time = Text()
    time.add(time: (text.hasPrefix("+") ? now : 0) + seconds * 1_000_000_000)
    return String(decoding: time, as: UTF8.self)
  }
}
