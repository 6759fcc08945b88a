import Testing

@testable import SystemdNotify

struct WatchdogTests {
  @Test func halfTheIntervalIsSoonEnough() {
    #expect(Watchdog(interval: .seconds(30)).pingInterval == .seconds(15))
    #expect(Watchdog(interval: .seconds(1)).pingInterval == .milliseconds(500))
  }

  @Test func aShortIntervalIsNeverRoundedToNothing() {
    #expect(Watchdog(interval: .milliseconds(300)).pingInterval == .milliseconds(100))
    #expect(Watchdog(interval: .microseconds(3)).pingInterval == .microseconds(1))
    #expect(Watchdog(interval: .microseconds(1)).pingInterval > .zero)
  }

  @Test func durationsRoundUpToMicroseconds() {
    #expect(Duration.nanoseconds(1).wholeMicroseconds == 1)
    #expect(Duration.seconds(2).wholeMicroseconds == 2_000_000)
    #expect(Duration.milliseconds(1500).wholeMicroseconds == 1_500_000)
    #expect(Duration.seconds(-2).wholeMicroseconds == 0)
  }
}
