// Keeps what is in this process's memory in it.

import CSystemd

public enum ProcessPrivacy {
  /// No core dumps of this process, and no debugger or /proc/PID/mem for other processes of the same user.
  /// - Returns: whether the kernel agreed.
  @discardableResult
  public static func forbidDumps() -> Bool {
    kraken_bridge_forbid_dumps() == 0
  }
}
