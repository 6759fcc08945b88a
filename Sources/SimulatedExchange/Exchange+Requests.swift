// Requests and their answers: one per symbol, errors in Kraken's words and shapes.

extension Exchange {
  public mutating func receive(_ text: [UInt8], from id: ConnectionID, now time: Int64) {
    advance(to: time)
    guard let index = index(of: id) else { return }
    if connections[index].isStalled {
      connections[index].heldRequests.append(text)
    } else {
      handle(text, from: id)
    }
  }

  mutating func handle(_ text: [UInt8], from id: ConnectionID) {
    guard let index = index(of: id) else { return }
    connections[index].lastActivity = now
    guard let request = JSONValue(text), let members = request.members else {
      return reply([answer("", nil).failure("Malformed request")], to: id)
    }
    let method = request["method"]?.string?.lowercased() ?? ""
    counters.requests[method, default: 0] += 1
    let answer = answer(method, request["req_id"])
    if let requestID = request["req_id"], requestID.integer == nil {
      return reply([answer.failure("EGeneral:Invalid arguments:req_id")], to: id)
    }
    if takeRule(.lostRequest, connection: id) != nil { return }
    let limit = takeRule(.rateLimit, connection: id)
    if limit != nil || !takeRequestToken(index) {
      counters.requestsRefused += 1
      return reply([answer.rateRefusal(form: limit?.text)], to: id)
    }
    if let fault = takeRule(.refuseRequest, connection: id) {
      return reply([answer.failure(fault.text ?? "EService:Unavailable")], to: id)
    }
    if let unknown = members.first(where: { !["method", "params", "req_id"].contains($0.key) }) {
      return reply([answer.failure("Unsupported field: '\(unknown.key)'")], to: id)
    }
    switch method {
    case "ping": reply([answer.pong()], to: id)
    case "subscribe":
      switch connections[index].endpoint {
      case .publicV2: subscribe(request["params"], answer, from: id)
      case .privateV2: subscribeAccount(request["params"], answer, from: id)
      case .level3: subscribeOrders(request["params"], answer, from: id)
      }
    case "unsubscribe":
      switch connections[index].endpoint {
      case .publicV2: unsubscribe(request["params"], answer, from: id)
      case .privateV2: unsubscribeAccount(request["params"], answer, from: id)
      case .level3: unsubscribeOrders(request["params"], answer, from: id)
      }
    case _ where connections[index].endpoint == .privateV2 && Self.tradingMethods.contains(method):
      trade(TradingCall(connection: id, params: request["params"], answer: answer))
    default: reply([answer.failure("EGeneral:Unknown method")], to: id)
    }
  }

  private func answer(_ method: String, _ requestID: JSONValue?) -> Answer {
    Answer(
      method: method, requestID: requestID?.integer.map { String($0) }, receivedAt: now,
      sentAt: now + configuration.acknowledgementLatency)
  }

  private mutating func takeRequestToken(_ index: Int) -> Bool {
    guard let rate = configuration.requestsPerSecond else { return true }
    let earned = Int64(Double(now - connections[index].requestTokensAt) * rate / 1000)
    let full = Int64(configuration.requestBurst) * 1_000_000
    connections[index].requestTokens = min(full, connections[index].requestTokens + earned)
    connections[index].requestTokensAt = now
    guard connections[index].requestTokens >= 1_000_000 else { return false }
    connections[index].requestTokens -= 1_000_000
    return true
  }

  // MARK: Answers and the faults that touch them

  /// Sends the answers of one request.
  mutating func reply(
    _ answers: [Text], to id: ConnectionID, about topics: [Topic?] = [], after latency: Int64 = 0
  ) {
    var answers = zip(answers, topics + Array(repeating: nil, count: max(0, answers.count - topics.count))).map { $0 }
    if answers.count > 1, takeRule(.reorderedAcks, connection: id) != nil { answers.reverse() }
    for (text, topic) in answers {
      if takeRule(.missingAck, connection: id, topic: topic) != nil { continue }
      let lateness = takeRule(.lateAck, connection: id, topic: topic).map { $0.delay ?? 3_000_000_000 } ?? 0
      let repeats = takeRule(.duplicateAck, connection: id, topic: topic) != nil ? 2 : 1
      for _ in 0..<repeats { later(text, to: id, after: configuration.acknowledgementLatency + latency + lateness) }
    }
  }

  private mutating func later(_ text: Text, to id: ConnectionID, after delay: Int64) {
    if delay == 0 {
      send(text, to: id)
    } else {
      events.plan(.text(id, text), at: now + delay)
    }
  }

  // MARK: Subscribing

  /// Parameters that are valid for every symbol of a request, or the error that refuses it whole.
  private enum Parameters {
    case failure(String)
    case valid(ChannelName, parameter: Int, wantsSnapshot: Bool, symbols: [String])
  }

