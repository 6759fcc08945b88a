// Arbitrary bytes from a server through NIO's frame decoder and our own handler, in one piece and in arbitrary pieces:
// the owner hears the same, and what a plain reading of RFC 6455 says it should.

import NIOCore
import NIOEmbedded
import NIOWebSocket

@testable import BridgeDaemon

@Sendable func fuzzWebSocket(_ input: [UInt8]) throws(BrokenRule) {
  var chance = SeededChance(input)
  let whole = heard([input[...]])
  let cut = heard(input.cut(&chance, chunkBytesMax: chance.next() % 2 == 0 ? 3 : 40))
  try require(whole == cut, "what is heard depends on how the bytes arrive: \(whole) and \(cut)")
  let expected = FrameReading.messages(in: input)
  try require(whole == expected, "heard \(whole), RFC 6455 says \(expected)")
}

private let messageBytesMax = 300

private final class Owner: WebSocketOwner {
  var heard: [String] = []

  func textReceived(_ message: UnsafeRawBufferPointer) { heard.append("text \(Array(message))") }
  func binaryReceived() { heard.append("binary") }
  func readCompleted() {}
  func conversationEnded(code: UInt16?, reason: String) { heard.append("end \(code.map(String.init) ?? "")") }
}

/// What the owner of a connection hears, up to the end of the conversation.
private func heard(_ chunks: [ArraySlice<UInt8>]) -> [String] {
  let channel = EmbeddedChannel()
  let owner = Owner()
  let handler = WebSocketMessageHandler(owner: owner, messageBytesMax: messageBytesMax)
  do {
    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: messageBytesMax)))
    try channel.pipeline.syncOperations.addHandler(handler)
    channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
  } catch {
    return ["no channel: \(error)"]
  }
  // The decoder also throws what it finds wrong; the handler has dealt with it by then.
  for chunk in chunks where channel.isActive { _ = try? channel.writeInbound(ByteBuffer(bytes: chunk)) }
  let result = owner.heard
  _ = try? channel.finish(acceptAlreadyClosed: true)
  return result
}

/// Frames read by the letter of RFC 6455 5.2 to 5.5, from a whole conversation at once.
private enum FrameReading {
  static func messages(in bytes: [UInt8]) -> [String] {
    var heard: [String] = []
    var fragments: (isText: Bool, bytes: [UInt8])?
    var rest = bytes[...]
    while rest.count >= 2 {
      let first = rest.removeFirst()
      let second = rest.removeFirst()
      let opcode = first & 0x0F
      let isFinal = first & 0x80 != 0
      let isControl = opcode & 0x08 != 0
      var length = Int(second & 0x7F)
      // A control frame's length and its FIN are wrong as soon as they are read.
      let lengthBytes = length == 126 ? 2 : length == 127 ? 8 : 0
      guard rest.count >= lengthBytes else { break }
      if lengthBytes > 0 {
        let extended = rest.prefix(lengthBytes).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        rest.removeFirst(lengthBytes)
        length = extended > UInt64(messageBytesMax) ? messageBytesMax + 1 : Int(extended)
      }
      if length > messageBytesMax || (isControl && (length > 125 || !isFinal)) { return heard + ["end "] }
      if second & 0x80 != 0 {
        guard rest.count >= 4 else { break }
        rest.removeFirst(4)
      }
      guard rest.count >= length else { break }
      let payload = Array(rest.prefix(length))
      rest.removeFirst(length)
      guard second & 0x80 == 0, first & 0x70 == 0 else { return heard + ["end "] }
      switch opcode {
      case 0:
        guard let begun = fragments else { return heard + ["end "] }
        fragments = (begun.isText, begun.bytes + payload)
      case 1, 2:
        guard fragments == nil else { return heard + ["end "] }
        fragments = (opcode == 1, payload)
      case 8: return heard + [close(payload)]
      case 9, 10: continue
      default: return heard + ["end "]
      }
      guard let message = fragments else { continue }
      if message.bytes.count > messageBytesMax { return heard + ["end "] }
      if isFinal {
        heard.append(message.isText ? "text \(message.bytes)" : "binary")
        fragments = nil
      }
    }
    return heard
  }

  private static func close(_ payload: [UInt8]) -> String {
    guard payload.count >= 2 else { return "end " }
    let code = Int(payload[0]) << 8 | Int(payload[1])
    let isAllowed = (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code)
    guard isAllowed, String(validating: payload.dropFirst(2), as: UTF8.self) != nil else { return "end " }
    return "end \(code)"
  }
}
