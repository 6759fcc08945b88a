// Long runs of the simulation, one seed after the other, each a whole world of its own. The script `scripts/simulate`
// builds it and shares the seeds among processes.

import BridgeSimulation
import Glibc

struct Options {
  var first: UInt64 = 1
  var count = 1
  var stride: UInt64 = 1
  /// Events shown before a failure.
  var events = 30
  var isTraced = false
  var isPrivate = false
  var stopsAtFailure = false
  var size = Simulation.Size.full

  init?(_ arguments: ArraySlice<String>) {
    var arguments = arguments
    while let argument = arguments.popFirst() {
      switch argument {
      case "--small": size = .small
      case "--private": isPrivate = true
      case "--trace": isTraced = true
      case "--stop": stopsAtFailure = true
      case "--first", "--seed", "--seeds", "--stride", "--events":
        guard let value = arguments.popFirst().flatMap({ UInt64($0) }), value < 1 << 60 else { return nil }
        switch argument {
        case "--seeds": count = Int(value)
        case "--stride": stride = max(value, 1)
        case "--events": events = Int(value)
        default: first = value
        }
      default: return nil
      }
    }
  }
}

/// Runs one seed; a failure is run again with its events kept, which changes nothing else.
func run(_ seed: UInt64, _ options: Options) -> Bool {
  // Said before it runs: if the process dies, this names the seed.
  print("seed \(seed)")
  fflush(nil)
  do {
    let outcome = try Simulation.run(
      seed: seed, size: options.size, hasAccount: options.isPrivate, eventsKept: options.isTraced ? 1 << 20 : 0)
    print(
      "ok \(seed) seconds=\(Int(outcome.seconds)) turns=\(outcome.turns) lines=\(outcome.lines)",
      "delivered=\(outcome.delivered) gaps=\(outcome.gaps) stales=\(outcome.stales) attempts=\(outcome.attempts)",
      "digest=\(String(outcome.digest, radix: 16))")
    return true
  } catch {
    var failure = error
    if !options.isTraced, options.events > 0 {
      do throws(SimulationFailure) {
        _ = try Simulation.run(
          seed: seed, size: options.size, hasAccount: options.isPrivate, eventsKept: options.events)
        print("FAILED \(seed) a second run of the same seed went well: the run is not deterministic")
      } catch {
        failure = error
      }
    }
    for event in failure.events { print("  \(event.prefix(600))") }
    print("FAILED \(seed) \(failure.invariant): \(failure.detail.prefix(1000))")
    let kind = (options.isPrivate ? " --private" : "") + (options.size == .small ? " --small" : "")
    print("replay: scripts/simulate --seed \(seed) --trace\(kind)")
    return false
  }
}

guard let options = Options(CommandLine.arguments.dropFirst()) else {
  print("usage: kraken-simulate [--seed S | --first S --seeds N] [--stride K] [--events N] [--trace] [--stop] [--small] [--private]")
  exit(64)
}
var failures = 0
for index in 0..<options.count where !run(options.first + UInt64(index) * options.stride, options) {
  failures += 1
  if options.stopsAtFailure { break }
}
exit(failures == 0 ? 0 : 1)
