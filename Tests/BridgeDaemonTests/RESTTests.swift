// Signed calls against a server that answers whatever bytes a test wants: what is sent, and what every answer means.

import BridgeCore
import Glibc
import KrakenWire
import MarketData
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import BridgeDaemon

struct RequestSignatureTests {
  private static let documented =
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
  private static let ones = Base64.encode([UInt8](repeating: 1, count: 32))
  private static let token = "/0/private/GetWebSocketsToken"

  @Test(arguments: [
    (
      documented, "/0/private/AddOrder", "1616492376594",
      "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25",
      "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    ),
    (
      ones, "/0/private/Balance", "1700000000000000000", "nonce=1700000000000000000",
      "6i7+cpXVLDDnDOekgsRcgFQhkYFyPDSSxhSVA8OrA6vjziXcy2K1DP3n7f9B/Kgni71WjBSQusZKxduRsdF20Q=="
    ),
    (
      documented, token, "1616492376594", "nonce=1616492376594",
      "+mRDmY9Ks0Moc1zjv/BjfvYa98buO0x1yHChZR5onlfAzAUbfIYlLggUZzdQ0RsmXm4Sh+Q8iAIZdo2wSeHeiA=="
    ),
    (
      documented, token, "1616492376594", "nonce=1616492376594&otp=123456",
      "Ar/xaIFCxoB9vYgmMdFa96Q4kobeliKYcsJVL0e/9WCP8p+91eHqwusA7xAg4PaDXeGRBOWqOD4e7jxeWmvvDQ=="
    ),
    (
      documented, token, "1616492376594", #"{"nonce":"1616492376594"}"#,
      "HPdpJhpIrtLjJZVt+Hh9BfWStC+WBySrpgTLHtVBJ7ZH9UdJOtersnssuRGVwxefF6bnUPz24Bq23UUmUtafXg=="
    ),
  ])
  func knownSignatures(secret: String, path: String, nonce: String, body: String, signature: String) throws {
    let apiKey = try APIKey(key: Secret(copying: "key"), base64Secret: Secret(copying: secret))
    #expect(RequestSignature.sign(path: path, nonce: nonce, body: body, secret: apiKey.secret) == signature)
  }
}

/// A server that takes whole requests and answers each with the next of its texts.
final class ScriptedServer: Sendable {
  /// `nil`: no answer at all. Empty: the connection is closed.
  private let answers: Mutex<[String?]>
  private let taken = Mutex<[String]>([])
  private let channel: any Channel
  let url: String

  /// What clients sent, whole requests in order.
  var requests: [String] { taken.withLock { $0 } }

  init(_ answers: [String?]) async throws {
    self.answers = Mutex(answers)
    let box = Box()
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Conversation(box)) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    url = "http://127.0.0.1:\(try #require(channel.localAddress?.port))"
    box.server.withLock { $0 = self }
  }

  func close() async throws { try await channel.close() }

