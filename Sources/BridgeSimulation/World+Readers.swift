// Readers and their sockets: who connects, asks, reads, stops, floods, leaves and comes back.

import BridgeCore
import FanOut
import MarketData

extension World {
  // MARK: The cast

  func makeReaders() {
    for index in 0..<plan.readerCount {
      let manner = manners.pick(Reader.Manner.allCases)
      let reader = Reader(
        index: index, manner: manner, archive: archive, keepsMemory: manner == .resuming,
        resumesByTopic: manner == .resuming && manners.onceIn(2))
      chooseWants(reader)
      behave(reader)
      readers.append(reader)
      planConnect(reader, manner == .storming ? 3 * .second : manners.time(0, 5 * .second))
    }
    if let account = plan.account { makeAccountReaders(account) }
  }

  private func makeAccountReaders(_ account: AccountPlan) {
    for index in plan.readerCount..<plan.readerCount + account.traders + account.followers {
      let role: Reader.Role = index < plan.readerCount + account.traders ? .trader : .follower
      let manner = manners.pick(role == .trader ? Self.tradersManners : Self.followersManners)
      let reader = Reader(
        index: index, manner: manner, role: role, archive: archive, register: register,
        keepsMemory: manner == .resuming, resumesByTopic: manner == .resuming && manners.onceIn(2))
      let symbols = exchange.instruments.map(\.symbol)
      reader.wants = Self.accountTopics.filter { _ in manners.onceIn(role == .trader ? 4 : 2) }
      if manners.onceIn(2) { reader.wants.append(randomTopic(symbols)) }
      if manners.onceIn(2) {
        let symbol = manners.pick(symbols)
        for depth in manners.pick([[10], [100], [10, 100]]) { reader.wants.append(TopicName(.level3, symbol, parameter: depth)) }
      }
      if reader.wants.isEmpty { reader.wants = [manners.pick(Self.accountTopics)] }
      behave(reader)
      readers.append(reader)
      planConnect(reader, manners.time(0, 5 * .second))
    }
  }

  private static let tradersManners: [Reader.Manner] = [.steady, .steady, .slow, .pausing, .quitting, .flooding]
  private static let followersManners: [Reader.Manner] = [
    .steady, .slow, .pausing, .quitting, .storming, .resuming, .fickle,
  ]
  private static let accountTopics: [TopicName] = [
    TopicName(.executions), TopicName(.executions, form: .merged), TopicName(.executions, form: [.withFills, .withRate]),
    TopicName(.executions, form: [.withoutOrders, .milestonesOnly]), TopicName(.openOrders), TopicName(.ownTrades),
    TopicName(.balances),
  ]

  private func chooseWants(_ reader: Reader) {
    let symbols = exchange.instruments.map(\.symbol)
    switch reader.manner {
    case .everything, .preset: break
    case .wildcard:
      let all: [ReaderModel.Wildcard] = [
        .init(channel: .ticker), .init(channel: .book), .init(channel: .trade), .init(channel: .ohlc, parameter: 1),
        .init(channel: .book, parameter: plan.depths[0]), .init(channel: .spread), .init(channel: .instrument),
      ]
      reader.wildcards = all.filter { _ in manners.onceIn(3) }
      if reader.wildcards.isEmpty { reader.wildcards = [all[0]] }
    case .deep:
      let symbol = manners.pick(symbols)
      reader.wants = plan.depths.map { TopicName(.book, symbol, parameter: $0) }
    default:
      for _ in 0..<manners.within(1...5) {
        let topic = randomTopic(symbols)
        if !reader.wants.contains(topic) { reader.wants.append(topic) }
      }
    }
  }

  private func randomTopic(_ symbols: [String]) -> TopicName {
    let symbol = manners.pick(symbols)
    switch manners.below(12) {
    case 0..<5: return TopicName(.book, symbol, parameter: manners.pick(plan.depths))
    case 5: return TopicName(.ticker, symbol)
    case 6: return TopicName(.ticker, symbol, isBBO: true)
    case 7: return TopicName(.spread, symbol)
    case 8: return TopicName(.trade, symbol)
    case 9: return TopicName(.ohlc, symbol, parameter: manners.pick([1, 5]))
    case 10: return TopicName(.instrument, symbol)
    default: return TopicName(.status)
    }
  }

