// Tokens from Kraken's REST interface or a program, and what becomes of every kind of answer.

import BridgeCore
import Glibc
import KrakenWire
import MarketData
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import BridgeDaemon

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
