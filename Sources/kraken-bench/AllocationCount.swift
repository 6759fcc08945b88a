// Allocations of the measured part, counted by a preloaded library (Tests/Benchmarks/inprocess/count_allocations.c);
// without it there is no count.

import Glibc

struct AllocationCount {
  // Sound: the library defines these names with exactly these types, and nobody else defines them.
  private let begin: (@convention(c) () -> Void)?
  private let end: (@convention(c) () -> UInt64)?

  init() {
    begin = dlsym(nil, "count_allocations_begin").map { unsafeBitCast($0, to: (@convention(c) () -> Void).self) }
    end = dlsym(nil, "count_allocations_end").map { unsafeBitCast($0, to: (@convention(c) () -> UInt64).self) }
  }

  func start() { begin?() }

  /// Nil without the library.
  func stop() -> Int? { end.map { Int($0()) } }
}
