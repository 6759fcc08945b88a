// The orders of the desk as bytes of the state.

import FanOut
import Trading

extension StateWriter {
  mutating func write(_ order: SavedOrder) {
    write(order.holder.value)
    write(optional: order.requestID)
    write(signed: order.sentAt)
    write(signed: order.patience)
    write(optional: order.symbol)
    write(order.isBuy.map { $0 ? 1 : 0 as UInt64 })
    write(optional: order.quantity)
    write(optional: order.limitPrice)
    write(optional: order.orderID)
    write(optional: order.clientID)
    write(order.userref.map { UInt64(bitPattern: $0) })
    write(order.hasOwnUserref)
    write(order.stage.rawValue)
    write(order.isUnknown)
    write(order.isBeingEdited)
    write(order.cancelsOnDisconnect)
    write(order.isCancelWanted)
    write(list: order.fills) { $0.write($1) }
  }

  mutating func write(_ hold: SavedHold) {
    write(hold.holder.value)
    write(UInt64(hold.seconds))
  }

  private mutating func write(optional text: String?) {
    write(text != nil)
    if let text { write(text) }
  }
}

extension StateReader {
  mutating func order() throws(StateFault) -> SavedOrder {
    SavedOrder(
      holder: HolderID(try number()), requestID: try optionalString(), sentAt: try signed(), patience: try signed(),
      symbol: try optionalString(), isBuy: try optional().map { $0 == 1 }, quantity: try optionalString(),
      limitPrice: try optionalString(), orderID: try optionalString(), clientID: try optionalString(),
      userref: try optional().map { Int64(bitPattern: $0) }, hasOwnUserref: try flag(), stage: try stage(),
      isUnknown: try flag(), isBeingEdited: try flag(), cancelsOnDisconnect: try flag(), isCancelWanted: try flag(),
      fills: try list { (reader) throws(StateFault) in try reader.text() })
  }

  mutating func hold() throws(StateFault) -> SavedHold {
    let holder = HolderID(try number())
    guard let seconds = Int(exactly: try number()), (1..<86400).contains(seconds) else { throw StateFault() }
    return SavedHold(holder: holder, seconds: seconds)
  }

  private mutating func stage() throws(StateFault) -> OrderStage {
    guard let stage = OrderStage(rawValue: try text()), stage != .unknown else { throw StateFault() }
    return stage
  }

  private mutating func optionalString() throws(StateFault) -> String? { try flag() ? try text() : nil }
}
