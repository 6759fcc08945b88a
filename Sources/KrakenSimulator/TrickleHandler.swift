// Sits between the frames and the wire, and lets chosen bytes out drop by drop. What is written meanwhile waits its
// turn, as on a slow line.

import NIOCore

final class TrickleHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private struct Pace {
    var chunk: Int
    var interval: TimeAmount
  }

  private struct Waiting {
    var bytes: ByteBuffer
    var pace: Pace?
    var promise: EventLoopPromise<Void>?
  }

  private var waiting: CircularBuffer<Waiting> = []
  private var pace: Pace?
  private var isTrickling = false

  /// What `write` sends goes out slowly.
  func slowly(chunk: Int, interval: TimeAmount, _ write: () -> Void) {
    pace = Pace(chunk: max(chunk, 1), interval: interval)
    write()
    pace = nil
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard isTrickling || pace != nil else { return context.write(data, promise: promise) }
    waiting.append(Waiting(bytes: unwrapOutboundIn(data), pace: pace, promise: promise))
    if !isTrickling { trickle(context) }
  }

  private func trickle(_ context: ChannelHandlerContext) {
    isTrickling = true
    while var first = waiting.popFirst() {
      guard let pace = first.pace else {
        context.write(wrapOutboundOut(first.bytes), promise: first.promise)
        continue
      }
      let drop = first.bytes.readSlice(length: min(pace.chunk, first.bytes.readableBytes)) ?? ByteBuffer()
      let isDone = first.bytes.readableBytes == 0
      context.writeAndFlush(wrapOutboundOut(drop), promise: isDone ? first.promise : nil)
      if !isDone { waiting.prepend(first) }
      let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
      context.eventLoop.scheduleTask(in: pace.interval) {
        guard bound.value.context.channel.isActive else { return }
        bound.value.handler.trickle(bound.value.context)
      }
      return
    }
    isTrickling = false
    context.flush()
  }

  func channelInactive(context: ChannelHandlerContext) {
    for left in waiting { left.promise?.fail(ChannelError.ioOnClosedChannel) }
    waiting.removeAll()
    context.fireChannelInactive()
  }
}
