// What every order verb does alike: ask first, send, print the answers and the stages that follow.

import ArgumentParser
import KrakenBridgeClient

/// A decimal on the command line that goes to Kraken digit by digit.
struct DecimalArgument: ExpressibleByArgument, Sendable {
  var digits: String

  init?(argument: String) {
    guard let value = Exact(argument), value >= .zero, argument.first != "-" else { return nil }
    // As written, but for what JSON does not allow in a number.
    let whole = argument.prefix { $0 != "." && $0 != "e" && $0 != "E" }
    guard whole == "0" || whole.first != "0", !argument.hasSuffix(".") else { return nil }
    digits = argument
  }

  var json: JSON { .number(digits) }
}

/// What every order verb has.
struct OrderOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Send without asking.")
  var yes = false

  @Option(help: ArgumentHelp("Another of Kraken's parameters, as JSON: 'display_qty=0.1'. May be repeated.", valueName: "key=value"))
  var parameter: [String] = []

  @OptionGroup var options: GlobalOptions

  func extraMembers() throws -> [JSON.Member] {
    try parameter.map { text in
      let pair = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard pair.count == 2 else { throw ValidationError("--parameter wants key=value, not '\(text)'") }
      return JSON.Member(pair[0], JSON(parsing: pair[1]) ?? .string(pair[1]))
    }
  }

  /// Asks, sends, prints the answers, and follows the stages of the order.
  ///
  /// - Parameters:
  ///   - summary: what is to be sent, for the question.
  ///   - answers: how many answers Kraken gives.
  ///   - goal: what to wait for.
  ///   - isHarmless: nobody has to be asked.
  ///   - afterwards: what to do with the connection when all went well.
  func send(
    _ method: String, _ members: [JSON.Member], summary: String, answers: Int = 1, until goal: OrderProgress.Goal = .answered,
    isHarmless: Bool = false, on console: Console, afterwards: (BridgeConnection) async throws -> Void = { _ in }
  ) async throws {
    let members = try members + extraMembers()
    if !isHarmless { try confirm(summary, on: console) }
    let bridge = try await BridgeConnection.connect(to: options.address(.private, on: console))
    defer { bridge.close() }
    let request = BridgeRequest(method, members.isEmpty ? .null : .object(members))
    var progress = OrderProgress(answersExpected: answers, goal: goal)
    try await bridge.send(line: request.line(id: 1))
    do {
      try await follow(&progress, bridge, console)
    } catch let error as BridgeError where error.code == .connectionLost {
      console.complain(error.message)
    }
    switch progress.ending {
    case .ok: try await afterwards(bridge)
    case .tryAgain where progress.refusal == nil:
      let what = progress.isAnswered && !progress.isInDoubt ? "the end of the order was not seen" : "whether \(method) was carried out is unknown"
      throw CommandFailure(.tryAgain, what, advice: "look before you repeat it: kraken-ctl executions")
    case let status: throw ExitCode(status.rawValue)
    }
  }

  private func follow(_ progress: inout OrderProgress, _ bridge: BridgeConnection, _ console: Console) async throws {
    let isTable = options.format(on: console) == .table
    var text = OrderText(style: options.style(on: console))
    // An order may rest as long as it likes, but an answer, or the end of a doubt, comes soon or never.
    var watchdog: Task<Void, any Error>?
    func isOverdue(after limit: Duration) {
      watchdog?.cancel()
      watchdog = Task {
        try await Task.sleep(for: limit)
        bridge.close()
      }
    }
    isOverdue(after: .seconds(30))
    defer { watchdog?.cancel() }
    var wasInDoubt = false
    for try await message in bridge.messages {
      guard progress.take(message) else { continue }
      if !isTable {
        try console.write(line: message.line.bytes)
      } else if let line = text.line(message, hasStages: progress.goal != .answered) {
        try console.write(line: line)
      }
      if progress.isFinished { return }
      if progress.isInDoubt, !wasInDoubt {
        console.complain("nobody knows yet what became of it; the bridge is finding out (Ctrl-C stops waiting, and nothing else)")
        isOverdue(after: .seconds(120))
      } else if progress.isAnswered, !progress.isInDoubt {
        watchdog?.cancel()
      }
      wasInDoubt = progress.isInDoubt
    }
  }

  private func confirm(_ summary: String, on console: Console) throws {
    guard !yes else { return }
    guard console.inputIsTerminal else {
      throw CommandFailure(.usage, "nobody is there to confirm: \(summary)", advice: "add --yes to send it from a script")
    }
    console.errors(Array("\(summary)\nSend it? [y/N] ".utf8))
    guard let reply = console.input()?.lowercased(), ["y", "yes"].contains(reply) else {
      throw CommandFailure(.ok, "nothing was sent")
    }
  }
}
