import BridgeCore
import JSONText
import Testing

@Suite struct ReportTests {
  /// No line is longer than the limit, however many rows a report has.
  @Test(arguments: ["clients", "topics"])
  func aReportTooLongForALineSaysHowMuchIsMissing(method: String) throws {
    let whole = try report(method, lineBytesMax: BridgeLimits().lineBytesMax)
    #expect(whole.omitted == nil)
    #expect(whole.rows > 200)
    let cut = try report(method, lineBytesMax: 32 << 10)
    #expect(cut.byteCount <= 32 << 10)
    #expect(cut.rows > 0)
    #expect(cut.rows + Int(cut.omitted ?? 0) == whole.rows)
  }

  private func report(
    _ method: String, lineBytesMax: Int
  ) throws -> (rows: Int, omitted: Int64?, byteCount: Int) {
    var limits = BridgeLimits()
    limits.lineBytesMax = lineBytesMax
    limits.connectionsPerUID = 1000
    let stage = RestartStage(limits: limits)
    let asker = stage.connect("asker")
    for number in 0..<200 { stage.send(stage.connect("reader \(number)"), "subscribe ticker P\(number)/USD") }
    _ = stage.take(asker)
    stage.send(asker, method)
    let answer = Array(try #require(stage.take(asker).first { $0.contains(#""success":true"#) }).utf8)
    var parser = JSONParser()
    return try answer.withUnsafeBytes { bytes in
      try parser.withDocument(bytes) { root in
        let result = root["result"]
        let rows = method == "clients" ? result?["clients"] : result?["topics"]
        return (rows?.count ?? 0, result?["omitted"]?.int64, answer.count)
      }
    }
  }
}
