// kraken-fuzz TARGET [libFuzzer's arguments]: one target under libFuzzer. A broken rule ends the process like a crash,
// so that libFuzzer keeps the input that broke it.

import CLibFuzzer
import FuzzTargets
import Glibc

nonisolated(unsafe) private var target = FuzzTarget.all[0]

guard CommandLine.argc > 1, let named = FuzzTarget.all.first(where: { $0.name == CommandLine.arguments[1] }) else {
  print("usage: kraken-fuzz \(FuzzTarget.all.map(\.name).joined(separator: "|")) [libFuzzer's arguments]")
  exit(64)
}
// Sound: set once, before libFuzzer's loop, which runs in this thread.
target = named

// libFuzzer keeps pointers to the arguments, so they live as long as the process.
var arguments = ([CommandLine.arguments[0]] + CommandLine.arguments.dropFirst(2)).map { strdup($0) } + [nil]
var count = CInt(arguments.count - 1)
let status = arguments.withUnsafeMutableBufferPointer { buffer in
  var pointer = buffer.baseAddress
  return LLVMFuzzerRunDriver(&count, &pointer) { data, size in
    do {
      try target.run(Array(UnsafeBufferPointer(start: data, count: size)))
      return 0
    } catch {
      fatalError("\(target.name): \(error)")
    }
  }
}
exit(status)
