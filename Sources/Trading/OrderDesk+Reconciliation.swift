// Finding out what became of orders that are in doubt.

import JSONText
import MarketData

extension OrderDesk {
  /// The whole of an executions snapshot: open orders, and fills if they were asked for.
  public mutating func snapshotTaken(_ items: some Sequence<JSONValue>, now: Moment) -> [DeskAction] {
    for item in items {
      guard let report = ExecutionReport(item), let key = owner(of: report) else { continue }
      apply(report, to: key, now: now)
    }
    return drain()
  }

  /// The outcome of a `query`: the whole answer of the REST call, or why there is none.
  public mutating func queryAnswered(_ id: UInt64, _ root: JSONValue?, error: String?, now: Moment) -> [DeskAction] {
    drain()
  }
}
