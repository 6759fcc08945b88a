// Reading the configuration is pure: files, environment and machine are handed in.

import BridgeCore
import KrakenSession
import Testing

@testable import BridgeDaemon

/// Reads settings on a machine where everything exists and nothing is special.
func readSettings(
  _ yaml: String? = nil, environment: [String: String] = [:], uid: UInt32 = 0,
  writable: Set<String> = [], files: Set<String> = [], configure: (inout SettingsFlags) -> Void = { _ in }
) throws(InvalidSettings) -> Settings {
  var flags = SettingsFlags()
  configure(&flags)
  return try Settings.read(
    flags: flags, path: "c.yaml", yaml: yaml,
    facts: ProcessFacts(
      environment: environment, uid: uid, isWritableDirectory: { writable.contains($0) },
      fileExists: { files.contains($0) }, groupID: { $0 == "kraken" ? 7 : nil },
      trustRootFault: { $0 == "good.pem" ? nil : "no certificates can be read from it" },
      credentialFault: { directory, _ in
        ["api-key", "api-secret"].first { !files.contains("\(directory)/\($0)") }.map { "\($0) is missing" }
      },
      commandFault: { $0 == "/bad/command" ? "No such file or directory" : nil }))
}

/// The complaints about a configuration that must be refused.
func problems(
  _ yaml: String? = nil, environment: [String: String] = [:], configure: (inout SettingsFlags) -> Void = { _ in }
) -> [String] {
  do throws(InvalidSettings) {
    _ = try readSettings(yaml, environment: environment, configure: configure)
    return []
  } catch {
    return error.problems.map(\.description)
  }
}

struct SettingsTests {
  @Test func defaultsNeedNoFile() throws {
    let settings = try readSettings()
    #expect(settings.upstream.publicEndpoint.text == "wss://ws.kraken.com/v2")
    #expect(settings.upstream.endpoint(.private).text == "wss://ws-auth.kraken.com/v2")
    #expect(settings.upstream.endpoint(.level3).text == "wss://ws-l3.kraken.com/v2")
    #expect(settings.upstream.restEndpoint.text == "https://api.kraken.com/")
    #expect(settings.listeners.map(\.path) == ["/run/kraken-bridge/bridge.sock", "/run/kraken-bridge/feed.sock"])
    #expect(settings.listeners.map(\.preset) == [.none, .everything])
    #expect(settings.listeners.allSatisfy { $0.mode == 0o666 && $0.scope == [.market] && $0.group == nil })
    #expect(settings.stateDirectory == "/var/lib/kraken-bridge")
    #expect(settings.limits == LimitSettings())
    #expect(settings.log == LogSettings())
    #expect(settings.simulation == nil)
    #expect(settings.pins.isEmpty)
    #expect(settings.warnings.isEmpty)
  }

  @Test(arguments: ["", "# nothing\n", "---\n", "log:\n", "log: {}\nlimits: ~\n"])
  func anEmptyFileChangesNothing(yaml: String) throws {
    #expect(try readSettings(yaml) == readSettings())
  }

