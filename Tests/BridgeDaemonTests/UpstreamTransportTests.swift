// Opening connections against servers on loopback: one that answers with whatever bytes a test wants, and the
// simulated exchange behind TLS with certificates made on the spot.

import Glibc
import KrakenSession
import KrakenSimulator
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import SimulatedExchange
import Testing

@testable import BridgeDaemon

/// Collects what one transport tells, until it has told enough.
private final class Outcome: UpstreamTransportOwner {
  private let done: EventLoopPromise<[String]>
  private let enough: Int
  private var heard: [String] = []

  init(_ done: EventLoopPromise<[String]>, enough: Int) {
    self.done = done
    self.enough = enough
  }

  private func hear(_ words: String) {
    heard.append(words)
    if heard.count == enough { done.succeed(heard) }
  }

  func transportOpened(_ transport: UpstreamTransport) { hear("opened") }
  func transportFailed(_ transport: UpstreamTransport, _ failure: TransportFailure) {
    switch failure {
    case .httpStatus(let status): hear("status \(status)")
    case .connect(let why): hear("connect: \(why)")
    case .tls(let why): hear("tls: \(why)")
    case .timeout: hear("timeout")
    }
  }
  func transportReceived(_ transport: UpstreamTransport, text: UnsafeRawBufferPointer) {
    hear("text \(String(decoding: text, as: UTF8.self).prefix(19))")
  }
  func transportReceivedBinary(_ transport: UpstreamTransport) { hear("binary") }
  func transportReadCompleted(_ transport: UpstreamTransport) {}
  func transportEnded(_ transport: UpstreamTransport, code: UInt16?, reason: String) {
    hear("ended \(code ?? 0) \(reason)")
  }
}

/// Answers the first bytes of every connection with its own.
private final class Answering: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let answer: String?

  init(_ answer: String?) { self.answer = answer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let answer else { return }
    context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
    if answer.isEmpty { context.close(promise: nil) }
  }
}

/// A port of this machine that nobody listens on, nor will while this exists: it is bound.
final class UnusedPort {
  let number: Int
  private let descriptor: Int32

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.descriptor = descriptor
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    // Sound: both calls take a sockaddr_in through the generic type, within its size.
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) | getsockname(descriptor, $0, &size)
      }
    }
    try #require(result == 0)
    number = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }
}

struct UpstreamTransportTests {
  private let group = MultiThreadedEventLoopGroup.singleton

  /// Opens a transport and waits for the first `count` things it tells.
  private func open(
    _ url: String, caFile: String? = nil, deadline: TimeAmount = .seconds(20), count: Int = 1
  ) async throws -> [String] {
    let eventLoop = group.next()
    let endpoint = try Endpoint(url, kind: .webSocket)
    let done = eventLoop.makePromise(of: [String].self)
    let kept = try await eventLoop.submit {
      let outcome = Outcome(done, enough: count)
      let transport = UpstreamTransport(
        endpoint: endpoint, eventLoop: eventLoop, owner: outcome, openDeadline: deadline)
      transport.open(userAgent: "kraken-bridge/test") { try TrustRoots.context(caFile: caFile) }
      return NIOLoopBound((outcome, transport), eventLoop: eventLoop)
    }.get()
    let heard = try await done.futureResult.get()
    try await eventLoop.submit { kept.value.1.close(code: 1000, why: "enough") }.get()
    return heard
  }

  private func openingFrom(_ answer: String?, deadline: TimeAmount = .seconds(20)) async throws -> [String] {
    let server = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Answering(answer)) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(server.localAddress?.port)
    let heard = try await open("ws://127.0.0.1:\(port)/v2", deadline: deadline)
    try await server.close()
    return heard
  }

  @Test(arguments: [400, 403, 404, 429, 500, 503])
  func aRefusalCarriesItsStatus(status: Int) async throws {
    let heard = try await openingFrom("HTTP/1.1 \(status) No\r\nContent-Length: 2\r\n\r\nno")
    #expect(heard == ["status \(status)"])
  }

  @Test(arguments: [
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "",
  ])
  func whatIsNoWebSocketServerIsNotTakenForOne(answer: String) async throws {
    let heard = try await openingFrom(answer)
    #expect(heard.first?.hasPrefix("connect: ") == true, "\(heard)")
  }

  @Test func silenceEndsAtTheDeadline() async throws {
    #expect(try await openingFrom(nil, deadline: .milliseconds(50)) == ["timeout"])
  }

  @Test func nobodyListening() async throws {
    let unused = try UnusedPort()
    let port = unused.number
    let heard = try await open("ws://127.0.0.1:\(port)/v2")
    #expect(heard == ["connect: cannot connect to 127.0.0.1 port \(port): 127.0.0.1:\(port): Connection refused"])
  }

  @Test func addressesOfBothFamiliesAreFound() throws {
    let four = try SystemResolver.addresses(of: "127.0.0.1", port: 80, family: AF_INET)
    #expect(four == [try SocketAddress(ipAddress: "127.0.0.1", port: 80)])
    let six = try SystemResolver.addresses(of: "::1", port: 443, family: AF_INET6)
    #expect(six == [try SocketAddress(ipAddress: "::1", port: 443)])
    #expect(throws: SystemResolver.Failure.self) {
      try SystemResolver.addresses(of: "127.0.0.1", port: 80, family: AF_INET6)
    }
  }

  @Test func aNameThatCannotBeIsToldAsSuch() async throws {
    // A label of 64 characters: refused by the resolver without asking anybody.
    let name = String(repeating: "x", count: 64)
    let heard = try await open("wss://\(name)/v2")
    #expect(heard.first?.hasPrefix("connect: cannot look up \(name): ") == true, "\(heard)")
  }

  @Test func certificatesAreVerifiedAlways() async throws {
    let directory = try ScratchDirectory()
    try makeCertificate(in: directory)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    var configuration = SimulatorConfiguration()
    configuration.tls = .init(certificate: directory("cert.pem"), key: directory("key.pem"))
    let simulator = try await SimulatorServer.start(configuration: configuration, eventLoopGroup: group, logger: logger)

    let unknown = try await open("wss://localhost:\(simulator.port)/v2")
    #expect(unknown.first?.hasPrefix("tls: handshake failed") == true, "\(unknown)")
    let known = try await open("wss://localhost:\(simulator.port)/v2", caFile: directory("cert.pem"), count: 2)
    #expect(known == ["opened", "text {\"channel\":\"status\""])
    // The certificate is for localhost, not for its address.
    let otherName = try await open("wss://127.0.0.1:\(simulator.port)/v2", caFile: directory("cert.pem"))
    #expect(otherName.first?.hasPrefix("tls: ") == true, "\(otherName)")
    let noCertificates = try await open("wss://localhost:\(simulator.port)/v2", caFile: directory("none.pem"))
    #expect(noCertificates.first?.hasPrefix("tls: ") == true, "\(noCertificates)")
    await simulator.shutdown()

    #expect(TrustRoots.fault(in: directory("cert.pem")) == nil)
    #expect(TrustRoots.fault(in: directory("key.pem")) != nil)
    #expect(TrustRoots.fault(in: directory("none.pem")) != nil)
  }

  private func makeCertificate(in directory: ScratchDirectory) throws {
    let command = """
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost -keyout \(directory("key.pem")) -out \(directory("cert.pem")) 2>/dev/null
      """
    let pipe = try #require(popen(command, "r"))
    #expect(pclose(pipe) == 0, "openssl is needed for this test")
  }
}
