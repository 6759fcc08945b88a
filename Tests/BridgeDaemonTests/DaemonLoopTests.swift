// The daemon's loop with everything real around it: the simulated exchange on a loopback port, Unix sockets in a
// scratch directory, readers that are plain descriptors. Every wait is for something to happen, with a limit that
// only a broken daemon reaches.

import BridgeCore
import Glibc
import KrakenSimulator
import Logging
import NIOCore
import NIOPosix
import SimulatedExchange
import Synchronization
import SystemdNotify
import Testing

@testable import BridgeDaemon

/// A reader: lines from a blocking descriptor that gives up after a while.
final class Reader {
  let descriptor: Int32
  private var rest: [UInt8] = []

  init(_ path: String) throws {
    descriptor = try connectTo(path)
    try #require(descriptor >= 0, "cannot connect: \(Errno.text(-descriptor))")
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func send(_ text: String) {
    var text = text
    text.withUTF8 { _ = Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  /// What has come and was not taken yet, without taking it.
  var waiting: [UInt8] {
    var chunk = [UInt8](repeating: 0, count: 4 << 20)
    let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_PEEK | MSG_DONTWAIT))
    return Array(chunk.prefix(max(0, count)))
  }

  /// The next line without its LF; nil at the end.
  func line() -> String? {
    while true {
      if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        defer { rest.removeFirst(end + 1) }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      var chunk = [UInt8](repeating: 0, count: 65536)
      let count = recv(descriptor, &chunk, chunk.count, 0)
      guard count > 0 else { return nil }
      rest += chunk[..<count]
    }
  }

  /// The first line that contains all of `parts`.
  func line(with parts: String...) throws -> String {
    while let line = line() {
      if parts.allSatisfy({ line.contains($0) }) { return line }
    }
    Issue.record("the connection ended or fell silent before a line with \(parts)")
    throw CancellationError()
  }
}

/// What the service manager was told, in order.
final class Notes: Sendable {
  private let notes = Mutex<[ServiceNote]>([])

  var all: [ServiceNote] { notes.withLock { $0 } }

  func append(_ more: [ServiceNote]) { notes.withLock { $0 += more } }
}

/// A running daemon and its exchange.
final class Running: Sendable {
  let directory: String
  let simulator: SimulatorServer
  let told = Notes()
  private let group: MultiThreadedEventLoopGroup
  private let loop: NIOLoopBound<DaemonLoop>

  init(
    _ directory: ScratchDirectory, configure: (inout Settings) -> Void = { _ in },
    reread: (@Sendable () throws(InvalidSettings) -> Settings)? = nil, keeper: DescriptorKeeper? = nil,
    log: LogRecorder = LogRecorder()
  ) async throws {
    self.directory = directory.path
    group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    simulator = try await SimulatorServer.start(
      configuration: SimulatorConfiguration(), eventLoopGroup: group, logger: logger)
    var settings = try Running.settings(directory.path)
    settings.upstream.publicEndpoint = try Endpoint(simulator.publicURL, kind: .webSocket)
    settings.upstream.privateEndpoint = try Endpoint(simulator.privateURL, kind: .webSocket)
    settings.upstream.level3Endpoint = try Endpoint(simulator.level3URL, kind: .webSocket)
    settings.upstream.restEndpoint = try Endpoint(simulator.restURL, kind: .http)
    configure(&settings)
    var sockets: [ListeningSocket] = []
    let inherited = Inheritance(keeper?.passed() ?? [])
    for listener in settings.listeners { sockets.append(try listener.open(passed: inherited.others)) }
    let store = keeper.map { DescriptorStore(capacity: 100, inherited: inherited, manager: $0.manager) }
    let credentials = try Credentials.read(settings.credentials)
    let handedOver = Transfer((sockets: sockets, store: store, inherited: inherited))
    let eventLoop = group.next()
    loop = try await eventLoop.submit { [settings, told] in
      let parts = DaemonLoop.Parts(
        settings: settings, credentials: credentials, version: "1.2.3", sockets: handedOver.value.sockets,
        reread: reread ?? { () throws(InvalidSettings) in settings }, makeLogger: { log.logger($0) },
        processID: getpid(), userID: getuid(), watchdog: Watchdog(interval: .milliseconds(1)),
        notify: { told.append($0) }, store: handedOver.value.store, inherited: handedOver.value.inherited)
      return NIOLoopBound(DaemonLoop(parts, eventLoop: eventLoop), eventLoop: eventLoop)
    }.get()
    try await eventLoop.flatSubmit { [loop] in loop.value.start() }.get()
  }

  static func settings(_ directory: String) throws -> Settings {
    var settings = try readSettings {
      $0.set("socket", flag: "--socket", ["\(directory)/bridge.sock"])
      $0.set("state-dir", flag: "--state-dir", directory)
    }
    settings.pins = [PinnedSubscription(channel: "ticker", symbols: ["BTC/USD"])]
    return settings
  }

