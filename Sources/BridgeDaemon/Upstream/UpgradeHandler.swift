// Asks for the upgrade to WebSocket, and tells what became of the request when it was not granted: the HTTP
// status decides how soon the session may try again.

import KrakenSession
import NIOCore
import NIOHTTP1
import NIOSSL

final class UpgradeHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let endpoint: Endpoint
  private let userAgent: String
  private let refused: (TransportFailure) -> Void

  /// - Parameter refused: called when the connection cannot become a WebSocket; more than once if several
  ///   things go wrong.
  init(endpoint: Endpoint, userAgent: String, refused: @escaping (TransportFailure) -> Void) {
    self.endpoint = endpoint
    self.userAgent = userAgent
    self.refused = refused
  }

  func channelActive(context: ChannelHandlerContext) {
    var headers = HTTPHeaders()
    headers.add(name: "Host", value: endpoint.authority)
    headers.add(name: "User-Agent", value: userAgent)
    let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: endpoint.path, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(let head) = unwrapInboundIn(data) else { return }
    // A 101 comes here only when it does not prove that a WebSocket server answered our own request.
    let isUpgrade = head.status == .switchingProtocols
    refused(
      isUpgrade ? .connect("the server's agreement to the upgrade is not valid") : .httpStatus(Int(head.status.code)))
    context.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let words = TransportFault.describe(error)
    refused(TransportFault.isTLS(error) ? .tls(words) : .connect(words))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    refused(.connect("the connection was closed during the handshake"))
    context.fireChannelInactive()
  }
}
