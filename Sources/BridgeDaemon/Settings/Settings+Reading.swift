// From the layers to checked settings. Every problem is collected, so that one run of --check-config shows
// all there is to mend.

import BridgeCore

/// Flags of kraken-bridged, as given.
public struct SettingsFlags: Sendable {
  /// By dotted key: the flag's spelling and its value or values.
  fileprivate var values: [String: SettingsSource.FlagValue] = [:]

  public init() {}

  public mutating func set(_ key: String, flag: String, _ value: String?) {
    if let value { values[key] = .init(flag: flag, value: .scalar(value)) }
  }

  public mutating func set(_ key: String, flag: String, _ list: [String]) {
    if !list.isEmpty { values[key] = .init(flag: flag, value: .list(list)) }
  }
}

/// All that is wrong with a configuration.
public struct InvalidSettings: Error, CustomStringConvertible {
  public var problems: [SettingProblem]

  public var description: String { problems.map(\.description).joined(separator: "\n") }
}

extension Settings {
  /// Reads and checks everything.
  /// - Parameters:
  ///   - path: the configuration file's name, for messages.
  ///   - yaml: its contents; nil if there is no such file.
  public static func read(
    flags: SettingsFlags, path: String, yaml: String?, facts: ProcessFacts
  ) throws(InvalidSettings) -> Settings {
    let file = yaml.map { SettingsFile(path: path, yaml: $0) } ?? SettingsFile(path: path)
    var (environment, warnings) = ownVariables(of: facts.environment)
    for name in ["PUBLIC_URL", "PRIVATE_URL", "LEVEL3_URL", "REST_URL", "CA_FILE"] {
      // The flags have no "upstream" in their names; neither need their variables.
      if let value = environment.removeValue(forKey: name), environment["UPSTREAM_" + name] == nil {
        environment["UPSTREAM_" + name] = value
      }
    }
    var source = SettingsSource(flags: flags.values, environment: environment, file: file)
    let paths = StandardPaths(facts)

    var settings = Settings(configurationPath: path, stateDirectory: paths.stateDirectory)
    settings.warnings = warnings
    settings.upstream.read(&source, facts)
    settings.account.read(&source)
    settings.pins = source.subscriptions("subscriptions", of: settings.account)
    settings.limits.read(&source)
    settings.silence.read(&source)
    settings.simulation = source.text("simulate").flatMap(scenario)
    if settings.simulation == nil { settings.credentials.read(&source, facts) }
    settings.trading.read(&source, default: settings.simulation != nil)
    settings.log.read(&source)
    settings.stateDirectory = source.text("state-dir") ?? paths.stateDirectory
    settings.readListeners(&source, facts, runtimeDirectory: paths.runtimeDirectory)

    if settings.account.allUsers, settings.trading.enabled, settings.credentials.areWithoutKey {
      settings.warnings.append(
        "account.users is \"all\" and there is no key: after a break nobody can look up what became of orders")
    }

    guard source.problems.isEmpty else { throw InvalidSettings(problems: source.problems) }
    return settings
  }

  /// `simulate` takes a scenario or a plain yes or no.
  private static func scenario(_ text: String) -> String? {
    switch text.lowercased() {
    case "", "false", "no", "off", "0": nil
    case "true", "yes", "on", "1": ""
    default: text
    }
  }

  /// Our own variables without their prefix, and complaints about those that mean nothing.
  private static func ownVariables(of environment: [String: String]) -> ([String: String], warnings: [String]) {
    /// Variables that kraken-ctl or the flag --config read; the daemon's settings are in the schema.
    let others: Set = ["CONFIG", "TEST_WEDGE"]
    let aliases: Set = ["PUBLIC_URL", "PRIVATE_URL", "LEVEL3_URL", "REST_URL", "CA_FILE"]
    var own: [String: String] = [:]
    var warnings: [String] = []
    for (name, value) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix(SettingsSource.environmentPrefix) {
      let rest = name.dropFirst(SettingsSource.environmentPrefix.count)
      if others.contains(String(rest)) { continue }
      if aliases.contains(String(rest)) || SettingShape.configuration.isSpelt(by: rest) {
        own[String(rest)] = value
      } else {
        warnings.append("environment \(name): no such setting; ignored")
      }
    }
    return (own, warnings)
  }
}

extension UpstreamSettings {
  fileprivate mutating func read(_ source: inout SettingsSource, _ facts: ProcessFacts) {
    publicEndpoint = source.endpoint("upstream.public-url", kind: .webSocket) ?? publicEndpoint
    privateEndpoint = source.endpoint("upstream.private-url", kind: .webSocket) ?? privateEndpoint
    level3Endpoint = source.endpoint("upstream.level3-url", kind: .webSocket) ?? level3Endpoint
    restEndpoint = source.endpoint("upstream.rest-url", kind: .http) ?? restEndpoint
    caFile = source.text("upstream.ca-file")
    if let caFile, let fault = facts.trustRootFault(caFile) {
      source.refuse("upstream.ca-file", "\(fault); allowed is a readable PEM file with certificates")
    }
  }
}

