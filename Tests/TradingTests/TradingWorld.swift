// Clients, a desk, a wire that can be cut, and the Kraken model, driven by one seed.

import BridgeWire
import JSONText
import KrakenWire
import MarketData
import Testing

@testable import Trading

struct TradingWorld {
  enum Event {
    case place(client: Int, String)
    case arrive(String, connection: Int)
    case deliver(String, connection: Int)
    case cut
    case reconnect
    /// Executions are lost for a while.
    case gap
    case begin(connection: Int)
    case rest(UInt64, path: String, form: String)
  }

  struct Placed {
    var client: HolderID
    var answers = 0
    var stages: [String] = []
    var fills: [String] = []
    var name: String?
    var orderID: String?
  }

  var desk = OrderDesk(configuration: .trading, seed: 7)
  var kraken: KrakenModel
  var chance: Chance
  var now = Moment(monotonic: 0, wall: 1_790_000_000_000_000_000)
  var connection = 0
  var isConnected = false
  /// Kraken sends no snapshots; reports before the executions begin are lost.
  var coversAllUsers = false
  private var isFollowing = true
  var restFailureOdds = 0
  private var agenda: [(at: Int64, event: Event)] = []
  /// By the client's req_id.
  var placed: [String: Placed] = [:]
  var problems: [String] = []

  init(seed: UInt64, coversAllUsers: Bool = false) {
    self.coversAllUsers = coversAllUsers
    chance = Chance(state: seed)
    kraken = KrakenModel(chance: Chance(state: seed ^ 0xABCD))
    reconnect()
  }

  mutating func schedule(_ event: Event, in milliseconds: Int) {
    let time = now.monotonic + Int64(milliseconds) * 1_000_000
    // The next to happen is the last; what comes at the same time happens in the order of scheduling.
    var (low, high) = (0, agenda.count)
    while low < high {
      let middle = (low + high) / 2
      if agenda[middle].at > time { low = middle + 1 } else { high = middle }
    }
    agenda.insert((time, event), at: low)
  }

  /// Runs until nothing is left to happen.
  mutating func run() {
    for _ in 0..<2_000_000 {
      let next = agenda.last?.at
      let deadline = desk.nextDeadline
      guard next != nil || deadline != nil else { return }
      if let deadline, deadline <= next ?? .max {
        advance(to: deadline)
        perform(desk.deadlineReached(now: now))
      } else {
        let entry = agenda.removeLast()
        advance(to: entry.at)
        carryOut(entry.event)
      }
    }
    problems.append("it never ends")
  }

  private mutating func advance(to time: Int64) {
    now = now.advanced(by: .nanoseconds(max(time - now.monotonic, 0)))
  }

  private mutating func reconnect() {
    isConnected = true
    connection += 1
    perform(desk.upstreamReady(token: Secret("TOKEN"), now: now))
    guard !coversAllUsers else { return stopFollowing() }
    let items = kraken.snapshot(wall: now.wall)
    perform(parsed("[\(items.joined(separator: ","))]") { desk.snapshotTaken($0.elements, now: now) })
  }

  private mutating func stopFollowing() {
    isFollowing = false
    schedule(.begin(connection: connection), in: Int.random(in: 1...10, using: &chance))
  }

  private mutating func carryOut(_ event: Event) {
    switch event {
    case .place(let client, let params): place(client, params)
    case .arrive(let text, let sentOn):
      // What Kraken has received is done even if the wire is cut the next moment.
      guard sentOn == connection, isConnected else { return }
      for (after, message) in kraken.receive(text, wall: now.wall) {
        schedule(.deliver(message, connection: connection), in: after + 1)
      }
    case .deliver(let text, let sentOn):
      guard sentOn == connection, isConnected else { return }
      if member(text, "method") != nil {
        perform(parsed(text) { desk.answered($0, now: now) })
      } else if isFollowing {
        perform(parsed(text) { desk.executed($0, now: now) })
      }
    case .cut:
      guard isConnected else { return }
      isConnected = false
      perform(desk.upstreamLost(now: now))
      schedule(.reconnect, in: Int.random(in: 1...20_000, using: &chance))
    case .reconnect: reconnect()
    case .gap: if isConnected, isFollowing { stopFollowing() }
    case .begin(let begun):
      guard begun == connection, isConnected else { return }
      isFollowing = true
      perform(desk.beganWithoutSnapshot(now: now))
    case .rest(let id, let path, let form):
      if restFailureOdds > 0, chance.one(in: restFailureOdds) {
        perform(desk.queryAnswered(id, nil, error: "EAPI:Rate limit exceeded", now: now))
      } else {
        let answer = kraken.rest(path, form)
        perform(parsed(answer) { desk.queryAnswered(id, $0, error: nil, now: now) })
      }
    }
  }

