// Comparing what came out with what a scenario expects.

import BridgeCore

extension ScenarioRunner {
  /// What is wrong with an expectation, or nil. What was expected is taken off its queue.
  func fault(with expectation: ScenarioAction) throws -> String? {
    switch expectation {
    case .expectRequest(let pattern):
      guard let actual = upstreamLines.first else { return "Kraken was sent nothing" + others() }
      guard LinePattern(pattern).matches(actual, &meanings) else { return "Kraken was sent\n  \(actual)" }
      upstreamLines.removeFirst()
    case .expectLine(let name, let pattern):
      guard let reader = sockets[name] else { return "\(name) is not connected" }
      guard let actual = reader.lines.first else { return "\(name) got nothing" + others() }
      guard LinePattern(pattern).matches(actual, &meanings) else { return "\(name) got\n  \(actual)\(known(in: pattern))" }
      reader.lines.removeFirst()
    case .expectClosed(let name):
      guard let reader = sockets[name], reader.isClosed, reader.lines.isEmpty else { return "\(name) is open" + others() }
      guard !reader.endsWithinLine else { return "\(name) was closed within a line" }
      reader.isClosed = false
    case .expectNothing(let name):
      let lines = name == "Kraken" ? upstreamLines : sockets[name]?.lines ?? []
      guard lines.isEmpty else { return "\(name) got\n  " + lines.joined(separator: "\n  ") }
    case .expectLogged(let event):
      guard let index = logged.firstIndex(where: { $0.rawValue == event }) else {
        return "logged was only: " + logged.map(\.rawValue).joined(separator: ", ")
      }
      logged.remove(at: index)
    case .expectListening(let name, let expected):
      guard let id = sockets[name]?.id, let wanted = bridge?.wantsInput(id) else { return "\(name) is not connected" }
      guard wanted == expected else { return "\(name)'s input is \(wanted ? "" : "not ")wanted" }
    default: return "not an expectation"
    }
    return nil
  }

  /// Everything that came must have been expected.
  func expectNothingMore(before place: String) {
    guard recording == nil else { return }
    let leftOver = leftOverLines()
    if !leftOver.isEmpty { failures.append("before \(place)\nnot expected:\n" + leftOver.joined(separator: "\n")) }
    logged = []
  }

  /// In the form of expectations.
  func leftOverLines() -> [String] {
    upstreamLines.map { "< \($0)" }
      + sockets.readers.flatMap { reader in
        reader.lines.map { "\(reader.name)< \($0)" } + (reader.isClosed ? ["\(reader.name) closed"] : [])
      }
  }

  func forgetLeftOver() {
    upstreamLines = []
    logged = []
    for reader in sockets.readers {
      reader.lines = []
      reader.isClosed = false
    }
  }

  private func others() -> String {
    let lines = leftOverLines()
    return lines.isEmpty ? "" : "; there is\n  " + lines.joined(separator: "\n  ")
  }

  /// The meanings of the names in a pattern, for the failure message.
  private func known(in pattern: String) -> String {
    let names = meanings.filter { pattern.contains("$" + $0.key) }.sorted { $0.key < $1.key }
    return names.isEmpty ? "" : "\nwhere " + names.map { "$\($0.key) is \($0.value)" }.joined(separator: ", ")
  }
}
