// How much memory the process holds, for `status` and metrics.

import Glibc

enum ResidentMemory {
  /// Resident bytes as the kernel counts them: the second number of /proc/self/statm, in pages. 0 where it cannot be read.
  static var bytes: Int {
    guard let text = readFile("/proc/self/statm") else { return 0 }
    let fields = text.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
    return pages * sysconf(Int32(_SC_PAGESIZE))
  }
}
