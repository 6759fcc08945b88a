import Testing

@testable import MarketData

@Suite struct CRC32Tests {
  private func checksum(_ text: String) -> UInt32 {
    Array(text.utf8).withUnsafeBytes { CRC32.checksum($0) }
  }

  @Test func checkValue() {
    #expect(checksum("123456789") == 0xCBF4_3926)
    #expect(checksum("") == 0)
  }

  @Test func everyLengthAgreesWithTheBitwiseForm() {
    var random = SeededRandom(seed: 7)
    for length in 0..<200 {
      let text = String((0..<length).map { _ in "0123456789.".randomElement(using: &random)! })
      #expect(checksum(text) == slowCRC(text), "length \(length)")
    }
  }

  @Test func piecesAgreeWithTheWhole() {
    let text = Array("45285210000045286415457195345286615457110945289615456091".utf8)
    for cut in 0...text.count {
      var crc = CRC32()
      text[..<cut].withUnsafeBytes { crc.update($0) }
      text[cut...].withUnsafeBytes { crc.update($0) }
      #expect(crc.value == text.withUnsafeBytes { CRC32.checksum($0) })
    }
  }

  /// Joining: the register of a first text, advanced by the length of a second, and the register of the second
  /// begun at zero, make the register of both.
  @Test func joiningForEveryLength() {
    let tables = CRC32Tables.shared
    var random = SeededRandom(seed: 8)
    for length in 0...CRC32Tables.count {
      let second = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      let register = UInt32.random(in: 0...UInt32.max, using: &random)
      let joined = second.withUnsafeBytes { tables.advance(register, by: length) ^ tables.run(0, $0) }
      #expect(joined == second.withUnsafeBytes { tables.run(register, $0) }, "length \(length)")
    }
  }
}
