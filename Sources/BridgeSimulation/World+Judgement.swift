// What has to hold after every turn of the bridge, and what has to hold in the end.

import BridgeCore
import FanOut
import SimulatedExchange

extension World {
  // MARK: The tap

  /// Reads everything that the tap was given: the next lines of the log, and a few made for it alone.
  func readTap() throws(Violation) {
    guard let socket = tap.socket else { return }
    var rest = socket.read(.max)
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      tapLine.append(contentsOf: rest[rest.startIndex..<end])
      rest = rest[(end + 1)...]
      let line = tapLine
      tapLine.removeAll(keepingCapacity: true)
      try takeTapLine(line)
    }
    try require(rest.isEmpty, "whole lines of the promised shape", "the tap's stream ends in the middle of a line")
  }

  private func takeTapLine(_ bytes: [UInt8]) throws(Violation) {
    trace("tap \(String(decoding: bytes.prefix(400), as: UTF8.self))")
    let line = try ReadLine(bytes)
    let seq: UInt64
    switch line {
    case .hello(let seq):
      tapIsGreeted = true
      try archive.begin(helloSeq: seq)
      return try tap.model.read(bytes + [UInt8(ascii: "\n")])
    case .event(let event): seq = event.seq
    case .state(let number, _): seq = number
    case .stale(let number, let reason, _, let topics):
      if reason == "sequence" { try judgeBreak(topics ?? []) }
      if reason == "checksum" || reason == "crossed" { try judgeFault(topics ?? []) }
      guard let number else { throw Violation("every number is given to one line", "the tap was told apart from the log") }
      seq = number
    case .gap: throw Violation("a steady reader has no gap", String(decoding: bytes, as: UTF8.self))
    case .goodbye: return archive.end()
    case .answer(let root): return tapAnswered(root)
    case .orders: throw Violation("only what was asked for", "the tap got a stage of an order")
    }
    if plan.account != nil { archive.skip(to: seq) }
    try rest.tokens.check(bytes[...], "the tap")
    try require(tapIsGreeted, "hello comes first", String(decoding: bytes, as: UTF8.self))
    if seq > archive.lastSeq {
      try require(
        seq == archive.lastSeq + 1, "every number is given to one line",
        "\(seq) after \(archive.lastSeq): \(String(decoding: bytes.prefix(300), as: UTF8.self))")
      try archive.append(bytes, line)
    }
    try tap.model.read((bytes + [UInt8(ascii: "\n")])[...])
  }

  /// A book is given up only if it did not verify.
  private func judgeFault(_ topics: [TopicName]) throws(Violation) {
    for book in Set(topics.filter(\.channel.hasDepth).map { TopicName($0.channel, $0.symbol) }) {
      booksGivenUp[book, default: 0] += 1
      let faults = models[Int(book.channel.link.rawValue)].bookFaults[book.symbol] ?? 0
      try require(
        booksGivenUp[book] ?? 0 <= faults, "a book fails for a reason",
        "\(book): given up, but every message verifies")
    }
  }

  // MARK: After every turn

  func judgeTurn() throws(Violation) {
    if turns % 64 == 0 { try judgeMemory() }
    for index in archive.takeTouched() { try judge(index) }
    var touched = models[0].takeTouched()
    for index in models.indices.dropFirst() { touched.formUnion(models[index].takeTouched()) }
    guard !touched.isEmpty else { return }
    let isAll = touched.contains("*")
    for index in archive.topics.indices where isAll || touched.contains(archive.topics[index].name.symbol) {
      try judge(index)
    }
  }

  /// Whatever is not marked says what Kraken has said.
  private func judge(_ index: Int) throws(Violation) {
    let topic = archive.topics[index]
    guard topic.isLive else { return }
    switch models[Int(topic.name.channel.link.rawValue)].truth(topic.name) {
    case .digest(let digest):
      try require(
        digest == topic.state.digest, "live data are Kraken's",
        "\(topic.name) at seq \(topic.lastSeq ?? 0) is not what Kraken has said")
    case .nothing(let why):
      throw Violation("nothing is live without data", "\(topic.name) at seq \(topic.lastSeq ?? 0): \(why)")
    }
  }

  // MARK: In the end

  /// What still keeps the world from being well, or nil.
  func whyUnsettled() -> String? {
    guard isCalm else { return "there is trouble" }
    for reader in readers {
      if let why = whyUnsettled(reader) { return "\(reader.model.name): \(why)" }
    }
    if hasLostMessages, let symbol = unverifiedBook { return "no message has shown yet whether book \(symbol) misses one" }
    for name in LinkName.allCases where name == .public || plan.account != nil {
      let link = link(name)
      let wanted = wantedUpstream(name)
      if wanted.isEmpty, !link.isOpen { continue }
      guard link.isOpen, !link.isDead, let connection = link.connection else { return "there is no connection \(name.text)" }
      let asked = exchange.subscriptions(of: connection)
      guard asked == wanted else { return "subscribed are \(asked), wanted \(wanted)" }
    }
    return whyAccountUnsettled()
  }

  /// A live book of which nothing was heard since the last message that may have been lost: a loss shows in the
  /// checksum of the next message.
  private var unverifiedBook: String? {
    archive.topics.first {
      $0.isLive && $0.name.channel.hasDepth
        && (models[Int($0.name.channel.link.rawValue)].bookHeardAt[$0.name.symbol] ?? 0) <= lossesEnd
    }?.name.symbol
  }

  private func whyUnsettled(_ reader: Reader) -> String? {
    guard let socket = reader.socket, !socket.isOrphan else { return "not connected" }
    guard reader.hasAsked else { return "has not asked yet" }
    guard reader.model.requests.isIdle else { return "waits for answers \(reader.model.requests.open)" }
    guard socket.unread == 0, socket.parked.isEmpty, !reader.model.isMidLine else {
      return "has \(socket.unread) bytes unread, \(socket.parked.count) parked, mid-line \(reader.model.isMidLine)"
    }
    for topic in reader.expected {
      let index = archive.index(of: topic)
      guard reader.model.follows[index]?.isAsked ?? false || reader.model.followsEverything else {
        return "does not follow \(topic)"
      }
      guard archive.topics[index].isLive else { return "\(topic) is not live" }
    }
    for (index, topic) in archive.topics.enumerated() where reader.model.isFollowing(index, topic.name) {
      let follow = reader.model.follows[index]
      let knowsLive = follow?.phase == .live || follow?.phase == .blind
      if topic.isLive != knowsLive { return "\(topic.name) is \(topic.isLive ? "live" : "not live"), but it knows \(follow.map { "\($0.phase)" } ?? "nothing")" }
      if topic.isLive, follow?.last != topic.lastSeq, follow?.phase != .blind { return "\(topic.name) lags" }
    }
    return nil
  }

  /// What Kraken should be asked for, as the exchange describes it. Who trades is told of executions in any case.
  private func wantedUpstream(_ link: LinkName) -> [String] {
    var names: Set<UpstreamTopicName> = []
    if link != .level3 { names.insert(UpstreamTopicName(link == .public ? .instrument : .executions, "")) }
    var depths: [String: Int] = [:]
    for topic in readers.flatMap(\.expected) + plan.pinnedTopics {
      guard topic.channel.link == link, let name = UpstreamTopicName(topic) else { continue }
      if name.channel.hasDepth {
        depths[name.symbol] = max(depths[name.symbol] ?? 0, name.parameter)
      } else {
        names.insert(name)
      }
    }
    for (symbol, depth) in depths { names.insert(UpstreamTopicName(link == .public ? .book : .level3, symbol, parameter: depth)) }
    return names.map(\.description).sorted()
  }

  /// The market stands still, and everything is delivered.
  /// - Returns: whether everything is still well then; if not, the market goes on.
  func standStill() throws(Violation) -> Bool {
    isFrozen = true
    // With the heartbeat that did not come any more, less than the silence of a dead connection.
    let end = now + 3 * .second
    agenda.plan(.look, at: end)
    while now < end { try step() }
    isFrozen = whyUnsettled() == nil
    return isFrozen
  }

  /// What readers have is compared with the exchange itself.
  func judgeTheEnd() throws(Violation) {
    for reader in readers + [tap] {
      for (index, follow) in reader.model.follows where follow.phase == .live {
        let topic = archive.topics[index].name
        guard let book = follow.book, let truth = exactBook(of: topic) else { continue }
        // A lost message cannot be noticed below the ten best levels.
        let depth = hasLostMessages ? min(10, topic.parameter) : topic.parameter
        try require(
          book.digest(depth: depth) == truth.digest(depth: depth), "books are the exchange's own",
          "\(reader.model.name) \(topic)")
      }
    }
    try judgeTheAccount()
    guard !hasLostMessages else { return }
    for topic in archive.topics where topic.isLive && topic.name.channel == .trade {
      guard case .series(let series) = topic.state else { continue }
      try require(
        series.items.last.map { Int64($0.key) } == exchange.lastTrade(of: topic.name.symbol)?.id,
        "the last trade is the exchange's own", "\(topic.name)")
    }
  }

  private func exactBook(of topic: TopicName) -> ReplayedBook? {
    guard topic.channel == .book, let sides = exchange.book(of: topic.symbol) else { return nil }
    var book = ReplayedBook(depth: topic.parameter)
    for (isBid, levels) in [(true, sides.bids), (false, sides.asks)] {
      for level in levels.prefix(topic.parameter) {
        guard let price = ReplayedBook.digits(Array(level.price.utf8)[...]),
          let quantity = ReplayedBook.digits(Array(level.quantity.utf8)[...])
        else { return nil }
        book.set(isBid: isBid, .init(price: price, quantity: quantity))
      }
    }
    return book
  }

  // MARK: Memory

  /// What one answer, or the answers to one request, may come to beyond the limit that stops further requests.
  private static let answerSlack = 256 << 10

  func judgeMemory() throws(Violation) {
    let held = bridge.heldBytes
    let limits = plan.limits
    try require(
      held.ring <= max(limits.ringBytes, 2 * limits.lineBytesMax)
        && held.answersMax <= limits.answerBytesMax + Self.answerSlack
        && held.inputMax <= limits.requestBytesMax + Self.answerSlack,
      "memory is bounded", "\(held)")
    for reader in readers {
      guard let socket = reader.socket else { continue }
      try require(
        socket.parkedMax <= limits.lineBytesMax + Self.answerSlack, "memory is bounded",
        "\(reader.model.name) has \(socket.parkedMax) bytes parked")
    }
  }
}
