// Kraken's answers to trading requests. They may come late, twice, after the execution reports, or never.

import BridgeWire
import JSONText
import MarketData

extension OrderDesk {
  /// One answer of Kraken's to a trading method.
  public mutating func answered(_ root: JSONValue, now: Moment) -> [DeskAction] {
    guard let number = root["req_id"]?.uint64, let request = requests[number] else { return drain() }
    switch request.purpose {
    case .add(let keys):
      requests[number] = nil
      if root["success"]?.bool == true {
        accept(keys, root["result"], request, now: now)
      } else {
        reject(keys, root, request, now: now)
      }
    default: requests[number] = nil
    }
    return drain()
  }

  private mutating func accept(_ keys: [OrderKey], _ result: JSONValue?, _ request: PendingRequest, now: Moment) {
    guard let result, let key = keys.first else { return }
    answer(request, now: now) { $0.append(bytes: result.text) }
    accept(key, result, now: now)
  }

  private mutating func accept(_ key: OrderKey, _ result: JSONValue, now: Moment) {
    if let orderID = result["order_id"]?.string, !orderID.isEmpty { identify(key, orderID: orderID) }
    for stage in orders[key]?.progress.advance(to: .accepted) ?? [] { tell(stage, of: key) }
    guard let orderID = orders[key]?.orderID else { return }
    for report in unclaimed.claim(orderID) { apply(report, to: key, now: now) }
  }

  private mutating func reject(_ keys: [OrderKey], _ root: JSONValue, _ request: PendingRequest, now: Moment) {
    let error = root["error"]?.string ?? "Kraken refused without a reason"
    refuse(request, .upstreamRefused, error, now: now)
    for key in keys {
      for stage in orders[key]?.progress.advance(to: .rejected) ?? [] {
        tell(stage, of: key, [Field("reason", quoted: error)])
      }
      noteIfOver(key, now: now)
    }
  }
}
