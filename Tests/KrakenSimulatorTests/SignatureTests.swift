import Foundation
import Testing

@testable import KrakenSimulator

struct SignatureTests {
  private static let documented =
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
  private static let path = "/0/private/GetWebSocketsToken"

  /// Kraken's documented vector, its SDK's, and three computed independently.
  @Test(arguments: [
    (
      documented, "/0/private/AddOrder", "1616492376594",
      "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25",
      "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    ),
    (
      "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "/0/private/Balance", "1700000000000000000",
      "nonce=1700000000000000000",
      "6i7+cpXVLDDnDOekgsRcgFQhkYFyPDSSxhSVA8OrA6vjziXcy2K1DP3n7f9B/Kgni71WjBSQusZKxduRsdF20Q=="
    ),
    (
      documented, path, "1616492376594", "nonce=1616492376594",
      "+mRDmY9Ks0Moc1zjv/BjfvYa98buO0x1yHChZR5onlfAzAUbfIYlLggUZzdQ0RsmXm4Sh+Q8iAIZdo2wSeHeiA=="
    ),
    (
      documented, path, "1616492376594", "nonce=1616492376594&otp=123456",
      "Ar/xaIFCxoB9vYgmMdFa96Q4kobeliKYcsJVL0e/9WCP8p+91eHqwusA7xAg4PaDXeGRBOWqOD4e7jxeWmvvDQ=="
    ),
    (
      documented, path, "1616492376594", #"{"nonce":"1616492376594"}"#,
      "HPdpJhpIrtLjJZVt+Hh9BfWStC+WBySrpgTLHtVBJ7ZH9UdJOtersnssuRGVwxefF6bnUPz24Bq23UUmUtafXg=="
    ),
  ])
  func knownVectors(_ secret: String, _ path: String, _ nonce: String, _ body: String, _ signature: String) {
    #expect(RequestSignature.of(secret: secret, path: path, nonce: nonce, body: Array(body.utf8)) == signature)
  }

  @Test func base64IsThatOfEverybodyElse() {
    for length in 0..<70 {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 200) }
      let text = Data(bytes).base64EncodedString()
      #expect(RequestSignature.encode(base64: bytes) == text)
      #expect(RequestSignature.decode(base64: text) == bytes)
    }
    for broken in ["A", "AB", "ABC", "AB*=", "=ABC", "A===", "AB=C"] {
      #expect(RequestSignature.decode(base64: broken) == nil)
    }
  }
}
