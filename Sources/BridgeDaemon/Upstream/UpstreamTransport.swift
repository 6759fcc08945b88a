// One connection to one of Kraken's endpoints, from the look-up of its name to the last byte: TCP, TLS, the
// upgrade, then messages. Used for one attempt; the session decides when there is another.
//
// The owner hears exactly one of `opened` and `failed`, then messages, then at most one `ended`, and after
// `close` nothing at all.

import KrakenSession
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

protocol UpstreamTransportOwner: AnyObject {
  func transportOpened(_ transport: UpstreamTransport)
  func transportFailed(_ transport: UpstreamTransport, _ failure: TransportFailure)
  func transportReceived(_ transport: UpstreamTransport, text: UnsafeRawBufferPointer)
  func transportReceivedBinary(_ transport: UpstreamTransport)
  func transportReadCompleted(_ transport: UpstreamTransport)
  func transportEnded(_ transport: UpstreamTransport, code: UInt16?, reason: String)
}

final class UpstreamTransport: WebSocketOwner {
  /// Kraken's largest messages are some hundred kilobytes; this leaves room without letting anybody fill memory.
  static let messageBytesMax = 16 << 20
  /// For look-up, TCP, TLS and upgrade together.
  private let openDeadline: TimeAmount

  private let eventLoop: any EventLoop
  private let endpoint: Endpoint
  private weak var owner: (any UpstreamTransportOwner)?
  private var channel: (any Channel)?
  private var messages: WebSocketMessageHandler?
  private var deadline: Scheduled<Void>?

  init(
    endpoint: Endpoint, eventLoop: any EventLoop, owner: any UpstreamTransportOwner,
    openDeadline: TimeAmount = .seconds(10)
  ) {
    self.openDeadline = openDeadline
    self.endpoint = endpoint
    self.eventLoop = eventLoop
    self.owner = owner
  }

  /// Starts connecting.
  /// - Parameter tls: makes the TLS context when one is needed.
  func open(userAgent: String, tls: () throws -> NIOSSLContext) {
    let context: NIOSSLContext?
    do {
      context = endpoint.isSecure ? try tls() : nil
    } catch {
      return fail(.tls(TransportFault.describe(error)))
    }
    let isolated = eventLoop.assumeIsolated()
    deadline = isolated.scheduleTask(in: openDeadline) { [weak self] in self?.fail(.timeout) }
    let shared = NIOLoopBound(self, eventLoop: eventLoop)
    let name = endpoint.isAddress ? nil : endpoint.host
    ClientBootstrap(group: eventLoop)
      .resolver(SystemResolver(eventLoop: eventLoop))
      .connectTimeout(openDeadline)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65536, maximum: 1 << 20)
      )
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try shared.value.configure(channel, tls: context, serverName: name, userAgent: userAgent)
        }
      }
      .connect(host: endpoint.host, port: endpoint.port)
      .assumeIsolated()
      .whenComplete { [weak self] result in
        switch (result, self) {
        case (.success(let channel), let self?) where self.owner != nil: self.channel = channel
        case (.success(let channel), _): channel.close(promise: nil)
        case (.failure(let error), let self): self?.fail(.connect(TransportFault.describe(error)))
        }
      }
  }

  /// Whether the owner was told that it opened.
  var isOpen: Bool { messages != nil }

  func send(_ text: [UInt8]) {
    messages?.send(text)
  }

  /// Ends the conversation, politely if it had begun. The owner hears nothing more.
  func close(code: UInt16, why: String) {
    owner = nil
    deadline?.cancel()
    if let messages {
      messages.close(code: code, why: why)
    } else {
      channel?.close(promise: nil)
    }
  }

  // MARK: Opening

  private func configure(
    _ channel: any Channel, tls: NIOSSLContext?, serverName: String?, userAgent: String
  ) throws {
    let pipeline = channel.pipeline.syncOperations
    if let tls {
      try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: serverName))
    }
    let shared = NIOLoopBound(self, eventLoop: eventLoop)
    let upgrade = UpgradeHandler(endpoint: endpoint, userAgent: userAgent) { failure in shared.value.fail(failure) }
    let sharedUpgrade = NIOLoopBound(upgrade, eventLoop: eventLoop)
    let upgrader = NIOWebSocketClientUpgrader(
      maxFrameSize: UpstreamTransport.messageBytesMax, automaticErrorHandling: false
    ) { channel, head in
      channel.eventLoop.makeCompletedFuture {
        try shared.value.upgraded(channel, head, removing: sharedUpgrade.value)
      }
    }
    try pipeline.addHTTPClientHandlers(
      leftOverBytesStrategy: .forwardBytes,
      withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
    try pipeline.addHandler(upgrade)
  }

  private func upgraded(_ channel: any Channel, _ head: HTTPResponseHead, removing upgrade: UpgradeHandler) throws {
    let pipeline = channel.pipeline.syncOperations
    pipeline.removeHandler(upgrade, promise: nil)
    guard owner != nil else { return channel.close(promise: nil) }
    guard head.headers["Sec-WebSocket-Extensions"].isEmpty, head.headers["Sec-WebSocket-Protocol"].isEmpty else {
      fail(.connect("the server agreed to an extension or subprotocol that nobody asked for"))
      return channel.close(promise: nil)
    }
    let messages = WebSocketMessageHandler(owner: self, messageBytesMax: UpstreamTransport.messageBytesMax)
    try pipeline.addHandler(messages)
    self.messages = messages
    self.channel = channel
    deadline?.cancel()
    owner?.transportOpened(self)
  }

  private func fail(_ failure: TransportFailure) {
    // Closing makes everything else fail too: only the first cause is told.
    let owner = owner
    self.owner = nil
    deadline?.cancel()
    channel?.close(promise: nil)
    owner?.transportFailed(self, failure)
  }

  // MARK: WebSocketOwner

  func textReceived(_ message: UnsafeRawBufferPointer) {
    owner?.transportReceived(self, text: message)
  }

  func binaryReceived() {
    owner?.transportReceivedBinary(self)
  }

  func readCompleted() {
    owner?.transportReadCompleted(self)
  }

  func conversationEnded(code: UInt16?, reason: String) {
    let owner = owner
    self.owner = nil
    owner?.transportEnded(self, code: code, reason: reason)
  }
}
