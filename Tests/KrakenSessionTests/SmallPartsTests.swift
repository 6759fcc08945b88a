// Budget, backoff, bucket, fault history, index, liveness: each by itself.

import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

private let second: Int64 = 1_000_000_000

/// `#expect` cannot mutate a local value; it can mutate what a reference holds.
private final class Box<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}

extension Box<AttemptBudget> {
  fileprivate func spend(now: Moment) -> Bool { value.spend(now: now) }
}

@Suite struct AttemptBudgetTests {
  let start = Moment(monotonic: 1_000 * second, wall: 1_790_000_000 * second)
  func at(_ seconds: Int64) -> Moment { start.advanced(by: .seconds(seconds)) }

  @Test func givesOutItsLimitAndNoMore() {
    let budget = Box(AttemptBudget(limit: 3, window: .seconds(600)))
    #expect(budget.value.attemptsLeft(now: start) == 3)
    for attempt in 0..<3 { #expect(budget.spend(now: at(Int64(attempt)))) }
    #expect(!budget.spend(now: at(3)))
    #expect(budget.value.attemptsLeft(now: at(3)) == 0)
    #expect(budget.value.nextFree(now: at(3)) == at(600).monotonic)
    #expect(!budget.spend(now: Moment(monotonic: at(600).monotonic - 1, wall: 0)))
    #expect(budget.spend(now: at(600)))
    #expect(!budget.spend(now: at(600)))
    #expect(budget.value.nextFree(now: at(600)) == at(601).monotonic)
  }

  @Test func isFreeNowWhenSomethingIsLeft() {
    let budget = Box(AttemptBudget(limit: 1))
    #expect(budget.value.nextFree(now: start) == start.monotonic)
  }

  @Test func neverMoreThanTheLimitInAnyWindow() {
    for seed in 0..<50 as Range<UInt64> {
      var generator = SplitMix64(seed: seed)
      let budget = Box(AttemptBudget(limit: 10, window: .seconds(60)))
      var now = start
      var spent: [Int64] = []
      for _ in 0..<500 {
        now = now.advanced(by: .milliseconds(Int64.random(in: 0...5_000, using: &generator)))
        if Int.random(in: 0..<20, using: &generator) == 0 {
          // A restart: another monotonic origin, the wall clock goes on.
          let stored = budget.value.encoded(now: now)
          let origin = Int64.random(in: 0...(1_000_000 * second), using: &generator)
          spent = spent.map { $0 - now.monotonic + origin }
          now.monotonic = origin
          budget.value = AttemptBudget(decoding: stored, limit: 10, window: .seconds(60), now: now)
        }
        let expected = spent.count { $0 > now.monotonic - 60 * second } < 10
        #expect(budget.spend(now: now) == expected, "seed \(seed)")
        if expected { spent.append(now.monotonic) }
      }
    }
  }

  @Test func surviveARestart() {
    let budget = Box(AttemptBudget(limit: 5, window: .seconds(600)))
    for attempt in 0..<4 { _ = budget.spend(now: at(Int64(attempt) * 10)) }
    let stored = budget.value.encoded(now: at(40))
    // The new process has another monotonic clock, 20 s later.
    let later = Moment(monotonic: 7 * second, wall: at(60).wall)
    let restored = AttemptBudget(decoding: stored, limit: 5, window: .seconds(600), now: later)
    #expect(restored.attemptsLeft(now: later) == 1)
    #expect(restored.attemptsLeft(now: later.advanced(by: .seconds(541))) == 2)
    #expect(restored.attemptsLeft(now: later.advanced(by: .seconds(571))) == 5)
  }

  @Test func stepsOfTheWallClockChangeNothingWhileRunning() {
    let budget = Box(AttemptBudget(limit: 2, window: .seconds(600)))
    #expect(budget.spend(now: start))
    #expect(budget.spend(now: Moment(monotonic: at(1).monotonic, wall: start.wall - 86_400 * second)))
    #expect(!budget.spend(now: Moment(monotonic: at(2).monotonic, wall: start.wall + 86_400 * second)))
  }

  @Test func storedTimesInTheFutureCountAsJustNow() {
    let budget = Box(AttemptBudget(limit: 2, window: .seconds(600)))
    _ = budget.spend(now: start)
    _ = budget.spend(now: start)
    let stored = budget.value.encoded(now: start)
    let before = Moment(monotonic: 0, wall: start.wall - 3_600 * second)
    let restored = AttemptBudget(decoding: stored, limit: 2, window: .seconds(600), now: before)
    #expect(restored.attemptsLeft(now: before) == 0)
    #expect(restored.nextFree(now: before) == 600 * second)
  }

  @Test func damageIsPassedOver() {
    let text =
      "\u{FEFF}???\n\n\(at(-10).wall)\nnonsense\n-5\n99999999999999999999999999\n\(at(-5).wall)x\n\(at(-1).wall)\r\n\(at(-601).wall)\n"
    let restored = AttemptBudget(
      decoding: Array(text.utf8) + [0xFF, 0x00], limit: 9, window: .seconds(600), now: start)
    #expect(restored.attemptsLeft(now: start) == 7)
    let empty = AttemptBudget(decoding: [], limit: 9, now: start)
    #expect(empty.attemptsLeft(now: start) == 9)
  }

  @Test func tooManyStoredTimesAreCutToTheNewest() {
    let text = (1...50).map { "\(at(-Int64($0)).wall)" }.joined(separator: "\n")
    let restored = AttemptBudget(decoding: Array(text.utf8), limit: 4, window: .seconds(600), now: start)
    #expect(restored.attemptsLeft(now: start) == 0)
    #expect(restored.nextFree(now: start) == at(596).monotonic)
  }

  @Test func encodingIsReadable() {
    let budget = Box(AttemptBudget())
    _ = budget.spend(now: start)
    #expect(
      String(decoding: budget.value.encoded(now: at(5)), as: UTF8.self)
        == "kraken-bridge attempts 1\n1790000000000000000\n")
    #expect(String(decoding: budget.value.encoded(now: at(600)), as: UTF8.self) == "kraken-bridge attempts 1\n")
  }
}