  /// How fast it reads; in the calm everybody is well-behaved.
  func behave(_ reader: Reader) {
    reader.readBytes = 1 << 20
    reader.readPause = manners.time(0, 5 * .millisecond)
    reader.stoppedUntil = 0
    if isCalm {
      reader.readPause = manners.time(0, 500 * .microsecond)
      if let socket = reader.socket { planRead(reader, socket) } else { planConnect(reader, 0) }
      return
    }
    switch reader.manner {
    case .slow, .strict:
      reader.readBytes = manners.within(1...600)
      reader.readPause = manners.time(5 * .millisecond, 900 * .millisecond)
    case .steady: reader.readPause = 0
    default: break
    }
  }

  // MARK: Connecting

  func planConnect(_ reader: Reader, _ delay: Int64) {
    guard !reader.connectPlanned, reader.index >= 0 else { return }
    reader.connectPlanned = true
    agenda.plan(.connect(reader: reader.index), at: now + delay)
  }

  func connect(_ reader: Reader) throws(Violation) {
    reader.connectPlanned = false
    guard reader.socket == nil else { return }
    let peer = Peer(uid: UInt32(1000 + reader.index % 3), gid: 1000, pid: Int32(100 + reader.index))
    switch bridge.subscriberConnected(listener: reader.listener, peer: peer, now: moment) {
    case .accepted(let id): attach(reader, id)
    case .refused(let line):
      reader.model.connected(keepsMemory: reader.keepsMemory)
      try reader.model.read(line[...])
      try require(reader.model.farewell == "limit", "refusals say why", "\(reader.model.name)")
      planConnect(reader, manners.time(.second / 2, 3 * .second))
    }
  }

  private func attach(_ reader: Reader, _ id: SubscriberID) {
    let socket = SimulatedSocket(id: id, capacity: kernel.within(plan.socketBytes))
    reader.socket = socket
    reader.generation += 1
    reader.hasAsked = false
    reader.later = []
    readerOf[id] = reader
    reader.model.connected(keepsMemory: reader.keepsMemory)
    reader.model.followsEverything = reader.listener == SimulationPlan.feedListener
    if reader.listener == SimulationPlan.presetListener {
      for topic in SimulationPlan.presetTopics {
        reader.model.follows[archive.index(of: topic), default: .init()].isAsked = true
      }
    }
    trace("\(reader.model.name) connects as \(id.slot).\(id.generation), \(socket.capacity) bytes")
    planAct(reader, reader.keepsMemory ? manners.time(0, 30 * .millisecond) : manners.time(0, 500 * .millisecond))
  }

  func connectTap() throws(Violation) {
    let peer = Peer(uid: SimulationPlan.tapUID, gid: 990, pid: 1)
    guard case .accepted(let id) = bridge.subscriberConnected(listener: SimulationPlan.tapListener, peer: peer, now: moment)
    else { throw Violation("the tap is let in", "refused") }
    tap.socket = SimulatedSocket(id: id, capacity: .max)
    readerOf[id] = tap
    tap.model.connected(keepsMemory: false)
    tap.model.followsEverything = true
    tapLine = []
    tapIsGreeted = false
  }

  /// Leaves without a word; what it had not read is lost.
  func leave(_ reader: Reader) {
    guard let socket = reader.socket else { return }
    trace("\(reader.model.name) leaves with \(socket.unread) bytes unread")
    socket.isClosedByReader = true
    agenda.plan(.gone(socket.id, life: life), at: now + kernel.time(0, 2 * .millisecond))
    reader.socket = nil
    reader.generation += 1
  }

  // MARK: Sockets

