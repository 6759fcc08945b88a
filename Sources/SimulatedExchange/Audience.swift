// Who listens to a market, with the answers a step needs worked out beforehand: most markets have no listener at all,
// and a step must cost nothing then.

struct Audience: Sendable {
  private(set) var subscribers: [Subscriber] = []
  /// Book depths with a live subscriber, ascending.
  private(set) var depths: [Int] = []
  /// The same for books by order.
  private(set) var orderDepths: [Int] = []
  /// Candle intervals with a live subscriber.
  private(set) var intervals: [Int] = []
  private(set) var wantsTouch = false
  private(set) var wantsTicker = false
  private(set) var wantsTrades = false

  mutating func add(_ subscriber: Subscriber) { subscribers.append(subscriber) }

  mutating func remove(where isGone: (Subscriber) -> Bool) {
    subscribers.removeAll(where: isGone)
    count()
  }

  mutating func goLive(_ connection: Exchange.ConnectionID, _ topic: Topic) {
    for index in subscribers.indices
    where subscribers[index].connection == connection && subscribers[index].topic == topic {
      subscribers[index].isLive = true
    }
    count()
  }

  private mutating func count() {
    let live = subscribers.filter(\.isLive).map(\.topic)
    func depthsOf(_ channel: ChannelName) -> [Int] {
      Topic.depths.filter { depth in live.contains { $0.channel == channel && $0.parameter == depth } }
    }
    depths = depthsOf(.book)
    orderDepths = depthsOf(.level3)
    intervals = CandleSeries.intervals.filter { minutes in
      live.contains { $0.channel == .ohlc && $0.parameter == minutes }
    }
    wantsTouch = live.contains { $0.channel == .ticker && $0.parameter == 1 }
    wantsTicker = live.contains { $0.channel == .ticker && $0.parameter == 0 }
    wantsTrades = live.contains { $0.channel == .trade }
  }
}
