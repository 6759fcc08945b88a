// Plain HTTP on the same port: the public REST calls that clients make before they subscribe, and the refusals that a
// fault gives to an upgrade.

import NIOCore
import NIOHTTP1
import NIOWebSocket
import SimulatedExchange

final class HTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let runner: ExchangeRunner
  private var refusal: Exchange.UpgradeDecision?
  private var head: HTTPRequestHead?
  private var body = ByteBuffer()
  private static let bodyBytesMax = 1 << 20

  init(runner: ExchangeRunner) { self.runner = runner }

  /// True if a WebSocket may be opened; otherwise the request is answered here.
  func decideUpgrade(_ head: HTTPRequestHead) -> Bool {
    let path = head.uri.prefix { $0 != "?" }
    guard path == "/v2" || path == "/v2/" else { return false }
    let decision = runner.decideUpgrade()
    if decision != .accept { refusal = decision }
    return decision == .accept
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body.clear()
    case .body(var part):
      guard body.readableBytes + part.readableBytes <= Self.bodyBytesMax else { return context.close(promise: nil) }
      body.writeBuffer(&part)
    case .end:
      if let head { answer(head, context) }
      head = nil
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A refused upgrade comes by here as an error; its answer follows at the request's end.
    if !(error is NIOWebSocketUpgradeError) { context.close(promise: nil) }
  }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    switch refusal {
    case .drop: return context.close(promise: nil)
    case .refuse(let status): return refuse(status, context)
    case .accept, nil: break
    }
    // A WebSocket on any path but version 2's.
    if head.headers.contains(name: "upgrade") { return refuse(404, context) }
    let parts = head.uri.split(separator: "?", maxSplits: 1)
    let query = parts.count == 2 ? String(parts[1]) : ""
    let answer = runner.change {
      $0.rest(path: String(parts.first ?? ""), query: query.isEmpty ? String(buffer: body) : query)
    }
    send(answer.status, answer.body, type: "application/json", context)
  }

  private func refuse(_ status: Int, _ context: ChannelHandlerContext) {
    send(status, Array("<html><body><h1>\(status)</h1></body></html>".utf8), type: "text/html", context)
  }

  /// One request a connection: the handler that upgrades looks at the first request only, and a client that keeps its
  /// connection would come back on it with an upgrade.
  private func send(_ status: Int, _ bytes: [UInt8], type: String, _ context: ChannelHandlerContext) {
    let headers: HTTPHeaders = [
      "content-type": type, "content-length": String(bytes.count), "connection": "close",
    ]
    let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
    let channel = context.channel
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
  }
}
