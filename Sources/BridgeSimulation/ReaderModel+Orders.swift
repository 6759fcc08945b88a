// The stages of a trader's own orders, which come to nobody else: a stream of the connection's own, with numbers from
// the log, a chain of `prev`, and a snapshot after a gap.

/// One connection's orders.
struct TraderBook {
  /// In the order of asking.
  var orders: [ToldOrder] = []
  /// The number of the stream's last line.
  var last: UInt64?
  /// After a gap the stream goes on with a snapshot.
  var isAwaitingSnapshot = false

  func index(of data: WireValue) -> Int? {
    let request = data["req_id"]?.int
    let name = data["cl_ord_id"]?.string
    return orders.firstIndex { $0.requestID == request && ($0.clientID == nil || $0.clientID == name) }
  }
}

extension ReaderModel {
  func orderLine(_ line: ReadLine.OrderLine, _ bytes: [UInt8]) throws(Violation) {
    func text() -> String { String(decoding: bytes.prefix(500), as: UTF8.self) }
    guard let register else { throw Violation("only what was asked for", "\(name) trades nothing: \(text())") }
    guard !line.isSnapshot else { return try orderSnapshot(line) }
    try archive.claim(line.seq, by: name)
    try require(line.seq > runSeq, "lines of the log ascend", "\(name) got \(line.seq) after \(runSeq): \(text())")
    runSeq = line.seq
    lastLogSeq = max(lastLogSeq, line.seq)
    noteSeq(line.seq)
    try require(
      !trader.isAwaitingSnapshot, "updates follow a snapshot", "\(name) got a stage before the snapshot: \(text())")
    try require(
      line.prev == trader.last, "the chain of prev is unbroken",
      "\(name) orders seq \(line.seq) prev \(line.prev ?? 0), but it last had \(trader.last ?? 0)")
    trader.last = line.seq
    guard let index = trader.index(of: line.data) else {
      throw Violation("only what was asked for", "\(name) asked for no such order: \(text())")
    }
    if let fault = trader.orders[index].take(line.data, doubts: register.doubts) {
      throw Violation("stages are told in order", "\(name) \(OrderRegister.text(trader.orders[index].tag)): \(fault): \(text())")
    }
  }

  /// What is not in it is over since a minute, or since before a restart.
  private func orderSnapshot(_ line: ReadLine.OrderLine) throws(Violation) {
    noteSeq(line.seq)
    trader.isAwaitingSnapshot = false
    trader.last = line.seq
    var told: Set<Int> = []
    var faults: [String] = []
    line.data.forEachElement { data in
      guard let index = trader.index(of: data), told.insert(index).inserted else {
        return faults.append("an order nobody asked for, or twice")
      }
      if let fault = trader.orders[index].replace(data) {
        faults.append("\(OrderRegister.text(trader.orders[index].tag)): \(fault)")
      }
    }
    for index in trader.orders.indices where !told.contains(index) && trader.orders[index].stage != nil {
      trader.orders[index].forget()
    }
    try require(faults.isEmpty, "stages are told in order", "\(name): \(faults.first ?? "")")
  }

  /// The answer to a request that places orders.
  func placed(_ requestID: Int, _ root: WireValue, isSuccess: Bool) throws(Violation) {
    guard let register else { return }
    let code = root["code"]?.string
    for index in trader.orders.indices where trader.orders[index].requestID == requestID {
      if isSuccess { trader.orders[index].isGranted = true }
      // Everything but Kraken's own word and its silence comes from the bridge itself, which then has sent nothing.
      guard !isSuccess, !["upstream_refused", "outcome_unknown", "rate_limited"].contains(code) else { continue }
      let tag = trader.orders[index].tag
      trader.orders[index].isRefusedHere = true
      register[tag].isRefusedHere = true
      try require(
        register[tag].sent == 0, "what is refused was not sent", "\(name) \(OrderRegister.text(tag)): \(code ?? "no code")")
    }
  }
}
