// What tells one stream of executions from another: Kraken's own parameters of the channel, and the form of its lines.

public struct ExecutionOptions: Hashable, Sendable {
  public enum Form: String, Sendable, CaseIterable {
    /// Each event as Kraken sends it: fields that did not change are missing.
    case raw
    /// Each event with everything that is known of its order.
    case merged
  }

  public var form = Form.raw
  /// `snap_orders`: open orders in snapshots.
  public var snapshotsOrders = true
  /// `snap_trades`: the last 50 fills in snapshots.
  public var snapshotsTrades = false
  /// `order_status`: every transition; otherwise only `new`, `filled`, `canceled` and `expired`.
  public var everyStatus = true
  /// `ratecounter`: the account's rate counter in events.
  public var rateCounter = false

  public init() {}

  /// For storing.
  public var bits: Int {
    (form == .merged ? 1 : 0) | (snapshotsOrders ? 2 : 0) | (snapshotsTrades ? 4 : 0) | (everyStatus ? 8 : 0)
      | (rateCounter ? 16 : 0)
  }

  public init(bits: Int) {
    form = bits & 1 == 0 ? .raw : .merged
    snapshotsOrders = bits & 2 != 0
    snapshotsTrades = bits & 4 != 0
    everyStatus = bits & 8 != 0
    rateCounter = bits & 16 != 0
  }

  /// Those that are not the default, as they are written on the wire.
  var parameters: [(StaticString, String)] {
    var list: [(StaticString, String)] = []
    if form != .raw { list.append(("form", "\"\(form.rawValue)\"")) }
    if !snapshotsOrders { list.append(("snap_orders", "false")) }
    if snapshotsTrades { list.append(("snap_trades", "true")) }
    if !everyStatus { list.append(("order_status", "false")) }
    if rateCounter { list.append(("ratecounter", "true")) }
    return list
  }

  /// Takes one parameter.
  /// - Returns: whether it is one of these, with a value that fits; nil when it is none of these.
  mutating func take(_ name: String, flag: Bool?, text: String?) -> Bool? {
    func set(_ path: WritableKeyPath<ExecutionOptions, Bool>) -> Bool {
      guard let flag else { return false }
      self[keyPath: path] = flag
      return true
    }
    switch name {
    case "snap_orders": return set(\.snapshotsOrders)
    // The second is Kraken's older name.
    case "snap_trades", "snapshot_trades": return set(\.snapshotsTrades)
    case "order_status": return set(\.everyStatus)
    case "ratecounter": return set(\.rateCounter)
    case "form":
      guard let form = text.flatMap(Form.init(rawValue:)) else { return false }
      self.form = form
      return true
    default: return nil
    }
  }
}
