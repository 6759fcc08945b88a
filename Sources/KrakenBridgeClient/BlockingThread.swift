// A thread for work that blocks. Neither Swift's tasks nor Dispatch's queues may be used for that by a
// library: both share a limited number of threads with the rest of the program.

import Glibc

/// Runs `work` on a thread of its own, which ends with it.
package func startThread(_ work: @escaping @Sendable () -> Void) {
  let box = Unmanaged.passRetained(ThreadWork(work))
  var thread = pthread_t()
  // Sound: the box is retained for the new thread, which takes it over exactly once.
  let outcome = pthread_create(&thread, nil, { Unmanaged<ThreadWork>.fromOpaque($0!).takeRetainedValue().body(); return nil }, box.toOpaque())
  precondition(outcome == 0, "no more threads: \(String(cString: strerror(outcome)))")
  pthread_detach(thread)
}

private final class ThreadWork: Sendable {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }
}
