// From what happens to orders and balances to the messages of the private channels. Reports are collected while the
// engine works and sent when it is done, so that the answer to a request may go before or after them.

/// What the private channels have to say, in order.
enum PrivateMessage: Sendable {
  case executions([ExecutionReport])
  /// One ledger line, a JSON object.
  case ledger(Text)
}

/// How one connection wants its executions.
struct ExecutionOptions: Sendable {
  var wantsOrders = true
  var wantsTrades = false
  var wantsEveryTransition = true
  var wantsRateCount = false
}

extension Exchange {
  static let executionsTopic = Topic(channel: .executions, market: nil, parameter: 0)
  static let balancesTopic = Topic(channel: .balances, market: nil, parameter: 0)
  /// The one user there is.
  static let user = "AA00 N84G DEMO 0001"

  mutating func report(_ number: Int, _ kind: ExecutionReport.Kind, fill: Account.Fill? = nil) {
    guard let order = account.orders[number] else { return }
    let pair = markets[order.market].instrument
    let text = order.report(kind, pair, fill: fill, feeInUSD: inUSD(order.fee, of: pair))
    let counter = account.counters[order.market]?.value(at: now, configuration.accountTier) ?? 0
    let report = ExecutionReport(kind: kind, text: text, rateCount: Int(counter.rounded()))
    if groupsReports, case .executions(let group)? = unsent.last, group.first?.kind == kind {
      unsent[unsent.count - 1] = .executions(group + [report])
    } else {
      unsent.append(.executions([report]))
    }
  }

  /// An amount of a pair's quote currency, in its cost units, in dollars.
  func inUSD(_ amount: Int64, of pair: Instrument) -> Int64 {
    guard pair.quote != "USD", let index = marketIndex["\(pair.quote)/USD"], let trade = markets[index].trades.last
    else { return amount }
    let rate = Int128(powerOfTen[markets[index].instrument.pricePrecision])
    return Int64(clamping: Decimals.divide(Int128(amount) * Int128(trade.price), rate))
  }

  /// Sends what has been collected, now or later; what is newer never overtakes.
  mutating func sendReports(after delay: Int64? = nil) {
    guard !unsent.isEmpty else { return }
    let messages = unsent
    unsent = []
    let time = max(now + (delay ?? configuration.reportLatency), reportsUntil)
    if time <= now {
      for message in messages { publish(message) }
    } else {
      reportsUntil = time
      events.plan(.privateMessages(messages), at: time)
    }
  }

  mutating func publish(_ message: PrivateMessage) {
    switch message {
    case .executions(let reports):
      for subscriber in live(Self.executionsTopic) {
        guard let index = index(of: subscriber) else { continue }
        let options = connections[index].executionOptions
        let wanted = reports.filter { options.wantsEveryTransition || $0.kind.isMilestone }
        guard !wanted.isEmpty else { continue }
        let user = user(on: Self.executionsTopic, of: index)
        let data = Text.list(wanted.map { $0.text(withRateCount: options.wantsRateCount, user: user) })
        sendNumbered(data, .update, on: Self.executionsTopic, to: subscriber)
      }
    case .ledger(let line):
      for subscriber in live(Self.balancesTopic) {
        guard let index = index(of: subscriber) else { continue }
        let entry = line.naming(user(on: Self.balancesTopic, of: index))
        sendNumbered(.list([entry]), .update, on: Self.balancesTopic, to: subscriber)
      }
    }
  }

  /// What entries of a topic call the account's user, where the subscription is of all users.
  func user(on topic: Topic, of index: Int) -> String? {
    connections[index].topicsOfAllUsers.contains(topic) ? Self.user : nil
  }

  private func live(_ topic: Topic) -> [ConnectionID] {
    audiences[audienceIndex(topic)].subscribers.filter { $0.isLive && $0.topic == topic }.map(\.connection)
  }

  /// A private message with its sequence number: counted per connection and channel, from 1 at the snapshot.
  mutating func sendNumbered(_ data: Text, _ type: Market.MessageType, on topic: Topic, to id: ConnectionID) {
    guard let index = index(of: id) else { return }
    var number = type == .snapshot ? 1 : (connections[index].sequences[topic] ?? 0) + 1
    if type == .update {
      if takeRule(.sequenceGap, connection: id, topic: topic) != nil { number += 1 }
      if takeRule(.sequenceRepeat, connection: id, topic: topic) != nil { number = max(number - 1, 1) }
      if takeRule(.sequenceRestart, connection: id, topic: topic) != nil { number = 1 }
    }
    connections[index].sequences[topic] = number
    var text = Text()
    type.open(topic.channel == .executions ? "executions" : "balances", in: &text)
    text.add("\"data\":")
    text += data
    text.add(",\"sequence\":")
    text.add(integer: number)
    text.append(UInt8(ascii: "}"))
    deliver(text, on: topic, to: id, isSnapshot: type == .snapshot)
  }

  // MARK: Snapshots

  func executionsSnapshot(_ options: ExecutionOptions) -> Text {
    var items: [Text] = []
    if options.wantsOrders {
      items += account.open.map { order in
        let pair = markets[order.market].instrument
        return order.snapshot(pair, feeInUSD: inUSD(order.fee, of: pair))
      }
    }
    if options.wantsTrades {
      items += account.fills.suffix(Account.fillsMax).compactMap { fill in
        account.orders[fill.orderNumber].map { order in
          let pair = markets[order.market].instrument
          return order.snapshot(fill, pair, feeInUSD: inUSD(fill.fee, of: pair))
        }
      }
    }
    return .list(items)
  }

  func balancesSnapshot(user: String?) -> Text {
    .list(
      account.balances.sorted { $0.key < $1.key }.map { asset, balance in
        let decimals = precision(of: asset)
        var wallet = ObjectText()
        wallet.string("type", "spot")
        wallet.string("id", "main")
        wallet.number("balance", balance, decimals)
        var object = ObjectText()
        object.string("asset", asset)
        object.string("asset_class", "currency")
        object.number("balance", balance, decimals)
        object.json("wallets", .list([wallet.finished]))
        return object.finished.naming(user)
      })
  }

  func precision(of asset: String) -> Int { assets.first { $0.id == asset }?.precision ?? 8 }

  // MARK: Balances

  /// Changes a balance, less a fee, and writes the ledger line about it.
  mutating func enter(_ asset: String, _ amount: Int64, fee: Int64 = 0, type: String, reference: String) {
    let decimals = precision(of: asset)
    account.change(asset, by: amount - fee)
    var line = ObjectText()
    line.string("ledger_id", identifier("L"))
    line.string("ref_id", reference)
    line.time("timestamp", now)
    line.string("type", type)
    line.string("asset", asset)
    line.string("asset_class", "currency")
    line.string("category", type)
    line.string("wallet_type", "spot")
    line.string("wallet_id", "main")
    line.number("amount", amount, decimals)
    line.number("fee", fee, decimals)
    line.number("balance", account.balance(asset), decimals)
    unsent.append(.ledger(line.finished))
  }

  mutating func identifier(_ first: String) -> String { SimulatedExchange.identifier(first, &privateChance) }
}
