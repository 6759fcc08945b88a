// The daemon's `status` as a page for people. Keys that are missing leave their line out; keys this
// version does not know are listed at the end, so that an older kraken-ctl hides nothing of a newer
// daemon.

import KrakenBridgeClient

struct StatusReport {
  let status: JSON
  let style: Style

  private static let known: Set<String> = [
    "version", "pid", "uptime_s", "seq", "ready", "upstreams", "budget", "topics", "subscribers", "lines", "ring",
    "memory", "departures", "trading",
  ]

  func lines() -> [String] {
    var out = [heading]
    out += section("Up", up)
    out += section("Upstreams", status["upstreams"]?.elements.map(upstream) ?? [])
    out += section("Trading", trading)
    out += section("Budget", budget)
    out += section("Topics", counts(status["topics"], marking: ["stale", "quarantined", "refused"]))
    out += section("Readers", readers)
    out += section("Lines", linesPublished)
    out += section("Ring", ring)
    out += section("Memory", amount("memory", "resident_bytes").map { ["\(Quantity.bytes($0)) resident"] } ?? [])
    out += section("Departures", status["departures"]?.elements.map(departure) ?? [])
    for member in status.members where !Self.known.contains(member.name) {
      out += section(member.name, [member.value.plainText])
    }
    return out
  }

  private var heading: String {
    let ready = status["ready"]?.bool
    let wanted = status["upstreams"]?.elements.filter { $0["wanted"]?.bool != false } ?? []
    let states = wanted.compactMap { $0["state"]?.string }
    let isWell = ready != false && states.allSatisfy { Style.ink(forState: $0) == .good || $0 == "disabled" }
    let word = ready == false ? "starting" : isWell ? "ready" : "degraded"
    let dot = style.paint("●", isWell ? .good : .warning)
    return "\(dot) kraken-bridge \(status["version"]?.plainText ?? "") \(style.paint(word, isWell ? .boldGood : .boldWarning))"
  }

  private func section(_ title: String, _ contents: [String]) -> [String] {
    contents.enumerated().map { index, text in
      let label = index == 0 ? title + ": " : ""
      return String(repeating: " ", count: max(0, 13 - label.count)) + style.paint(label, .bold) + text
    }
  }

  private var up: [String] {
    guard let seconds = status["uptime_s"]?.approximate else { return [] }
    return [Quantity.seconds(seconds) + (status["pid"]?.digits.map { " (pid \($0))" } ?? "")]
  }

  private func upstream(_ upstream: JSON) -> String {
    // Connected only when somebody wants something of it.
    let isIdle = upstream["wanted"]?.bool == false && upstream["reason"] == nil
    let state = isIdle ? "idle" : upstream["state"]?.plainText ?? "unknown"
    var facts: [String] = []
    if let seconds = upstream["connected_s"]?.approximate { facts.append("for \(Quantity.seconds(seconds))") }
    if let trip = upstream["round_trip_ms"]?.approximate { facts.append("round trip \(Quantity.fixed(trip, places: 1)) ms") }
    if let attempt = upstream["attempt"]?.int, attempt > 0 { facts.append("attempt \(attempt)") }
    if let wait = upstream["retry_in"]?.digits { facts.append("next in \(wait) s") }
    if let reason = upstream["reason"]?.string { facts.append(reason) }
    if let system = upstream["system"]?.string, system != "online" { facts.append("Kraken says \(system)") }
    if let messages = upstream["messages"]?.digits { facts.append("\(Quantity.grouped(messages)) messages") }
    if let bytes = upstream["bytes"]?.approximate { facts.append(Quantity.bytes(bytes)) }
    if let reconnects = upstream["reconnects"]?.int, reconnects > 0 { facts.append("\(reconnects) reconnects") }
    let subscriptions = (upstream["subscriptions"]?.members ?? []).filter { $0.value.digits != "0" }
    if !subscriptions.isEmpty {
      facts.append("subscriptions: " + subscriptions.map { "\($0.value.plainText) \($0.name)" }.joined(separator: " "))
    }
    let name = (upstream["name"]?.plainText ?? "?").fitted(to: 8)
    return ([name, style.paint(state, Style.ink(forState: state))] + [facts.joined(separator: ", ")])
      .joined(separator: " ").trimmingTrailingSpaces()
  }

