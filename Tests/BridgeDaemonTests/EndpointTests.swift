import Testing

@testable import BridgeDaemon

struct EndpointTests {
  @Test func partsAreTaken() throws {
    let kraken = try Endpoint("wss://ws.kraken.com/v2", kind: .webSocket)
    #expect(kraken.isSecure)
    #expect(kraken.host == "ws.kraken.com")
    #expect(kraken.port == 443)
    #expect(kraken.path == "/v2")
    #expect(kraken.authority == "ws.kraken.com")
    #expect(!kraken.isAddress)
    let local = try Endpoint("WS://127.0.0.1:8080", kind: .webSocket)
    #expect(!local.isSecure)
    #expect(local.port == 8080)
    #expect(local.path == "/")
    #expect(local.authority == "127.0.0.1:8080")
    #expect(local.isAddress)
    let six = try Endpoint("ws://[::1]:9/v2?x=1", kind: .webSocket)
    #expect(six.host == "::1")
    #expect(six.authority == "[::1]:9")
    #expect(six.path == "/v2?x=1")
    #expect(six.isAddress)
    #expect(six.text == "ws://[::1]:9/v2?x=1")
    #expect(try Endpoint("wss://example.com:444?x", kind: .webSocket).text == "wss://example.com:444/?x")
    #expect(try Endpoint("https://API.kraken.com", kind: .http).text == "https://api.kraken.com/")
  }

  @Test(arguments: ["127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST", "[::1]"])
  func plainTextIsForThisMachine(host: String) throws {
    #expect(try !Endpoint("ws://\(host):1/v2", kind: .webSocket).isSecure)
    #expect(try !Endpoint("http://\(host):1", kind: .http).isSecure)
  }

  @Test(arguments: [
    "ws.kraken.com", "", "://x", "http://127.0.0.1", "wss://", "wss:///v2", "wss://:443/", "wss://a:0/",
    "wss://a:65536",
    "wss://a:b", "wss://a:", "wss://user:secret@a/", "wss://a/#x", "wss://a b/", "wss://[::1", "wss://[::1]x/",
    "wss://ä/",
    "ws://ws.kraken.com/v2", "ws://10.0.0.1", "ws://127.0.0.1.example.com", "ws://127.0.0.256", "ws://128.0.0.1",
    "ws://localhost.example.com", "ws://[::2]:80",
  ])
  func everythingElseIsRefused(text: String) {
    #expect(throws: Endpoint.Fault.self) { try Endpoint(text, kind: .webSocket) }
  }
}
