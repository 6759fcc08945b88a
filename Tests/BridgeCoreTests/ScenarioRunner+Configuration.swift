// `config` lines: how the bridge is configured. After its start they are a reload.

import BridgeCore
import FanOut
import KrakenSession
import KrakenWire

extension ScenarioRunner {
  func configure(_ words: [String]) throws {
    defer { bridge?.reconfigure(configuration, now: now) }
    func number() throws -> Int {
      guard words.count > 1, let number = Int(words[1]) else { throw ScenarioSyntaxError(description: "not a number") }
      return number
    }
    func duration(_ index: Int = 1) throws -> Duration {
      guard words.count > index, let duration = Duration(scenario: words[index]) else {
        throw ScenarioSyntaxError(description: "not a duration")
      }
      return duration
    }
    switch words[0] {
    case "unpin": configuration.pins = []
    case "pin": configuration.pins.append(try subscription(words.dropFirst()))
    case "preset": configuration.listeners[1].preset = .topics([try subscription(words.dropFirst())])
    case "credentials": configuration.hasCredentials = true
    case "trading": configuration.trading.isEnabled = true
    case "account":
      configuration.account.isRebased = !words.contains("rebased=false")
      configuration.account.coversAllUsers = words.contains("users=all")
    case "show-pings": showsPings = true
    case "linger": configuration.limits.linger = try duration()
    case "answer-deadline": configuration.limits.answerDeadline = try duration()
    case "snapshot-deadline": configuration.limits.snapshotDeadline = try duration()
    case "connections": configuration.limits.connections = try number()
    case "connections-per-uid": configuration.limits.connectionsPerUID = try number()
    case "subscriptions": configuration.limits.subscriptionsPerConnection = try number()
    case "line-bytes": configuration.limits.lineBytesMax = try number()
    case "write-bytes": configuration.limits.writeBytesMax = try number()
    case "ring-bytes": configuration.limits.ringBytes = try number()
    case "answer-bytes": configuration.limits.answerBytesMax = try number()
    case "seq-floor": configuration.seqFloor = UInt64(try number())
    case "attempts": configuration.budget = AttemptBudget(limit: try number())
    case "lag-bytes": for index in configuration.listeners.indices { configuration.listeners[index].lag.bytes = try number() }
    case "lag-seconds":
      for index in configuration.listeners.indices { configuration.listeners[index].lag.duration = .seconds(try number()) }
    case "silence":
      guard words.count > 2, let channel = KrakenChannel(name: words[1]) else { throw ScenarioSyntaxError(description: "no channel") }
      configuration.session.silenceLimits[channel] = try duration(2)
    default: throw ScenarioSyntaxError(description: "no setting '\(words[0])'")
    }
  }

  /// `CHANNEL SYMBOL… [depth=N] [interval=M] [event_trigger=T]`
  private func subscription(_ words: ArraySlice<String>) throws -> PinnedSubscription {
    func value(_ key: String) -> String? {
      words.first { $0.hasPrefix(key + "=") }.map { String($0.dropFirst(key.count + 1)) }
    }
    let subscription = PinnedSubscription(
      channel: words.first ?? "", symbols: words.dropFirst().filter { !$0.contains("=") },
      depth: value("depth").flatMap { Int($0) }, interval: value("interval").flatMap { Int($0) },
      eventTrigger: value("event_trigger"))
    if let fault = subscription.fault { throw ScenarioSyntaxError(description: fault) }
    return subscription
  }
}
