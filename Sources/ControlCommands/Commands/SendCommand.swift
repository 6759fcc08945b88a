// `send`: one raw line to the bridge, and whatever comes back.

import ArgumentParser
import KrakenBridgeClient

struct SendCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "send",
    abstract: "Send one line as it is and print what comes back.",
    discussion: """
      The line is JSON, or the plain-text form for people. Ends when the answer is there; with --wait after that time.

      EXAMPLES
        kraken-ctl send '{"method":"ping","req_id":7}'
        kraken-ctl send 'subscribe book BTC/USD depth=25' --wait 10s
        kraken-ctl send help
      """)

  @Argument(help: "The line.")
  var line: [String]

  @OptionGroup var options: GlobalOptions

  @Option(help: ArgumentHelp("Go on printing for this time.", valueName: "duration"))
  var wait: TimeSpan?

  func execute(on console: Console) async throws {
    let text = line.joined(separator: " ")
    guard !text.utf8.contains(UInt8(ascii: "\n")) else {
      throw CommandFailure(.usage, "the line has a line break in it", advice: "send one line at a time")
    }
    let bridge = try await BridgeConnection.connect(to: options.address(on: console))
    defer { bridge.close() }
    try await bridge.send(line: Array(text.utf8))
    // The bridge answers in order: the answer to this ping says that everything said at once has been said.
    let fence = "\(UInt64.random(in: 1 << 40..<1 << 50))"
    try await bridge.send(line: Array(#"{"method":"ping","req_id":\#(fence)}"#.utf8))

    let patience = wait?.duration ?? .seconds(10)
    let failures = try await withThrowingTaskGroup(of: ExitStatus?.self) { group in
      group.addTask { try await printAnswers(bridge, console, untilPong: UInt64(fence)) }
      group.addTask {
        try await Task.sleep(for: patience)
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
    switch failures {
    case .ok?: return
    case let status?: throw ExitCode(status.rawValue)
    case nil where wait == nil: throw BridgeError(.timedOut, "no answer within \(patience)", advice: "use --wait to wait longer")
    case nil: return
    }
  }

  /// Prints until the pong and at least one answer have come, or for ever with `--wait`; returns how the answers went.
  private func printAnswers(_ bridge: BridgeConnection, _ console: Console, untilPong fence: UInt64?) async throws -> ExitStatus {
    let table = options.format(on: console) == .table
    let text = EventText(style: options.style(on: console))
    var status: ExitStatus?
    var isFenced = false
    for try await message in bridge.messages {
      if case .answer(let answer) = message {
        if answer.method == "pong", answer.requestID == fence {
          isFenced = true
        } else {
          if status == nil || status == .ok { status = answer.success ? .ok : ExitStatus(answerCode: answer.code ?? "internal") }
          try console.write(line: message.line.bytes)
        }
      } else {
        try table ? console.write(line: text.line(message)) : console.write(line: message.line.bytes)
      }
      if isFenced, wait == nil, let status { return status }
    }
    return status ?? .unavailable
  }
}
