import NIOCore
import NIOWebSocket
import Testing

@testable import BridgeDaemon

func frame(
  _ opcode: WebSocketOpcode, _ text: String = "", fin: Bool = true, mask: WebSocketMaskingKey? = nil
) -> WebSocketFrame {
  WebSocketFrame(fin: fin, opcode: opcode, maskKey: mask, data: ByteBuffer(string: text))
}

struct MessageAssemblerTests {
  private var assembler = MessageAssembler(messageBytesMax: 16)

  @Test mutating func aFrameIsAMessage() {
    #expect(assembler.received(frame(.text, "{}")) == .text(ByteBuffer(string: "{}")))
    #expect(assembler.received(frame(.text)) == .text(ByteBuffer()))
    #expect(assembler.received(frame(.binary, "x")) == .binary)
  }

  @Test mutating func fragmentsMakeOneMessage() {
    #expect(assembler.received(frame(.text, "a", fin: false)) == .none)
    #expect(assembler.received(frame(.continuation, "", fin: false)) == .none)
    #expect(assembler.received(frame(.continuation, "b", fin: false)) == .none)
    #expect(assembler.received(frame(.continuation, "c")) == .text(ByteBuffer(string: "abc")))
    #expect(assembler.received(frame(.binary, "a", fin: false)) == .none)
    #expect(assembler.received(frame(.continuation, "c")) == .binary)
    #expect(assembler.received(frame(.text, "next")) == .text(ByteBuffer(string: "next")))
  }

  @Test mutating func controlFramesComeBetweenFragments() {
    #expect(assembler.received(frame(.text, "a", fin: false)) == .none)
    #expect(assembler.received(frame(.ping, "p")) == .ping(ByteBuffer(string: "p")))
    #expect(assembler.received(frame(.pong, "p")) == .pong)
    #expect(assembler.received(frame(.continuation, "b")) == .text(ByteBuffer(string: "ab")))
  }

  @Test func eachRuleThatIsBrokenHasItsCode() {
    var reserved: [WebSocketFrame] = []
    for bit in 0..<3 {
      var broken = frame(.text, "{}")
      if bit == 0 { broken.rsv1 = true } else if bit == 1 { broken.rsv2 = true } else { broken.rsv3 = true }
      reserved.append(broken)
    }
    let tooLong = String(repeating: "x", count: 17)
    let cases: [([WebSocketFrame], UInt16)] = [
      ([frame(.text, "{}", mask: [1, 2, 3, 4])], 1002),
      ([reserved[0]], 1002), ([reserved[1]], 1002), ([reserved[2]], 1002),
      ([frame(WebSocketOpcode(encodedWebSocketOpcode: 3)!)], 1002),
      ([frame(WebSocketOpcode(encodedWebSocketOpcode: 11)!)], 1002),
      ([frame(.continuation, "b")], 1002),
      ([frame(.text, "a", fin: false), frame(.text, "b")], 1002),
      ([frame(.text, "a", fin: false), frame(.binary, "b")], 1002),
      ([frame(.ping, "p", fin: false)], 1002),
      ([frame(.ping, String(repeating: "p", count: 126))], 1002),
      ([frame(.text, tooLong)], 1009), ([frame(.binary, tooLong)], 1009),
      ([frame(.text, "123456789", fin: false), frame(.continuation, "12345678")], 1009),
      ([frame(.connectionClose, "x")], 1002),
      ([frame(.connectionClose, "\u{03}\u{ED}")], 1002),
    ]
    for (frames, code) in cases {
      var assembler = MessageAssembler(messageBytesMax: 16)
      var event = MessageAssembler.Event.none
      for frame in frames { event = assembler.received(frame) }
      guard case .violation(code, _) = event else {
        Issue.record("\(frames): \(event)")
        continue
      }
    }
  }

  @Test mutating func theLongestMessageIsStillOne() {
    let longest = String(repeating: "x", count: 16)
    #expect(assembler.received(frame(.text, longest)) == .text(ByteBuffer(string: longest)))
    #expect(assembler.received(frame(.text, "12345678", fin: false)) == .none)
    #expect(assembler.received(frame(.continuation, "12345678")) == .text(ByteBuffer(string: "1234567812345678")))
  }

  @Test mutating func closeFramesCarryCodeAndReason() {
    func close(_ code: UInt16?, _ reason: [UInt8] = []) -> WebSocketFrame {
      var data = ByteBuffer()
      if let code { data.writeInteger(code) }
      data.writeBytes(reason)
      return WebSocketFrame(fin: true, opcode: .connectionClose, data: data)
    }
    #expect(assembler.received(close(nil)) == .close(code: nil, reason: ""))
    #expect(assembler.received(close(1001)) == .close(code: 1001, reason: ""))
    #expect(
      assembler.received(close(1013, Array("Market data unavailable".utf8)))
        == .close(code: 1013, reason: "Market data unavailable"))
    #expect(assembler.received(close(1000, [0xFF])) == .violation(code: 1007, why: "a close reason that is not UTF-8"))
    for code in UInt16.min...5100 {
      let isClose = if case .close = assembler.received(close(code)) { true } else { false }
      #expect(isClose == MessageAssembler.mayBeSent(code))
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] as [UInt16] { #expect(!MessageAssembler.mayBeSent(code)) }
    for code in [1000, 1003, 1007, 1014, 3000, 4999] as [UInt16] { #expect(MessageAssembler.mayBeSent(code)) }
  }
}
