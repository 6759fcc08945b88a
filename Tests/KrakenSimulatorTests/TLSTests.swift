import Foundation
import Logging
import NIOPosix
import NIOSSL
import SimulatedExchange
import Testing

@testable import KrakenSimulator

@Suite(.timeLimit(.minutes(1)))
struct TLSTests {
  /// A certificate for localhost, signed by itself, made with the openssl program.
  private func makeCertificate() throws -> (certificate: String, key: String) {
    let folder = NSTemporaryDirectory() + "sim-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let openssl = Process()
    openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    openssl.arguments =
      ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
      + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder + "/key.pem"]
      + ["-out", folder + "/cert.pem"]
    openssl.standardError = FileHandle.nullDevice
    try openssl.run()
    openssl.waitUntilExit()
    #expect(openssl.terminationStatus == 0)
    return (folder + "/cert.pem", folder + "/key.pem")
  }

  @Test func tls() async throws {
    let files = try makeCertificate()
    try await withServer { $0.tls = .init(certificate: files.certificate, key: files.key) } _: { server in
      #expect(server.publicURL == "wss://127.0.0.1:\(server.port)/v2")
      var trusting = TLSConfiguration.makeClientConfiguration()
      trusting.trustRoots = .file(files.certificate)
      let context = try NIOSSLContext(configuration: trusting)
      try await RawClient.webSocket(port: server.port, tls: context) { client in
        try await client.send(subscribe)
        for _ in 0..<5 { _ = try await client.message(containing: "book") }
        try await server.strike(Fault(.drop))
        await #expect(throws: (any Error).self) { while true { _ = try await client.frame() } }
      }
      // Somebody who does not trust the certificate gets nowhere, and the server goes on.
      let strict = try NIOSSLContext(configuration: .makeClientConfiguration())
      await #expect(throws: (any Error).self) {
        try await RawClient.webSocket(port: server.port, tls: strict) { _ in }
      }
      try await RawClient.webSocket(port: server.port, tls: context) { _ in }
    }
  }

  @Test func missingCertificateIsAnError() async {
    var configuration = SimulatorConfiguration()
    configuration.tls = .init(certificate: "/no/such/file", key: "/no/such/file")
    await #expect(throws: (any Error).self) {
      try await SimulatorServer.start(
        configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
        logger: Logger(label: "test"))
    }
  }
}