  func reload() async throws -> String? {
    try await loop.eventLoop.submit { [loop] in loop.value.reload() }.get()
  }

  func stop() async throws {
    try await loop.eventLoop.flatSubmit { [loop] in loop.value.stop() }.get()
    try await loop.eventLoop.submit { [loop] in loop.value.dissolve() }.get()
  }

  func tearDown() async throws {
    await simulator.shutdown()
    try await group.shutdownGracefully()
  }
}

/// Threads for blocking reads. Not NIO's shared pool: the daemon under test looks names up there, and would wait for
/// a reader that waits for the daemon.
let readerThreads: NIOThreadPool = {
  let pool = NIOThreadPool(numberOfThreads: 8)
  pool.start()
  return pool
}()

func reading<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await readerThreads.runIfActive(body)
}

struct DaemonLoopTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory() }

  @Test func aReaderGetsHelloAnswerSnapshotAndUpdatesUntilGoodbye() async throws {
    let running = try await Running(directory)
    let path = directory("bridge.sock")
    let reader = try await reading { () throws -> Transfer<Reader> in
      let reader = try Reader(path)
      let hello = try #require(reader.line())
      #expect(hello.hasPrefix("{\"channel\":\"bridge\",\"type\":\"hello\""))
      #expect(hello.contains("\"version\":\"1.2.3\""))
      reader.send(
        "{\"method\":\"subscribe\",\"params\":{\"channel\":\"book\",\"symbol\":[\"BTC/USD\"]},\"req_id\":7}\n")
      #expect(try reader.line(with: "\"req_id\":7").contains("\"success\":true"))
      _ = try reader.line(with: "\"type\":\"snapshot\"", "\"channel\":\"book\"")
      _ = try reader.line(with: "\"type\":\"update\"", "\"channel\":\"book\"")
      return Transfer(reader)
    }
    try await running.stop()
    try await reading {
      _ = try reader.value.line(with: "\"goodbye\"", "\"shutdown\"")
      #expect(reader.value.line() == nil)
    }
    #expect(access(path, F_OK) != 0)
    let notes = running.told.all
    #expect(notes.first == .ready)
    #expect(notes.suffix(2) == [.stopping, .status("stopping")])
    #expect(notes.contains(.watchdog))
    #expect(StateFile(directory: directory.path).load(now: SystemClock.now).state.seq > 0)
    try await running.tearDown()
  }

  @Test func whoShutsDownItsWritingSideGoesOnReading() async throws {
    let running = try await Running(directory)
    let path = directory("bridge.sock")
    try await reading {
      let reader = try Reader(path)
      // The last line has no LF, as from `printf`.
      reader.send("subscribe book BTC/USD\nsubscribe trade ETH/USD")
      shutdown(reader.descriptor, Int32(SHUT_WR))
      for _ in 0..<3 { _ = try reader.line(with: "\"type\":\"update\"") }
      let asking = try Reader(path)
      asking.send("ping\n")
      shutdown(asking.descriptor, Int32(SHUT_WR))
      _ = try asking.line(with: "\"pong\"")
      #expect(asking.line() == nil)
    }
    try await running.stop()
    try await running.tearDown()
  }

  @Test func aLostConnectionIsToldAndComesBackWithoutLosingReaders() async throws {
    let running = try await Running(directory)
    let path = directory("bridge.sock")
    let simulator = running.simulator
    try await reading {
      let reader = try Reader(path)
      reader.send("subscribe ticker BTC/USD\n")
      _ = try reader.line(with: "\"type\":\"snapshot\"")
      simulator.schedule(try ScheduledFault(parsing: "drop"))
      _ = try reader.line(with: "\"type\":\"stale\"", "upstream_lost")
      _ = try reader.line(with: "\"type\":\"state\"", "\"online\"")
      _ = try reader.line(with: "\"channel\":\"ticker\"", "\"type\":\"snapshot\"")
    }
    try await running.stop()
    try await running.tearDown()
  }

  @Test func limitsAndListsAreAnsweredBeforeTheDoorIsShut() async throws {
    let closed = directory("closed.sock")
    let running = try await Running(directory) { settings in
      settings.limits.connections = 1
      var listener = settings.listeners[0]
      listener.path = closed
      listener.allowedUIDs = [UInt32.max - 1]
      settings.listeners.append(listener)
    }
    let path = directory("bridge.sock")
    try await reading {
      let first = try Reader(path)
      _ = try first.line(with: "\"hello\"")
      let second = try Reader(path)
      #expect(try #require(second.line()).contains("\"reason\":\"limit\""))
      #expect(second.line() == nil)
      let stranger = try Reader(closed)
      #expect(try #require(stranger.line()).contains("\"reason\":\"not_permitted\""))
      #expect(stranger.line() == nil)
    }
    try await running.stop()
    try await running.tearDown()
  }
}
