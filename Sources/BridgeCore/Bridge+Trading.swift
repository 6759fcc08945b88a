// Orders: from connections to the desk, from the desk to Kraken, and every stage back to whoever placed the order.

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData
import Trading

extension Bridge {
  /// - Throws: `RequestFault` when nothing was sent and nothing will be.
  func order(
    _ method: String, params: [UInt8]?, from connection: Connection, _ head: AnswerHead, now: Moment
  ) throws(RequestFault) {
    guard configuration.listeners[connection.listener].allowsTrade else {
      throw RequestFault(.notPermitted, "orders need a listener with trade scope; this one has none")
    }
    guard configuration.hasCredentials else {
      throw RequestFault(.notConfigured, "no credentials are configured, so there is no trading")
    }
    if isTradingYetToBegin {
      orders.early.append(
        EarlyOrder(
          subscriber: connection.id, method: method, requestID: head.requestID, params: params, timeIn: head.timeIn))
      connection.heldCount += 1
      return
    }
    try place(params, from: connection, head, now: now)
  }

  private func place(
    _ params: [UInt8]?, from connection: Connection, _ head: AnswerHead, now: Moment
  ) throws(RequestFault) {
    let holder = HolderID(connection.id)
    let outcome: Result<[DeskAction], RequestFault>
    do {
      outcome = try (params ?? Array("{}".utf8)).withUnsafeBytes { bytes in
        try orderParser.withDocument(bytes) { root in
          Result { () throws(RequestFault) in
            try orders.desk.request(head, params: params == nil ? nil : root, from: holder, now: now, price: price)
          }
        }
      }
    } catch {
      throw RequestFault(.malformed, "params is no JSON object: \(error)")
    }
    perform(try outcome.get(), now: now)
  }

  /// What a pair trades at now, for guards on orders without a price: what a buyer has to pay, or a seller gets.
  private func price(_ symbol: String, _ isBuy: Bool) -> NumberText? {
    if let book = catalog.feed(FeedKey(channel: .book, symbol: symbol)) as? BookFeed,
      book.isUsable, book.topics.contains(where: \.isLive)
    {
      var best: NumberText?
      book.book.forEachLevel(isBuy ? .asks : .bids, limit: 1) { price, _ in best = NumberText(price) }
      if let best { return best }
    }
    guard let ticker = catalog.feed(FeedKey(channel: .ticker, symbol: symbol)) as? TickerFeed,
      ticker.topics.contains(where: \.isLive)
    else { return nil }
    return ticker.price(isBuy ? "ask" : "bid")
  }

  // MARK: The private upstream comes and goes

  /// Whether the first connection since trading was wanted is still being made: no order need fail for being early.
  private var isTradingYetToBegin: Bool {
    configuration.trading.isEnabled && upstream(.private).isComingUp && !isShuttingDown
  }

  func tradingOnline(_ token: Secret, now: Moment) {
    perform(orders.desk.upstreamReady(token: token, now: now), now: now)
    placeEarlyOrders(now: now)
  }

  func tradingOffline(now: Moment) {
    perform(orders.desk.upstreamLost(now: now), now: now)
    if upstream(.private).state == .offline { placeEarlyOrders(now: now) }
  }

  private func placeEarlyOrders(now: Moment) {
    let early = orders.early
    orders.early = []
    for order in early {
      guard let connection = connections[order.subscriber] else { continue }
      connection.heldCount -= 1
      let head = AnswerHead(method: order.method, requestID: order.requestID, timeIn: order.timeIn)
      do throws(RequestFault) {
        try place(order.params, from: connection, head, now: now)
      } catch {
        refuse(connection, error, timeIn: order.timeIn, now: now)
      }
      closeIfDone(connection)
    }
  }

  func takeTradingAnswer(_ root: JSONValue, now: Moment) {
    perform(orders.desk.answered(root, now: now), now: now)
  }

  /// The answer to `BridgeAction.rest`: the body, or why there is none.
  public func restAnswered(_ id: UInt64, body: UnsafeRawBufferPointer?, error: String?, now: Moment) {
    guard let body else {
      return perform(orders.desk.queryAnswered(id, nil, error: error ?? "no answer", now: now), now: now)
    }
    do throws(JSONError) {
      let actions = try orderParser.withDocument(body) { root in
        orders.desk.queryAnswered(id, root, error: nil, now: now)
      }
      perform(actions, now: now)
    } catch {
      perform(orders.desk.queryAnswered(id, nil, error: "not JSON: \(error)", now: now), now: now)
    }
  }

