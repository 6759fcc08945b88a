// Which sockets a configuration opens, and who may use them.

import BridgeCore
import Testing

@testable import BridgeDaemon

struct ListenerSettingsTests {
  @Test func socketReplacesTheMarketListeners() throws {
    let settings = try readSettings { $0.set("socket", flag: "--socket", ["/tmp/x.sock", "/tmp/y.sock"]) }
    #expect(settings.listeners.map(\.path) == ["/tmp/x.sock", "/tmp/y.sock"])
    #expect(settings.listeners.allSatisfy { $0.preset == .none && $0.mode == 0o666 })
    let variable = try readSettings(environment: ["KRAKEN_BRIDGE_SOCKET": "/tmp/x.sock"])
    #expect(variable.listeners.map(\.path) == ["/tmp/x.sock"])
  }

  @Test func privateSocketComesBesideThem() throws {
    let settings = try readSettings("credentials: {token-command: /bin/token}") {
      $0.set("private-socket", flag: "--private-socket", "/tmp/p.sock")
    }
    #expect(settings.listeners.map(\.path).last == "/tmp/p.sock")
    #expect(settings.listeners.count == 3)
    #expect(settings.listeners[2].mode == 0o600)
    #expect(settings.listeners[2].scope == [.market, .account])
    #expect(settings.warnings.isEmpty)
  }

  @Test func withoutCredentialsThePrivateSocketIsAbsent() throws {
    let settings = try readSettings { $0.set("private-socket", flag: "--private-socket", "/tmp/p.sock") }
    #expect(settings.listeners.map(\.path) == ["/run/kraken-bridge/bridge.sock", "/run/kraken-bridge/feed.sock"])
    #expect(settings.warnings == ["there are no credentials, so /tmp/p.sock is not opened"])
  }

  @Test func aSimulationNeedsNoCredentialsAndTakesNone() throws {
    let settings = try readSettings(
      "credentials: {dir: /nowhere}", environment: ["CREDENTIALS_DIRECTORY": "/creds"],
      files: ["/creds/api-key", "/creds/api-secret"]
    ) { $0.set("simulate", flag: "--simulate", "true") }
    #expect(settings.credentials == CredentialSettings())
    #expect(settings.listeners.last?.path == "/run/kraken-bridge/private.sock")
    #expect(settings.listeners.last?.scope == [.market, .account, .trade])
    let withoutTrading = try readSettings("simulate: true\ntrading: {enabled: false}")
    #expect(withoutTrading.listeners.last?.scope == [.market, .account])
  }

  @Test func credentialsBringThePrivateListener() throws {
    let files: Set = ["/creds/api-key", "/creds/api-secret"]
    let settings = try readSettings(environment: ["CREDENTIALS_DIRECTORY": "/creds"], files: files)
    #expect(settings.listeners.map(\.path).last == "/run/kraken-bridge/private.sock")
    #expect(settings.credentials.directory == "/creds")
    let trading = try readSettings(
      "trading: {enabled: true}", environment: ["CREDENTIALS_DIRECTORY": "/creds"], files: files)
    #expect(trading.listeners.last?.scope == [.market, .account, .trade])
    // A directory with other credentials is none of ours.
    #expect(try readSettings(environment: ["CREDENTIALS_DIRECTORY": "/creds"]).credentials.directory == nil)
    #expect(settings.credentials.isSystemds)
    #expect(try !readSettings("credentials: {dir: /creds}", files: files).credentials.isSystemds)
    #expect(
      throws: InvalidSettings.self, "half of ours is a mistake",
      performing: { try readSettings(environment: ["CREDENTIALS_DIRECTORY": "/creds"], files: ["/creds/api-key"]) })
  }

  @Test func listsOfIDsAdmitWhoIsOnEither() {
    var listener = ListenerSettings(path: "/a", mode: 0o666, group: nil, scope: [.market], preset: .none)
    #expect(listener.admits(uid: 5, gid: 6))
    listener.allowedUIDs = [1]
    #expect(listener.admits(uid: 1, gid: 6))
    #expect(!listener.admits(uid: 5, gid: 6))
    listener.allowedGIDs = [6]
    #expect(listener.admits(uid: 5, gid: 6))
  }

  @Test func directoriesFollowTheProcess() throws {
    func runtime(_ environment: [String: String], uid: UInt32, writable: Set<String> = []) throws -> String {
      try readSettings(environment: environment, uid: uid, writable: writable).listeners[0].path
    }
    let user = ["XDG_RUNTIME_DIR": "/run/user/5", "HOME": "/home/a"]
    #expect(try runtime(["RUNTIME_DIRECTORY": "/run/x:/run/y"], uid: 5) == "/run/x/bridge.sock")
    #expect(try runtime(user, uid: 0) == "/run/kraken-bridge/bridge.sock")
    #expect(try runtime(user, uid: 5) == "/run/user/5/kraken-bridge/bridge.sock")
    #expect(try runtime(user, uid: 5, writable: ["/run/kraken-bridge"]) == "/run/kraken-bridge/bridge.sock")
    #expect(try runtime([:], uid: 5) == "/run/kraken-bridge/bridge.sock")
    #expect(try readSettings(environment: user, uid: 5).stateDirectory == "/home/a/.local/state/kraken-bridge")
    #expect(
      try readSettings(environment: ["XDG_STATE_HOME": "/s"], uid: 5).stateDirectory == "/s/kraken-bridge")
    #expect(try readSettings(environment: ["STATE_DIRECTORY": "/var/lib/z"], uid: 5).stateDirectory == "/var/lib/z")
  }
}
