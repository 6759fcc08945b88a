// Runs the model in real time: hands it the clock and what arrives, and carries out what it says. Bound to one event
// loop and not Sendable on purpose.

import Logging
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import SimulatedExchange

final class ExchangeRunner {
  let loop: any EventLoop
  let logger: Logger
  private(set) var exchange: Exchange
  private let configuration: SimulatorConfiguration
  private let clock: RunnerClock
  private let tls: NIOSSLContext?

  private var connections: [Exchange.ConnectionID: WebSocketConnection] = [:]
  /// Connections that have not been upgraded, or never will be.
  private var channels: [ObjectIdentifier: any Channel] = [:]
  private var listener: (any Channel)?
  private var controlListener: (any Channel)?
  private var port = 0
  private var timer: Scheduled<Void>?
  private var timerTime = Int64.max
  private var isBinding = false
  private var isCarryingOut = false
  private var isStopped = false

  init(configuration: SimulatorConfiguration, loop: any EventLoop, logger: Logger) throws {
    self.configuration = configuration
    self.loop = loop
    self.logger = logger
    clock = RunnerClock()
    exchange = Exchange(configuration: configuration.exchange, seed: configuration.seed, now: clock.now)
    tls = try configuration.tls.map { files in
      let chain = try NIOSSLCertificate.fromPEMFile(files.certificate).map { NIOSSLCertificateSource.certificate($0) }
      let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
      return try NIOSSLContext(
        configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
    }
  }

  /// Binds everything; gives the port.
  func start() -> EventLoopFuture<Int> {
    let bound = NIOLoopBound(self, eventLoop: loop)
    return bindListener(port: configuration.port).flatMap { channel in
      let runner = bound.value
      runner.listener = channel
      runner.port = channel.localAddress?.port ?? 0
      return runner.bindControlSocket()
    }.map { _ in
      let runner = bound.value
      runner.change { exchange in
        for fault in runner.configuration.faults { exchange.schedule(fault) }
      }
      return runner.port
    }
  }

  func stop() -> EventLoopFuture<Void> {
    isStopped = true
    timer?.cancel()
    let open = [listener, controlListener].compactMap { $0 }
    for connection in connections.values {
      _ = connection.perform(.close(code: 1001, reason: "Simulator stopped"))
    }
    for channel in channels.values { channel.close(promise: nil) }
    return EventLoopFuture.andAllComplete(open.map { $0.close() }, on: loop)
  }

  // MARK: Model

  /// Brings the model to the present, changes it, and carries out what follows.
  func change<Result>(_ body: (inout Exchange) -> Result) -> Result {
    exchange.advance(to: clock.now)
    let result = body(&exchange)
    carryOut()
    return result
  }

  private func carryOut() {
    // Cutting a connection, or writing to one that is gone, comes back here through `closed`: what is newer must wait
    // until what is older is out.
    guard !isCarryingOut else { return }
    isCarryingOut = true
    var outputs = exchange.takeOutput()
    while !outputs.isEmpty {
      var touched: [WebSocketConnection] = []
      for (id, output) in outputs {
        guard let connection = connections[id] else { continue }
        if connection.perform(output) { touched.append(connection) }
      }
      for connection in touched { connection.flush() }
      outputs = exchange.takeOutput()
    }
    isCarryingOut = false
    followListening()
    plan()
  }

  private func plan() {
    guard !isStopped, let next = exchange.nextEventTime, next < timerTime else { return }
    timer?.cancel()
    timerTime = next
    // Not more than a thousand wake-ups a second, however busy the markets are.
    let wait = max(next - clock.now, 1_000_000)
    timer = loop.assumeIsolated().scheduleTask(in: .nanoseconds(wait)) { [weak self] in
      guard let self else { return }
      timerTime = .max
      change { _ in }
    }
  }

  // MARK: Listening

  /// A fault may want the port closed, and later open again.
  private func followListening() {
    guard !isStopped, !isBinding, exchange.isListening != (listener != nil) else { return }
    isBinding = true
    if let open = listener {
      listener = nil
      open.close().assumeIsolated().whenComplete { _ in self.isBinding = false }
    } else {
      bindListener(port: port).assumeIsolated().whenComplete { result in
        self.isBinding = false
        // A port taken by somebody else in the meantime is tried again with the next event.
        if case .success(let channel) = result { self.listener = channel }
      }
    }
  }

  private func bindListener(port: Int) -> EventLoopFuture<any Channel> {
    let bound = NIOLoopBound(self, eventLoop: loop)
    return ServerBootstrap(group: loop)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 1024)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try bound.value.configure(channel) }
      }
      .bind(host: configuration.host, port: port)
  }

  private func bindControlSocket() -> EventLoopFuture<Void> {
    guard let path = configuration.controlSocketPath else { return loop.makeSucceededVoidFuture() }
    let bound = NIOLoopBound(self, eventLoop: loop)
    return ServerBootstrap(group: loop)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ControlHandler(runner: bound.value))
        }
      }
      .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true)
      .map { bound.value.controlListener = $0 }
  }

  // MARK: Connections

  private func configure(_ channel: any Channel) throws {
    let key = ObjectIdentifier(channel)
    channels[key] = channel
    channel.closeFuture.assumeIsolated().whenComplete { _ in self.channels[key] = nil }

    let pipeline = channel.pipeline.syncOperations
    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
    let trickle = TrickleHandler()
    try pipeline.addHandler(trickle)
    let http = HTTPHandler(runner: self)
    let bound = NIOLoopBound((runner: self, http: http, trickle: trickle), eventLoop: loop)
    let upgrader = NIOWebSocketServerUpgrader(
      maxFrameSize: 1 << 20, automaticErrorHandling: true,
      shouldUpgrade: { channel, head in
        channel.eventLoop.makeCompletedFuture { bound.value.http.decideUpgrade(head) ? HTTPHeaders() : nil }
      },
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture { try bound.value.runner.open(channel, bound.value.trickle, bound.value.http.endpoint) }
      })
    try pipeline.configureHTTPServerPipeline(
      withServerUpgrade: (
        upgraders: [upgrader],
        completionHandler: { context in context.pipeline.syncOperations.removeHandler(bound.value.http, promise: nil) }
      ))
    try pipeline.addHandler(http)
  }

  private func open(_ channel: any Channel, _ trickle: TrickleHandler, _ endpoint: Exchange.Endpoint) throws {
    let connection = WebSocketConnection(runner: self, channel: channel, trickle: trickle, endpoint: endpoint)
    try channel.pipeline.syncOperations.addHandlers(
      NIOWebSocketFrameAggregator(
        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024, maxAccumulatedFrameSize: 1 << 20),
      connection)
  }

  /// A WebSocket is ready.
  func opened(_ connection: WebSocketConnection) {
    change { exchange in
      let id = exchange.connect(connection.endpoint, now: clock.now)
      connection.id = id
      connections[id] = connection
    }
  }

  func received(_ text: [UInt8], from id: Exchange.ConnectionID) {
    change { $0.receive(text, from: id, now: clock.now) }
  }

  func closed(_ id: Exchange.ConnectionID) {
    connections[id] = nil
    change { $0.disconnected(id, now: clock.now) }
  }

  func answer(_ request: Exchange.RESTRequest) -> Exchange.RESTAnswer {
    change { $0.rest(request, now: clock.now, signing: RequestSignature.of(secret:path:nonce:body:)) }
  }

  func decideUpgrade() -> Exchange.UpgradeDecision { change { $0.upgradeDecision(now: clock.now) } }
}

/// Wall time that never steps: the system clock once, the monotonic clock from then on.
private struct RunnerClock {
  private let wall: Int64
  private let start = NIODeadline.now()

  init() {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    wall = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  var now: Int64 { wall + (NIODeadline.now() - start).nanoseconds }
}
