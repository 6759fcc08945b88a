// The counters in Prometheus text format. Names are stable: dashboards are built on them.

import FanOut
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  func metricsText(now: Moment) -> String {
    var text = MetricsText()
    for upstream in upstreams where upstream.isEnabled { write(upstream, to: &text) }
    text.gauge("kraken_bridge_attempts_left", "Connection attempts left in the budget.", [],
      UInt64(budget.attemptsLeft(now: now)))
    let counts = topicCounts
    for state in TopicCondition.allCases {
      text.gauge("kraken_bridge_topics", "Topics by state.", [("state", "\(state.text)")],
        UInt64(counts[state, default: 0]))
    }
    text.gauge("kraken_bridge_subscribers", "Connections.", [], UInt64(connections.count))
    text.counter("kraken_bridge_lines_published_total", "Lines put into the log.", [], publishedLines)
    text.counter("kraken_bridge_lines_delivered_total", "Lines written to subscribers.", [], fanOut.statistics.lines)
    text.counter("kraken_bridge_bytes_delivered_total", "Bytes written to subscribers.", [], fanOut.statistics.bytes)
    text.counter("kraken_bridge_writes_total", "Write calls.", [], fanOut.statistics.writes)
    text.counter("kraken_bridge_blocked_total", "Writes that met a full socket.", [], fanOut.statistics.blocks)
    text.counter("kraken_bridge_gaps_total", "Gaps told to slow readers.", [], fanOut.statistics.gaps)
    text.counter("kraken_bridge_lines_dropped_total", "Lines slow readers missed.", [], fanOut.statistics.dropped)
    text.gauge("kraken_bridge_ring_bytes_used", "Bytes of lines in the log.", [], UInt64(fanOut.status.heldBytes))
    for (reason, count) in departures.countByReason.sorted(by: { $0.key < $1.key }) {
      text.counter("kraken_bridge_departures_total", "Connections that ended.", [("reason", reason)], count)
    }
    text.gauge("kraken_bridge_last_seq", "The newest sequence number.", [], fanOut.lastSeq)
    text.gauge("kraken_bridge_resident_bytes", "Resident memory.", [], UInt64(residentBytes))
    return text.text
  }

  private func write(_ upstream: Upstream, to text: inout MetricsText) {
    let status = upstream.session.status
    let name = [("upstream", upstream.name.text)]
    text.gauge("kraken_bridge_upstream_online", "1 while the upstream is online.", name, upstream.state == .online ? 1 : 0)
    text.counter(
      "kraken_bridge_upstream_messages_total", "Messages received from Kraken.", name, UInt64(status.messages))
    text.counter("kraken_bridge_upstream_bytes_total", "Bytes of messages received.", name, UInt64(status.bytes))
    text.counter(
      "kraken_bridge_upstream_reconnects_total", "Connections after the first.", name, UInt64(status.reconnects))
    text.counter(
      "kraken_bridge_upstream_garbage_total", "Messages that were not understood.", name, UInt64(status.garbage))
    guard let roundTrip = status.roundTrip else { return }
    text.gauge(
      "kraken_bridge_upstream_round_trip_microseconds", "Last ping's round trip.", name,
      UInt64(max(0, roundTrip / 1000)))
  }
}

struct MetricsText {
  private(set) var text = ""
  private var described: Set<String> = []

  mutating func gauge(_ name: String, _ help: String, _ labels: [(String, String)], _ value: UInt64) {
    add(name, "gauge", help, labels, value)
  }

  mutating func counter(_ name: String, _ help: String, _ labels: [(String, String)], _ value: UInt64) {
    add(name, "counter", help, labels, value)
  }

  private mutating func add(
    _ name: String, _ type: String, _ help: String, _ labels: [(String, String)], _ value: UInt64
  ) {
    if described.insert(name).inserted { text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n" }
    let labelText = labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
    text += name + (labelText.isEmpty ? "" : "{\(labelText)}") + " \(value)\n"
  }
}
