import Testing

@testable import Trading

@Suite struct RandomWorldTests {
  /// Orders under names of the client's, of the bridge's, and under a user reference that several share.
  static func params(_ index: Int, _ chance: inout Chance) -> String {
    let quantity = 3 + index % 7
    let side = chance.one(in: 2) ? "buy" : "sell"
    let head = #"{"symbol":"BTC/USD","side":"\#(side)","order_type":"market","order_qty":\#(quantity)"#
    switch index % 4 {
    case 0: return head + #","cl_ord_id":"mine-\#(index)"}"#
    case 1: return head + #","conditional":{"order_type":"stop-loss","trigger_price":1}}"#
    default: return head + "}"
    }
  }

  @Test(arguments: KrakenModel.Mood.allCases)
  func aThousandOrdersOfTenClients(mood: KrakenModel.Mood) {
    var world = TradingWorld(seed: 1)
    world.kraken.mood = mood
    var chance = Chance(state: 2)
    for index in 0..<1000 { world.schedule(.place(client: index % 10, Self.params(index, &chance)), in: index / 20) }
    world.run()
    #expect(world.placed.count == 1000)
    world.check(wasEverCut: false)
  }

  /// Every request is one order; the wire is cut again and again while they go out.
  @Test(arguments: 0..<60)
  func cutsAtRandomMoments(seed: UInt64) {
    var world = TradingWorld(seed: seed)
    world.kraken.mood = KrakenModel.Mood.allCases[Int(seed % 3)]
    world.restFailureOdds = seed % 2 == 0 ? 3 : 0
    var chance = Chance(state: seed + 1000)
    for index in 0..<60 { world.schedule(.place(client: index % 3, Self.params(index, &chance)), in: index * 2) }
    for _ in 0..<4 { world.schedule(.cut, in: Int.random(in: 0..<130, using: &chance)) }
    world.run()
    world.check(wasEverCut: true)
  }

  /// One order, one cut, at every millisecond of its way.
  @Test(arguments: KrakenModel.Mood.allCases)
  func oneCutAtEveryMoment(mood: KrakenModel.Mood) {
    var unknown = 0
    for seed in 0..<UInt64(40) {
      for moment in 0..<16 {
        var world = TradingWorld(seed: seed)
        world.kraken.mood = mood
        var chance = Chance(state: seed)
        world.schedule(.place(client: 1, Self.params(Int(seed), &chance)), in: 1)
        world.schedule(.cut, in: moment)
        world.run()
        world.check(wasEverCut: true)
        unknown += world.placed.values.count { $0.stages.contains("unknown") }
      }
    }
    #expect(unknown > 40)
  }

  @Test func manyOrdersUnderOneUserReference() {
    for seed in 0..<UInt64(30) {
      var world = TradingWorld(seed: seed)
      world.kraken.mood = KrakenModel.Mood.allCases[Int(seed % 3)]
      // Orders that differ, so that they can be told apart by more than their name.
      for index in 0..<12 {
        let params =
          #"{"symbol":"BTC/USD","side":"buy","order_type":"market","order_qty":\#(3 + index),"order_userref":77}"#
        world.schedule(.place(client: index % 2, params), in: index)
      }
      if seed >= 10 { world.schedule(.cut, in: Int(seed) / 2) }
      world.run()
      world.kraken.timesReceived["77"] = nil
      world.check(wasEverCut: seed >= 10)
      let ids = world.placed.values.compactMap(\.orderID)
      #expect(Set(ids).count == ids.count, "two orders took one id")
    }
  }
}