  func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
    guard let reader = readerOf[id], let socket = reader.socket, socket.id == id, !socket.isClosedByReader else {
      return .closed
    }
    // A kernel may take less than would fit.
    let most = reader !== tap && kernel.onceIn(50) ? kernel.below(bytes.count + 1) : bytes.count
    let count = socket.write(bytes, at: most)
    written.append(reader)
    return .wrote(count)
  }

  func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) {
    guard let reader = readerOf[id], let socket = reader.socket, socket.id == id else { return }
    socket.park(remainder)
    written.append(reader)
    tellWritable(socket)
  }

  func tellWritable(_ socket: SimulatedSocket) {
    guard socket.owesWritable else { return }
    socket.owesWritable = false
    guard !socket.isOrphan else { return }
    agenda.plan(.writable(socket.id, life: life), at: now + kernel.time(0, .millisecond))
  }

  // MARK: Reading

  func planReads() {
    for reader in written where reader !== tap {
      if let socket = reader.socket { planRead(reader, socket) }
    }
    for reader in readers {
      guard let socket = reader.socket, socket.isClosedByBridge, !socket.isReadPlanned else { continue }
      planRead(reader, socket)
    }
    written.removeAll(keepingCapacity: true)
  }

  func planRead(_ reader: Reader, _ socket: SimulatedSocket) {
    guard !socket.isReadPlanned else { return }
    socket.isReadPlanned = true
    let at = max(now + reader.readPause, reader.stoppedUntil)
    agenda.plan(.read(reader: reader.index, generation: reader.generation), at: at)
  }

  func read(_ reader: Reader, _ generation: Int) throws(Violation) {
    guard generation == reader.generation, let socket = reader.socket else { return }
    socket.isReadPlanned = false
    guard now >= reader.stoppedUntil else { return planRead(reader, socket) }
    // In the calm a reader goes on until nothing is left, however small its buffer.
    repeat {
      let bytes = socket.read(reader.readBytes)
      note(bytes)
      if tracer != nil, !bytes.isEmpty {
        trace("\(reader.model.name) reads \(String(decoding: bytes.prefix(2000), as: UTF8.self))")
      }
      try reader.model.read(bytes)
    } while isCalm && socket.unread > 0
    tellWritable(socket)
    if socket.unread > 0 { return planRead(reader, socket) }
    if socket.isAtEnd { try ended(reader, socket) }
  }

  /// The bridge has closed and everything is read.
  private func ended(_ reader: Reader, _ socket: SimulatedSocket) throws(Violation) {
    trace("\(reader.model.name) is at the end: \(reader.model.farewell ?? "no goodbye")")
    try require(
      socket.isOrphan || !reader.model.isMidLine, "whole lines of the promised shape",
      "\(reader.model.name) was closed in the middle of a line")
    reader.socket = nil
    reader.generation += 1
    planConnect(reader, isCalm ? 100 * .millisecond : manners.time(10 * .millisecond, 3 * .second))
  }

  // MARK: Asking

  func ask(_ reader: Reader, _ text: String, whole: Bool = false) {
    guard let socket = reader.socket, !socket.isHalfClosed, !socket.isOrphan else { return }
    trace("\(reader.model.name) asks \(text.prefix(300))")
    socket.outbox.append(contentsOf: text.utf8)
    planInput(reader, socket, isWhole: whole)
  }

  private func planInput(_ reader: Reader, _ socket: SimulatedSocket, isWhole: Bool = false) {
    guard !socket.isInputPlanned else { return }
    socket.isInputPlanned = true
    agenda.plan(.input(reader: reader.index, generation: reader.generation), at: now + kernel.time(0, 2 * .millisecond))
  }

  func input(_ reader: Reader, _ generation: Int) {
    guard generation == reader.generation, let socket = reader.socket, !socket.isOrphan else { return }
    socket.isInputPlanned = false
    guard bridge.wantsInput(socket.id) else {
      guard !socket.outbox.isEmpty || socket.isHalfClosed else { return }
      socket.isInputPlanned = true
      let again = Event.input(reader: reader.index, generation: generation)
      return agenda.plan(again, at: now + 20 * .millisecond)
    }
    if !socket.outbox.isEmpty {
      let isWhole = reader.manner == .resuming || kernel.onceIn(2)
      let count = isWhole ? socket.outbox.count : kernel.within(1...socket.outbox.count)
      socket.outbox[..<count].withUnsafeBytes { bridge.subscriberReceived(socket.id, $0, now: moment) }
      socket.outbox.removeFirst(count)
    }
    if !socket.outbox.isEmpty {
      planInput(reader, socket)
    } else if socket.isHalfClosed {
      agenda.plan(.halfClosed(socket.id, life: life), at: now)
    }
  }

  func planAct(_ reader: Reader, _ delay: Int64) {
    agenda.plan(.act(reader: reader.index, generation: reader.generation), at: now + delay)
  }
}
