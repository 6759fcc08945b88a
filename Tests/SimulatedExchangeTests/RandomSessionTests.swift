import Testing

@testable import SimulatedExchange

/// Sessions made up from a seed: any request, any fault, at any time. Nothing may crash, and a book that no fault has
/// touched must stay right.
struct RandomSessionTests {
  /// Faults that neither change a book message nor keep one from arriving.
  private static let harmless: [String] = [
    "heartbeat-stop", "late-ack", "missing-ack", "duplicate-ack", "reordered-acks", "duplicate-snapshot", "exponents",
    "duplicate-update channel=book", "extra-fields", "shuffled-keys", "spaced-json", "unknown-channel",
    "unknown-method", "garbage", "ping", "empty-side side=asks", "empty-side side=bids symbol=KSM/BTC",
    "instrument-update", "delist symbol=SOL/USD", "pair-status symbol=SOL/USD state=online", "maintenance duration=1",
    "system state=online", "missing-fields", "data-before-ack", "rate-limit count=3", "refuse-symbol",
    "stall duration=0.5 resume=true", "lost-request",
  ]

  @Test(arguments: 0..<8 as Range<UInt64>)
  func untouchedBooksStayRight(_ seed: UInt64) {
    var chance = SeededGenerator(seed: seed)
    var client = Client(seed: seed, symbols: 10, rate: 20)
    var replays: [String: BookReplay] = [:]
    var depths: [String: Int] = [:]
    var verified = 0
    for _ in 0..<60 {
      let symbol = client.exchange.instruments[chance.below(10)].symbol
      switch chance.below(6) {
      case 0, 1:
        let depth = depths[symbol] ?? Topic.depths[chance.below(4)]
        depths[symbol] = depth
        client.subscribe("book", symbol, more: ",\"depth\":\(depth)")
      case 2:
        if let depth = depths.removeValue(forKey: symbol) {
          client.unsubscribe("book", symbol, more: ",\"depth\":\(depth)")
        }
      case 3: client.subscribe(["ticker", "trade", "ohlc"][chance.below(3)], symbol)
      case 4:
        let answer = client.exchange.control(Self.harmless[chance.below(Self.harmless.count)])
        #expect(answer == "ok")
      default: break
      }
      client.run(seconds: Double(chance.below(1000)) / 1000)
      for output in client.takeOutputs() {
        guard case .text(let text) = output, let message = JSONValue(text), message["channel"]?.string == "book",
          let item = message.item
        else { continue }
        let name = item.text("symbol") ?? ""
        // A refused or lost request leaves the depth of before.
        let depth = client.exchange.subscriptions(of: client.id).first { $0.hasPrefix("book \(name) ") }
          .flatMap { Int($0.split(separator: " ")[2]) }
        if message.type == "snapshot" { replays[name] = BookReplay(depth: depth ?? 1000) }
        guard let depth, replays[name]?.depth == depth else { continue }
        let fits = replays[name]!.apply(message)
        #expect(fits, "\(name)")
        verified += 1
      }
    }
    #expect(verified > 0)
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func nothingCrashes(_ seed: UInt64) {
    var chance = SeededGenerator(seed: seed, purpose: 1)
    var client = Client(seed: seed, symbols: 10, rate: 5)
    var ids = [client.id]
    let requests = (try? Fixtures.lines("requests")) ?? []
    #expect(!requests.isEmpty)
    for _ in 0..<150 {
      let now = client.exchange.now
      let id = ids[chance.below(ids.count)]
      switch chance.below(5) {
      case 0:
        let description = Fault.describe(Fault.Name.allCases[chance.below(Fault.Name.allCases.count)])
        var line = description.name.rawValue
        for parameter in description.parameters where chance.chance(1, in: 2) || parameter == .state {
          let value =
            switch parameter {
            case .symbol: ["BTC/USD", "KSM/BTC", "shib/usd"][chance.below(3)]
            case .channel: ["book", "ticker", "trade", "ohlc", "instrument"][chance.below(5)]
            case .connection, .count, .code: "\(1 + chance.below(1100))"
            case .size: "\(1 + chance.below(300))"
            case .duration, .delay: "\(chance.below(3000))ms"
            case .text: "hello"
            case .state: "online"
            case .side: "asks"
            case .form: "v1"
            case .resume, .close: "true"
            }
          line += " \(parameter.rawValue)=\(value)"
        }
        #expect(client.exchange.control(line) == "ok", "\(line)")
      case 1:
        if client.exchange.upgradeDecision(now: now) == .accept, ids.count < 20 {
          ids.append(client.exchange.connect(.publicV2, now: now))
        }
      case 2:
        // A request with some of its bytes changed.
        var request = Array(requests[chance.below(requests.count)].utf8)
        for _ in 0..<chance.below(3) {
          request[chance.below(request.count)] = UInt8(truncatingIfNeeded: chance.next())
        }
        client.exchange.receive(request, from: id, now: now)
      case 3: if chance.chance(1, in: 8) { client.exchange.disconnected(id, now: now) }
      default: break
      }
      client.run(seconds: Double(chance.below(500)) / 1000)
    }
    // Faults over, a new connection is served.
    client.exchange.clearFaults()
    let last = client.exchange.connect(.publicV2, now: client.exchange.now)
    client.exchange.receive(Array(#"{"method":"ping"}"#.utf8), from: last, now: client.exchange.now)
    #expect(client.exchange.takeOutput().contains { $0.0 == last })
  }
}
