// `kraken-sim faults`: what can go wrong, one line each.

import ArgumentParser
import SimulatedExchange

struct Faults: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List every fault with its parameters.",
    discussion: "Every fault also takes at= (seconds after the start) and every= (seconds between repeats).")

  func run() {
    let descriptions = Fault.Name.allCases.map { Fault.describe($0) }
    let width = descriptions.map(\.name.rawValue.count).max() ?? 0
    for description in descriptions {
      let name = description.name.rawValue
      let padding = String(repeating: " ", count: width - name.count)
      print("\(name)\(padding)  \(description.summary) [\(description.parameters.map(\.rawValue).joined(separator: " "))]")
    }
  }
}
