// What Kraken has said of the account on the present connection: numbered messages, each channel counted from its
// snapshot on. From a break in the numbers to the next snapshot nobody knows better, and nothing may be shown as live.

struct AccountModel {
  private(set) var orders: OrderRecords?
  private(set) var balances: BalanceRecords?
  private var sequences: [TopicName.Channel: Int] = [:]
  /// Breaks in the numbers of each channel, on every connection so far.
  private(set) var breaks: [TopicName.Channel: Int] = [:]
  /// Snapshots of the executions: what happened before one may not have been told.
  private(set) var snapshots = 0

  mutating func forget(_ channel: TopicName.Channel) {
    sequences[channel] = nil
    if channel == .executions { orders = nil } else { balances = nil }
  }

  mutating func forgetAll() {
    forget(.executions)
    forget(.balances)
  }

  mutating func take(_ channel: TopicName.Channel, _ sequence: Int?, _ data: WireValue, isSnapshot: Bool) {
    guard isSnapshot || sequences[channel] != nil, let sequence else { return }
    guard isSnapshot || sequence == sequences[channel]! + 1 else {
      breaks[channel, default: 0] += 1
      return forget(channel)
    }
    sequences[channel] = sequence
    if channel == .executions {
      if isSnapshot { snapshots += 1 }
      if isSnapshot { orders = OrderRecords() }
      if isSnapshot { _ = orders?.begin(data, isKrakens: true) } else { data.forEachElement { _ = orders?.update($0, symbol: nil, time: nil) } }
    } else {
      if isSnapshot { balances = BalanceRecords() }
      if isSnapshot { _ = balances?.begin(data) } else { data.forEachElement { _ = balances?.update($0) } }
    }
  }

  func truth(_ topic: TopicName) -> UpstreamModel.Truth {
    let digest = topic.channel == .balances ? balances?.digest : orders?.digest(of: topic)
    return digest.map { .digest($0) } ?? .nothing("there was no snapshot since it was asked for, or numbers broke")
  }
}

extension UpstreamModel {
  mutating func accountItems(_ channel: TopicName.Channel, _ root: WireValue, _ data: WireValue, isSnapshot: Bool) {
    guard subscriptions[UpstreamTopicName(channel, "")] != nil else { return }
    account.take(channel, root["sequence"]?.int, data, isSnapshot: isSnapshot)
    touched.insert("")
  }
}
