import Testing

@testable import KrakenWire

@Suite("Secrets")
struct SecretTests {
  static func secret(_ text: String) -> Secret { Array(text.utf8).withUnsafeBytes { Secret($0) } }

  @Test func givesBackWhatWasPutIn() {
    let secret = Self.secret("hunter2")
    #expect(secret.withUnsafeBytes { Array($0) } == Array("hunter2".utf8))
    #expect(secret.byteCount == 7)
    #expect(secret == Self.secret("hunter2"))
    #expect(secret != Self.secret("hunter3"))
    #expect(secret != Self.secret("hunter"))
  }

  @Test func doesNotPrint() {
    let secret = Self.secret("hunter2")
    var dumped = ""
    dump(secret, to: &dumped)
    dump(["token": secret], to: &dumped)
    for text in ["\(secret)", String(reflecting: secret), String(describing: Optional(secret)), dumped] {
      #expect(!text.contains("hunter2") && !text.contains("104"), "\(text)")
    }
  }

  @Test func isWiped() {
    var memory = Array("hunter2".utf8)
    memory.withUnsafeMutableBytes { Secret.wipe($0) }
    #expect(memory == [UInt8](repeating: 0, count: 7))
  }

  @Test func aFailingSourceLeavesNothing() {
    struct Failure: Error {}
    #expect(throws: Failure.self) { try Secret(byteCount: 4) { _ throws(Failure) in throw Failure() } }
  }
}
