// `level3` messages, word for word, and what of a change each depth gets to see.

extension Market {
  func ordersSnapshot(depth: Int, now: Int64) -> Text {
    var text = Text()
    MessageType.snapshot.open("level3", in: &text)
    text.add("\"data\":[{\"symbol\":")
    text.add(quoted: instrument.symbol)
    text.add(",\"checksum\":")
    text.add(integer: Int(orders?.checksum ?? 0))
    for isBid in [true, false] {
      text.add(isBid ? ",\"bids\":[" : "],\"asks\":[")
      var isFirst = true
      for level in (orders?.levels(isBid) ?? []).suffix(depth).reversed() {
        for order in level.orders {
          add(order, key: level.key, event: nil, isFirst: &isFirst, to: &text)
        }
      }
    }
    text.add("],\"timestamp\":\"")
    text.add(time: now, fraction: 9)
    text.add("\"}]}")
    return text
  }

  /// The update that takes a reader of `view` to the present orders, or nil when nothing in sight has changed. No order
  /// of a level that falls out of sight is deleted; all orders of a level that comes into sight are added.
  func ordersUpdate(since view: View, checksum: UInt32, now: Int64) -> Text? {
    guard let orders else { return nil }
    var lists: [Text] = []
    for isBid in [true, false] {
      var list = Text()
      var isFirst = true
      let before = isBid ? view.bidBoundary : view.askBoundary
      let after = shown(isBid).boundary(depth: view.depth)
      for change in orders.changes where change.isBid == isBid {
        guard change.key >= before, change.key >= after || change.event != .add else { continue }
        add(change.order, key: change.key, event: change.event, isFirst: &isFirst, to: &list)
      }
      let levels = orders.levels(isBid)
      if after < before {
        let range = Level3Book.index(of: after, in: levels)..<Level3Book.index(of: before, in: levels)
        for level in levels[range].reversed() {
          for order in level.orders { add(order, key: level.key, event: .add, isFirst: &isFirst, to: &list) }
        }
      }
      lists.append(list)
    }
    guard lists.contains(where: { !$0.isEmpty }) else { return nil }
    var text = Text()
    MessageType.update.open("level3", in: &text)
    text.add("\"data\":[{\"checksum\":")
    text.add(integer: Int(checksum))
    text.add(",\"symbol\":")
    text.add(quoted: instrument.symbol)
    text.add(",\"timestamp\":\"")
    text.add(time: now, fraction: 9)
    text.add("\",\"bids\":[")
    text += lists[0]
    text.add("],\"asks\":[")
    text += lists[1]
    text.add("]}]}")
    return text
  }

  private func add(
    _ order: Level3Book.Order, key: Int64, event: Level3Book.Event?, isFirst: inout Bool, to text: inout Text
  ) {
    if !isFirst { text.append(UInt8(ascii: ",")) }
    isFirst = false
    var object = ObjectText()
    if let event { object.string("event", event.rawValue) }
    object.string("order_id", order.id)
    object.number("limit_price", abs(key), instrument.pricePrecision)
    object.number("order_qty", order.quantity, instrument.quantityPrecision)
    object.time("timestamp", order.time, fraction: 9)
    text += object.finished
  }
}