  @Test func aWholeFileIsTaken() throws {
    let settings = try readSettings(
      """
      upstream: {public-url: "ws://127.0.0.1:1/v2", private-url: wss://p/v2, level3-url: wss://l, rest-url: https://r, ca-file: good.pem}
      subscriptions:
        - {channel: ticker, symbols: [BTC/USD, ETH/USD]}
        - {channel: book, symbols: ["BTC/USD"], depth: 25}
        - channel: ohlc
          symbols: BTC/USD
          interval: 5
      listeners:
        - path: /run/a.sock
          mode: "0660"
          group: kraken
          scope: [market]
          preset: all
          allow-uids: [1000, 1001]
          lag-bytes: 65536
          lag-seconds: 2.5
        - path: /run/b.sock
          scope: [account, trade]
          allow-gids: 100
          preset:
            - {channel: trade, symbols: [BTC/USD]}
      limits: {ring-bytes: 2097152, connections: 10, subscriptions-per-connection: 5, lag-bytes: 1048576, lag-seconds: 7, linger-seconds: 0}
      silence: {connection-seconds: 6, book-seconds: 0, trade-seconds: 30}
      credentials: {dir: /creds, token-command: /bin/token, otp-command: /bin/otp}
      account: {rebased: no, users: all}
      trading: {enabled: yes, symbols: [BTC/USD], max-order-qty: 0.50, max-notional: 1000, orders-per-minute: 30, post-only: true, validate-only: false, refuse-over-rate: true, cancel-after-seconds: 60}
      state-dir: /state
      log: {level: debug, format: json}
      """, files: ["/creds/api-key", "/creds/api-secret"])
    #expect(settings.upstream.endpoint(.public).text == "ws://127.0.0.1:1/v2")
    #expect(settings.upstream.caFile == "good.pem")
    #expect(
      settings.pins == [
        PinnedSubscription(channel: "ticker", symbols: ["BTC/USD", "ETH/USD"]),
        PinnedSubscription(channel: "book", symbols: ["BTC/USD"], depth: 25),
        PinnedSubscription(channel: "ohlc", symbols: ["BTC/USD"], interval: 5),
      ])
    #expect(
      settings.listeners == [
        ListenerSettings(
          path: "/run/a.sock", mode: 0o660, group: "kraken", scope: [.market], preset: .everything,
          allowedUIDs: [1000, 1001], lagBytes: 65536, lag: .milliseconds(2500)),
        ListenerSettings(
          path: "/run/b.sock", mode: 0o600, group: nil, scope: [.account, .trade],
          preset: .topics([PinnedSubscription(channel: "trade", symbols: ["BTC/USD"])]), allowedGIDs: [100]),
      ])
    #expect(settings.limits.ringBytes == 2_097_152)
    #expect(settings.limits.connections == 10)
    #expect(settings.limits.connectionsPerUID == 10)
    #expect(settings.limits.subscriptionsPerConnection == 5)
    #expect(settings.limits.lagBytes == 1_048_576)
    #expect(settings.limits.lag == .seconds(7))
    #expect(settings.limits.linger == .zero)
    #expect(settings.silence.connection == .seconds(6))
    #expect(settings.silence.book == .zero)
    #expect(settings.silence.ticker == .seconds(300))
    #expect(settings.silence.trade == .seconds(30))
    #expect(settings.credentials.directory == "/creds" && !settings.credentials.isSystemds)
    #expect(settings.credentials.tokenCommand == "/bin/token" && settings.credentials.otpCommand == "/bin/otp")
    #expect(!settings.account.rebased && settings.account.allUsers)
    #expect(settings.trading.enabled && settings.trading.postOnly && !settings.trading.validateOnly)
    #expect(settings.trading.maxOrderQuantity == "0.50")
    #expect(settings.trading.maxNotional == "1000")
    #expect(settings.trading.ordersPerMinute == 30)
    #expect(settings.trading.refuseOverRate)
    #expect(settings.trading.cancelAfterSeconds == 60)
    #expect(settings.stateDirectory == "/state")
    #expect(settings.log == LogSettings(level: "debug", format: .json))
  }

  @Test func flagsWinOverTheEnvironmentAndItOverTheFile() throws {
    let yaml = "log: {level: debug}\nstate-dir: /file\n"
    let environment = ["KRAKEN_BRIDGE_LOG_LEVEL": "error", "KRAKEN_BRIDGE_STATE_DIR": "/environment"]
    #expect(try readSettings(yaml).log.level == "debug")
    #expect(try readSettings(yaml, environment: environment).log.level == "error")
    let settings = try readSettings(yaml, environment: environment) {
      $0.set("log.level", flag: "--log-level", "trace")
      $0.set("log.format", flag: "--log-format", nil as String?)
    }
    #expect(settings.log.level == "trace")
    #expect(settings.log.format == nil)
    #expect(settings.stateDirectory == "/environment")
  }

  @Test func variablesReachEverySetting() throws {
    let settings = try readSettings(
      "listeners: [{path: /run/a.sock}]",
      environment: [
        "KRAKEN_BRIDGE_LISTENERS_0_MODE": "0600", "KRAKEN_BRIDGE_LISTENERS_1_PATH": "/run/b.sock",
        "KRAKEN_BRIDGE_SUBSCRIPTIONS_0_CHANNEL": "trade", "KRAKEN_BRIDGE_SUBSCRIPTIONS_0_SYMBOLS": "BTC/USD, ETH/USD",
        "KRAKEN_BRIDGE_LIMITS_RING_BYTES": "1048576", "KRAKEN_BRIDGE_PUBLIC_URL": "wss://a/v2",
        "KRAKEN_BRIDGE_UPSTREAM_REST_URL": "https://b", "HOME": "/root",
      ])
    #expect(settings.listeners.map(\.path) == ["/run/a.sock", "/run/b.sock"])
    #expect(settings.listeners[0].mode == 0o600)
    #expect(settings.pins == [PinnedSubscription(channel: "trade", symbols: ["BTC/USD", "ETH/USD"])])
    #expect(settings.limits.ringBytes == 1 << 20)
    #expect(settings.limits.lagBytes == 1 << 20)
    #expect(settings.upstream.publicEndpoint.text == "wss://a/v2")
    #expect(settings.upstream.restEndpoint.text == "https://b/")
    #expect(settings.warnings.isEmpty)
  }

  @Test func anUnknownVariableIsAWarning() throws {
    let settings = try readSettings(environment: [
      "KRAKEN_BRIDGE_LOG_LEVLE": "debug", "KRAKEN_BRIDGE_LISTENERS_X_PATH": "/a", "KRAKEN_BRIDGE_CONFIG": "c.yaml",
    ])
    #expect(settings.warnings.count == 2)
    #expect(settings.warnings.contains { $0.contains("KRAKEN_BRIDGE_LOG_LEVLE") })
  }

  @Test func theAccountIsOfOneUserUnlessAllAreNamed() throws {
    let usual = try bridgeConfiguration(readSettings()).account
    #expect(usual.isRebased && !usual.coversAllUsers)
    let wide = try bridgeConfiguration(readSettings("account: {users: ALL, rebased: false}")).account
    #expect(!wide.isRebased && wide.coversAllUsers)
    #expect(try readSettings(environment: ["KRAKEN_BRIDGE_ACCOUNT_USERS": "all"]).account.allUsers)
    #expect(
      problems("account: {users: master}")
        == ["c.yaml:1: account.users is \"master\": allowed is \"all\"; without it the account alone is followed"])
    // What can not be told of all users can not be pinned either.
    let pinned = problems("account: {users: all}\nsubscriptions: [{channel: open_orders}, {channel: own_trades}]")
    #expect(pinned.count == 1 && pinned[0].hasPrefix("c.yaml:2: subscriptions.0"))
    #expect(pinned.first?.contains("account.users") == true)
    #expect(problems("subscriptions: [{channel: open_orders}]").isEmpty)
  }

  /// Without snapshots only REST can tell what became of orders.
  @Test(arguments: [
    ("users: all", "enabled: true", true), ("users: all", "enabled: false", false),
    ("rebased: true", "enabled: true", false),
  ])
  func ordersOfAllUsersWantAKey(account: String, trading: String, isWarned: Bool) throws {
    let yaml = "account: {\(account)}\ntrading: {\(trading)}\ncredentials: {token-command: /bin/token}"
    #expect(try readSettings(yaml).warnings.contains { $0.contains("there is no key") } == isWarned)
    let withKey = yaml.replacing("{token-command:", with: "{dir: /creds, token-command:")
    #expect(try readSettings(withKey, files: ["/creds/api-key", "/creds/api-secret"]).warnings.isEmpty)
  }

  private func bridgeConfiguration(_ settings: Settings) -> BridgeConfiguration {
    settings.bridgeConfiguration(
      listeners: settings.listeners, version: "1", pid: 1, ownUID: 0,
      saved: SavedState(seq: 0, budget: AttemptBudget()))
  }

  @Test func simulateTakesAScenarioOrJustYes() throws {
    func simulation(_ value: String) throws -> String? {
      try readSettings { $0.set("simulate", flag: "--simulate", value) }.simulation
    }
    #expect(try simulation("true") == "")
    #expect(try simulation("1") == "")
    #expect(try simulation("off") == nil)
    #expect(try simulation("bad-day.txt") == "bad-day.txt")
  }
}

