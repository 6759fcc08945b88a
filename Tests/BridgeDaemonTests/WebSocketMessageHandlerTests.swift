// The handler behind NIO's real frame decoder, fed with bytes as a server would send them, also one at a time.

import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import BridgeDaemon

/// Writes down what the owner of a connection hears.
private final class Listening: WebSocketOwner {
  var heard: [String] = []

  func textReceived(_ message: UnsafeRawBufferPointer) {
    heard.append("text \(String(decoding: message, as: UTF8.self))")
  }
  func binaryReceived() { heard.append("binary") }
  func readCompleted() {}
  func conversationEnded(code: UInt16?, reason: String) {
    heard.append("ended \(code.map(String.init) ?? "-") \(reason)")
  }
}

private struct Conversation {
  let channel = EmbeddedChannel()
  let listening = Listening()
  let handler: WebSocketMessageHandler

  init() throws {
    handler = WebSocketMessageHandler(owner: listening, messageBytesMax: 1000)
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1000)))
    try pipeline.addHandler(handler)
    channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
  }

  func receive(_ bytes: [UInt8]) throws {
    try channel.writeInbound(ByteBuffer(bytes: bytes))
  }

  /// The frames that were sent, unmasked.
  func sent() throws -> [(opcode: WebSocketOpcode, payload: [UInt8])] {
    var frames: [(opcode: WebSocketOpcode, payload: [UInt8])] = []
    while let frame = try channel.readOutbound(as: WebSocketFrame.self) {
      #expect(frame.maskKey != nil)
      #expect(frame.fin && !frame.rsv1 && !frame.rsv2 && !frame.rsv3)
      frames.append((frame.opcode, Array(frame.data.readableBytesView)))
    }
    return frames
  }

  func isOpen() -> Bool { channel.isActive }
}

/// A frame as a server sends it.
private func bytes(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
  payload.count < 126
    ? [first, UInt8(payload.count)] + payload
    : [first, 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)] + payload
}

private let text: UInt8 = 0x81
private let close: UInt8 = 0x88

struct WebSocketMessageHandlerTests {
  private static let session: [UInt8] =
    bytes(text, Array("{\"a\":1}".utf8)) + bytes(0x01, Array("[1".utf8)) + bytes(0x89, Array("hi".utf8))
    + bytes(0x00, Array(",2".utf8)) + bytes(0x80, Array("]".utf8)) + bytes(0x82, [0]) + bytes(0x8A, [])
    + bytes(text, [UInt8](repeating: 0x20, count: 300)) + bytes(close, [0x03, 0xE9] + Array("bye".utf8))

  @Test(arguments: [1, 2, 3, 7, 1000])
  func messagesDoNotDependOnHowTheBytesArrive(chunk: Int) throws {
    let conversation = try Conversation()
    for start in stride(from: 0, to: Self.session.count, by: chunk) {
      try conversation.receive(Array(Self.session[start..<min(start + chunk, Self.session.count)]))
    }
    #expect(
      conversation.listening.heard == [
        "text {\"a\":1}", "text [1,2]", "binary", "text " + String(repeating: " ", count: 300), "ended 1001 bye",
      ])
    let sent = try conversation.sent()
    #expect(sent.map(\.opcode) == [.pong, .connectionClose])
    #expect(sent[0].payload == Array("hi".utf8))
    #expect(sent[1].payload == [0x03, 0xE9])
  }

  @Test func whatBreaksTheRulesEndsTheConversation() throws {
    let cases: [([UInt8], UInt16)] = [
      ([0x81, 0x81, 1, 2, 3, 4, 0], 1002), (bytes(0xC1, []), 1002), (bytes(0xA1, []), 1002), (bytes(0x91, []), 1002),
      (bytes(0x83, []), 1002), (bytes(0x8B, []), 1002), (bytes(0x80, []), 1002), (bytes(0x09, []), 1002),
      ([0x89, 126, 0, 126], 1002), (bytes(0x01, [0x20]) + bytes(text, []), 1002), (bytes(close, [3]), 1002),
      ([text, 126, 0x03, 0xE9], 1009), ([text, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], 1009),
      (bytes(0x01, [UInt8](repeating: 0x20, count: 600)) + bytes(0x80, [UInt8](repeating: 0x20, count: 600)), 1009),
    ]
    for (input, code) in cases {
      let conversation = try Conversation()
      // The decoder also throws what it finds wrong; the handler has answered by then.
      try? conversation.receive(input)
      #expect(conversation.listening.heard.count == 1)
      #expect(conversation.listening.heard.first?.hasPrefix("ended - protocol violation: ") == true)
      let sent = try conversation.sent()
      #expect(sent.map(\.opcode) == [.connectionClose], "\(input.prefix(8))")
      #expect(sent.first?.payload.prefix(2) == [UInt8(code >> 8), UInt8(code & 0xFF)], "\(input.prefix(8))")
      // Nothing that follows is heard.
      try? conversation.receive(bytes(text, Array("late".utf8)))
      #expect(conversation.listening.heard.count == 1)
    }
  }

  @Test func textIsSentMaskedInOneFrame() throws {
    let conversation = try Conversation()
    conversation.handler.send(Array("{\"method\":\"ping\"}".utf8))
    let sent = try conversation.sent()
    #expect(sent.map(\.opcode) == [.text])
    #expect(sent[0].payload == Array("{\"method\":\"ping\"}".utf8))
  }

  @Test func closingWaitsForTheAnswerAndNotForever() throws {
    let answered = try Conversation()
    answered.handler.close(code: 1001, why: "enough")
    #expect(try answered.sent().map(\.payload) == [[0x03, 0xE9] + Array("enough".utf8)])
    #expect(answered.isOpen())
    try answered.receive(bytes(text, Array("late".utf8)))
    try answered.receive(bytes(close, [0x03, 0xE9]))
    #expect(!answered.isOpen())

    let silent = try Conversation()
    silent.handler.close(code: 1000, why: "")
    silent.channel.embeddedEventLoop.advanceTime(by: WebSocketMessageHandler.closeDeadline - .nanoseconds(1))
    #expect(silent.isOpen())
    silent.channel.embeddedEventLoop.advanceTime(by: .nanoseconds(1))
    #expect(!silent.isOpen())
    // Who closes hears nothing more.
    #expect(answered.listening.heard.isEmpty && silent.listening.heard.isEmpty)
  }

  @Test func aServerThatForgetsToCloseIsCutOff() throws {
    let conversation = try Conversation()
    try conversation.receive(bytes(close, []))
    #expect(conversation.listening.heard == ["ended - "])
    #expect(try conversation.sent().map(\.payload) == [[0x03, 0xE8]])
    #expect(conversation.isOpen())
    conversation.channel.embeddedEventLoop.advanceTime(by: WebSocketMessageHandler.closeDeadline)
    #expect(!conversation.isOpen())
  }

  @Test func aConnectionThatBreaksOffIsTold() throws {
    let conversation = try Conversation()
    conversation.channel.close(promise: nil)
    #expect(conversation.listening.heard == ["ended - the connection was closed without a close frame"])
    // Sending into it does nothing.
    conversation.handler.send([0x20])
    #expect(try conversation.sent().isEmpty)
  }

  @Test func aLongReasonIsCutAtACharacter() throws {
    let conversation = try Conversation()
    conversation.handler.close(code: 1000, why: String(repeating: "é", count: 100))
    let payload = try #require(try conversation.sent().first).payload
    #expect(payload.count <= 125)
    #expect(String(validating: payload.dropFirst(2), as: UTF8.self) == String(repeating: "é", count: 61))
  }
}
