// What has to hold of the account: in every turn that a break in the numbers is the only reason to call it stale, and in
// the end that readers and traders know what the exchange knows.

import SimulatedExchange

extension World {
  /// The channel's stream is called stale for a break in its numbers only if there was one.
  func judgeBreak(_ topics: [TopicName]) throws(Violation) {
    let channel: TopicName.Channel = topics.contains { $0.channel == .balances } ? .balances : .executions
    breaksTold[channel, default: 0] += 1
    let breaks = models[Int(LinkName.private.rawValue)].account.breaks[channel] ?? 0
    try require(
      breaksTold[channel] ?? 0 <= breaks, "a sequence breaks for a reason",
      "\(channel) is called stale \(breaksTold[channel] ?? 0) times, its numbers broke \(breaks) times")
  }

  /// What happens to orders between a break, or the beginning, and the next snapshot is not told step by step.
  func noteBreaks() {
    let account = models[Int(LinkName.private.rawValue)].account
    let breaks = account.breaks.values.reduce(account.snapshots, +)
    guard breaks != breaksSeen else { return }
    breaksSeen = breaks
    register.doubts += 1
  }

  func tapAnswered(_ root: WireValue) {
    if let unknown = root["result"]?["trading"]?["unknown"]?.int { ordersInDoubt = unknown }
  }

  /// Asks how many orders are in doubt, whether or not their traders are still there.
  func askForDoubts() {
    guard plan.account != nil, let id = tap.socket?.id else { return }
    Array("{\"method\":\"status\"}\n".utf8).withUnsafeBytes { bridge.subscriberReceived(id, $0, now: moment) }
  }

  // MARK: In the end

  func whyAccountUnsettled() -> String? {
    guard plan.account != nil else { return nil }
    guard rest.isIdle else { return "a signed call is under way: \(rest.current.map { $0.path } ?? "")" }
    guard ordersInDoubt == 0 else { return "\(ordersInDoubt) orders are in doubt" }
    let truth = TrueOrders(exchange.accountOrders)
    for reader in readers where reader.role == .trader {
      let trader = reader.model.trader
      guard !trader.isAwaitingSnapshot else { return "\(reader.model.name) awaits its orders" }
      guard trader.orders.contains(where: { register[$0.tag].isProbe && $0.stage == "filled" }) else {
        return "\(reader.model.name) has not bought anything yet"
      }
      for order in trader.orders {
        if let why = whyUnsettled(order, truth) { return "\(reader.model.name) \(OrderRegister.text(order.tag)) \(why)" }
      }
    }
    // What the exchange has done and not told yet is on its way.
    guard isFrozen else { return nil }
    do {
      try judgeTopics()
    } catch {
      return error.detail
    }
    return nil
  }

  private func whyUnsettled(_ order: ToldOrder, _ truth: TrueOrders) -> String? {
    let now = truth.stage(of: order.tag)
    guard !order.isRefusedHere else { return now == "rejected" ? nil : "was refused here and is \(now)" }
    if order.isForgotten || order.stage == nil {
      return truth.isOpen(order.tag) ? "is \(now), and nothing is told of it" : nil
    }
    guard !order.isUnknown else { return "is unknown" }
    return order.stage == now ? nil : "is told to be \(order.stage ?? ""), and is \(now)"
  }

  func judgeTheAccount() throws(Violation) {
    guard plan.account != nil else { return }
    let truth = TrueOrders(exchange.accountOrders)
    for (tag, entry) in register.entries.enumerated() {
      try require(truth.count(of: tag) <= 1, "no order is sent twice", "\(OrderRegister.text(tag)) is there twice")
      guard entry.goesWithConnection, entry.isLeft else { continue }
      try require(
        !truth.isOpen(tag), "orders go with their connection", "\(OrderRegister.text(tag)) of \(entry.trader) is still open")
    }
    try judgeFills(truth)
    try judgeTopics()
  }

  /// Whatever is live of the account says what the exchange knows.
  private func judgeTopics() throws(Violation) {
    let open = exchange.accountOrders.filter(\.isOpen)
    for topic in archive.topics where topic.isLive {
      switch topic.state {
      case .orders(let records) where topic.name.tellsOpenOrders: try judge(records.open, open, topic.name)
      case .balances(let records):
        let told = records.assets.mapValues(\.balance)
        try require(told == exchange.balanceTexts, "balances are the exchange's own", "\(told)")
      case .queue(let queue):
        // A lost message cannot be noticed below the ten best prices.
        let depth = hasLostMessages ? min(10, topic.name.parameter) : topic.name.parameter
        try require(
          queue.digest(depth: depth, withTimes: false) == exactQueue(of: topic.name).digest(depth: depth, withTimes: false),
          "books by order are the exchange's own", "\(topic.name)")
      default: break
      }
    }
  }