struct SettingsProblemTests {
  @Test func everythingWrongIsToldAtOnce() {
    let found = problems(
      """
      log:
        levle: debug
        format: xml
      limits:
        connections: many
      upstream: {public-url: "ws://ws.kraken.com/v2"}
      """)
    #expect(
      found == [
        "c.yaml:2: log.levle: unknown key; did you mean \"level\"?",
        "c.yaml:6: upstream.public-url is \"ws://ws.kraken.com/v2\": ws:// is allowed for 127.0.0.1, ::1 and localhost only; use wss://",
        "c.yaml:5: limits.connections is \"many\": allowed is a whole number from 1 to 1000000",
        "c.yaml:3: log.format is \"xml\": allowed are text, json, journal",
      ])
  }

  @Test func theOriginIsNamed() {
    #expect(
      problems(environment: ["KRAKEN_BRIDGE_LOG_LEVEL": "loud"])
        == [
          "environment KRAKEN_BRIDGE_LOG_LEVEL: log.level is \"loud\": allowed are trace, debug, info, notice, warning, error, critical"
        ])
    #expect(
      problems { $0.set("log.format", flag: "--log-format", "jsn") }
        == ["flag --log-format: log.format is \"jsn\": allowed are text, json, journal; did you mean \"json\"?"])
  }

  @Test(arguments: [
    "colour: red", "log: {level: [a]}", "log: [level]", "log: text", "listeners: {path: /a}", "listeners: []",
    "listeners: [{mode: \"0666\"}]", "listeners: [{path: /a, mode: 999}]", "listeners: [{path: /a, mode: rw}]",
    "listeners: [{path: /a, group: nobody-knows}]", "listeners: [{path: /a, scope: [everything]}]",
    "listeners: [{path: /a, preset: some}]", "listeners: [{path: /a, allow-uids: [root]}]",
    "listeners: [{path: /a}, {path: /a}]", "listeners: [{path: /a, lag-bytes: 1}]",
    "subscriptions: [{symbols: [BTC/USD]}]", "subscriptions: [{channel: candles, symbols: [BTC/USD]}]",
    "subscriptions: [{channel: book, symbols: [BTC/USD], depth: 11}]",
    "subscriptions: [{channel: book, symbols: [{a: b}]}]", "subscriptions: ticker",
    "limits: {ring-bytes: 10}", "limits: {ring-bytes: 1048576, lag-bytes: 2097152}",
    "limits: {connections: 5, connections-per-uid: 6}", "limits: {lag-seconds: -1}", "limits: {lag-seconds: nan}",
    "silence: {connection-seconds: 1}", "trading: {enabled: maybe}", "trading: {max-order-qty: 0}",
    "trading: {max-order-qty: -1}", "trading: {max-order-qty: 1e3}", "trading: {max-order-qty: .5}",
    "credentials: {dir: /nowhere}", "credentials: {token-command: /bad/command}",
    "account: {users: some}", "account: {users: [all, all]}", "account: {rebased: maybe}", "account: all",
    "account: {users: all}\nsubscriptions: [{channel: open_orders}]",
    "account: {users: all}\nlisteners: [{path: /a, scope: account, preset: [{channel: open_orders}]}]",
    "credentials: {otp-command: /bad/command}", "trading: {cancel-after-seconds: 86400}",
    "trading: {cancel-after-seconds: 4}", "trading: {refuse-over-rate: 3}", "upstream: {ca-file: bad.pem}", "upstream: {rest-url: wss://a}",
    "log: {level: info, level: debug}", "log: [", "- a", "\t: b",
  ])
  func refused(yaml: String) {
    let found = problems(yaml)
    #expect(!found.isEmpty)
    #expect(found.allSatisfy { $0.hasPrefix("c.yaml") })
  }

  @Test func aPathThatNoSocketCanHaveIsRefused() {
    let path = "/tmp/" + String(repeating: "x", count: 103)
    #expect(
      problems { $0.set("socket", flag: "--socket", [path]) }
        == ["flag --socket: socket is \"\(path)\": the path is 108 bytes long; the system allows 107 for a socket"])
    #expect(problems { $0.set("socket", flag: "--socket", [String(path.dropLast())]) }.isEmpty)
    #expect(problems { $0.set("socket", flag: "--socket", [""]) }.count == 1)
  }
}
