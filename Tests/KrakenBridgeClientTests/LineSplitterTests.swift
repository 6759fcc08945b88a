// The splitter is fed everything in one piece, byte by byte, and in every pair of pieces: the lines
// must be the same.

import Testing

@testable import KrakenBridgeClient

@Suite struct LineSplitterTests {
  private func lines(_ portions: [ArraySlice<UInt8>]) -> [String] {
    var splitter = LineSplitter()
    var lines: [String] = []
    for portion in portions {
      #expect(splitter.feed(portion) { lines.append(String(decoding: $0, as: UTF8.self)) } == .lines)
    }
    return lines
  }

  @Test func portionsDoNotMatter() {
    let stream = Array("{\"a\":1}\n\n{\"b\":2}\r\nlast\ntorn".utf8)
    let expected = ["{\"a\":1}", "{\"b\":2}", "last"]
    #expect(lines([stream[...]]) == expected)
    #expect(lines(stream.indices.map { stream[$0...$0] }) == expected)
    for cut in stream.indices { #expect(lines([stream[..<cut], stream[cut...]]) == expected) }
  }

  @Test func lengthLimit() {
    var splitter = LineSplitter()
    let most = [UInt8](repeating: 0x78, count: LineSplitter.lineBytesMax)
    var lengths: [Int] = []
    #expect(splitter.feed(most[...]) { lengths.append($0.count) } == .lines)
    #expect(splitter.feed([0x0A][...]) { lengths.append($0.count) } == .lines)
    #expect(lengths == [LineSplitter.lineBytesMax])
    #expect(splitter.feed((most + [0x78])[...]) { _ in } == .lineTooLong)
  }

  @Test func tooLongAcrossPortions() {
    var splitter = LineSplitter()
    let half = [UInt8](repeating: 0x78, count: LineSplitter.lineBytesMax / 2 + 1)
    #expect(splitter.feed(half[...]) { _ in } == .lines)
    #expect(splitter.feed(half[...]) { _ in } == .lineTooLong)
  }
}
