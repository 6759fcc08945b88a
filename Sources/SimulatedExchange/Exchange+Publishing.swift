// From what happens in a market to what each listener is sent. Every message is written once and shared.

extension Exchange {
  func audienceIndex(_ topic: Topic) -> Int { topic.market ?? markets.count }

  mutating func planMarket(_ index: Int) {
    guard configuration.updatesPerSecond > 0 else { return }
    let isThin = markets[index].instrument.levels < 10
    let mean = Int64(1_000_000_000 / configuration.updatesPerSecond) * (isThin ? 4 : 1)
    events.plan(.market(index), at: now + markets[index].pause(mean: mean))
  }

  mutating func moveMarket(_ index: Int) {
    let status = markets[index].instrument.status
    let isClosed = status == .delisted || status == .maintenance
    if !isClosed, systemState == .online || systemState == .postOnly {
      let before = MarketView(of: markets[index], for: audiences[index])
      markets[index].step(now: now, matching: systemState == .online && status == .online)
      workOrders(in: index)
      publishChanges(of: index, since: before)
    }
    planMarket(index)
    sendReports()
  }

  /// What the audience saw before a change.
  struct MarketView {
    var books: [Market.View]
    var orders: [Market.View]
    var touch: Market.TouchLevels?

    init(of market: Market, for audience: Audience) {
      books = audience.depths.map { market.view(depth: $0) }
      orders = audience.orderDepths.map { market.view(depth: $0) }
      touch = audience.wantsTouch ? market.touch : nil
    }
  }

  mutating func publishChanges(of index: Int, since before: MarketView) {
    markets[index].show(restingOrders(in: index), now: now)
    if markets[index].newTrades > 0 { publishTrades(of: index) }
    if !before.books.isEmpty {
      let checksum = markets[index].checksum
      for view in before.books {
        guard let text = markets[index].bookUpdate(since: view, checksum: checksum, now: now) else { continue }
        publish(text, .book, view.depth, of: index)
      }
    }
    if !before.orders.isEmpty, let checksum = markets[index].orders?.checksum {
      for view in before.orders {
        guard let text = markets[index].ordersUpdate(since: view, checksum: checksum, now: now) else { continue }
        publish(text, .level3, view.depth, of: index)
      }
    }
    if let touch = before.touch, touch != markets[index].touch {
      publish(markets[index].ticker(.update, now: now), .ticker, 1, of: index)
    }
  }

  private mutating func publishTrades(of index: Int) {
    if audiences[index].wantsTrades { publish(markets[index].trades(.update), .trade, 0, of: index) }
    if audiences[index].wantsTicker { publish(markets[index].ticker(.update, now: now), .ticker, 0, of: index) }
    for minutes in audiences[index].intervals {
      publish(markets[index].candles(.update, minutes: minutes, now: now), .ohlc, minutes, of: index)
    }
  }

  private mutating func publish(_ text: Text, _ channel: ChannelName, _ parameter: Int, of market: Int) {
    publish(text, on: Topic(channel: channel, market: market, parameter: parameter))
  }

  /// Sends an update to everyone who listens to a topic.
  mutating func publish(_ text: Text, on topic: Topic) {
    for subscriber in audiences[audienceIndex(topic)].subscribers where subscriber.isLive && subscriber.topic == topic {
      deliver(text, on: topic, to: subscriber.connection, isSnapshot: false)
    }
  }

  mutating func publishInstruments(_ changed: [Int]) {
    let pairs = changed.map { markets[$0].instrument }
    publish(
      Messages.instruments(.update, pairs: pairs, assets: []),
      on: Topic(channel: .instrument, market: nil, parameter: 0))
  }

  func snapshot(of topic: Topic) -> Text {
    guard let index = topic.market else {
      return Messages.instruments(.snapshot, pairs: markets.map(\.instrument), assets: assets)
    }
    switch topic.channel {
    case .book: return markets[index].bookSnapshot(depth: topic.parameter, now: now)
    case .level3: return markets[index].ordersSnapshot(depth: topic.parameter, now: now)
    case .ticker, .instrument, .executions, .balances: return markets[index].ticker(.snapshot, now: now)
    case .trade: return markets[index].trades(.snapshot)
    case .ohlc: return markets[index].candles(.snapshot, minutes: topic.parameter, now: now)
    }
  }

  mutating func goLive(_ id: ConnectionID, _ topic: Topic, number: Int, wantsSnapshot: Bool) {
    guard let index = index(of: id), connections[index].topics[topic] == number else { return }
    audiences[audienceIndex(topic)].goLive(id, topic)
    if wantsSnapshot, takeRule(.missingSnapshot, connection: id, topic: topic) == nil { sendSnapshot(topic, to: id) }
  }

  mutating func sendSnapshot(_ topic: Topic, to id: ConnectionID) {
    if topic.channel == .executions || topic.channel == .balances {
      sendAccountSnapshot(topic, to: id)
    } else {
      deliver(snapshot(of: topic), on: topic, to: id, isSnapshot: true)
    }
  }

  mutating func announce(_ state: SystemState) {
    systemState = state
    for connection in connections { send(Messages.status(state, of: connection), to: connection.id) }
  }
}
