// What is known, for snapshots and for `status`.

import BridgeWire
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

  /// One JSON object for `status`: orders followed, those in doubt, requests without an answer; Kraken's rate counters
  /// as the desk reckons them; the dead man's switch, or null.
  public func writeStatus(into json: inout JSONBytes, now: Moment) {
    let live = orders.values.filter(\.isLive)
    json.append("{\"orders\":")
    json.append(live.count)
    json.member("unknown", live.count { $0.progress.isUnknown })
    json.member("in_flight", requests.values.count { !$0.isTold })
    json.append(",\"rate_counters\":{")
    for (pair, count) in rates.all(now: now.monotonic) {
      if json.needsComma { json.append(",") }
      json.append(quoted: pair)
      json.append(":{\"count\":")
      // A count's unit is as long as a second's is in nanoseconds.
      json.append(seconds: .nanoseconds(count))
      json.member("ceiling", rates.ceilingInUse)
      json.append("}")
    }
    json.append("},\"cancel_after\":")
    if let firesAt = deadMansSwitch.firesAt, firesAt > now.monotonic {
      json.append("{\"timeout\":")
      json.append(deadMansSwitch.seconds)
      json.append(",\"trigger_in\":")
      json.append(seconds: .nanoseconds(firesAt - now.monotonic))
      json.member("holders", deadMansSwitch.holderCount)
      json.append("}}")
    } else {
      json.append("null}")
    }
  }
}
