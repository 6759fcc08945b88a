// What clients ask for: read, judged by the guards, and only then sent. Whatever is refused here was not sent.

import BridgeWire
import JSONText
import KrakenWire
import MarketData

extension OrderDesk {
  /// One trading request.
  ///
  /// - Parameters:
  ///   - params: nil if absent.
  ///   - price: what a pair trades at now, for guards on orders without a price of their own; nil if not known.
  /// - Throws: `RequestFault` for everything refused here; nothing was sent then.
  public mutating func request(
    _ head: AnswerHead, params: JSONValue?, from holder: HolderID, now: Moment,
    price: (_ symbol: String, _ isBuy: Bool) -> NumberText?
  ) throws(RequestFault) -> [DeskAction] {
    do throws(RequestFault) {
      guard configuration.isEnabled else {
        throw RequestFault(.notPermitted, "trading is off: set trading.enabled in the configuration")
      }
      let parameters = try RequestParameters(params)
      guard let token else {
        throw RequestFault(.upstreamOffline, "Kraken's private connection is down; nothing was sent")
      }
      holders[holder] = holders[holder] ?? Holder()
      switch head.method {
      case "add_order": try addOrder(head, parameters, holder, token, now, price)
      default: throw RequestFault(.unknownMethod, "unknown trading method '\(head.method)'")
      }
    } catch {
      var fault = error
      fault.method = head.method
      fault.requestID = head.requestID
      throw fault
    }
    return drain()
  }

  private mutating func addOrder(
    _ head: AnswerHead, _ parameters: RequestParameters, _ holder: HolderID, _ token: Secret, _ now: Moment,
    _ price: (String, Bool) -> NumberText?
  ) throws(RequestFault) {
    let draft = try OrderDraft(parameters, symbol: nil, names: &names)
    var json = JSONBytes(reserving: draft.encoded.count + 32)
    json.append("\"symbol\":")
    json.append(quoted: draft.symbol)
    json.append(",")
    draft.encoded.withUnsafeBytes { json.append(bytes: $0) }
    let key = place(draft, requestID: head.requestID, from: holder, now: now)
    send(
      json.bytes, PendingRequest(purpose: .add([key]), holder: holder, head: head, symbol: draft.symbol), token: token,
      now: now)
    tell(.submitted, of: key)
  }
}
