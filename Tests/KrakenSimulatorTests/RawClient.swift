// A WebSocket client as bare as can be: it sees every frame as it comes over the wire, so that fragments, pings and
// broken text can be told apart.

import NIOCore
import NIOPosix
import NIOSSL

struct Frame: Equatable {
  var isFinal: Bool
  var opcode: UInt8
  var payload: [UInt8]

  var text: String { String(decoding: payload, as: UTF8.self) }
  static let text: UInt8 = 1
  static let continuation: UInt8 = 0
  static let close: UInt8 = 8
  static let ping: UInt8 = 9
  static let pong: UInt8 = 10
}

struct EndOfStream: Error {}

final class RawClient {
  private var input: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
  private let output: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private var received = ByteBuffer()

  private init(
    _ input: NIOAsyncChannelInboundStream<ByteBuffer>, _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) {
    self.input = input.makeAsyncIterator()
    self.output = output
  }

  static func connect<Result>(
    port: Int, tls: NIOSSLContext? = nil, _ body: (RawClient) async throws -> Result
  ) async throws -> Result {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(
              NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
          }
          return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { input, output in
      try await body(RawClient(input, output))
    }
  }

  /// Connects, upgrades and takes the status message.
  static func webSocket<Result>(
    port: Int, path: String = "/v2", tls: NIOSSLContext? = nil, _ body: (RawClient) async throws -> Result
  ) async throws -> Result {
    try await connect(port: port, tls: tls) { client in
      guard try await client.upgrade(path: path).hasPrefix("HTTP/1.1 101") else { throw EndOfStream() }
      guard try await client.frame().text.contains(#""channel":"status""#) else { throw EndOfStream() }
      return try await body(client)
    }
  }

  func write(_ text: String) async throws { try await output.write(ByteBuffer(string: text)) }

  /// Asks for an upgrade; the head of the answer.
  func upgrade(path: String = "/v2") async throws -> String {
    try await write(
      "GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    return try await head()
  }

  func head() async throws -> String {
    var head = ""
    while !head.hasSuffix("\r\n\r\n") { head += try await String(decoding: [byte()], as: UTF8.self) }
    return head
  }

  /// Everything up to the end of the connection.
  func rest() async throws -> String {
    while let part = try await input.next() { received.writeImmutableBuffer(part) }
    return received.readString(length: received.readableBytes) ?? ""
  }

  func send(_ payload: String, opcode: UInt8 = Frame.text, isFinal: Bool = true) async throws {
    let bytes = Array(payload.utf8)
    precondition(bytes.count < 65_536)
    var frame: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
    frame += bytes.count < 126
      ? [0x80 | UInt8(bytes.count)] : [0x80 | 126, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)]
    // An all-zero mask leaves the payload as it is.
    frame += [0, 0, 0, 0] + bytes
    try await output.write(ByteBuffer(bytes: frame))
  }

  func frame() async throws -> Frame {
    let first = try await byte()
    var length = try await Int(byte())
    let extra = length == 126 ? 2 : length == 127 ? 8 : 0
    if extra > 0 {
      length = 0
      for _ in 0..<extra { length = try await length << 8 | Int(byte()) }
    }
    while received.readableBytes < length { try await more() }
    return Frame(isFinal: first & 0x80 != 0, opcode: first & 15, payload: received.readBytes(length: length) ?? [])
  }

  /// The next whole text message, answering nothing in between.
  func message() async throws -> String {
    var parts: [UInt8] = []
    while true {
      let frame = try await frame()
      guard frame.opcode == Frame.text || frame.opcode == Frame.continuation else { continue }
      parts += frame.payload
      if frame.isFinal { return String(decoding: parts, as: UTF8.self) }
    }
  }

  func message(containing part: String) async throws -> String {
    while true {
      let message = try await message()
      if message.contains(part) { return message }
    }
  }

  private func byte() async throws -> UInt8 {
    while received.readableBytes == 0 { try await more() }
    return received.readInteger() ?? 0
  }

  private func more() async throws {
    guard let part = try await input.next() else { throw EndOfStream() }
    received.discardReadBytes()
    received.writeImmutableBuffer(part)
  }
}
