// A request that is on its way: whom its answer concerns. It exists before the request leaves.

import BridgeWire

struct PendingRequest: Sendable {
  enum Purpose: Sendable, Equatable {
    /// New orders; several for a batch.
    case add([OrderKey])
    case edit(OrderKey)
    /// `cancel_order` brings one answer per order; how many are still to come. Nobody knows how many orders bear an
    /// `order_userref`, so that with one in the request more may come.
    case cancel(left: Int, isOpenEnded: Bool, isAnswered: Bool)
    case switchTimer
    /// Whatever else is passed through: one answer, nothing to follow.
    case plain
    /// The desk's own cancellation of orders whose connection has gone.
    case ownCancel([OrderKey])
    /// The desk's own renewal of the dead man's switch.
    case ownSwitchTimer
  }

  var purpose: Purpose
  /// Nil for requests of the desk's own.
  var holder: HolderID?
  var head: AnswerHead
  var symbol: String?
  /// The client has been told that the outcome is unknown; a late answer still counts for the orders.
  var isTold = false
}

/// Things to do at given times, added in the order of these times: one added late is done late.
struct Schedule<Element: Sendable>: Sendable {
  private var entries: [(at: Int64, element: Element)] = []
  private var first = 0

  var nextAt: Int64? { first < entries.count ? entries[first].at : nil }

  mutating func add(_ element: Element, at time: Int64) {
    entries.append((max(time, entries.last?.at ?? .min), element))
  }

  /// The next element whose time has come.
  mutating func take(now: Int64) -> Element? {
    guard let nextAt, nextAt <= now else { return nil }
    let element = entries[first].element
    first += 1
    if first * 2 > entries.count {
      entries.removeFirst(first)
      first = 0
    }
    return element
  }
}
