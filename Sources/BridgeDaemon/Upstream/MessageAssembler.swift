// From WebSocket frames to whole messages, by the letter of RFC 6455. NIO's decoder leaves room for
// extensions; this conversation has none, so whatever would need one is a violation here.
//
// A message in one frame, nearly all of them, is passed on as the frame's own slice of the read buffer.

import NIOCore
import NIOWebSocket

/// A value: frames in, messages and duties out.
struct MessageAssembler {
  enum Event: Equatable {
    /// Nothing yet.
    case none
    /// A whole text message; its UTF-8 is still unchecked.
    case text(ByteBuffer)
    case binary
    case ping(ByteBuffer)
    case pong
    case close(code: UInt16?, reason: String)
    /// The peer broke the protocol: fail the connection with this close code.
    case violation(code: UInt16, why: String)
  }

  /// Whole messages, and so their frames, are at most this long.
  let messageBytesMax: Int
  private var fragments: ByteBuffer?
  private var fragmentsAreText = false

  init(messageBytesMax: Int) {
    self.messageBytesMax = messageBytesMax
  }

  mutating func received(_ frame: WebSocketFrame) -> Event {
    guard frame.maskKey == nil else { return .violation(code: 1002, why: "a server's frames must not be masked") }
    guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
      return .violation(code: 1002, why: "reserved bits are set, but no extension was agreed on")
    }
    switch frame.opcode {
    case .text, .binary:
      guard fragments == nil else {
        return .violation(code: 1002, why: "a new message began inside a fragmented one")
      }
      let isText = frame.opcode == .text
      guard frame.data.readableBytes <= messageBytesMax else { return tooLong }
      if frame.fin { return isText ? .text(frame.data) : .binary }
      fragments = frame.data
      fragmentsAreText = isText
      return .none
    case .continuation:
      guard var message = fragments else { return .violation(code: 1002, why: "a continuation of no message") }
      // Taken out while it grows, so that it is not copied for being held twice.
      fragments = nil
      guard message.readableBytes + frame.data.readableBytes <= messageBytesMax else { return tooLong }
      var data = frame.data
      message.writeBuffer(&data)
      if frame.fin { return fragmentsAreText ? .text(message) : .binary }
      fragments = message
      return .none
    case .ping, .pong, .connectionClose:
      guard frame.fin else { return .violation(code: 1002, why: "a control frame must not be fragmented") }
      guard frame.data.readableBytes <= 125 else { return .violation(code: 1002, why: "a control frame is too long") }
      switch frame.opcode {
      case .ping: return .ping(frame.data)
      case .pong: return .pong
      default: return closed(frame.data)
      }
    default:
      return .violation(code: 1002, why: "unknown opcode")
    }
  }

  private var tooLong: Event {
    .violation(code: 1009, why: "a message is longer than \(messageBytesMax) bytes")
  }

  private func closed(_ payload: ByteBuffer) -> Event {
    var payload = payload
    if payload.readableBytes == 0 { return .close(code: nil, reason: "") }
    guard let code = payload.readInteger(as: UInt16.self) else {
      return .violation(code: 1002, why: "a close frame with half a code")
    }
    guard MessageAssembler.mayBeSent(code) else {
      return .violation(code: 1002, why: "close code \(code) is not allowed")
    }
    guard let reason = String(validating: payload.readableBytesView, as: UTF8.self) else {
      return .violation(code: 1007, why: "a close reason that is not UTF-8")
    }
    return .close(code: code, reason: reason)
  }

  /// Codes that may stand in a close frame: defined and not reserved for local use, registered, or private.
  static func mayBeSent(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}
