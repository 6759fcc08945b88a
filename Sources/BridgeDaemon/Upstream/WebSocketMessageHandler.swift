// The client's end of an open WebSocket: whole messages to its owner, pings answered, and the closing
// handshake both ways with a deadline, since a peer that stopped answering would never finish it.

import NIOCore
import NIOWebSocket

/// What an open connection tells its owner, on the event loop and in this order of frames.
protocol WebSocketOwner: AnyObject {
  /// One complete text message. The bytes are only there during the call, and their UTF-8 is not checked.
  func textReceived(_ message: UnsafeRawBufferPointer)
  func binaryReceived()
  /// All that one read of the socket brought has been handed over.
  func readCompleted()
  /// The conversation is over; nothing follows. `code` is the peer's, nil when there was no close frame.
  func conversationEnded(code: UInt16?, reason: String)
}

final class WebSocketMessageHandler: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private enum State {
    case open
    /// A close frame is on its way out, or has been: what is received is no longer wanted.
    case closing
    case closed
  }

  /// How long either side of the closing handshake may take.
  static let closeDeadline = TimeAmount.seconds(2)

  private weak var owner: (any WebSocketOwner)?
  private var assembler: MessageAssembler
  private var state = State.open
  private var context: ChannelHandlerContext?
  private var failure: String?

  init(owner: any WebSocketOwner, messageBytesMax: Int) {
    self.owner = owner
    assembler = MessageAssembler(messageBytesMax: messageBytesMax)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  // MARK: What the owner does

  /// Sends one text message.
  func send(_ text: [UInt8]) {
    guard state == .open, let context else { return }
    write(.text, context.channel.allocator.buffer(bytes: text), context)
  }

  /// Begins the closing handshake. The owner hears nothing more.
  func close(code: UInt16, why: String) {
    owner = nil
    guard let context else { return }
    beginClosing(code: code, why: why, context)
  }

  // MARK: What the peer does

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let event = assembler.received(unwrapInboundIn(data))
    guard state == .open else {
      if state == .closing, case .close = event { context.close(promise: nil) }
      return
    }
    switch event {
    case .none, .pong:
      break
    case .text(let message):
      // Sound: the owner reads the bytes during this call only.
      message.withUnsafeReadableBytes { owner?.textReceived($0) }
    case .binary:
      owner?.binaryReceived()
    case .ping(let payload):
      write(.pong, payload, context)
    case .close(let code, let reason):
      // The server closes the TCP connection first (RFC 6455 7.1.1); we do if it forgets.
      beginClosing(code: code ?? 1000, why: "", context)
      end(code: code, reason: reason)
    case .violation(let code, let why):
      fail(code: code, why: why, context)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    owner?.readCompleted()
    context.fireChannelReadComplete()
  }

  func channelInactive(context: ChannelHandlerContext) {
    state = .closed
    end(code: nil, reason: failure ?? "the connection was closed without a close frame")
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case NIOWebSocketError.invalidFrameLength:
      fail(code: 1009, why: "a message is longer than \(assembler.messageBytesMax) bytes", context)
    case let error as NIOWebSocketError:
      fail(
        code: 1002,
        why: error == .fragmentedControlFrame
          ? "a control frame must not be fragmented" : "a control frame is too long", context)
    default:
      failure = failure ?? TransportFault.describe(error)
      context.close(promise: nil)
    }
  }

  // MARK: Closing

  private func fail(code: UInt16, why: String, _ context: ChannelHandlerContext) {
    guard state == .open else { return }
    beginClosing(code: code, why: why, context)
    end(code: nil, reason: "protocol violation: \(why)")
  }

  private func beginClosing(code: UInt16, why: String, _ context: ChannelHandlerContext) {
    guard state == .open else { return }
    state = .closing
    var payload = context.channel.allocator.buffer(capacity: 125)
    payload.writeInteger(MessageAssembler.mayBeSent(code) ? code : 1000)
    // A control frame holds 125 bytes, and the reason must stay UTF-8.
    for character in why where payload.readableBytes + character.utf8.count <= 125 {
      payload.writeString(String(character))
    }
    write(.connectionClose, payload, context)
    context.eventLoop.assumeIsolated().scheduleTask(in: WebSocketMessageHandler.closeDeadline) { [weak self] in
      self?.context?.close(promise: nil)
    }
  }

  private func end(code: UInt16?, reason: String) {
    let owner = owner
    self.owner = nil
    owner?.conversationEnded(code: code, reason: reason)
  }

  private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
    let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
  }
}
