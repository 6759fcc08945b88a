// Commands for a running exchange, one line each, and their one-line answers.

extension Exchange {
  /// `ok`, an answer, or `error: …`.
  public mutating func control(_ line: String) -> String {
    let words = line.split(whereSeparator: \.isWhitespace)
    switch words.first {
    case nil: return "error: empty line; try 'help'"
    case "help": return "a fault (such as: wrong-checksum symbol=BTC/USD count=3), faults, status, orders, clear, help"
    case "faults": return Fault.Name.allCases.map(\.rawValue).joined(separator: " ")
    case "status": return statusLine
    case "orders": return ordersLine
    case "clear":
      clearFaults()
      return "ok"
    default: break
    }
    do {
      let scheduled = try ScheduledFault(parsing: line)
      if let symbol = scheduled.fault.symbol, marketIndex[symbol.uppercased()] == nil {
        return "error: unknown symbol '\(symbol)'"
      }
      schedule(scheduled)
      return "ok"
    } catch {
      return "error: \(error.description)"
    }
  }

  private static func object(_ counts: [String: Int]) -> JSONValue {
    .object(counts.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: .number(String($0.value))) })
  }

  /// Every order as it is, and how often each was asked for: what somebody who traded must have been told.
  private var ordersLine: String {
    let orders = accountOrders.map { order in
      let name = order.clientID.map { [JSONValue.Member(key: "cl_ord_id", value: .string($0))] } ?? []
      let status = JSONValue.Member(key: "status", value: .string(order.status))
      return JSONValue.Member(key: order.id, value: .object(name + [status]))
    }
    let line = JSONValue.object([
      .init(key: "received", value: Self.object(account.requested)), .init(key: "orders", value: .object(orders)),
    ])
    return String(decoding: line.text, as: UTF8.self)
  }

  private var statusLine: String {
    let value = JSONValue.object([
      .init(key: "system", value: .string(systemState.rawValue)),
      .init(key: "symbols", value: .number(String(markets.count))),
      .init(key: "connections", value: .number(String(connections.count))),
      .init(key: "attempts", value: .number(String(counters.connectionAttempts))),
      .init(key: "accepted", value: .number(String(counters.connectionsAccepted))),
      .init(key: "refused", value: .number(String(counters.connectionsRefused))),
      .init(key: "requests", value: Self.object(counters.requests)),
      .init(key: "subscribed", value: Self.object(counters.subscribed)),
      .init(key: "unsubscribed", value: Self.object(counters.unsubscribed)),
      .init(key: "faults", value: Self.object(counters.faultsInjected)),
    ])
    return String(decoding: value.text, as: UTF8.self)
  }
}
