// NIO's end of one subscriber's connection: reading and the news of its end. Writing goes past it.

import FanOut
import NIOCore
import NIOPosix

/// What a listener's connections report to.
protocol SubscriberOwner: AnyObject {
  /// A connection arrived; the id it goes by, or nil if it is not wanted, in which case the channel gets closed.
  func subscriberArrived(_ channel: any Channel, descriptor: Int32, listener: Int) -> SubscriberID?
  /// A connection of the process before is ours again.
  func subscriberReturned(_ id: SubscriberID, _ channel: any Channel, descriptor: Int32)
  func subscriberSent(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer)
  func subscriberHalfClosed(_ id: SubscriberID)
  func subscriberLeft(_ id: SubscriberID)
}

final class SubscriberHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private unowned let owner: any SubscriberOwner
  private let listener: Int
  private var id: SubscriberID?

  /// - Parameter id: what the connection goes by if the process before accepted it.
  init(owner: any SubscriberOwner, listener: Int, returning id: SubscriberID? = nil) {
    self.owner = owner
    self.listener = listener
    self.id = id
  }

  func channelActive(context: ChannelHandlerContext) {
    let channel = context.channel
    // Sound: the descriptor number is used only while the channel is active, which SubscriberSockets checks
    // before every write; only NIO closes it.
    let descriptor = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
      of: NIOBSDSocket.Handle.self, { $0 })
    guard let descriptor else { return context.close(promise: nil) }
    if let id { return owner.subscriberReturned(id, channel, descriptor: descriptor) }
    id = owner.subscriberArrived(channel, descriptor: descriptor, listener: listener)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let id else { return }
    // Sound: the owner reads the bytes during this call only.
    unwrapInboundIn(data).withUnsafeReadableBytes { owner.subscriberSent(id, $0) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let id, event as? ChannelEvent == .inputClosed { owner.subscriberHalfClosed(id) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    if let id { owner.subscriberLeft(id) }
    id = nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
