// What is known, for snapshots and for `status`.

import JSONText
import MarketData

extension OrderDesk {
  /// A holder's orders as a JSON array, in the order of placing: each like the data of an `orders` line with
  /// everything known of the order, and its symbol. Orders that are over are kept for a minute, at most 1000.
  public func writeState(of holder: HolderID, into json: inout JSONBytes) {
    json.append("[")
    for key in holders[holder]?.orders ?? [] {
      guard let order = orders[key] else { continue }
      if json.needsComma { json.append(",") }
      order.write(order.progress.told, order.record, symbol: order.facts.symbol, into: &json)
    }
    json.append("]")
  }

  /// One JSON object for `status`.
  public func writeStatus(into json: inout JSONBytes, now: Moment) {
    let live = orders.values.filter(\.isLive)
    json.append("{\"orders\":")
    json.append(live.count)
    json.append(",\"unknown\":")
    json.append(live.count { $0.progress.isUnknown })
    json.append(",\"in_flight\":")
    json.append(requests.values.count { !$0.isTold })
    json.append("}")
  }
}