  fileprivate func answer(_ request: String) -> String? {
    taken.withLock { $0.append(request) }
    return answers.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? nil }
  }

  fileprivate final class Box: Sendable {
    let server = Mutex<ScriptedServer?>(nil)
  }

  private final class Conversation: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let box: Box
    private var received = ""

    init(_ box: Box) { self.box = box }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received += String(buffer: unwrapInboundIn(data))
      let parts = received.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2,
        let length = parts[0].split(separator: "\r\n").first(where: { $0.hasPrefix("Content-Length: ") })
          .flatMap({ Int($0.dropFirst(16)) }), parts[1].utf8.count == length
      else { return }
      guard let answer = box.server.withLock({ $0 })?.answer(received) else { return }
      received = ""
      context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
      if answer.isEmpty || answer.hasSuffix("…") { context.close(promise: nil) }
    }
  }

  static func ok(_ body: String) -> String { http(200, body) }

  static func http(_ status: Int, _ body: String) -> String {
    "HTTP/1.1 \(status) Words\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  static func token(_ token: String) -> String { ok(#"{"error":[],"result":{"token":"\#(token)","expires":900}}"#) }
  static func error(_ text: String) -> String { ok(#"{"error":["\#(text)"]}"#) }
}

/// A clock that stands until it is moved.
final class TestClock: Sendable {
  private let moment = Mutex(Moment(monotonic: 1_000_000_000, wall: 1_791_506_061_000_000_000))
  var now: Moment { moment.withLock { $0 } }
  func advance(_ duration: Duration) {
    moment.withLock {
      $0 = Moment(monotonic: $0.monotonic + duration.nanoseconds, wall: $0.wall + duration.nanoseconds)
    }
  }
}

/// A token source on an event loop of its own, with its server.
final class SourceUnderTest: Sendable {
  let server: ScriptedServer
  let clock = TestClock()
  private let source: NIOLoopBound<TokenSource>

  init(
    _ answers: [String?], in directory: ScratchDirectory, deadline: TimeAmount = .seconds(20),
    credentials: Credentials? = .test(key: "the-key"), url: String? = nil
  ) async throws {
    server = try await ScriptedServer(answers)
    let endpoint = try Endpoint(url ?? server.url, kind: .http)
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let nonces = Transfer(NonceFile.open(directory: directory.path).file)
    source = try await eventLoop.submit { [clock] in
      let client = RESTClient(
        endpoint: endpoint, userAgent: "kraken-bridge/test", eventLoop: eventLoop, deadline: deadline
      ) { try TrustRoots.context(caFile: nil) }
      let calls = SignedCalls(client: client, nonces: nonces.value, clock: { clock.now })
      return NIOLoopBound(TokenSource(credentials: credentials, calls: calls, eventLoop: eventLoop), eventLoop: eventLoop)
    }.get()
  }

  /// What a request for a token comes to, as words.
  func fetch() async throws -> String {
    let done = source.eventLoop.makePromise(of: String.self)
    source.eventLoop.execute { [source] in source.value.fetch { done.succeed($0.words) } }
    return try await done.futureResult.get()
  }

  /// Several at once, in the order of their outcomes.
  func fetch(times count: Int) async throws -> [String] {
    let eventLoop = source.eventLoop
    let all = try await eventLoop.submit { [source] in
      (0..<count).map { _ in
        let done = eventLoop.makePromise(of: String.self)
        source.value.fetch { done.succeed($0.words) }
        return done.futureResult
      }
    }.get()
    return try await EventLoopFuture.whenAllSucceed(all, on: eventLoop).get()
  }

  /// Takes other credentials while a request for a token is under way.
  func fetchAndRotate(_ credentials: Credentials?) async throws -> String {
    let done = source.eventLoop.makePromise(of: String.self)
    source.eventLoop.execute { [source] in
      source.value.fetch { done.succeed($0.words) }
      #expect(source.value.use(credentials))
      #expect(!source.value.use(credentials))
    }
    return try await done.futureResult.get()
  }

  func query(_ path: String, _ form: String) async throws -> String {
    let done = source.eventLoop.makePromise(of: String.self)
    source.eventLoop.execute { [source] in
      source.value.query(path, form: form) { outcome in
        switch outcome {
        case .done(let body): done.succeed(String(decoding: body, as: UTF8.self))
        case .failed(let why, let isFinal): done.succeed("failed: \(why)\(isFinal ? " for good" : "")")
        }
      }
    }
    return try await done.futureResult.get()
  }

  func close() async throws { try await server.close() }
}

extension Credentials {
  static func test(
    key: String = "the-key", secret: String = "c2VjcmV0", tokenCommand: String? = nil, otpCommand: String? = nil
  ) -> Credentials {
    var credentials = Credentials()
    credentials.apiKey = try? APIKey(key: Secret(copying: key), base64Secret: Secret(copying: secret))
    credentials.tokenCommand = tokenCommand.map(Command.init)
    credentials.otpCommand = otpCommand.map(Command.init)
    return credentials
  }
}

extension TokenOutcome {
  fileprivate var words: String {
    switch self {
    case .token(let token): "token \(token.text)"
    case .failed(let why, let mayRetry): "failed: \(why)\(mayRetry ? "" : " for good")"
    }
  }
}