  private func parameters(_ params: JSONValue?) -> Parameters {
    guard let name = params?["channel"]?.string?.lowercased() else { return .failure("Subscription name invalid") }
    if ["status", "heartbeat"].contains(name) { return .failure("Symbol(s) not found") }
    if ["executions", "balances", "level3"].contains(name) {
      return .failure(params?["token"] == nil ? "Token(s) not found" : "ESession:Invalid session")
    }
    guard let channel = ChannelName(rawValue: name) else { return .failure("Subscription name invalid") }
    if let unknown = params?.members?.first(where: { !Self.fields(of: channel).contains($0.key) }) {
      return .failure("Unsupported field: '\(unknown.key)'")
    }
    if let snapshot = params?["snapshot"], snapshot.bool == nil {
      return .failure("EGeneral:Invalid arguments:snapshot")
    }
    var parameter = 0
    switch channel {
    case .book:
      parameter = params?["depth"].map { $0.integer ?? 0 } ?? 10
      guard Topic.depths.contains(parameter) else { return .failure("Subscription depth not supported") }
    case .ohlc:
      parameter = params?["interval"].map { $0.integer ?? 0 } ?? 1
      guard CandleSeries.intervals.contains(parameter) else {
        return .failure("Subscription ohlc interval not supported")
      }
    case .ticker:
      let trigger = params?["event_trigger"].map { $0.string?.lowercased() } ?? "trades"
      guard trigger == "trades" || trigger == "bbo" else {
        return .failure("EGeneral:Invalid arguments:event_trigger")
      }
      parameter = trigger == "bbo" ? 1 : 0
    case .trade, .instrument, .executions, .balances, .level3: break
    }
    let symbols = params?["symbol"]?.array?.compactMap(\.string) ?? []
    if channel != .instrument, symbols.isEmpty || symbols.count != params?["symbol"]?.array?.count {
      return .failure("Symbol(s) not found")
    }
    return .valid(
      channel, parameter: parameter, wantsSnapshot: params?["snapshot"]?.bool ?? (channel != .trade),
      symbols: symbols)
  }

  private static func fields(of channel: ChannelName) -> Set<String> {
    let common: Set = ["channel", "snapshot"]
    return switch channel {
    case .ticker: common.union(["symbol", "event_trigger"])
    case .book: common.union(["symbol", "depth"])
    case .trade: common.union(["symbol"])
    case .ohlc: common.union(["symbol", "interval"])
    case .instrument: common.union(["include_tokenized_assets", "execution_venue"])
    case .executions, .balances, .level3: common
    }
  }

  private mutating func subscribe(_ params: JSONValue?, _ answer: Answer, from id: ConnectionID) {
    switch parameters(params) {
    case .failure(let error): reply([answer.failure(error)], to: id)
    case .valid(.instrument, _, let wantsSnapshot, _):
      let topic = Topic(channel: .instrument, market: nil, parameter: 0)
      let text =
        join(id, topic, wantsSnapshot: wantsSnapshot)
        ? answer.success(result(topic, snapshot: wantsSnapshot)) : answer.failure("Already subscribed")
      reply([text], to: id, about: [topic])
    case .valid(let channel, let parameter, let wantsSnapshot, let symbols):
      var texts: [Text] = []
      var topics: [Topic?] = []
      for symbol in symbols {
        let topic = tradable(symbol).map { Topic(channel: channel, market: $0, parameter: parameter) }
        topics.append(topic)
        guard let topic else {
          texts.append(answer.failure("Currency pair not supported \(symbol)", symbol: symbol))
          continue
        }
        let isNew = join(id, topic, wantsSnapshot: wantsSnapshot)
        texts.append(
          isNew
            ? answer.success(result(topic, snapshot: wantsSnapshot))
            : answer.failure("Already subscribed", symbol: name(of: topic)))
      }
      reply(texts, to: id, about: topics)
    }
  }

  /// The market of a symbol as a client spells it, if it can be subscribed to.
  mutating func tradable(_ symbol: String) -> Int? {
    guard let index = marketIndex[symbol.uppercased()], markets[index].instrument.status != .delisted else {
      return nil
    }
    let topic = Topic(channel: .instrument, market: index, parameter: 0)
    return takeRule(.refuseSymbol, topic: topic) == nil ? index : nil
  }

  func name(of topic: Topic) -> String? { topic.market.map { markets[$0].instrument.symbol } }

