// What Kraken's REST answers mean, and the token in them.

import KrakenWire
import Testing

struct RESTVerdictTests {
  private func judge(_ body: String, status: Int = 200) -> RESTVerdict {
    Array(body.utf8).withUnsafeBytes { RESTVerdict.judge(status: status, body: $0, wall: 1_700_000_000_000_000_000) }
  }

  private func judge(error: String, status: Int = 200) -> RESTVerdict {
    judge(#"{"error":["\#(error)"]}"#, status: status)
  }

  @Test func successes() {
    #expect(judge(#"{"error":[],"result":{}}"#) == .done)
    #expect(judge(#"{"result":{},"error":["WGeneral:Deprecated"]}"#) == .done)
  }

  @Test(arguments: ["EAPI:Invalid key", "EAPI:Invalid signature", "EGeneral:Permission denied", "EAPI:Permission denied"])
  func theKeyIsRefused(error: String) {
    #expect(judge(error: error) == .keyRefused(error))
    #expect(judge(error: error, status: 401) == .keyRefused(error))
  }

  @Test func otherErrors() {
    #expect(judge(error: "EAPI:Invalid nonce") == .nonceRefused("EAPI:Invalid nonce"))
    #expect(judge(error: "EAPI:Rate limit exceeded") == .later("EAPI:Rate limit exceeded", pause: .seconds(15)))
    #expect(judge(error: "EGeneral:Too many requests") == .later("EGeneral:Too many requests", pause: .seconds(15)))
    #expect(judge(error: "EGeneral:Temporary lockout") == .later("EGeneral:Temporary lockout", pause: .seconds(900)))
    #expect(judge(error: "EService:Unavailable") == .later("EService:Unavailable", pause: .seconds(5)))
    #expect(judge(error: "EService:Throttled: 1700000040") == .later("EService:Throttled: 1700000040", pause: .seconds(40)))
    #expect(judge(error: "EService:Throttled: 1") == .later("EService:Throttled: 1", pause: .seconds(1)))
    #expect(
      judge(error: "EService:Throttled: 1900000000") == .later("EService:Throttled: 1900000000", pause: .seconds(900)))
    #expect(judge(error: "EQuery:Unknown asset") == .later("EQuery:Unknown asset", pause: .zero))
  }

  @Test(arguments: [
    (500, 5), (502, 5), (503, 5), (520, 5), (429, 60), (403, 60), (404, 0), (301, 0), (401, 0),
  ])
  func statusesWithoutWordsOfKraken(status: Int, seconds: Int) {
    #expect(judge("<html>no</html>", status: status) == .later("HTTP status \(status)", pause: .seconds(seconds)))
    #expect(judge("", status: status) == .later("HTTP status \(status)", pause: .seconds(seconds)))
  }

  @Test(arguments: ["", "<html>", "[]", "17", "{\"error\":[]", "\"error\""])
  func rubbishIsNoSuccess(body: String) {
    #expect(judge(body) == .later("the answer is not what Kraken sends", pause: .zero))
  }

  @Test(arguments: [
    (#"{"error":[],"result":{"token":"1Dwc4lzSwNWOAwkMdqhssNNFhs1ed606d1WcF3XfEMw","expires":900}}"#,
      "1Dwc4lzSwNWOAwkMdqhssNNFhs1ed606d1WcF3XfEMw"),
    (#"{"result":{"expires":900,"token":"a/b+c=="}}"#, "a/b+c=="),
  ])
  func tokens(body: String, token: String) { #expect(self.token(body) == token) }

  @Test(arguments: [
    "", "{", "{}", #"{"result":{}}"#, #"{"result":{"token":17}}"#, #"{"result":{"token":""}}"#,
    #"{"result":{"token":"a\"b"}}"#, #"{"result":{"token":"a b"}}"#, #"{"token":"abc"}"#,
  ])
  func noToken(body: String) { #expect(token(body) == nil) }

  @Test func aTokenHasAnEnd() {
    #expect(token(#"{"result":{"token":"\#(String(repeating: "t", count: 1024))"}}"#) != nil)
    #expect(token(#"{"result":{"token":"\#(String(repeating: "t", count: 1025))"}}"#) == nil)
  }

  private func token(_ body: String) -> String? {
    Array(body.utf8).withUnsafeBytes { RESTVerdict.token(in: $0)?.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
  }
}
