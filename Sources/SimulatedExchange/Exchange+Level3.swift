// Subscriptions to books by order: the private endpoint of its own, its depths and its two limits.

extension Exchange {
  static let ordersDepths = [10, 100, 1000]
  static let ordersSymbolsMax = 200

  /// What a snapshot costs, in units of the rate that a connection may use.
  private static func snapshotCost(depth: Int) -> Double { depth == 10 ? 5 : depth == 100 ? 25 : 100 }

  private struct OrdersRequest {
    var symbols: [String]
    var depth: Int
    var wantsSnapshot: Bool
  }

  private mutating func ordersRequest(_ params: JSONValue?, from id: ConnectionID) throws(Refusal) -> OrdersRequest {
    let parameters = try OrderParameters(params)
    switch try parameters.string("channel")?.lowercased() {
    case "level3": break
    case "status", "heartbeat": throw Refusal("Symbol(s) not found")
    default: throw Refusal("Subscription name invalid")
    }
    try parameters.allow(["channel", "symbol", "depth", "snapshot", "token"])
    try checkSession(parameters, of: id, for: .query)
    let depth = parameters.value["depth"].map { $0.integer ?? 0 } ?? 10
    guard Self.ordersDepths.contains(depth) else { throw Refusal("Subscription depth not supported") }
    guard let symbols = try? parameters.strings("symbol"), !symbols.isEmpty else {
      throw Refusal("Symbol(s) not found")
    }
    return OrdersRequest(
      symbols: symbols, depth: depth,
      wantsSnapshot: try parameters.has("snapshot") ? parameters.bool("snapshot") : true)
  }

  mutating func subscribeOrders(_ params: JSONValue?, _ answer: Answer, from id: ConnectionID) {
    do throws(Refusal) {
      let request = try ordersRequest(params, from: id)
      hold(params?["token"]?.string, by: id)
      var texts: [Text] = []
      var topics: [Topic?] = []
      for symbol in request.symbols {
        let topic = tradable(symbol).map { Topic(channel: .level3, market: $0, parameter: request.depth) }
        topics.append(topic)
        texts.append(subscribeOrders(symbol, topic, request, answer, from: id))
      }
      reply(texts, to: id, about: topics)
    } catch {
      reply([answer.failure(error.text)], to: id)
    }
  }

  private mutating func subscribeOrders(
    _ symbol: String, _ topic: Topic?, _ request: OrdersRequest, _ answer: Answer, from id: ConnectionID
  ) -> Text {
    guard let topic, let market = topic.market, let index = index(of: id) else {
      return answer.failure("Currency pair not supported \(symbol)", symbol: symbol)
    }
    let name = name(of: topic) ?? symbol
    guard connections[index].topics.count < Self.ordersSymbolsMax else {
      return answer.failure("EGeneral:Too many requests", symbol: name)
    }
    guard takeSnapshotBudget(Self.snapshotCost(depth: request.depth), index) else {
      return answer.snapshotRefusal(symbol: name)
    }
    guard join(id, topic, wantsSnapshot: request.wantsSnapshot) else {
      return answer.failure("Already subscribed", symbol: name)
    }
    markets[market].beginOrders(seed: ordersSeed ^ UInt64(market), now: now)
    return answer.success(result(topic, snapshot: request.wantsSnapshot))
  }

  /// The counter that every snapshot raises and every second lowers.
  private mutating func takeSnapshotBudget(_ cost: Double, _ index: Int) -> Bool {
    let perSecond: Double = configuration.accountTier == .pro ? 500 : 200
    let elapsed = Double(now - connections[index].snapshotsCountedAt) / 1e9
    let used = max(0, connections[index].snapshotsCounted - elapsed * perSecond)
    connections[index].snapshotsCountedAt = now
    let isAllowed = used + cost <= perSecond || configuration.accountTier == .unlimited
    connections[index].snapshotsCounted = isAllowed ? used + cost : used
    return isAllowed
  }

  mutating func unsubscribeOrders(_ params: JSONValue?, _ answer: Answer, from id: ConnectionID) {
    var refusal = answer
    refusal.method = "subscribe"
    do throws(Refusal) {
      let request = try ordersRequest(params, from: id)
      let texts = request.symbols.map { symbol -> Text in
        let market = marketIndex[symbol.uppercased()]
        let topic = Topic(channel: .level3, market: market, parameter: request.depth)
        guard market != nil, let number = index(of: id).flatMap({ connections[$0].topics[topic] }) else {
          return refusal.failure("Subscription Not Found", symbol: name(of: topic) ?? symbol)
        }
        part(id, topic, number: number)
        return answer.success(result(topic, snapshot: nil))
      }
      reply(texts, to: id)
    } catch {
      reply([refusal.failure(error.text)], to: id)
    }
  }
}
