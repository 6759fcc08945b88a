// Execution reports that came before the answer which says whose they are.
//
// Needed where the report bears no name the desk knows: an order with the client's own `order_userref`, or the new
// order that an edit makes. Kept only while such an answer is awaited, and not without limit.

struct UnclaimedReports: Sendable {
  private(set) var byOrderID: [String: [ExecutionReport]] = [:]
  private var count = 0

  static let countMax = 4096

  mutating func add(_ report: ExecutionReport) {
    guard count < Self.countMax else { return }
    byOrderID[report.orderID, default: []].append(report)
    count += 1
  }

  /// The reports of an order that has been claimed, in the order of their coming.
  mutating func claim(_ orderID: String) -> [ExecutionReport] {
    guard let reports = byOrderID.removeValue(forKey: orderID) else { return [] }
    count -= reports.count
    return reports
  }

  mutating func removeAll() {
    byOrderID = [:]
    count = 0
  }
}
