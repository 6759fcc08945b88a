// One client: frames in, what the model says out.

import Glibc
import NIOCore
import NIOSSL
import NIOWebSocket
import SimulatedExchange

final class WebSocketConnection: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  var id: Exchange.ConnectionID?
  let endpoint: Exchange.Endpoint
  private let runner: ExchangeRunner
  private let channel: any Channel
  private let trickle: TrickleHandler
  private var isClosing = false
  private var isStalled = false
  private var hasUnflushed = false

  /// How long the other side may take to answer a close frame.
  private static let closeTimeout = TimeAmount.seconds(2)

  init(runner: ExchangeRunner, channel: any Channel, trickle: TrickleHandler, endpoint: Exchange.Endpoint) {
    self.runner = runner
    self.channel = channel
    self.trickle = trickle
    self.endpoint = endpoint
  }

  func handlerAdded(context: ChannelHandlerContext) { runner.opened(self) }

  func channelInactive(context: ChannelHandlerContext) {
    if let id { runner.closed(id) }
    id = nil
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    runner.logger.debug("connection error", metadata: ["connection": "\(id, default: "-")", "error": "\(error)"])
    context.close(promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch frame.opcode {
    case .text, .binary:
      guard let id else { return }
      runner.received(Array(frame.unmaskedData.readableBytesView), from: id)
    case .ping: write(.pong, Array(frame.unmaskedData.readableBytesView), isLast: true)
    case .connectionClose:
      if !isClosing {
        isClosing = true
        var answer = frame.unmaskedData
        answer = answer.readSlice(length: min(2, answer.readableBytes)) ?? ByteBuffer()
        write(.connectionClose, Array(answer.readableBytesView), isLast: true)
      }
      flush()
      channel.close(promise: nil)
    default: break
    }
    flush()
  }

  // MARK: What the model says

  /// True if this is the first thing since the last flush.
  func perform(_ output: Exchange.Output) -> Bool {
    guard !isClosing else { return false }
    let isFirst = !hasUnflushed
    hasUnflushed = true
    carryOut(output)
    return isFirst
  }

  private func carryOut(_ output: Exchange.Output) {
    switch output {
    case .text(let bytes): write(.text, bytes, isLast: true)
    case .binary(let bytes): write(.binary, bytes, isLast: true)
    case .ping(let bytes): write(.ping, bytes, isLast: true)
    case .fragments(let fragments, let pingBetween):
      for (index, fragment) in fragments.enumerated() {
        write(index == 0 ? .text : .continuation, fragment, isLast: index == fragments.count - 1)
        if index == 0, pingBetween, fragments.count > 1 { write(.ping, [], isLast: true) }
      }
    case .slow(let bytes, let chunk, let interval):
      trickle.slowly(chunk: chunk, interval: .nanoseconds(interval)) { write(.text, bytes, isLast: true) }
    case .close(let code, let reason): close(code: code, reason: reason)
    case .drop: drop()
    case .stall(let isOn): stall(isOn)
    }
  }

  func flush() {
    hasUnflushed = false
    if !isStalled { channel.flush() }
  }

  private func write(_ opcode: WebSocketOpcode, _ bytes: [UInt8], isLast: Bool) {
    guard !isStalled else { return }
    channel.write(
      WebSocketFrame(fin: isLast, opcode: opcode, data: ByteBuffer(bytes: bytes)), promise: nil)
  }

  private func close(code: UInt16, reason: String) {
    write(.connectionClose, [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)] + reason.utf8, isLast: true)
    flush()
    isClosing = true
    let channel = channel
    runner.loop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
  }

  /// A reset instead of an orderly end: nothing that is still on its way arrives.
  private func drop() {
    isClosing = true
    let channel = channel
    let close: @Sendable () -> Void = {
      // Past the TLS handler, which would say goodbye first.
      let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
      if let tls { tls.close(promise: nil) } else { channel.close(promise: nil) }
    }
    guard let socket = channel as? any SocketOptionProvider else { return close() }
    socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in close() }
  }

  private func stall(_ isOn: Bool) {
    if isOn { flush() }
    isStalled = isOn
    channel.setOption(.autoRead, value: !isOn).whenComplete { [channel] _ in
      if !isOn { channel.read() }
    }
  }
}
