// Writes a scenario's expected lines from what really came: a first draft to be read line by line, never a proof.
//
// Expectations that hold are kept as they are written; the others are replaced. Sequence numbers become `$s1`, `$s2` …
// and request numbers `$r1`, `$r2` … in the order of their first appearance.

struct ScenarioRecording {
  private(set) var lines: [String] = []
  private var names: [String: String] = [:]
  private var counts: [String: Int] = [:]

  mutating func expectation(_ step: ScenarioFile.Step, passed: Bool) {
    let isOutput =
      switch step.action {
      case .expectLine, .expectRequest, .expectClosed: true
      default: false
      }
    if !step.isIncluded, passed || !isOutput { lines.append(step.text) }
  }

  /// What came and was not expected is expected from now on.
  mutating func beforeOther(_ step: ScenarioFile.Step, _ runner: ScenarioRunner) {
    guard !step.isIncluded else { return }
    finish(runner)
  }

  mutating func finish(_ runner: ScenarioRunner) {
    for (name, value) in runner.meanings where names[value] == nil { names[value] = name }
    for line in runner.leftOverLines() { lines.append(pattern(line, runner)) }
    runner.forgetLeftOver()
  }

  mutating func other(_ step: ScenarioFile.Step) {
    if !step.isIncluded { lines.append(step.text) }
  }

  private mutating func pattern(_ line: String, _ runner: ScenarioRunner) -> String {
    var text = line.replacing(#/"time_in":"[^"]*","time_out":"[^"]*"/#, with: "$times")
      .replacing(#/"received":"[^"]*"/#, with: "$at")
    if text.contains(#""type":"hello""#) { return text.prefix { $0 != "{" } + "$hello" }
    let prefix = line.hasPrefix("<") ? "r" : "s"
    let numbers = prefix == "r" ? #/"req_id":(?<number>\d+)/# : #/"(?:seq|prev|from|to|last_seq|oldest_seq|newest_seq)":(?<number>\d+)/#
    text = text.replacing(numbers) { match in
      let number = String(match.output.number)
      if names[number] == nil {
        repeat { counts[prefix, default: 0] += 1 } while names.values.contains("\(prefix)\(counts[prefix]!)")
        names[number] = "\(prefix)\(counts[prefix]!)"
        runner.meanings[names[number]!] = number
      }
      return text[match.range].dropLast(number.count) + "$" + names[number]!
    }
    return text
  }
}
