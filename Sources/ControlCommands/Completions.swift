// Completion of symbols at the shell's prompt, from the running daemon: what it carries now, and the
// pairs that Kraken knows.

import ArgumentParser
import KrakenBridgeClient

extension CompletionKind {
  /// Symbols known to the running daemon; nothing, quickly, when there is none.
  static var symbols: CompletionKind {
    .custom { words, _, _ in await SymbolCompletion.candidates(socket: SymbolCompletion.socket(in: words)) }
  }
}

enum SymbolCompletion {
  static func socket(in words: [String]) -> String? {
    if let joined = words.first(where: { $0.hasPrefix("--socket=") }) { return String(joined.dropFirst("--socket=".count)) }
    guard let option = words.firstIndex(of: "--socket"), option + 1 < words.count else { return nil }
    return words[option + 1]
  }

  static func candidates(socket: String?) async -> [String] {
    let address = socket.map { BridgeAddress(path: $0) } ?? .find()
    guard let bridge = try? await BridgeConnection.connect(to: address, timeout: .seconds(1)) else { return [] }
    defer { bridge.close() }
    let topics = try? await bridge.ask(BridgeRequest("topics"), timeout: .seconds(1)).result["topics"]
    return symbols(in: topics ?? .null)
  }

  /// The generated script for bash lets it take everything offered for file names, of which it shows only what stands
  /// after the last slash: `USD` for `BTC/USD`. Other texts are left alone.
  static func keepingSymbolsWhole(in script: String) -> String {
    let function = "__kraken-ctl_add_completions() {\n"
    guard script.hasPrefix("#!/bin/bash"), let start = script.firstRange(of: function) else { return script }
    return script[..<start.upperBound] + "    [[ \"${1}\" != -W ]] || compopt +o filenames\n" + script[start.upperBound...]
  }

  /// Every symbol once, in order.
  static func symbols(in topics: JSON) -> [String] {
    Set(topics.elements.compactMap { $0["symbol"]?.string }).sorted()
  }
}
