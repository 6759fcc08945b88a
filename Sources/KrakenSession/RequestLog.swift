// Which topics each request was about, to find them again when its answers come, in any order.
//
// Kept for a minute beyond the last deadline, so that an answer to an earlier try still counts.

struct RequestLog: Sendable {
  enum Kind: Sendable { case subscribe, unsubscribe }

  struct Request: Sendable {
    let kind: Kind
    let topics: [Int]
    let sentAt: Int64
  }

  private var byID: [UInt64: Request] = [:]
  private var nextID: UInt64 = 1
  private static let keptNanoseconds: Int64 = 60_000_000_000

  /// Identifiers are never used twice, not even on another connection.
  mutating func makeID() -> UInt64 {
    defer { nextID += 1 }
    return nextID
  }

  mutating func sent(_ kind: Kind, _ topics: [Int], now: Int64) -> UInt64 {
    let id = makeID()
    byID[id] = Request(kind: kind, topics: topics, sentAt: now)
    return id
  }

  subscript(id: UInt64) -> Request? { byID[id] }
  var count: Int { byID.count }

  mutating func forgetOld(now: Int64) {
    byID = byID.filter { now - $0.value.sentAt <= Self.keptNanoseconds }
  }

  mutating func removeAll() { byID.removeAll() }
}