@Suite final class BackoffTests {
  var generator = SplitMix64(seed: 3)
  var backoff = Backoff()

  func pause(
    _ ending: Backoff.Ending, isTroubled: Bool = false, _ configuration: SessionConfiguration = .test
  ) -> Duration {
    backoff.attempted()
    return backoff.pause(after: ending, isTroubled: isTroubled, configuration: configuration, using: &generator)
  }

  @Test func growsAsConfigured() {
    let pauses = (0..<7).map { _ in pause(.failure) }
    #expect(pauses == [1, 5, 10, 20, 30, 30, 30].map { Duration.seconds($0) })
  }

  @Test func aStableConnectionIsFollowedAtOnce() {
    _ = pause(.failure)
    _ = pause(.failure)
    #expect(pause(.stableConnection) == .zero)
    #expect(pause(.failure) == .seconds(1))
  }

  @Test func troubleSetsAFloor() {
    #expect(pause(.stableConnection, isTroubled: true) == .seconds(5))
    #expect(pause(.failure, isTroubled: true) == .seconds(5))
    #expect(pause(.failure, isTroubled: true) == .seconds(5))
    #expect(pause(.failure, isTroubled: true) == .seconds(10))
  }

  @Test func blocksDoubleUpToTheirLimit() {
    let pauses = (0..<6).map { _ in pause(.blocked) }
    #expect(pauses == [60, 120, 240, 480, 600, 600].map { Duration.seconds($0) })
    #expect(pause(.failure) == .seconds(30))
    #expect(pause(.blocked) == .seconds(60))
  }

  @Test func jitterAddsUpToAQuarter() {
    var seen: Set<Duration> = []
    for _ in 0..<200 {
      let pause = pause(.blocked, SessionConfiguration())
      seen.insert(pause)
      #expect(pause >= .seconds(60) && pause <= .seconds(750))
      _ = self.pause(.failure, SessionConfiguration())
    }
    #expect(seen.count > 100)
    for _ in 0..<200 {
      let pause = pause(.failure, SessionConfiguration())
      #expect(pause >= .seconds(30) && pause <= .milliseconds(37_500))
    }
  }
}

@Suite struct TokenBucketTests {
  @Test func burstThenSteadyRate() {
    var bucket = TokenBucket(burst: 3, perSecond: 10)
    var taken: [Int64] = []
    for tick in 0..<100 as Range<Int64> {
      let now = 50 * second + tick * 10_000_000
      while bucket.take(now: now) { taken.append(tick) }
    }
    #expect(taken.prefix(5) == [0, 0, 0, 10, 20])
    #expect(taken.count == 3 + 9)
  }

  @Test func readyAtIsExact() {
    var bucket = TokenBucket(burst: 2, perSecond: 10)
    var now = second
    for _ in 0..<50 {
      while bucket.take(now: now) {}
      #expect(bucket.readyAt > now)
      now = bucket.readyAt
      let tooEarly = bucket.take(now: now - 1)
      #expect(!tooEarly)
      let inTime = bucket.take(now: now)
      #expect(inTime)
    }
  }

