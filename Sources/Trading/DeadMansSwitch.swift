// Kraken's one timer that cancels every order of the account, shared by all who ask for it.
//
// Kraken knows a single timer and every call sets it anew, so one client's renewal would put off another's deadline.
// Here everyone has a hold of his own and the earliest deadline is what Kraken is told. A kept hold is renewed as long
// as its connection lives. A connection that goes without letting go leaves its hold behind: nobody renews then until
// the switch has fired, which is what it is for.

struct DeadMansSwitch: Sendable {
  struct Hold: Sendable, Equatable {
    var seconds: Int
    /// Renewed by the bridge.
    var isKept: Bool
    /// When this hold's orders are to be cancelled, unless it is renewed.
    var deadline: Int64
    /// Its connection has gone.
    var isOrphan = false
  }

  private(set) var holds: [HolderID: Hold] = [:]
  /// The bridge's own hold, as configured, while somebody's orders may need it.
  var ownSeconds: Int?
  /// When Kraken's timer runs out, and for how long it was set last.
  private(set) var firesAt: Int64?
  private(set) var seconds = 0
  private var renewAt: Int64?

  static let second: Int64 = 1_000_000_000

  /// The next time that `renewal` has something to do.
  var nextAt: Int64? {
    (holds.values.filter { !$0.isKept || $0.isOrphan }.map(\.deadline) + [renewAt, firesAt].compactMap { $0 }).min()
  }

  var holderCount: Int { holds.count + (ownSeconds == nil ? 0 : 1) }

  /// A client sets its hold.
  ///
  /// - Returns: the seconds to tell Kraken.
  mutating func set(_ holder: HolderID, seconds: Int, isKept: Bool, now: Int64) -> Int {
    holds[holder] = Hold(seconds: seconds, isKept: isKept, deadline: now + Int64(seconds) * Self.second)
    return effectiveSeconds(now: now) ?? seconds
  }

  /// A client lets go.
  ///
  /// - Returns: whether nobody else holds the switch, so that Kraken's timer is to be stopped.
  mutating func release(_ holder: HolderID) -> Bool {
    holds[holder] = nil
    guard holds.isEmpty, ownSeconds == nil else { return false }
    firesAt = nil
    renewAt = nil
    return true
  }

  /// Kraken has refused a client's call.
  mutating func undo(_ holder: HolderID) { holds[holder] = nil }

  mutating func gone(_ holder: HolderID) {
    guard holds[holder]?.isKept == true else { return }
    holds[holder]?.isOrphan = true
    holds[holder]?.deadline = firesAt ?? .min
    renewAt = nil
  }

  /// Kraken is being told.
  mutating func told(_ seconds: Int, now: Int64) {
    self.seconds = seconds
    firesAt = now + Int64(seconds) * Self.second
    renewAt = isRenewable ? now + Int64(seconds) * Self.second / 3 : nil
  }

  /// What is due now.
  ///
  /// - Parameter isReady: whether Kraken can be told. If not, nothing is lost: the next call that is ready renews.
  /// - Returns: the seconds to tell Kraken, or nil for nothing.
  mutating func renewal(now: Int64, isReady: Bool) -> Int? {
    for (holder, hold) in holds where (!hold.isKept || hold.isOrphan) && hold.deadline <= now { holds[holder] = nil }
    if let firesAt, firesAt <= now { self.firesAt = nil }
    if let renewAt, renewAt > now { return nil }
    renewAt = nil
    guard isRenewable else { return nil }
    return isReady ? effectiveSeconds(now: now) : nil
  }

  private var isRenewable: Bool {
    (ownSeconds != nil || holds.values.contains { $0.isKept && !$0.isOrphan })
      && !holds.values.contains(where: \.isOrphan)
  }

  /// The shortest of all holds; what is left of those that are not renewed.
  private func effectiveSeconds(now: Int64) -> Int? {
    let all = holds.values.map { hold in
      hold.isKept && !hold.isOrphan ? hold.seconds : max(Int((hold.deadline - now) / Self.second), 1)
    }
    return (all + [ownSeconds].compactMap { $0 }).min()
  }
}
