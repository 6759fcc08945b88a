// What readers do besides reading, each after its manner.

import BridgeCore
import FanOut

extension World {
  func act(_ reader: Reader, _ generation: Int) {
    guard generation == reader.generation, let socket = reader.socket, !socket.isOrphan else { return }
    guard reader.hasAsked else {
      reader.hasAsked = true
      askForAll(reader)
      if reader.manner == .halfClosing, !isCalm { halfClose(reader, socket) }
      return planAct(reader, reader.later.isEmpty ? manners.time(100 * .millisecond, 2 * .second) : 0)
    }
    if !reader.later.isEmpty, isCalm || !manners.onceIn(10) {
      subscribe(reader, reader.later.removeFirst())
      return planAct(reader, manners.time(0, 40 * .millisecond))
    }
    guard !isCalm else { return }
    switch reader.manner {
    case .resuming:
      leave(reader)
      planConnect(reader, manners.time(0, 300 * .millisecond))
      return
    case .quitting, .storming:
      if manners.onceIn(3) {
        leave(reader)
        planConnect(reader, reader.manner == .storming ? 5 * .second - now % (5 * .second) : manners.time(0, 3 * .second))
        return
      }
    case .pausing:
      if manners.onceIn(3) { reader.stoppedUntil = now + manners.time(.second / 2, 40 * .second) }
    case .flooding: if reader.model.requests.open.count < 200 { flood(reader) }
    case .fickle: changeMind(reader)
    default: break
    }
    if !socket.isHalfClosed, manners.onceIn(4) { askSomething(reader) }
    if reader.role == .trader { trade(reader) }
    planAct(reader, nextAct(reader))
  }

  private func nextAct(_ reader: Reader) -> Int64 {
    switch reader.manner {
    case _ where reader.role == .trader: manners.time(20 * .millisecond, 1500 * .millisecond)
    case .resuming: manners.time(200 * .millisecond, 500 * .millisecond)
    case .fickle, .flooding: manners.time(50 * .millisecond, 2 * .second)
    default: manners.time(.second / 2, 5 * .second)
    }
  }

  // MARK: Subscribing

  /// Everything it wants, in as few requests as a program would use, or one by one.
  func askForAll(_ reader: Reader) {
    for wildcard in reader.wildcards {
      let id = reader.model.asks(.init(kind: .subscribe, wildcard: wildcard, sentAt: now))
      ask(reader, RequestText.wildcard("subscribe", wildcard, id: id))
    }
    guard reader.model.resumesByTopic else { return subscribe(reader, reader.wants) }
    reader.later = reader.wants.map { [$0] }
  }

  func subscribe(_ reader: Reader, _ topics: [TopicName]) {
    var rest = topics
    while let first = rest.first {
      // Only who knows a topic can go on with it.
      let since = reader.model.since(first)
      let batch = rest.filter {
        $0.channel == first.channel && $0.parameter == first.parameter && $0.isBBO == first.isBBO
          && reader.model.since($0) == since && $0.form == first.form
      }
      rest.removeAll { batch.contains($0) }
      let snapshot = since != nil || !manners.onceIn(20)
      let id = reader.model.asks(
        .init(kind: .subscribe, topics: batch, expected: batch.count, resumes: since != nil, sentAt: now),
        snapshot: snapshot)
      ask(reader, RequestText.topics(
        "subscribe", batch, id: id, snapshot: snapshot, since: since, disconnects: reader.manner == .strict))
    }
  }

  /// What it wants and does not have, because it was refused or changed its mind.
  func askForTheRest(_ reader: Reader) {
    guard reader.hasAsked, reader.later.isEmpty, let socket = reader.socket, !socket.isHalfClosed, !socket.isOrphan, reader.model.requests.isIdle
    else { return }
    let missing = reader.wants.filter { !(reader.model.follows[archive.index(of: $0)]?.isAsked ?? false) }
    if !missing.isEmpty { subscribe(reader, missing) }
    for wildcard in reader.wildcards where !reader.model.wildcards.contains(wildcard) {
      let id = reader.model.asks(.init(kind: .subscribe, wildcard: wildcard, sentAt: now))
      ask(reader, RequestText.wildcard("subscribe", wildcard, id: id))
    }
  }

  private func changeMind(_ reader: Reader) {
    guard !reader.wants.isEmpty, reader.model.requests.isIdle else { return }
    let topic = manners.pick(reader.wants)
    if reader.model.follows[archive.index(of: topic)]?.isAsked ?? false {
      let id = reader.model.asks(.init(kind: .unsubscribe, topics: [topic], sentAt: now))
      ask(reader, RequestText.topics("unsubscribe", [topic], id: id))
    } else {
      subscribe(reader, [topic])
    }
  }

  private func halfClose(_ reader: Reader, _ socket: SimulatedSocket) {
    socket.isHalfClosed = true
    trace("\(reader.model.name) shuts down its writing side")
    if socket.outbox.isEmpty { agenda.plan(.halfClosed(socket.id, life: life), at: now) }
  }

  // MARK: Other requests

  private func askSomething(_ reader: Reader) {
    switch manners.below(7) {
    case 0: plain(reader, "ping")
    case 1: plain(reader, manners.pick(["status", "topics", "subscriptions", "help", "metrics"]))
    case 2:
      let id = reader.model.asks(.init(kind: .broken, sentAt: now))
      ask(reader, manners.pick([
        "{\"method\":\"nonsense\",\"req_id\":\(id)}\n", "{\"method\":\"subscribe\",\"req_id\":\(id)}\n",
        "{\"method\":\"subscribe\",\"params\":{\"channel\":\"tickr\",\"symbol\":[\"BTC/USD\"]},\"req_id\":\(id)}\n",
        "{\"method\":\"subscribe\",\"params\":{\"channel\":\"book\",\"symbol\":[\"BTC/USD\"],\"depth\":11},\"req_id\":\(id)}\n",
        "{\"method\":\"add_order\",\"params\":{},\"req_id\":\(id)}\n", "{\"method\":\"clients\",\"req_id\":\(id)}\n",
      ]))
    case 3:
      reader.model.requests.anonymous += 1
      ask(reader, manners.pick(["{\n", "nonsense\n", "\u{1}\n", "ping\r\n", "{\"method\":\"ping\"}\n", "[1,2]\n", "help\n"]))
    default:
      let topic = reader.wants.first { $0.channel != .status } ?? TopicName(.ticker, "BTC/USD")
      let id = reader.model.asks(.init(kind: .snapshot, topics: [topic], sentAt: now))
      ask(reader, RequestText.topics("snapshot", [topic], id: id, alone: manners.onceIn(2)))
    }
  }

  private func plain(_ reader: Reader, _ method: String) {
    let id = reader.model.asks(.init(kind: .plain, sentAt: now))
    ask(reader, RequestText.plain(method, id: id))
  }

  /// Requests by the hundred, and no answer read for a while.
  private func flood(_ reader: Reader) {
    reader.stoppedUntil = now + manners.time(100 * .millisecond, 10 * .second)
    for _ in 0..<manners.within(1...100) { plain(reader, manners.pick(["ping", "status", "topics", "help"])) }
  }
}