extension LimitSettings {
  fileprivate mutating func read(_ source: inout SettingsSource) {
    ringBytes = source.integer("limits.ring-bytes", in: 1 << 20...16 << 30, unit: "bytes") ?? ringBytes
    connections = source.integer("limits.connections", in: 1...1_000_000) ?? connections
    let perUID = source.integer("limits.connections-per-uid", in: 1...1_000_000)
    connectionsPerUID = perUID ?? min(connections, connectionsPerUID)
    subscriptionsPerConnection =
      source.integer("limits.subscriptions-per-connection", in: 1...1_000_000) ?? subscriptionsPerConnection
    let lagBytes = source.integer("limits.lag-bytes", in: 4096...16 << 30, unit: "bytes")
    self.lagBytes = lagBytes ?? min(self.lagBytes, ringBytes)
    lag = source.seconds("limits.lag-seconds", in: 0.1...86400) ?? lag
    linger = source.seconds("limits.linger-seconds", in: 0...86400) ?? linger
    if connectionsPerUID > connections {
      source.refuse("limits.connections-per-uid", "must not exceed limits.connections (\(connections))")
    }
    if self.lagBytes > ringBytes {
      source.refuse("limits.lag-bytes", "must not exceed limits.ring-bytes (\(ringBytes))")
    }
  }
}

extension SilenceSettings {
  fileprivate mutating func read(_ source: inout SettingsSource) {
    // Kraken's heartbeat comes once a second; less than two would mistake a late one for silence.
    connection = source.seconds("silence.connection-seconds", in: 2...3600) ?? connection
    let range = 0.0...86400.0
    book = source.seconds("silence.book-seconds", in: range) ?? book
    ticker = source.seconds("silence.ticker-seconds", in: range) ?? ticker
    trade = source.seconds("silence.trade-seconds", in: range) ?? trade
    ohlc = source.seconds("silence.ohlc-seconds", in: range) ?? ohlc
    instrument = source.seconds("silence.instrument-seconds", in: range) ?? instrument
  }
}

extension CredentialSettings {
  fileprivate mutating func read(_ source: inout SettingsSource, _ facts: ProcessFacts) {
    tokenCommand = command("credentials.token-command", &source, facts)
    otpCommand = command("credentials.otp-command", &source, facts)
    let systemds = facts.nonEmpty("CREDENTIALS_DIRECTORY")
    directory = source.text("credentials.dir")
    if directory == nil, let systemds {
      // A directory with other credentials is none of ours.
      let isOurs = [APIKey.keyFile, APIKey.secretFile].contains { facts.fileExists("\(systemds)/\($0)") }
      directory = isOurs ? systemds : nil
    }
    isSystemds = directory != nil && directory == systemds
    if let directory, let fault = facts.credentialFault(directory, isSystemds) {
      source.refuse(
        "credentials.dir", value: directory,
        "\(fault); it must hold the files \(APIKey.keyFile) and \(APIKey.secretFile), which only their owner can read")
    }
  }

  private func command(_ key: String, _ source: inout SettingsSource, _ facts: ProcessFacts) -> String? {
    guard let text = source.text(key) else { return nil }
    if let fault = facts.commandFault(text) { source.refuse(key, "it cannot be run: \(fault)") }
    return text
  }
}

extension AccountSettings {
  fileprivate mutating func read(_ source: inout SettingsSource) {
    rebased = source.boolean("account.rebased") ?? rebased
    guard let users = source.text("account.users") else { return }
    allUsers = users.lowercased() == "all"
    if !allUsers { source.refuse("account.users", "allowed is \"all\"; without it the account alone is followed") }
  }
}

extension TradingSettings {
  /// - Parameter enabled: what counts when nothing is said: yes where no money is at stake.
  fileprivate mutating func read(_ source: inout SettingsSource, default enabled: Bool) {
    self.enabled = source.boolean("trading.enabled") ?? enabled
    symbols = source.list("trading.symbols") ?? symbols
    maxOrderQuantity = source.amount("trading.max-order-qty")
    maxNotional = source.amount("trading.max-notional")
    ordersPerMinute = source.integer("trading.orders-per-minute", in: 1...100_000)
    postOnly = source.boolean("trading.post-only") ?? postOnly
    validateOnly = source.boolean("trading.validate-only") ?? validateOnly
    refuseOverRate = source.boolean("trading.refuse-over-rate") ?? refuseOverRate
    cancelAfterSeconds = source.integer("trading.cancel-after-seconds", in: 5...86399, unit: "seconds")
  }
}

extension LogSettings {
  fileprivate mutating func read(_ source: inout SettingsSource) {
    level = source.choice("log.level", of: LogSettings.levels) ?? level
    format = source.choice("log.format", of: Format.allCases.map(\.rawValue)).flatMap(Format.init)
  }
}

extension SettingsSource {
  /// A list of subscriptions, each checked as a reader's own request would be.
  mutating func subscriptions(_ key: String, of account: AccountSettings) -> [PinnedSubscription] {
    let members = SettingShape.configuration.members?.first { $0.key == "subscriptions" }?.shape.members ?? []
    return (0..<recordCount(key, members: members)).compactMap { index in
      let key = "\(key).\(index)"
      guard let channel = text("\(key).channel") else {
        refuse(key, "channel is missing")
        return nil
      }
      let pin = PinnedSubscription(
        channel: channel, symbols: list("\(key).symbols") ?? [], depth: integer("\(key).depth", in: 1...1000),
        interval: integer("\(key).interval", in: 1...21600), eventTrigger: text("\(key).event-trigger"))
      if let fault = pin.fault ?? pin.fault(with: account.parameters) {
        refuse(key, fault)
        return nil
      }
      return pin
    }
  }
}
