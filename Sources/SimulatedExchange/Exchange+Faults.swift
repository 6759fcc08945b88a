// Faults at work. Some happen at once; the others become rules that wait for their occasions.

extension Exchange {
  /// Makes a fault happen now.
  public mutating func inject(_ fault: Fault) {
    advance(to: now)
    strike(fault)
  }

  mutating func strike(_ fault: Fault) {
    counters.faultsInjected[fault.name.rawValue, default: 0] += 1
    switch fault.name {
    case .drop: forEachConnection(fault) { $0.end($1, with: .drop) }
    case .close:
      let close = Output.close(code: UInt16(clamping: fault.code ?? 1001), reason: fault.text ?? "")
      forEachConnection(fault) { $0.end($1, with: close) }
    case .stall:
      forEachConnection(fault) { $0.beginStall($1, for: fault.duration, resumes: fault.flag ?? false) }
    case .maintenance: maintain(fault)
    case .system:
      maintenanceCycle += 1
      fault.text.flatMap { SystemState(rawValue: $0) }.map { announce($0) }
    case .delist: setStatus(.delisted, fault)
    case .pairStatus: fault.text.flatMap { Instrument.Status(rawValue: $0) }.map { setStatus($0, fault) }
    case .instrumentUpdate:
      for index in chosenMarkets(fault) { markets[index].instrument.minimumQuantity += 1 }
      publishInstruments(chosenMarkets(fault))
    case .emptySide: emptySide(fault)
    case .crossedBook: crossBook(fault)
    case .duplicateSnapshot: repeatSnapshots(fault)
    case .tokenExpired: revokeTokens()
    case .restate: chosenMarkets(fault).flatMap { account.open(in: $0) }.forEach { restate($0) }
    case .ping: forEachConnection(fault) { $0.emit(.ping(Text("sim".utf8)), to: $1) }
    case .binaryFrame: forEachConnection(fault) { $0.emit(.binary([0, 1, 2, 0xFF]), to: $1) }
    case .garbage, .invalidUTF8, .truncatedJSON, .oversized, .unknownChannel, .unknownMethod:
      let text = Distortion.nonsense(fault)
      forEachConnection(fault) { $0.emit(.text(text), to: $1) }
    default: addRule(fault)
    }
  }

  /// Makes a fault happen later, once or again and again. Times count from `now`.
  public mutating func schedule(_ scheduled: ScheduledFault) {
    if scheduled.at == 0, scheduled.every == nil { return inject(scheduled.fault) }
    events.plan(.fault(scheduled.fault, every: scheduled.every, era: faultEra), at: now + scheduled.at)
  }

  /// Ends every fault that is still waiting or lasting; stalled connections go on, delisted pairs stay delisted.
  public mutating func clearFaults() {
    faultEra += 1
    maintenanceCycle += 1
    rules = []
    for late in postponed { emit(.text(late.text), to: late.connection) }
    postponed = []
    for connection in connections where connection.isStalled { endStall(connection.id, resumes: true) }
    for index in markets.indices { markets[index].emptiedSide = nil }
    if systemState != .online { announce(.online) }
  }

  // MARK: Rules

  private mutating func addRule(_ fault: Fault) {
    var fault = fault
    // A closed port sees no attempts that could be counted.
    if fault.name == .refuseConnections { fault.count = nil }
    let hasLimit = fault.count != nil || fault.duration != nil
    let duration = hasLimit ? fault.duration : fault.defaultDuration
    rules.append(
      FaultRule(
        fault: fault, remaining: hasLimit ? fault.count : fault.defaultCount, until: duration.map { now + $0 }))
    // Whoever runs the exchange looks again when the fault is over, even if nothing else happens.
    if let duration { events.plan(.faultOver, at: now + duration) }
  }

