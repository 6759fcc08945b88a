// What the bridge says about itself: `status`, `topics`, `subscriptions`, `clients`, `metrics`, `help`.

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  func report(_ method: Request.Method, to connection: Connection, _ head: AnswerHead, now: Moment) {
    line.removeAll()
    Answer.result(&line, head, timeOut: now.wall) { result in
      result.object { out in
        switch method {
        case .status: writeStatus(&out, now: now)
        case .topics: writeTopics(&out)
        case .subscriptions: writeSubscriptions(&out, connection)
        case .clients: writeClients(&out, now: now)
        case .metrics: out.add("text", metricsText(now: now))
        default: writeHelp(&out)
        }
      }
    }
    send(to: connection.id)
  }

  // MARK: status

  private func writeStatus(_ out: inout JSONBytes, now: Moment) {
    out.add("version", configuration.version)
    out.add("pid", Int(configuration.pid))
    out.add("uptime_s", Int((now.monotonic - startedAt.monotonic) / 1_000_000_000))
    out.add("seq", fanOut.lastSeq)
    out.add("ready", !isShuttingDown)
    out.add("upstreams", objects: upstreams) { writeUpstream(&$0, $1, now: now) }
    if configuration.trading.isEnabled, configuration.hasCredentials {
      out.add("trading") { orders.desk.writeStatus(into: &$0, now: now) }
    }
    out.addObject("budget") { value in
      value.add("attempts_left", budget.attemptsLeft(now: now))
      value.add("attempts_max", budget.limit)
      value.add("window_s", Int(budget.window.components.seconds))
    }
    out.addObject("topics") { value in
      let counts = topicCounts
      for state in TopicCondition.allCases { value.add(state.text, counts[state, default: 0]) }
    }
    out.addObject("subscribers") { value in
      value.add("connected", connections.count)
      value.add("lagging", fanOut.status.behind)
      value.add("max_lag_bytes", connections.keys.compactMap { fanOut.status(of: $0)?.lagBytes }.max() ?? 0)
    }
    out.addObject("lines") { value in
      value.add("published", publishedLines)
      value.add("delivered", fanOut.statistics.lines)
      value.add("published_per_second", rates.publishedPerSecond)
      value.add("per_second", rates.deliveredPerSecond)
    }
    out.addObject("ring") { value in
      value.add("bytes", configuration.limits.ringBytes)
      value.add("used", fanOut.status.heldBytes)
      value.add("oldest_seq", fanOut.oldestSeq)
      value.add("newest_seq", fanOut.lastSeq)
    }
    out.addObject("memory") { value in
      value.add("resident_bytes", residentBytes)
    }
    out.add("departures", objects: departures.newestLast.reversed()) { out, departure in
      out.add("time", Timestamp.text(wall: departure.wall))
      out.add("reason", departure.reason)
      out.add("uid", Int(departure.peer.uid))
      out.add("pid", Int(departure.peer.pid))
      out.add("listener", departure.listener)
      out.add("lines", departure.lines)
    }
  }

  private func writeUpstream(_ out: inout JSONBytes, _ upstream: Upstream, now: Moment) {
    out.add("name", upstream.name.text)
    out.add("state", upstream.stateText)
    guard upstream.isEnabled else { return }
    let status = upstream.session.status
    if upstream.name != .public { out.add("wanted", upstream.isRunning) }
    out.add("url", configuration.url(of: upstream.name))
    out.add("reason", status.reason)
    out.add("attempt", status.attempt)
    out.add("retry_in", status.retryAt.map { Duration.nanoseconds(max(0, $0 - now.monotonic)) })
    if let since = status.connectedSince {
      out.add("since", Timestamp.text(wall: now.wall - (now.monotonic - since)))
      out.add("connected_s", Int((now.monotonic - since) / 1_000_000_000))
    }
    if let roundTrip = status.roundTrip {
      out.add("round_trip_ms") { $0.append(seconds: .nanoseconds(roundTrip) * 1000) }
    }
    out.add("system", status.system)
    if let id = status.connectionID { out.add("connection_id") { $0.append(bytesOf: id) } }
    out.add("messages", status.messages)
    out.add("bytes", status.bytes)
    out.add("discarded", status.discarded)
    out.add("garbage", status.garbage)
    out.add("unknown", status.unknown)
    out.add("rate_limited", status.rateLimited)
    out.add("reconnects", status.reconnects)
    out.addObject("subscriptions") { value in
      let counts = status.topics
      value.add("wanted", counts.wanted)
      value.add("asked", counts.asked)
      value.add("confirmed", counts.confirmed)
      value.add("live", counts.live)
      value.add("unsubscribing", counts.unsubscribing)
      value.add("paused", counts.paused)
      value.add("refused", counts.refused)
      value.add("quarantined", counts.quarantined)
    }
  }

  // MARK: topics

  enum TopicCondition: CaseIterable {
    case live, stale, pending, quarantined, refused

    var text: StaticString {
      switch self {
      case .live: "live"
      case .stale: "stale"
      case .pending: "pending"
      case .quarantined: "quarantined"
      case .refused: "refused"
      }
    }
  }

  private func condition(_ topic: Topic) -> TopicCondition {
    if topic.isLive { return .live }
    if let id = topic.upstream {
      switch upstream(of: topic).session.topicState(id)?.state {
      case .quarantined: return .quarantined
      case .refused: return .refused
      default: break
      }
    }
    guard let stale = topic.stale else { return .pending }
    return stale.reason == StaleReason.refused.rawValue ? .refused : .stale
  }

  var topicCounts: [TopicCondition: Int] {
    catalog.sorted.reduce(into: [:]) { $0[condition($1), default: 0] += 1 }
  }

  private func writeTopics(_ out: inout JSONBytes) {
    let bytesMax = configuration.limits.lineBytesMax
    out.add("topics", objects: catalog.sorted, bytesMax: bytesMax) { out, topic in
      out.add(topic.key)
      out.add("state", "\(condition(topic).text)")
      out.add("subscribers", fanOut.subscriberCount(of: topic.id))
      out.add("pinned", topic.isPinned)
      out.add("lines", topic.lines)
      out.add("last_seq", fanOut.lastSeq(of: topic.id))
      out.add("last_received", topic.lastReceivedWall == 0 ? nil : Timestamp.text(wall: topic.lastReceivedWall))
      out.add("failures", failures(of: topic))
      out.add("reason", topic.stale?.reason)
      out.add("error", topic.stale?.error)
    }
  }

  private func failures(of topic: Topic) -> Int {
    topic.upstream.flatMap { upstream(of: topic).session.topicState($0)?.failures } ?? 0
  }

  private func writeSubscriptions(_ out: inout JSONBytes, _ connection: Connection) {
    out.add("everything", connection.followsEverything)
    out.add("subscriptions") { value in
      value.list(connection.explicit.sorted().compactMap { catalog[TopicID(index: $0)] }) { $0.append(topic: $1.key) }
    }
    out.add("wildcards", objects: connection.wildcards) { out, topics in
      out.add("channel", topics.channel.rawValue)
      if !topics.symbols.isEmpty { out.add("symbol", "*") }
      if !topics.assets.isEmpty { out.add("asset", "*") }
      out.add("depth", topics.depth)
      out.add("interval", topics.interval)
      out.add("event_trigger", topics.eventTrigger)
    }
  }

  // MARK: clients

  private func writeClients(_ out: inout JSONBytes, now: Moment) {
    let bytesMax = configuration.limits.lineBytesMax
    out.add("clients", objects: connectionsInOrder, bytesMax: bytesMax) { out, connection in
      out.add("id", Int(connection.id.slot))
      out.add("listener", configuration.listeners[connection.listener].name)
      out.add("uid", Int(connection.peer.uid))
      out.add("gid", Int(connection.peer.gid))
      out.add("pid", Int(connection.peer.pid))
      out.add("connected_s", Int((now.monotonic - connection.connectedAt) / 1_000_000_000))
      out.add("everything", connection.followsEverything)
      if let status = fanOut.status(of: connection.id) {
        out.add("subscriptions", status.subscriptions)
        out.add("delivered_lines", status.statistics.lines)
        out.add("delivered_bytes", status.statistics.bytes)
        out.add("gaps", status.statistics.gaps)
        out.add("dropped_lines", status.statistics.dropped)
        out.add("blocked", status.isBlocked)
        out.add("lag_bytes", status.lagBytes)
        out.add("on_slow", status.policy == .disconnect ? "disconnect" : "resync")
      }
    }
  }

  // MARK: help

  private func writeHelp(_ out: inout JSONBytes) {
    out.add("text", Self.helpText)
    out.add("methods") { $0.list(Request.methods) { $0.append(quoted: $1) } }
    out.add("channels") { $0.list(BridgeChannel.allCases) { $0.append(quoted: $1.rawValue) } }
  }

  static let helpText = """
    subscribe CHANNEL SYMBOL… [depth=N] [interval=M] [event_trigger=bbo] [snapshot=false] [since=SEQ] [on_slow=disconnect]
    unsubscribe CHANNEL SYMBOL… [depth=N] [interval=M] [event_trigger=bbo]
    snapshot CHANNEL SYMBOL [depth=N] [interval=M]
    status, topics, subscriptions, clients, metrics, ping, help
    The same as JSON: {"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10},"req_id":1}
    """
}