  private var trading: [String] {
    guard let trading = status["trading"] else { return [] }
    let unknown = trading["unknown"]?.int ?? 0
    var facts = [
      "\(trading["orders"]?.digits ?? "0") orders live", style.paint("\(unknown) unknown", unknown > 0 ? .warning : .plain),
      "\(trading["in_flight"]?.digits ?? "0") in flight",
    ]
    for counter in trading["rate_counters"]?.members ?? [] {
      let count = counter.value["count"]?.approximate ?? 0
      facts.append("rate \(counter.name) \(Quantity.fixed(count, places: 1)) of \(counter.value["ceiling"]?.digits ?? "?")")
    }
    if let rest = trading["cancel_after"]?["trigger_in"]?.approximate {
      facts.append("all orders cancelled in \(Quantity.seconds(rest)) unless renewed")
    }
    return [facts.joined(separator: ", ")]
  }

  private var budget: [String] {
    guard let left = status["budget"]?["attempts_left"]?.int else { return [] }
    let most = status["budget"]?["attempts_max"]?.int
    let text = "\(left)" + (most.map { " of \($0)" } ?? "") + " connection attempts left"
      + (status["budget"]?["window_s"]?.digits.map { " in \($0) s" } ?? "")
    return [style.paint(text, most.map { left * 5 < $0 } ?? (left == 0) ? .warning : .plain)]
  }

  private func counts(_ object: JSON?, marking alarming: Set<String>) -> [String] {
    guard let object, !object.members.isEmpty else { return [] }
    let words = object.members.map { member in
      let text = "\(Quantity.grouped(member.value.plainText)) \(member.name)"
      return style.paint(text, alarming.contains(member.name) && member.value.digits != "0" ? .warning : .plain)
    }
    return [words.joined(separator: ", ")]
  }

  private var readers: [String] {
    guard let readers = status["subscribers"], let connected = readers["connected"]?.digits else { return [] }
    let lagging = readers["lagging"]?.int ?? 0
    var text = "\(Quantity.grouped(connected)) connected, \(style.paint("\(lagging) lagging", lagging > 0 ? .warning : .plain))"
    if let behind = readers["max_lag_bytes"]?.approximate, behind > 0 {
      text += ", furthest behind by \(Quantity.bytes(behind))"
    }
    return [text]
  }

  private var linesPublished: [String] {
    guard let lines = status["lines"] else { return [] }
    var facts: [String] = []
    if let published = lines["published"]?.digits { facts.append("\(Quantity.grouped(published)) published") }
    if let delivered = lines["delivered"]?.digits { facts.append("\(Quantity.grouped(delivered)) delivered") }
    if let rate = lines["per_second"]?.approximate { facts.append("\(Quantity.fixed(rate, places: 1)) per second") }
    return facts.isEmpty ? [] : [facts.joined(separator: ", ")]
  }

  private var ring: [String] {
    guard let size = amount("ring", "bytes") else { return [] }
    var text = "\(Quantity.bytes(amount("ring", "used") ?? 0)) of \(Quantity.bytes(size))"
    if let oldest = status["ring"]?["oldest_seq"]?.digits, let newest = status["ring"]?["newest_seq"]?.digits {
      text += ", seq \(oldest) to \(newest)"
    }
    return [text]
  }

  private func departure(_ departure: JSON) -> String {
    var words = [departure["time"]?.plainText, departure["reason"]?.plainText].compactMap { $0 }
    for key in ["uid", "pid"] {
      if let value = departure[key]?.digits { words.append("\(key) \(value)") }
    }
    if let listener = departure["listener"]?.string { words.append(listener) }
    if let lines = departure["lines"]?.digits { words.append("after \(Quantity.grouped(lines)) lines") }
    return words.joined(separator: " ")
  }

  private func amount(_ group: String, _ key: String) -> Double? {
    status[group]?[key]?.approximate
  }
}
