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

struct TokenSourceTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory() }

  private func fetch(_ answers: String?..., deadline: TimeAmount = .seconds(20)) async throws -> String {
    let source = try await SourceUnderTest(answers, in: directory, deadline: deadline)
    defer { Task { try await source.close() } }
    return try await source.fetch()
  }

  @Test func whatIsSentIsWhatKrakenAsksFor() async throws {
    let source = try await SourceUnderTest([ScriptedServer.token("ABC")], in: directory)
    #expect(try await source.fetch() == "token ABC")
    let request = try #require(source.server.requests.first)
    let parts = request.split(separator: "\r\n\r\n")
    let lines = parts[0].split(separator: "\r\n").map(String.init)
    #expect(lines[0] == "POST /0/private/GetWebSocketsToken HTTP/1.1")
    let nonce = "\(source.clock.now.wall)"
    #expect(parts[1] == "nonce=\(nonce)")
    let signature = RequestSignature.sign(
      path: "/0/private/GetWebSocketsToken", nonce: nonce, body: "nonce=\(nonce)", secret: Secret(copying: "secret"))
    let port = source.server.url.split(separator: ":").last ?? ""
    #expect(
      Set(lines.dropFirst()) == [
        "Host: 127.0.0.1:\(port)", "User-Agent: kraken-bridge/test", "Accept: application/json", "Connection: close",
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8", "Content-Length: \(parts[1].utf8.count)",
        "API-Key: the-key", "API-Sign: \(signature)",
      ])
    try await source.close()
  }

  @Test func everyFetchIsACallWithAHigherNonce() async throws {
    let source = try await SourceUnderTest(
      [ScriptedServer.token("A"), ScriptedServer.token("B"), ScriptedServer.token("C")], in: directory)
    #expect(try await source.fetch(times: 3) == ["token A", "token B", "token C"])
    let nonces = source.server.requests.compactMap { $0.split(separator: "nonce=").last.flatMap { UInt64($0) } }
    #expect(nonces.count == 3 && nonces == nonces.sorted() && Set(nonces).count == 3)
    try await source.close()
  }

  @Test func chunksAreAnAnswerToo() async throws {
    let body = #"{"error":[],"result":{"token":"ABC"}}"#
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      + body.map { "1\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
    #expect(try await fetch(chunked) == "token ABC")
  }

  @Test func aWrongNonceIsRaisedOnce() async throws {
    let refused = ScriptedServer.error("EAPI:Invalid nonce")
    #expect(try await fetch(refused, ScriptedServer.token("ABC")) == "token ABC")
    let source = try await SourceUnderTest([refused], in: directory)
    #expect(try await source.fetch() == "failed: EAPI:Invalid nonce")
    let nonces = source.server.requests.compactMap { $0.split(separator: "nonce=").last.flatMap { UInt64($0) } }
    #expect(nonces.count == 2)
    #expect(nonces[1] > nonces[0] + NonceFile.leap - 1)
    try await source.close()
  }

  @Test(arguments: ["EAPI:Invalid key", "EAPI:Invalid signature", "EGeneral:Permission denied"])
  func aBadKeyIsForGood(error: String) async throws {
    #expect(try await fetch(ScriptedServer.error(error)) == "failed: \(error) for good")
  }

  @Test func patienceIsKept() async throws {
    let source = try await SourceUnderTest(
      [ScriptedServer.error("EGeneral:Temporary lockout"), ScriptedServer.token("ABC")], in: directory)
    #expect(try await source.fetch() == "failed: EGeneral:Temporary lockout")
    source.clock.advance(.seconds(890))
    #expect(try await source.fetch() == "failed: EGeneral:Temporary lockout; asking again in 11 s")
    #expect(source.server.requests.count == 1)
    source.clock.advance(.seconds(10))
    #expect(try await source.fetch() == "token ABC")
    try await source.close()
  }

  @Test func serversInTrouble() async throws {
    #expect(try await fetch(ScriptedServer.http(503, "<html>")) == "failed: HTTP status 503")
    #expect(try await fetch("") == "failed: the connection was closed before the answer was complete")
    #expect(try await fetch(nil, deadline: .milliseconds(50)) == "failed: timed out")
    let cut = try await fetch("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"error\":[]…")
    #expect(cut.hasPrefix("failed: "), "\(cut)")
    let rubbish = try await fetch("SSH-2.0-OpenSSH_9.2\r\n")
    #expect(rubbish.hasPrefix("failed: "), "\(rubbish)")
    let long = RESTClient.answerBytesMax + 1
    let flood = try await fetch("HTTP/1.1 200 OK\r\nContent-Length: \(long)\r\n\r\n" + String(repeating: "x", count: long))
    #expect(flood == "failed: the answer is longer than \(RESTClient.answerBytesMax) bytes")
  }

  @Test func anAnswerWithoutAToken() async throws {
    #expect(try await fetch(ScriptedServer.ok("{}")) == "failed: the answer of \(TokenSource.path) holds no token")
  }

  @Test func nobodyListening() async throws {
    let unused = try UnusedPort()
    let source = try await SourceUnderTest([nil], in: directory, url: "http://127.0.0.1:\(unused.number)")
    let failed = try await source.fetch()
    #expect(failed.hasPrefix("failed: cannot connect to 127.0.0.1 port \(unused.number): "), "\(failed)")
    try await source.close()
  }

  @Test func otherCallsAreSignedTheSameWay() async throws {
    let source = try await SourceUnderTest(
      [ScriptedServer.ok(#"{"error":[],"result":{"open":{}}}"#), ScriptedServer.error("EGeneral:Internal error")],
      in: directory)
    let answer = try await source.query("/0/private/OpenOrders", "cl_ord_id=a%20b&trades=true")
    #expect(answer == #"{"error":[],"result":{"open":{}}}"#)
    let request = try #require(source.server.requests.first)
    #expect(request.hasPrefix("POST /0/private/OpenOrders HTTP/1.1\r\n"))
    #expect(request.hasSuffix("\r\n\r\nnonce=\(source.clock.now.wall)&cl_ord_id=a%20b&trades=true"))
    #expect(try await source.query("/0/private/OpenOrders", "") == "failed: EGeneral:Internal error")
    try await source.close()
  }

  @Test func aOneTimePasswordIsPartOfWhatIsSigned() async throws {
    let source = try await SourceUnderTest(
      [ScriptedServer.token("ABC")], in: directory, credentials: .test(otpCommand: "echo 12+3456"))
    #expect(try await source.fetch() == "token ABC")
    let body = "nonce=\(source.clock.now.wall)&otp=12%2B3456"
    let request = try #require(source.server.requests.first)
    #expect(request.hasSuffix("\r\n\r\n" + body))
    let signature = RequestSignature.sign(
      path: TokenSource.path, nonce: "\(source.clock.now.wall)", body: body, secret: Secret(copying: "secret"))
    #expect(request.contains("API-Sign: \(signature)\r\n"))
    try await source.close()

    let broken = try await SourceUnderTest(
      [ScriptedServer.token("ABC")], in: directory, credentials: .test(otpCommand: "echo hush; exit 1"))
    #expect(try await broken.fetch() == "failed: otp-command: it ended with status 1")
    #expect(broken.server.requests.isEmpty)
    try await broken.close()
  }

  @Test func aTokenCommandNeedsNoKey() async throws {
    func fetch(_ command: String) async throws -> String {
      var credentials = Credentials()
      credentials.tokenCommand = Command(command)
      let source = try await SourceUnderTest([nil], in: directory, credentials: credentials)
      defer { Task { try await source.close() } }
      let words = try await source.fetch()
      #expect(source.server.requests.isEmpty)
      #expect(try await source.query("/0/private/OpenOrders", "") == "failed: there is no API key")
      return words
    }
    #expect(try await fetch("echo AbC/123+x=") == "token AbC/123+x=")
    #expect(try await fetch("echo hush; exit 2") == "failed: token-command: it ended with status 2")
    #expect(try await fetch("echo several words of rubbish") == "failed: token-command: what it printed is no token")
    #expect(try await fetch("printf 'a\"b'") == "failed: token-command: what it printed is no token")
  }

  @Test func rotationEndsWhatTheOldKeyAsked() async throws {
    let source = try await SourceUnderTest([nil], in: directory, credentials: .test(key: "old-key"))
    #expect(try await source.fetchAndRotate(.test(key: "new-key")) == "failed: the credentials changed")
    #expect(try await source.fetchAndRotate(nil) == "failed: the credentials changed")
    #expect(try await source.fetch() == "failed: there is no API key")
    try await source.close()
    var command = Credentials()
    command.tokenCommand = Command("echo old")
    let commanded = try await SourceUnderTest([nil], in: directory, credentials: command)
    #expect(try await commanded.fetchAndRotate(.test(tokenCommand: "echo new")) == "failed: the credentials changed")
    #expect(try await commanded.fetch() == "token new")
    try await commanded.close()
  }
}
