// `kraken-sim inject`: a command for a running exchange, through its control socket.

import ArgumentParser
import Foundation

struct Inject: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Send a fault or a command to a running exchange.",
    discussion: """
      kraken-sim inject --control /tmp/sim.sock 'wrong-checksum symbol=BTC/USD'
      kraken-sim inject --control /tmp/sim.sock status
      kraken-sim inject --control /tmp/sim.sock clear
      """)

  // The parent takes every `--control`, also one behind this subcommand's name.
  @ParentCommand var parent: KrakenSim
  @Argument(help: "One or more commands.") var commands: [String]

  private var control: String { parent.serving.control ?? "" }

  func validate() throws {
    if control.isEmpty { throw ValidationError("--control PATH is missing") }
  }

  func run() throws {
    let socket = try connect()
    defer { close(socket) }
    for command in commands {
      let line = Array((command.split(separator: "\n").joined(separator: " ") + "\n").utf8)
      guard send(socket, line, line.count, Int32(MSG_NOSIGNAL)) == line.count else {
        throw Exit.because("\(control): the exchange is gone", code: Exit.unavailable)
      }
      let answer = try readLine(from: socket)
      print(answer)
      if answer.hasPrefix("error") { throw Exit.badData }
    }
  }

  private func connect() throws -> Int32 {
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array(control.utf8)
    guard path.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw Exit.because("\(control): the path is too long for a socket", code: Exit.badData)
    }
    // Sound: the path has just been checked to fit, and the structure starts out zeroed.
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else {
      throw Exit.because("\(control): \(String(cString: strerror(errno)))", code: Exit.unavailable)
    }
    return socket
  }

  private func readLine(from socket: Int32) throws -> String {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while recv(socket, &byte, 1, 0) == 1 {
      if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
    throw Exit.because("\(control): the exchange is gone", code: Exit.unavailable)
  }
}
