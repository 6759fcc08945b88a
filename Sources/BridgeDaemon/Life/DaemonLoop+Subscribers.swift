// The connections of readers: who they are, what they send, and that they left.

import BridgeCore
import FanOut
import NIOCore

extension DaemonLoop: SubscriberOwner {
  func subscriberArrived(_ channel: any Channel, descriptor: Int32, listener: Int) -> SubscriberID? {
    guard let peer = Peer(descriptor: descriptor) else {
      channel.close(promise: nil)
      return nil
    }
    let settings = listeners[listener].settings
    guard settings.admits(uid: peer.uid, gid: peer.gid) else {
      warn("a connection to \(settings.path) from uid \(peer.uid), gid \(peer.gid) was refused: not on its lists")
      refuse(
        channel,
        line: Array("{\"channel\":\"bridge\",\"type\":\"goodbye\",\"data\":{\"reason\":\"not_permitted\"}}\n".utf8))
      return nil
    }
    switch bridge.subscriberConnected(listener: listener, peer: peer, now: SystemClock.now) {
    case .refused(let line):
      refuse(channel, line: line)
      scheduleTurn()
      return nil
    case .accepted(let id):
      sockets.add(id, channel: channel, descriptor: descriptor)
      store?.add(id, descriptor: descriptor)
      scheduleTurn()
      return id
    }
  }

  private func refuse(_ channel: any Channel, line: [UInt8]) {
    channel.writeAndFlush(channel.allocator.buffer(bytes: line)).assumeIsolated().whenComplete { _ in
      channel.close(promise: nil)
    }
  }

  func subscriberSent(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) {
    bridge.subscriberReceived(id, bytes, now: SystemClock.now)
    if !bridge.wantsInput(id) { sockets.setInput(id, paused: true) }
    scheduleTurn()
  }

  func subscriberHalfClosed(_ id: SubscriberID) {
    bridge.subscriberHalfClosed(id, now: SystemClock.now)
    scheduleTurn()
  }

  func subscriberLeft(_ id: SubscriberID) {
    // The connections that are handed over end here only for this process.
    guard !isHandedOver else { return }
    store?.remove(id)
    // False when the bridge closed it: then it has forgotten this reader already.
    guard sockets.remove(id) else { return }
    guard !isEndingTurn else { return left.append(id) }
    departed.append(id)
    scheduleTurn()
  }
}
