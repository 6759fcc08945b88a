// Every file in Scenarios/ is one test case. `KRAKEN_BRIDGE_RECORD=1` rewrites expected lines that do not hold.

import Foundation
import Testing

@Suite struct ScenarioTests {
  @Test(arguments: ScenarioFile.names)
  func scenario(_ name: String) throws {
    let file = try ScenarioFile(named: name)
    let runner = ScenarioRunner(file)
    if ProcessInfo.processInfo.environment["KRAKEN_BRIDGE_RECORD"] != nil { runner.recording = ScenarioRecording() }
    let failures = runner.run()
    if var recording = runner.recording {
      recording.finish(runner)
      try (recording.lines.joined(separator: "\n") + "\n").write(to: file.url, atomically: true, encoding: .utf8)
    }
    for failure in failures { Issue.record("\(failure)") }
  }

  @Test func thereAreScenarios() {
    #expect(ScenarioFile.names.count >= 100)
  }
}