  private func exactQueue(of topic: TopicName) -> ReplayedQueue {
    var queue = ReplayedQueue(depth: topic.parameter)
    for order in exchange.orderQueue(of: topic.symbol) {
      guard let price = ReplayedBook.digits(Array(order.price.utf8)[...]),
        let quantity = ReplayedBook.digits(Array(order.quantity.utf8)[...])
      else { continue }
      queue.add(.init(id: order.id, quantity: quantity, time: ""), at: price, isBid: order.isBid)
    }
    return queue
  }

  /// Whatever was filled was told, one by one, unless something was in doubt while the order lived.
  private func judgeFills(_ truth: TrueOrders) throws(Violation) {
    for reader in readers where reader.role == .trader {
      for order in reader.model.trader.orders where order.stage != nil {
        let fills = truth.fills(of: order.tag)
        let isWhole = !order.mayHaveSkipped && register.doubts == order.doubts
        try require(
          isWhole ? order.fills == fills : order.fills.isSubset(of: fills), "fills are told one by one",
          "\(reader.model.name) \(OrderRegister.text(order.tag)): told \(order.fills.sorted()), true are \(fills.sorted())")
      }
    }
  }

  private func judge(_ told: [String: OrderRecord], _ open: [Exchange.OrderText], _ topic: TopicName) throws(Violation) {
    let ids = Set(open.map(\.id))
    try require(
      Set(told.keys) == ids, "open orders are the exchange's own", "\(topic): told \(told.keys.sorted()), open \(ids.sorted())")
    for order in open {
      guard let record = told[order.id] else { continue }
      let pairs: [(String, String?)] = [
        ("symbol", order.symbol), ("side", order.isBuy ? "buy" : "sell"), ("order_status", order.status),
        ("order_qty", order.quantity), ("limit_price", order.limitPrice), ("cl_ord_id", order.clientID),
      ]
      for (name, value) in pairs {
        try require(
          record[name] == value, "open orders are the exchange's own",
          "\(topic) \(order.id): \(name) is told to be \(record[name] ?? "nothing"), and is \(value ?? "nothing")")
      }
      let filled = record["cum_qty"]
      try require(
        filled == order.filled || filled == nil && order.tradeIDs.isEmpty, "open orders are the exchange's own",
        "\(topic) \(order.id): \(filled ?? "nothing") is told to be filled, and \(order.filled) is")
    }
  }
}

extension TopicName {
  /// Whether its lines are enough to know every open order.
  fileprivate var tellsOpenOrders: Bool {
    channel == .openOrders || channel == .executions && form.isDisjoint(with: [.withoutOrders, .milestonesOnly])
  }
}

/// The exchange's orders by the tags of those who asked for them.
struct TrueOrders {
  private var byTag: [Int: [Exchange.OrderText]] = [:]
  /// By the order that an edit has ended.
  private var edits: [String: Exchange.OrderText] = [:]

  init(_ orders: [Exchange.OrderText]) {
    for order in orders {
      if let tag = OrderRegister.tag(order.senderID) { byTag[tag, default: []].append(order) }
      if let parent = order.parentID { edits[parent] = order }
    }
  }

  func count(of tag: Int) -> Int { byTag[tag]?.count ?? 0 }

  /// The order and what it was edited into. An order that closes a filled one is another.
  private func generations(of tag: Int) -> [Exchange.OrderText] {
    var list = Array((byTag[tag] ?? []).prefix(1))
    while let last = list.last, last.status == "canceled", let next = edits[last.id] { list.append(next) }
    return list
  }

  func isOpen(_ tag: Int) -> Bool { generations(of: tag).last?.isOpen ?? false }
  func fills(of tag: Int) -> Set<String> { Set(generations(of: tag).flatMap(\.tradeIDs)) }

  func stage(of tag: Int) -> String {
    switch generations(of: tag).last?.status {
    case nil: "rejected"
    case "pending_new": "pending"
    case "new": "open"
    case let status?: status
    }
  }
}
