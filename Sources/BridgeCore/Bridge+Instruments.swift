// Topics of the instrument list. There are thousands, so they are made only while somebody wants all of them, or the
// one in question.

import BridgeWire
import FanOut
import MarketData

extension Bridge {
  /// To be called when somebody starts to follow every instrument.
  func makeInstrumentTopics(now: Moment) {
    wideInstrumentReaders += 1
    guard wideInstrumentReaders == 1 else { return }
    makeInstrumentTopics(
      pairs: instruments.pairs.keys.sorted(), assets: instruments.assets.keys.sorted(), now: now)
  }

  /// New pairs and assets, for those who follow them all.
  func makeWantedInstrumentTopics(_ changes: InstrumentFeed.Changes, now: Moment) {
    guard wideInstrumentReaders > 0 else { return }
    makeInstrumentTopics(pairs: changes.pairs, assets: changes.assets, now: now)
  }

  private func makeInstrumentTopics(pairs: [String], assets: [String], now: Moment) {
    for pair in pairs { _ = topic(TopicKey(.instrument, pair), now: now) }
    for asset in assets { _ = topic(TopicKey(.instrument, asset, isAsset: true), now: now) }
  }

  /// To be called when somebody who followed every instrument does so no more.
  func instrumentsFell(now: Moment) {
    wideInstrumentReaders -= 1
    guard wideInstrumentReaders == 0 else { return }
    for topic in instruments.topics { demandFell(topic, now: now) }
  }

  func isKeptByInstrumentReaders(_ topic: Topic) -> Bool {
    wideInstrumentReaders > 0 && topic.key.channel == .instrument
  }
}
