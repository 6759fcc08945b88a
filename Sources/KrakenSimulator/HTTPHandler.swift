// Plain HTTP on the same port: the public REST calls that clients make before they subscribe, the signed ones, and the
// refusals that a fault gives to an upgrade.

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
  /// What an accepted upgrade leads to.
  private(set) var endpoint = Exchange.Endpoint.publicV2
  private static let bodyBytesMax = 1 << 20

  init(runner: ExchangeRunner) { self.runner = runner }

  /// True if a WebSocket may be opened; otherwise the request is answered here.
  func decideUpgrade(_ head: HTTPRequestHead) -> Bool {
    guard let endpoint = Self.endpoint(head.uri) else { return false }
    self.endpoint = endpoint
    let decision = runner.decideUpgrade()
    if decision != .accept { refusal = decision }
    return decision == .accept
  }

  /// Kraken serves the three under host names of their own; here they have paths.
  private static func endpoint(_ uri: String) -> Exchange.Endpoint? {
    switch uri.prefix(while: { $0 != "?" }) {
    case "/v2", "/v2/": .publicV2
    case "/auth/v2", "/auth/v2/": .privateV2
    case "/l3/v2", "/l3/v2/": .level3
    default: nil
    }
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
    let answer = runner.answer(
      Exchange.RESTRequest(
        path: String(parts.first ?? ""), query: parts.count == 2 ? String(parts[1]) : "",
        body: Array(body.readableBytesView), apiKey: head.headers.first(name: "API-Key"),
        signature: head.headers.first(name: "API-Sign")))
    guard !answer.isCut else { return context.close(promise: nil) }
    let type = answer.status == 200 ? "application/json" : "text/html"
    guard answer.delay > 0 else { return send(answer.status, answer.body, type: type, context) }
    let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    context.eventLoop.scheduleTask(in: .nanoseconds(answer.delay)) {
      let (handler, context) = bound.value
      if context.channel.isActive { handler.send(answer.status, answer.body, type: type, context) }
    }
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