  /// The fault that strikes on this occasion, if any; it is used up by one.
  mutating func takeRule(_ name: Fault.Name, connection: ConnectionID? = nil, topic: Topic? = nil) -> Fault? {
    guard !rules.isEmpty else { return nil }
    rules.removeAll { !$0.isActive(at: now) }
    guard let index = rules.firstIndex(where: { $0.fault.name == name && matches($0.fault, connection, topic) }) else {
      return nil
    }
    let fault = rules[index].fault
    if let remaining = rules[index].remaining {
      rules[index].remaining = remaining - 1
      if remaining <= 1 { rules.remove(at: index) }
    }
    return fault
  }

  private func matches(_ fault: Fault, _ connection: ConnectionID?, _ topic: Topic?) -> Bool {
    if let ordinal = fault.connection, ordinal != connection?.ordinal { return false }
    if let channel = fault.channel, channel != topic?.channel { return false }
    if let symbol = fault.symbol {
      return topic?.market.map { markets[$0].instrument.symbol == symbol.uppercased() } ?? false
    }
    return true
  }

  // MARK: Instant faults

  /// The connection of that number, those that carry the channel, or all.
  private mutating func forEachConnection(_ fault: Fault, _ strike: (inout Exchange, ConnectionID) -> Void) {
    let chosen = connections.filter { connection in
      (fault.connection ?? connection.id.ordinal) == connection.id.ordinal
        && (fault.channel.map { name in connection.topics.keys.contains { $0.channel == name } } ?? true)
    }
    for connection in chosen { strike(&self, connection.id) }
  }

  private func chosenMarkets(_ fault: Fault) -> [Int] {
    guard let symbol = fault.symbol else { return [0] }
    return marketIndex[symbol.uppercased()].map { [$0] } ?? []
  }

  private mutating func setStatus(_ status: Instrument.Status, _ fault: Fault) {
    for index in chosenMarkets(fault) { markets[index].instrument.status = status }
    publishInstruments(chosenMarkets(fault))
  }

  private mutating func maintain(_ fault: Fault) {
    let duration = fault.duration ?? fault.defaultDuration ?? 0
    maintenanceCycle += 1
    announce(.maintenance)
    events.plan(.system(.cancelOnly, cycle: maintenanceCycle), at: now + duration / 2)
    events.plan(.system(.postOnly, cycle: maintenanceCycle), at: now + duration / 4 * 3)
    events.plan(.system(.online, cycle: maintenanceCycle), at: now + duration)
    if fault.flag == true {
      for id in openConnections { end(id, with: .close(code: 1001, reason: "Maintenance")) }
    }
  }

  private mutating func emptySide(_ fault: Fault) {
    for index in chosenMarkets(fault) {
      let before = MarketView(of: markets[index], for: audiences[index])
      markets[index].beginChange()
      markets[index].empty(isBid: fault.text != "asks")
      publishChanges(of: index, since: before)
      events.plan(.refill(market: index), at: now + (fault.duration ?? fault.defaultDuration ?? 0))
    }
  }

  /// One message that puts a bid above the best ask. Its checksum is that of the crossed book, so only a reader that
  /// compares both sides will notice; the true book stays as it is.
  private mutating func crossBook(_ fault: Fault) {
    for index in chosenMarkets(fault) {
      guard let ask = markets[index].shown(false).bestKey.map({ -$0 }) else { continue }
      var crossed = markets[index]
      crossed.beginChange()
      crossed.set(isBid: true, price: ask + 1, quantity: crossed.instrument.minimumQuantity + 7)
      crossed.show(crossed.resting, now: now)
      for depth in audiences[index].depths {
        let before = markets[index].view(depth: depth)
        guard let text = crossed.bookUpdate(since: before, checksum: crossed.checksum, now: now) else { continue }
        publish(text, on: Topic(channel: .book, market: index, parameter: depth))
      }
    }
  }

  private mutating func repeatSnapshots(_ fault: Fault) {
    for audience in audiences {
      for subscriber in audience.subscribers
      where subscriber.isLive && matches(fault, subscriber.connection, subscriber.topic) {
        sendSnapshot(subscriber.topic, to: subscriber.connection)
      }
    }
  }
}
