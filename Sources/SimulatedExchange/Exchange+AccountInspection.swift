// The account as an independent judge may look at it: the true state, in Kraken's words and digits.

extension Exchange {
  public struct OrderText: Sendable, Equatable {
    public var id: String
    public var clientID: String?
    public var senderID: String?
    /// The order that this one replaces or closes.
    public var parentID: String?
    public var symbol: String
    public var isBuy: Bool
    /// `pending_new`, `new`, `partially_filled`, `filled`, `canceled` or `expired`.
    public var status: String
    public var isOpen: Bool
    public var quantity: String
    public var filled: String
    public var limitPrice: String?
    /// Ids of its fills, oldest first.
    public var tradeIDs: [String]
  }

  /// Every order there ever was, oldest first, as far as the exchange remembers.
  public var accountOrders: [OrderText] {
    account.orders.values.sorted { $0.number < $1.number }.map { order in
      let market = markets[order.market]
      return OrderText(
        id: order.id, clientID: order.clientID, senderID: order.senderID, parentID: order.parentID,
        symbol: market.instrument.symbol, isBuy: order.isBuy, status: order.status.rawValue, isOpen: order.isOpen,
        quantity: market.quantityText(order.quantity), filled: market.quantityText(order.filledQuantity),
        limitPrice: order.limit.map { market.priceText($0.value) }, tradeIDs: order.tradeIDs)
    }
  }

  /// What the account owns of each asset.
  public var balanceTexts: [String: String] {
    Dictionary(
      uniqueKeysWithValues: account.balances.map { asset, balance in
        var text = Text()
        text.add(scaled: balance, decimals: precision(of: asset))
        return (asset, String(decoding: text, as: UTF8.self))
      })
  }
}

extension Exchange {
  public struct QueuedOrder: Sendable, Equatable {
    public var id: String
    public var isBid: Bool
    public var price: String
    public var quantity: String
  }

  /// A pair's book by order, each side best price first and in the order of the queue. Empty for a pair that nobody has
  /// asked to see by order.
  public func orderQueue(of symbol: String) -> [QueuedOrder] {
    guard let index = marketIndex[symbol.uppercased()], let book = markets[index].orders else { return [] }
    let market = markets[index]
    return [true, false].flatMap { isBid in
      book.levels(isBid).reversed().flatMap { level in
        level.orders.map { order in
          QueuedOrder(
            id: order.id, isBid: isBid, price: market.priceText(abs(level.key)),
            quantity: market.quantityText(order.quantity))
        }
      }
    }
  }
}
