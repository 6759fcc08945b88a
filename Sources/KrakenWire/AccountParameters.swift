// What the account as a whole asks of `executions` and `balances`.
//
// Both channels are subscribed to once for all readers, so these are no parameters of a reader's. They change what
// Kraken tells: units of the entries, and whose entries they are.
//
// Source: docs.kraken.com/api/docs/websocket-v2/{executions,balances}

public struct AccountParameters: Sendable, Equatable {
  /// `rebased`: tokenized equities in units of the underlying. Said only where it differs from Kraken's default.
  public var isRebased: Bool
  /// `users: "all"`: a master account's sub-accounts too, each entry with its `user`.
  public var coversAllUsers: Bool

  public init(isRebased: Bool = true, coversAllUsers: Bool = false) {
    self.isRebased = isRebased
    self.coversAllUsers = coversAllUsers
  }

  /// Whether Kraken sends a snapshot of a channel. Of `executions` of all users it sends none; of their `balances` its
  /// documents do not say.
  public func snapshot(of channel: KrakenChannel) -> SnapshotPromise {
    switch channel {
    case .executions where coversAllUsers: .none
    case .balances where coversAllUsers: .possible
    default: .certain
    }
  }
}

public enum SnapshotPromise: Sendable, Equatable { case certain, possible, none }
