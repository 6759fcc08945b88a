// A new configuration while readers are connected: what changes, what is refused, and that nobody is sent away.

import BridgeCore
import Glibc
import KrakenSimulator
import Logging
import NIOPosix
import SimulatedExchange
import Synchronization
import SystemdNotify
import Testing

@testable import BridgeDaemon

struct ReloadTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory() }

  @Test func allOrNothingIsTaken() async throws {
    let added = directory("added.sock")
    let running = try await RunningWithChanges(directory)
    let (reader, _) = try await connect()

    running.refuseNext()
    #expect(try await running.reload() == "c.yaml:1: colour: unknown key")
    // The first listener could be changed and the second be opened; the last spoils it.
    let spoilt = try await running.reload { settings in
      settings.listeners[0].mode = 0o600
      settings.listeners[0].allowedUIDs = [UInt32.max - 1]
      settings.listeners += [settings.listeners[0].at(added), settings.listeners[0].at("/proc/none/a.sock")]
    }
    #expect(spoilt?.contains("/proc/none") == true)
    let groupless = try await running.reload { settings in
      settings.listeners.append(settings.listeners[0].at(added))
      settings.listeners[0].mode = 0o600
      settings.listeners[0].group = "no-such-group"
    }
    #expect(groupless?.contains("no-such-group") == true)
    #expect(access(added, F_OK) != 0)
    #expect(mode(directory("bridge.sock")) == 0o666)
    _ = try await connect()

    #expect(try await running.reload { $0.listeners.append($0.listeners[0].at(added)) } == nil)
    try await reading { _ = try Reader(added).line(with: "\"hello\"") }
    #expect(try await running.reload { $0.listeners[0].path = added } == nil)
    let path = directory("bridge.sock")
    try await reading {
      // The listener is gone, who came through it stays.
      #expect(try connectTo(path) < 0)
      reader.value.send("ping\n")
      _ = try reader.value.line(with: "\"pong\"")
    }
    let notes = running.daemon.told.all
    #expect(notes.count { if case .reloading = $0 { true } else { false } } == 5)
    #expect(notes.count { $0 == .ready } == 6)
    try await running.end()
  }

  @Test func limitsAndListsCountForNewcomers() async throws {
    let running = try await RunningWithChanges(directory)
    let (first, _) = try await connect()
    let (second, _) = try await connect()
    #expect(try await running.reload { $0.limits.connections = 1 } == nil)
    let (_, limited) = try await connect()
    #expect(limited.contains(#""reason":"limit""#))
    #expect(try await running.reload { $0.listeners[0].allowedUIDs = [UInt32.max - 1] } == nil)
    let (_, refused) = try await connect()
    #expect(refused.contains(#""reason":"not_permitted""#))
    try await reading {
      for reader in [first.value, second.value] {
        reader.send("ping\n")
        _ = try reader.line(with: "\"pong\"")
      }
    }
    try await running.end()
  }

  @Test func pinsComeAndGo() async throws {
    let running = try await RunningWithChanges(directory) { $0.limits.linger = .zero }
    let (reader, _) = try await connect()
    let topics: @Sendable (String) throws -> Void = { wanted in
      // Nothing tells when a topic has gone.
      while true {
        reader.value.send("topics\n")
        if try reader.value.line(with: #""method":"topics""#).contains(wanted) { return }
      }
    }
    try await reading { try topics("ticker") }
    let pins = [PinnedSubscription(channel: "trade", symbols: ["ETH/USD"])]
    #expect(try await running.reload { $0.pins = pins } == nil)
    try await reading {
      try topics("trade")
      while true {
        reader.value.send("topics\n")
        if try !reader.value.line(with: #""method":"topics""#).contains("ticker") { return }
      }
    }
    try await running.end()
  }

  @Test func anotherAddressIsConnectedToAndReadersStay() async throws {
    let running = try await RunningWithChanges(directory)
    let (reader, _) = try await connect()
    try await reading {
      reader.value.send("subscribe ticker BTC/USD\n")
      _ = try reader.value.line(with: #""channel":"ticker""#, #""type":"snapshot""#)
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let other = try await SimulatorServer.start(
      configuration: SimulatorConfiguration(), eventLoopGroup: group, logger: LogRecorder().logger(LogSettings()))
    let address = try Endpoint(other.publicURL, kind: .webSocket)
    #expect(try await running.reload { $0.upstream.publicEndpoint = address } == nil)
    // Nobody who is still talking to the first one gets anything.
    await running.daemon.simulator.shutdown()
    try await reading {
      #expect(try reader.value.line(with: #""type":"stale""#).contains("upstream_lost"))
      _ = try reader.value.line(with: #""type":"state""#, #""online""#)
      _ = try reader.value.line(with: #""channel":"ticker""#, #""type":"snapshot""#)
      reader.value.send("status\n")
      _ = try reader.value.line(with: #""method":"status""#)
    }
    // The same address again is no reason to leave it.
    let state = try await reading {
      reader.value.send("ping\n")
      var state = false
      while let line = reader.value.line(), !line.contains("\"pong\"") { state = state || line.contains(#""stale""#) }
      return state
    }
    #expect(!state)
    try await running.end()
    await other.shutdown()
    try await group.shutdownGracefully()
  }

  @Test func anAddressThatNobodyAnswersAtIsLeftToo() async throws {
    // Accepts, and never says a word: the attempt would last until its deadline.
    let silent = try ListeningSocket.onLoopback()
    let endpoint = try Endpoint("ws://127.0.0.1:\(silent.port)/v2", kind: .webSocket)
    let running = try await RunningWithChanges(directory, start: { $0.upstream.publicEndpoint = endpoint })
    let (reader, _) = try await connect()
    // The connection is there once it can be accepted.
    let accepted = try await reading { accept(silent.descriptor, nil, nil) }
    #expect(accepted >= 0)
    #expect(try await running.reload() == nil)
    try await reading {
      reader.value.send("subscribe ticker BTC/USD\n")
      _ = try reader.value.line(with: #""channel":"ticker""#, #""type":"snapshot""#)
    }
    close(accepted)
    close(silent.descriptor)
    try await running.end()
  }

  @Test func whatNeedsARestartIsNamedEachTimeAndNotTaken() async throws {
    let log = LogRecorder()
    let running = try await RunningWithChanges(directory, log: log)
    for _ in 0..<2 {
      let error = try await running.reload {
        $0.limits.ringBytes = 64 << 20
        $0.limits.lagBytes = 48 << 20
        $0.silence.book = .seconds(1)
        $0.stateDirectory += "/elsewhere"
        $0.simulation = ""
        $0.log.level = "debug"
        $0.log.format = .json
      }
      #expect(error == nil)
    }
    let warning = "changes of limits.ring-bytes, silence, state-dir, simulate take effect at the next start"
    #expect(log.lines.count { $0 == warning } == 2)
    #expect(log.settings.map(\.format) == [nil, .json, .json])
    #expect(log.settings.map(\.level) == ["info", "debug", "debug"])
    let (reader, _) = try await connect()
    try await reading {
      reader.value.send("status\n")
      let status = try reader.value.line(with: #""method":"status""#)
      #expect(status.contains(#""bytes":33554432"#), "\(status)")
    }
    try await running.end()
  }

  /// A new reader and its first line.
  private func connect() async throws -> (reader: Transfer<Reader>, greeting: String) {
    let path = directory("bridge.sock")
    return try await reading {
      let reader = try Reader(path)
      return (Transfer(reader), try #require(reader.line()))
    }
  }

  private func mode(_ path: String) -> UInt32 {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }
}

/// A daemon whose configuration is its first one with a change.
final class RunningWithChanges: Sendable {
  let daemon: Running
  private let next: Next

  /// - Parameter start: what the first configuration has and those after it have not.
  init(
    _ directory: ScratchDirectory, log: LogRecorder = LogRecorder(), start: (inout Settings) -> Void = { _ in },
    configure: (inout Settings) -> Void = { _ in }
  ) async throws {
    let next = Next()
    self.next = next
    daemon = try await Running(
      directory,
      configure: { settings in
        configure(&settings)
        next.begin(with: settings)
        start(&settings)
      }, reread: { () throws(InvalidSettings) in try next.take() }, log: log)
  }

  func refuseNext() { next.refuse() }

  func reload(_ change: @Sendable (inout Settings) -> Void = { _ in }) async throws -> String? {
    next.change(change)
    return try await daemon.reload()
  }

  func end() async throws {
    try await daemon.stop()
    try await daemon.tearDown()
  }
}

/// What the daemon reads at its next reload.
private final class Next: Sendable {
  private let state = Mutex<(first: Settings?, next: Settings?, isRefused: Bool)>((nil, nil, false))

  func begin(with settings: Settings) { state.withLock { $0.first = settings } }

  func change(_ change: (inout Settings) -> Void) {
    state.withLock { state in
      guard var settings = state.first else { return }
      change(&settings)
      state.next = settings
    }
  }

  func refuse() { state.withLock { $0.isRefused = true } }

  func take() throws(InvalidSettings) -> Settings {
    let (settings, isRefused) = state.withLock { state in
      defer { state.isRefused = false }
      return (state.next, state.isRefused)
    }
    guard let settings, !isRefused else {
      throw InvalidSettings(problems: [SettingProblem(origin: "c.yaml:1", key: "colour", message: "unknown key")])
    }
    return settings
  }
}

extension ListenerSettings {
  fileprivate func at(_ path: String) -> ListenerSettings {
    var copy = self
    copy.path = path
    return copy
  }
}

extension ListeningSocket {
  /// A TCP socket on a port that the kernel chooses.
  fileprivate static func onLoopback() throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    // Sound: the kernel reads and writes a sockaddr_in through the generic type, as its interface has it.
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(descriptor, generic, length) == 0 && listen(descriptor, 8) == 0
          ? getsockname(descriptor, generic, &length) : -1
      }
    }
    try #require(result == 0, "\(Errno.text)")
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }
}
