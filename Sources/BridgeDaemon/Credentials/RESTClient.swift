// Calls of Kraken's REST interface, a few an hour: one connection each, POST, an answer, closed.
//
// Key and signature are put into the request behind the HTTP encoder, in a buffer that is wiped when it is written, and
// the answer, which may be a token, is wiped when it was read. What the TLS library copies on the way is its own.

import KrakenWire
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What proves that a call comes from the key's owner.
struct SignedHeaders: Sendable {
  var key: Secret
  var signature: String
}

/// How a call ended.
enum RESTOutcome {
  /// `body` is valid during the call that brings it.
  case answered(status: Int, body: UnsafeRawBufferPointer)
  case failed(String)
}

final class RESTClient {
  /// The longest answers are lists of orders, of some ten kilobytes.
  static let answerBytesMax = 4 << 20

  /// Of the calls from now on.
  var endpoint: Endpoint
  private let userAgent: String
  let eventLoop: any EventLoop
  private let tls: () throws -> NIOSSLContext
  /// For look-up, TCP, TLS, the call and its answer together.
  private let deadline: TimeAmount

  /// - Parameter tls: makes the TLS context when one is needed.
  init(
    endpoint: Endpoint, userAgent: String, eventLoop: any EventLoop, deadline: TimeAmount = .seconds(10),
    tls: @escaping () throws -> NIOSSLContext
  ) {
    self.endpoint = endpoint
    self.userAgent = userAgent
    self.eventLoop = eventLoop
    self.deadline = deadline
    self.tls = tls
  }

  /// Sends a form.
  /// - Parameters:
  ///   - path: begins with a slash; what the endpoint has as its path comes before it.
  ///   - completion: called once, on the event loop.
  func post(_ path: String, form: String, headers: SignedHeaders, completion: @escaping (RESTOutcome) -> Void) {
    let context: NIOSSLContext?
    do {
      context = endpoint.isSecure ? try tls() : nil
    } catch {
      return completion(.failed(TransportFault.describe(error)))
    }
    let exchange = RESTExchange(completion)
    exchange.deadline = eventLoop.assumeIsolated().scheduleTask(in: deadline) { exchange.end(.failed("timed out")) }
    let base = endpoint.path.hasSuffix("/") ? String(endpoint.path.dropLast()) : endpoint.path
    let call = RESTCall(
      uri: base + path, host: endpoint.authority, userAgent: userAgent, form: ByteBuffer(string: form), headers: headers)
    let shared = NIOLoopBound(exchange, eventLoop: eventLoop)
    let name = endpoint.isAddress ? nil : endpoint.host
    ClientBootstrap(group: eventLoop)
      .resolver(SystemResolver(eventLoop: eventLoop))
      .connectTimeout(deadline)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let context { try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name)) }
          try pipeline.addHandler(SigningHandler(call.headers))
          try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
          try pipeline.addHandler(RESTHandler(call, shared.value))
        }
      }
      .connect(host: endpoint.host, port: endpoint.port)
      .assumeIsolated()
      .whenComplete { result in
        switch result {
        case .success(let channel): exchange.opened(channel)
        case .failure(let error): exchange.end(.failed(TransportFault.describe(error)))
        }
      }
  }
}

private struct RESTCall: Sendable {
  var uri: String
  var host: String
  var userAgent: String
  var form: ByteBuffer
  var headers: SignedHeaders

  var head: HTTPRequestHead {
    HTTPRequestHead(
      version: .http1_1, method: .POST, uri: uri,
      headers: [
        "Host": host, "User-Agent": userAgent, "Accept": "application/json", "Connection": "close",
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Content-Length": "\(form.readableBytes)",
      ])
  }
}

/// One call from its start to its only outcome.
private final class RESTExchange {
  var deadline: Scheduled<Void>?
  private var completion: ((RESTOutcome) -> Void)?
  private var channel: (any Channel)?

  init(_ completion: @escaping (RESTOutcome) -> Void) { self.completion = completion }

  func opened(_ channel: any Channel) {
    if completion == nil { channel.close(promise: nil) } else { self.channel = channel }
  }

  func end(_ outcome: RESTOutcome) {
    // Closing makes everything else fail too: only the first cause is told.
    guard let completion else { return }
    self.completion = nil
    deadline?.cancel()
    channel?.close(promise: nil)
    channel = nil
    completion(outcome)
  }
}

private final class RESTHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let call: RESTCall
  private let exchange: RESTExchange
  private var status = 0
  private var body = ByteBuffer()

  init(_ call: RESTCall, _ exchange: RESTExchange) {
    self.call = call
    self.exchange = exchange
  }

  func channelActive(context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.head(call.head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(call.form))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): status = Int(head.status.code)
    case .body(var part):
      guard body.readableBytes + part.readableBytes <= RESTClient.answerBytesMax else {
        return end(context, .failed("the answer is longer than \(RESTClient.answerBytesMax) bytes"))
      }
      body.writeBuffer(&part)
    case .end:
      body.withUnsafeReadableBytes { end(context, .answered(status: status, body: $0)) }
      body.wipe()
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    end(context, .failed(TransportFault.describe(error)))
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(context, .failed("the connection was closed before the answer was complete"))
    context.fireChannelInactive()
  }

  private func end(_ context: ChannelHandlerContext, _ outcome: RESTOutcome) {
    exchange.end(outcome)
    context.close(promise: nil)
  }
}

/// Adds key and signature to the head of the one request.
private final class SigningHandler: ChannelOutboundHandler {
  typealias OutboundIn = IOData
  typealias OutboundOut = ByteBuffer

  private var headers: SignedHeaders?
  private var signed = ByteBuffer()

  init(_ headers: SignedHeaders) { self.headers = headers }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard let headers, case .byteBuffer(let head) = unwrapOutboundIn(data) else {
      return context.write(data, promise: promise)
    }
    self.headers = nil
    // The head ends with an empty line, before which ours come.
    let lines = head.readableBytesView.dropLast(2)
    signed = context.channel.allocator.buffer(capacity: lines.count + headers.key.byteCount + 256)
    signed.writeBytes(lines)
    signed.writeString("API-Key: ")
    headers.key.withUnsafeBytes { _ = signed.writeBytes($0) }
    signed.writeString("\r\nAPI-Sign: \(headers.signature)\r\n\r\n")
    let written = promise ?? context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { [self] _ in signed.wipe() }
    context.write(wrapOutboundOut(signed), promise: written)
  }
}

extension ByteBuffer {
  /// Overwrites everything it ever held, if nobody shares the memory any more; NIO copies it otherwise.
  fileprivate mutating func wipe() {
    withVeryUnsafeMutableBytes { Secret.wipe($0) }
    clear()
  }
}
