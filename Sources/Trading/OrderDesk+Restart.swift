// What the desk hands to the next process, so that orders are followed through a restart of the bridge.
//
// Only live orders go over, with what tells them from others and how far they were told. The next desk treats them as
// after a lost connection: the first executions snapshot, or else Kraken's REST interface, says where they are.

import MarketData

/// A live order as the next process needs it.
public struct SavedOrder: Sendable, Equatable {
  public var holder: HolderID
  /// The client's `req_id` as JSON text.
  public var requestID: String?
  /// By the monotonic clock, nanoseconds: it goes on from process to process, and nobody sets it.
  public var sentAt: Int64
  /// How long after that it may still reach Kraken's books, in nanoseconds.
  public var patience: Int64
  public var symbol: String?
  public var isBuy: Bool?
  public var quantity: String?
  public var limitPrice: String?
  public var orderID: String?
  public var clientID: String?
  public var userref: Int64?
  public var hasOwnUserref: Bool
  /// What its owner was told last, `unknown` aside.
  public var stage: OrderStage
  public var isUnknown: Bool
  /// An edit was under way: `orderID` may have ended without the order having ended.
  public var isBeingEdited: Bool
  public var cancelsOnDisconnect: Bool
  public var isCancelWanted: Bool
  /// Ids of fills that were told.
  public var fills: [String]

  public init(
    holder: HolderID, requestID: String?, sentAt: Int64, patience: Int64, symbol: String?, isBuy: Bool?,
    quantity: String?, limitPrice: String?, orderID: String?, clientID: String?, userref: Int64?, hasOwnUserref: Bool,
    stage: OrderStage, isUnknown: Bool, isBeingEdited: Bool, cancelsOnDisconnect: Bool, isCancelWanted: Bool,
    fills: [String]
  ) {
    self.holder = holder
    self.requestID = requestID
    self.sentAt = sentAt
    self.patience = patience
    self.symbol = symbol
    self.isBuy = isBuy
    self.quantity = quantity
    self.limitPrice = limitPrice
    self.orderID = orderID
    self.clientID = clientID
    self.userref = userref
    self.hasOwnUserref = hasOwnUserref
    self.stage = stage
    self.isUnknown = isUnknown
    self.isBeingEdited = isBeingEdited
    self.cancelsOnDisconnect = cancelsOnDisconnect
    self.isCancelWanted = isCancelWanted
    self.fills = fills
  }
}

/// A kept hold on the dead man's switch.
public struct SavedHold: Sendable, Equatable {
  public var holder: HolderID
  public var seconds: Int

  public init(holder: HolderID, seconds: Int) {
    self.holder = holder
    self.seconds = seconds
  }
}

extension OrderDesk {
  /// In the order of placing.
  public var savedOrders: [SavedOrder] {
    orders.keys.sorted().compactMap { key in
      guard let order = orders[key], order.isLive else { return nil }
      return SavedOrder(
        holder: order.holder, requestID: order.requestID, sentAt: order.sentAt.monotonic,
        patience: order.patience.nanoseconds, symbol: order.facts.symbol, isBuy: order.facts.isBuy,
        quantity: order.facts.quantity?.description, limitPrice: order.facts.limitPrice?.description,
        orderID: order.orderID, clientID: order.facts.clientID, userref: order.facts.userref,
        hasOwnUserref: order.hasOwnUserref, stage: order.progress.reached, isUnknown: order.progress.isUnknown,
        isBeingEdited: order.edit != nil, cancelsOnDisconnect: order.cancelsOnDisconnect,
        isCancelWanted: order.isCancelWanted, fills: order.fills.sorted())
    }
  }

  public var savedHolds: [SavedHold] {
    deadMansSwitch.holds.sorted { $0.key < $1.key }.compactMap { holder, hold in
      hold.isKept && !hold.isOrphan ? SavedHold(holder: holder, seconds: hold.seconds) : nil
    }
  }

  /// Takes up what the process before left. Connections that are still there have been told of by `connected`.
  ///
  /// - Returns: `unknown` for orders whose answer the process before can not have passed on.
  public mutating func restore(_ saved: [SavedOrder], holds: [SavedHold], now: Moment) -> [DeskAction] {
    for order in saved { restore(order, now: now) }
    for hold in holds where holders[hold.holder] != nil {
      let seconds = deadMansSwitch.set(hold.holder, seconds: hold.seconds, isKept: true, now: now.monotonic)
      // Kraken's timer runs since the process before renewed it last: it is due at once.
      deadMansSwitch.told(seconds, now: now.monotonic - Int64(seconds) * DeadMansSwitch.second)
    }
    updateOwnHold()
    return drain()
  }

  private mutating func restore(_ saved: SavedOrder, now: Moment) {
    lastKey += 1
    let key = lastKey
    let sentAt = now.advanced(by: .nanoseconds(min(saved.sentAt - now.monotonic, 0)))
    let facts = OrderFacts(
      symbol: saved.symbol, isBuy: saved.isBuy, quantity: saved.quantity.flatMap { NumberText($0) },
      limitPrice: saved.limitPrice.flatMap { NumberText($0) }, clientID: saved.clientID, userref: saved.userref,
      placedAt: sentAt.monotonic)
    var order = TrackedOrder(
      holder: saved.holder, requestID: saved.requestID, sentAt: sentAt, facts: facts, epoch: epoch,
      patience: .nanoseconds(saved.patience))
    order.orderID = saved.orderID
    order.hasOwnUserref = saved.hasOwnUserref
    order.fills = Set(saved.fills)
    _ = order.progress.settle(at: saved.stage)
    if saved.isUnknown { _ = order.progress.lose() }
    let isHeld = holders[saved.holder] != nil
    order.cancelsOnDisconnect = saved.cancelsOnDisconnect
    order.isCancelWanted = saved.isCancelWanted || saved.cancelsOnDisconnect && !isHeld
    if let id = saved.orderID, saved.isBeingEdited { order.edit = PendingEdit(orderID: id, isUncertain: true) }
    orders[key] = order
    if let id = saved.orderID { byOrderID[id] = key }
    if let id = saved.clientID { byClientID[id] = key }
    if saved.hasOwnUserref, let userref = saved.userref { byUserref[userref] = key }
    holders[saved.holder]?.orders.append(key)
    holders[saved.holder]?.hasPlacedOrders = true
    guard saved.orderID == nil || saved.isBeingEdited, orders[key]?.progress.lose() == true else { return }
    tell(.unknown, of: key, [Field("reason", quoted: "the bridge was restarted")])
  }
}