  // MARK: What the desk wants done

  func perform(_ actions: [DeskAction], now: Moment) {
    for action in actions {
      switch action {
      case .send(let text): self.actions.append(.send(.private, text))
      case .answer(let holder, let text):
        text.withUnsafeBytes { fanOut.send(SubscriberID(holder), $0) }
        if let connection = connections[SubscriberID(holder)] { closeIfDone(connection) }
      case .stage(let holder, let symbol, let time, let data):
        guard let connection = connections[SubscriberID(holder)] else { continue }
        publishStage(connection, symbol: symbol, time: time, data: data, now: now)
        closeIfDone(connection)
      case .query(let id, let path, let form): self.actions.append(.rest(id, path: path, form: form))
      case .renewToken:
        let upstream = upstream(.private)
        perform(upstream.session.tokenRefused(now: now), upstream, now: now)
      case .log(let event): log(LogRecord.Level(event.level), .order, event.message, [("upstream", "private")])
      }
    }
  }

  /// One stage of one order, as a line of the connection's own stream.
  private func publishStage(_ connection: Connection, symbol: String?, time: [UInt8]?, data: [UInt8], now: Moment) {
    let topic = orderStream(of: connection)
    let prefix = Line.ordersPrefix(type: "update", symbol: symbol)
    let bytesMax = prefix.count + (time?.count ?? 0) + data.count + EventLine.overheadMax
    guard bytesMax <= configuration.limits.lineBytesMax else { return }
    // A crash from here on must not forget how far this order has come.
    membershipChanges += 1
    receivedText.set(wall: now.wall)
    data.withUnsafeBytes { data in
      (time ?? []).withUnsafeBytes { time in
        _ = fanOut.publish(topic: topic, maxBytes: bytesMax) { pointer, seq, prev in
          var cursor = JSONCursor(pointer)
          EventLine.write(
            &cursor, prefix: prefix, seq: seq, prev: prev, time: time.isEmpty ? nil : time, received: receivedText
          ) { $0.append(bytes: data) }
          return UnsafeMutableRawPointer(cursor.p) - pointer
        }
      }
    }
  }

  private func orderStream(of connection: Connection) -> TopicID {
    if let topic = connection.orderStream { return topic }
    let topic = fanOut.addTopic(scope: .connection)
    connection.orderStream = topic
    orders.insert(topic, of: HolderID(connection.id))
    _ = fanOut.subscribe(connection.id, to: topic, start: .live)
    membershipChanges += 1
    return topic
  }

  func admitTrader(_ connection: Connection, _ policy: ListenerPolicy, now: Moment) {
    connection.mayTrade = policy.allowsTrade
    if policy.allowsTrade { perform(orders.desk.connected(HolderID(connection.id), now: now), now: now) }
  }

  /// Whether stages or answers of orders are still to come.
  func isWaitingForOrders(_ connection: Connection) -> Bool {
    connection.mayTrade && orders.desk.isBusy(HolderID(connection.id))
  }

  /// Closes those who have been written everything they were waiting for. To be called after a flush.
  func closeFinishedTraders() {
    for id in orders.finishing.sorted(by: { $0.slot < $1.slot }) {
      guard let connection = connections[id], let status = fanOut.status(of: id) else {
        orders.finishing.remove(id)
        continue
      }
      guard status.lagBytes == 0, !status.isBlocked else { continue }
      orders.finishing.remove(id)
      close(connection)
    }
  }

  func traderGone(_ connection: Connection, now: Moment) {
    guard connection.mayTrade else { return }
    orders.finishing.remove(connection.id)
    perform(orders.desk.gone(HolderID(connection.id), now: now), now: now)
    guard let topic = connection.orderStream else { return }
    orders.remove(topic)
    fanOut.removeTopic(topic)
  }
}

extension LogRecord.Level {
  fileprivate init(_ level: DeskLogEvent.Level) {
    switch level {
    case .debug: self = .debug
    case .info: self = .info
    case .notice: self = .notice
    case .warning: self = .warning
    case .error: self = .error
    }
  }
}
