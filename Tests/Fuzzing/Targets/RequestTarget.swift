// Arbitrary bytes from a subscriber, in one piece and in arbitrary pieces: it gets the same answers, and nobody else
// is disturbed.

import FanOut

@Sendable func fuzzRequests(_ input: [UInt8]) throws(BrokenRule) {
  let requestBytesMax = 2048
  var chance = SeededChance(input)
  let whole = try answers(to: [input[...]], requestBytesMax)
  let cut = try answers(to: input.cut(&chance, chunkBytesMax: chance.next() % 2 == 0 ? 3 : 200), requestBytesMax)
  try require(whole.lines == cut.lines, "answers depend on how the bytes arrive")
  try require(whole.isOpen == cut.isOpen, "the end of the connection depends on how the bytes arrive")
  let lines = input.split(separator: 0x0A, omittingEmptySubsequences: false)
  // What stands behind the last line break is a line when it is too long already.
  let hasOverlongLine = lines.contains { $0.count > requestBytesMax }
  try require(whole.isOpen != hasOverlongLine, "a line of at most \(requestBytesMax) bytes, and only that, keeps its connection")
  let asked = lines.dropLast().prefix { $0.count <= requestBytesMax }.count { line in
    !line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
  }
  // Hello, at least one answer each, and no answer outstanding.
  try require(whole.lines.count > asked, "\(asked) requests got \(whole.lines.count - 1) lines")
}

private func answers(
  to chunks: [ArraySlice<UInt8>], _ requestBytesMax: Int
) throws(BrokenRule) -> (lines: [[UInt8]], isOpen: Bool) {
  let world = FuzzedBridge(requestBytesMax: requestBytesMax)
  let bystander = try world.connect(requests: [#"{"method":"subscribe","params":{"channel":"ticker","symbol":"BTC/USD"}}"#])
  try world.settle()
  try world.wait(milliseconds: 1)
  try world.acknowledge()
  try world.receive(quote("81776.6", "snapshot"))
  let before = world.read(by: bystander).count
  let asking = try world.connect()
  for chunk in chunks { world.send(Array(chunk), from: asking) }
  try world.settle()
  try world.receive(quote("81776.7", "update"))
  // Whoever waits for Kraken has waited long enough by now.
  try world.wait(milliseconds: 11_000)
  try require(world.isConnected(bystander), "somebody else lost its connection")
  try require(world.read(by: bystander).count > before, "somebody else got nothing any more")
  return (world.read(by: asking), world.isConnected(asking))
}

private func quote(_ bid: String, _ type: String) -> [UInt8] {
  Array(
    #"{"channel":"ticker","type":"\#(type)","data":[{"symbol":"BTC/USD","bid":\#(bid),"bid_qty":0.4,"ask":81776.8,"ask_qty":0.5,"last":81776.6,"volume":4031.8}]}"#
      .utf8)
}