  private mutating func place(_ client: Int, _ params: String) {
    let id = "\(placed.count)"
    let holder = HolderID(UInt64(client))
    let head = AnswerHead(method: "add_order", requestID: id, timeIn: now.wall)
    let outcome = parsed(params) { root in
      Result { () throws(RequestFault) in
        try desk.request(head, params: root, from: holder, now: now, price: { _, _ in nil })
      }
    }
    switch outcome {
    case .success(let actions):
      placed[id] = Placed(client: holder)
      perform(actions)
    case .failure(let fault):
      if fault.code != .upstreamOffline || isConnected { problems.append("refused: \(fault.message)") }
    }
  }

  private mutating func perform(_ actions: [DeskAction]) {
    for action in actions {
      switch action {
      case .send(let bytes): schedule(.arrive(String(decoding: bytes, as: UTF8.self), connection: connection), in: 1)
      case .answer(let holder, let line): note(answer: String(decoding: line, as: UTF8.self), to: holder)
      case .stage(let holder, _, _, let data): note(stage: String(decoding: data, as: UTF8.self), to: holder)
      case .query(let id, let path, let form): schedule(.rest(id, path: path, form: form), in: 20)
      case .renewToken, .log: break
      }
    }
  }

  private mutating func note(answer line: String, to holder: HolderID) {
    let id = member(line, "req_id")!
    placed[id]!.answers += 1
    if placed[id]!.client != holder { problems.append("answer \(id) went to another client") }
  }

  private mutating func note(stage data: String, to holder: HolderID) {
    let id = member(data, "req_id")!
    if placed[id]!.client != holder { problems.append("a stage of \(id) went to another client") }
    placed[id]!.stages.append(member(data, "stage")!)
    if let fill = member(data, "exec_id") { placed[id]!.fills.append(fill) }
    if let orderID = member(data, "order_id") {
      if let known = placed[id]!.orderID, known != orderID { problems.append("\(id) is \(known) and \(orderID)") }
      placed[id]!.orderID = orderID
    }
    placed[id]!.name = member(data, "cl_ord_id") ?? member(data, "order_userref")
  }

  /// What must hold of every order at the end.
  func check(wasEverCut: Bool) {
    #expect(problems == [])
    for (name, times) in kraken.timesReceived where !name.hasPrefix("shared") {
      #expect(times == 1, "\(name) was sent \(times) times")
    }
    for (id, order) in placed.sorted(by: { $0.key < $1.key }) {
      #expect(order.answers == 1, "request \(id) was answered \(order.answers) times")
      let truth = order.orderID.flatMap { kraken.orders[$0] }
      #expect(order.stages.first == "submitted")
      #expect(order.stages.last == truth?.trueStage ?? "rejected", "\(id): \(order.stages)")
      if truth == nil, let name = order.name, Int(name) == nil {
        #expect(
          kraken.timesReceived[name] == nil || kraken.refusedNames.contains(name), "\(id) was received: \(order.stages)"
        )
      }
      let ranks = order.stages.filter { $0 != "unknown" }.map { OrderStage(rawValue: $0)!.rank }
      #expect(ranks == ranks.sorted(), "\(id): \(order.stages)")
      #expect(Set(order.fills).count == order.fills.count, "\(id): a fill was told twice")
      guard !wasEverCut else { continue }
      #expect(!order.stages.contains("unknown"), "\(id): \(order.stages)")
      #expect(order.fills == truth?.fills ?? [], "\(id): fills")
      if truth != nil {
        #expect(Array(order.stages.prefix(3)) == ["submitted", "accepted", "pending"], "\(id): \(order.stages)")
      }
      for stage in Set(order.stages).subtracting(["partially_filled"]) {
        #expect(order.stages.count { $0 == stage } == 1, "\(id): \(stage) twice")
      }
    }
  }
}
