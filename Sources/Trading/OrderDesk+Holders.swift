// What a connection still has to wait for.

extension OrderDesk {
  /// Whether answers or stages are still to come for this connection.
  public func isBusy(_ holder: HolderID) -> Bool {
    requests.values.contains { $0.holder == holder && !$0.isTold }
      || holders[holder]?.orders.contains { orders[$0]?.isLive == true } == true
  }
}
