// Long runs of the simulation, one seed after the other, each a whole world. The script `scripts/simulate` builds it
// and shares the seeds among processes.

import BridgeSimulation
import Glibc

var first: UInt64 = 1
var count = 1
var stride: UInt64 = 1
var eventsKept = 0
var size = Simulation.Size.full
var arguments = CommandLine.arguments.dropFirst()

func usage() -> Never {
  print("usage: kraken-simulate [--first S] [--seeds N] [--stride K] [--events N] [--small]")
  exit(64)
}

while let argument = arguments.popFirst() {
  switch argument {
  case "--small": size = .small
  case "--first", "--seeds", "--stride", "--events":
    guard let value = arguments.popFirst().flatMap({ UInt64($0) }) else { usage() }
    switch argument {
    case "--first": first = value
    case "--seeds": count = Int(value)
    case "--stride": stride = max(value, 1)
    default: eventsKept = Int(value)
    }
  default: usage()
  }
}

for index in 0..<count {
  let seed = first + UInt64(index) * stride
  // Said before it runs: whoever reads this output knows which seed it was when the process dies.
  print("seed \(seed)")
  fflush(nil)
  do {
    let outcome = try Simulation.run(seed: seed, size: size, eventsKept: eventsKept)
    print(
      "ok \(seed) seconds=\(Int(outcome.seconds)) turns=\(outcome.turns) lines=\(outcome.lines)",
      "delivered=\(outcome.delivered) gaps=\(outcome.gaps) stales=\(outcome.stales) attempts=\(outcome.attempts)",
      "digest=\(String(outcome.digest, radix: 16))")
  } catch {
    for event in error.events { print("  \(event)") }
    print("FAILED \(seed) \(error.invariant): \(error.detail)")
  }
}