  @Test func complaintsEmptyAndSlowIt() {
    var bucket = TokenBucket(burst: 10, perSecond: 10)
    bucket.slowDown(now: 0)
    bucket.slowDown(now: 1_000)
    let atOnce = bucket.take(now: 1_000)
    #expect(!atOnce)
    #expect(bucket.readyAt == 200_000_000)
    bucket.slowDown(now: second)
    #expect(bucket.readyAt == second + 400_000_000)
    for complaint in 2...20 as ClosedRange<Int64> { bucket.slowDown(now: complaint * second) }
    #expect(bucket.readyAt == 20 * second + 1_600_000_000)
    // After a minute without complaint it is its old self.
    _ = bucket.take(now: 90 * second)
    var taken = 0
    while bucket.take(now: 90 * second) { taken += 1 }
    #expect(taken >= 8)
    #expect(bucket.readyAt <= 90 * second + 100_000_000)
  }

  @Test func neverMoreThanBurstAndRateAllow() {
    for seed in 0..<30 as Range<UInt64> {
      var generator = SplitMix64(seed: seed)
      var bucket = TokenBucket(burst: 10, perSecond: 10)
      var now: Int64 = 0
      var times: [Int64] = []
      for _ in 0..<400 {
        now += Int64.random(in: 0...300_000_000, using: &generator)
        for _ in 0..<Int.random(in: 0...8, using: &generator) where bucket.take(now: now) { times.append(now) }
      }
      for (index, time) in times.enumerated() where index >= 20 {
        #expect(time - times[index - 20] >= second, "seed \(seed): 21 requests within a second")
      }
    }
  }
}

@Suite struct FaultHistoryTests {
  let configuration = SessionConfiguration.test

  @Test func pausesGrow() {
    var faults = FaultHistory()
    // So far apart that they never add up to a quarantine.
    let verdicts = (0..<7).map { faults.failed(now: Int64($0) * 200 * second, configuration: configuration) }
    #expect(verdicts == [0, 1, 2, 5, 10, 30, 30].map { .pause(.seconds($0)) })
  }

  @Test func fiveInTenMinutesQuarantine() {
    var faults = FaultHistory()
    for number in 0..<4 { _ = faults.failed(now: Int64(number) * 100 * second, configuration: configuration) }
    #expect(!faults.isQuarantined)
    let fifth = faults.failed(now: 599 * second, configuration: configuration)
    #expect(fifth == .quarantine(.seconds(300), isNew: true))
    // It stays there however rarely it is tried, until it has been well.
    let sixth = faults.failed(now: 5_000 * second, configuration: configuration)
    #expect(sixth == .quarantine(.seconds(300), isNew: false))
    let forgiven = faults.forgive()
    #expect(forgiven)
    let next = faults.failed(now: 6_000 * second, configuration: configuration)
    #expect(next == .pause(.zero))
  }

  @Test func thereMayBeNothingToForgive() {
    var faults = FaultHistory()
    let forgiven = faults.forgive()
    #expect(!forgiven)
  }
}

@Suite struct TopicIndexTests {
  @Test func agreesWithADictionaryUnderRandomUse() {
    for seed in 0..<20 as Range<UInt64> {
      var generator = SplitMix64(seed: seed)
      var index = TopicIndex()
      var model: [Int: UInt32] = [:]
      for _ in 0..<2_000 {
        let topic = Int.random(in: 0..<300, using: &generator)
        if let hash = model[topic] {
          index.remove(topic, hash: hash)
          model[topic] = nil
        } else {
          // Few hashes, and many with the same low bits: long runs and wrap-around.
          let hash = UInt32.random(in: 0..<40, using: &generator) &* 0x3F
          index.insert(topic, hash: hash)
          model[topic] = hash
        }
      }
      #expect(index.count == model.count)
      for hash in Set(model.values) {
        var found: Set<Int> = []
        var candidates = index.candidates(hash: hash)
        while let topic = index.next(&candidates) {
          let isNew = found.insert(topic).inserted
          #expect(isNew)
        }
        #expect(found == Set(model.filter { $0.value == hash }.keys), "seed \(seed)")
      }
    }
  }

  @Test func channelAndSymbolBothCount() {
    let symbols = ["BTC/USD", "ETH/USD", "BTC/EUR", "", "TSLAx/USD", "LONGNAME/USD", "LONGNAME/EUR", "A", "AA"]
    var hashes: Set<UInt32> = []
    for channel in KrakenChannel.allCases {
      for symbol in symbols { hashes.insert(TopicIndex.hash(channel, Array(symbol.utf8))) }
    }
    #expect(hashes.count == KrakenChannel.allCases.count * symbols.count)
  }
}

@Suite struct OffenceCountsTests {
  @Test func firstThenPowersOfTen() {
    var counts = OffenceCounts()
    let told = (1...1_000).compactMap { _ in counts.note(.garbage) }
    #expect(told == [1, 10, 100, 1_000])
    #expect(counts[.garbage] == 1_000)
    #expect(counts[.refused] == 0)
  }
}
