// The control socket: a command a line, an answer a line. `help` says what there is.

import NIOCore
import SimulatedExchange

final class ControlHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let runner: ExchangeRunner
  private var unfinished = ByteBuffer()
  private static let lineBytesMax = 4096

  init(runner: ExchangeRunner) { self.runner = runner }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    unfinished.writeBuffer(&bytes)
    while let end = unfinished.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
      let line = unfinished.readString(length: end - unfinished.readerIndex) ?? ""
      unfinished.moveReaderIndex(forwardBy: 1)
      let answer = runner.change { $0.control(line) }
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer + "\n")), promise: nil)
    }
    if unfinished.readableBytes > Self.lineBytesMax { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