  /// False if the connection has the topic, or another depth of the same book.
  mutating func join(_ id: ConnectionID, _ topic: Topic, wantsSnapshot: Bool) -> Bool {
    guard let index = index(of: id) else { return false }
    let rivals =
      topic.channel == .book || topic.channel == .level3
      ? Topic.depths.map { Topic(channel: topic.channel, market: topic.market, parameter: $0) } : [topic]
    guard !rivals.contains(where: { connections[index].topics[$0] != nil }) else { return false }
    subscriptionCount += 1
    counters.subscribed[describe(topic), default: 0] += 1
    connections[index].topics[topic] = subscriptionCount
    // A stray subscriber may still be left from before.
    audiences[audienceIndex(topic)].remove { $0.connection == id && $0.topic == topic }
    audiences[audienceIndex(topic)].add(Subscriber(connection: id, topic: topic, isLive: false))
    if !connections[index].isHeartbeatPlanned {
      connections[index].isHeartbeatPlanned = true
      planHeartbeat(id)
    }
    let isSlow =
      topic.channel == .book
      && connections[index].lastUnsubscribed[topic.market].map { now - $0 < 10_000_000_000 } ?? false
    let latency = isSlow ? configuration.resubscribedSnapshotLatency : configuration.snapshotLatency
    if takeRule(.dataBeforeAck, connection: id, topic: topic) != nil {
      goLive(id, topic, number: subscriptionCount, wantsSnapshot: wantsSnapshot)
    } else {
      events.plan(
        .goLive(id, topic, number: subscriptionCount, wantsSnapshot: wantsSnapshot),
        at: now + configuration.acknowledgementLatency + (wantsSnapshot ? latency : 0))
    }
    return true
  }

  func result(_ topic: Topic, snapshot: Bool?) -> Text {
    var text = Text()
    text.add("{\"channel\":")
    text.add(quoted: topic.channel.rawValue)
    switch topic.channel {
    case .book:
      text.add(",\"depth\":")
      text.add(integer: topic.parameter)
    case .ticker: text.add(topic.parameter == 1 ? ",\"event_trigger\":\"bbo\"" : ",\"event_trigger\":\"trades\"")
    case .ohlc:
      text.add(",\"interval\":")
      text.add(integer: topic.parameter)
    case .trade, .instrument, .executions, .balances, .level3: break
    }
    if let snapshot { text.add(snapshot ? ",\"snapshot\":true" : ",\"snapshot\":false") }
    if let symbol = name(of: topic) {
      text.add(",\"symbol\":")
      text.add(quoted: symbol)
    }
    if snapshot != nil, topic.channel == .ohlc {
      text.add(",\"warnings\":[\"timestamp is deprecated, use interval_begin\"]")
    }
    if snapshot != nil, topic.channel == .instrument {
      text.add(",\"warnings\":[\"tick_size is deprecated, use price_increment\"]")
    }
    text.add("}")
    return text
  }

  // MARK: Unsubscribing

  private mutating func unsubscribe(_ params: JSONValue?, _ answer: Answer, from id: ConnectionID) {
    var refusal = answer
    // A failed unsubscribe is answered as if it had been a subscribe.
    refusal.method = "subscribe"
    switch parameters(params) {
    case .failure(let error): reply([refusal.failure(error)], to: id)
    case .valid(let channel, let parameter, _, let symbols):
      var texts: [Text] = []
      let targets: [String?] = channel == .instrument ? [nil] : symbols
      for symbol in targets {
        let market = symbol.flatMap { marketIndex[$0.uppercased()] }
        let topic = Topic(channel: channel, market: market, parameter: parameter)
        let isKnown = symbol == nil || market != nil
        if isKnown, let number = index(of: id).flatMap({ connections[$0].topics[topic] }) {
          texts.append(answer.success(result(topic, snapshot: nil)))
          part(id, topic, number: number)
        } else {
          texts.append(refusal.failure("Subscription Not Found", symbol: name(of: topic) ?? symbol))
        }
      }
      reply(texts, to: id)
    }
  }

  mutating func part(_ id: ConnectionID, _ topic: Topic, number: Int) {
    guard let index = index(of: id) else { return }
    counters.unsubscribed[describe(topic), default: 0] += 1
    connections[index].topics[topic] = nil
    if topic.channel == .book { connections[index].lastUnsubscribed[topic.market] = now }
    if let fault = takeRule(.strayUpdates, connection: id, topic: topic) {
      events.plan(.forget(id, topic, number: number), at: now + (fault.delay ?? 1_000_000_000))
    } else {
      leave(id, topic, number: number)
    }
  }

  /// Ends the flow of updates, unless the topic has been subscribed anew.
  mutating func leave(_ id: ConnectionID, _ topic: Topic, number: Int) {
    guard index(of: id).flatMap({ connections[$0].topics[topic] }) == nil else { return }
    audiences[audienceIndex(topic)].remove { $0.connection == id && $0.topic == topic }
  }
}
