// A restart that readers survive: the state handed over at the end of one process, and taken up by the next.
//
// After an orderly stop everything is known: each reader gets the rest of its line, then the lines of the log it was
// not given, and what it read is stale until Kraken is back. After a crash only the last checkpoint is known: each
// reader is told of a gap with reason `restart`, and then gets what everyone after a gap gets.

import BridgeWire
import FanOut
import KrakenSession
import MarketData
import Trading

extension Bridge {
  // MARK: Handing over

  /// Changes whenever a checkpoint made before is out of date in more than its sequence number.
  public var membershipVersion: UInt64 { membershipChanges }

  /// A state from which the next process can go on with everything marked that is uncertain then. Nothing of what
  /// readers were asking for is in it: by the time it is used it may have been read to its end, answered and done, and
  /// must not be done twice.
  public func checkpoint() -> BridgeState { state(of: fanOut.exportState(lineBytesMax: nil), keepsInput: false) }

  /// Lets go of Kraken. Readers are told, and none is told goodbye. To be followed by `endTurn` and `handOver`.
  public func beginHandover(now: Moment) {
    isShuttingDown = true
    stopUpstreams(now: now)
    answerAllHeld(now: now)
  }

  /// Everything, at an orderly stop. Nothing may be written to any reader afterwards.
  /// - Parameters:
  ///   - lineBytesMax: how much of the log goes with it.
  ///   - unwritten: the rest of a line that the transport still holds for a reader.
  public func handOver(lineBytesMax: Int, unwritten: (SubscriberID) -> [UInt8]) -> BridgeState {
    state(of: fanOut.exportState(lineBytesMax: lineBytesMax, unwritten: unwritten), keepsInput: true)
  }

  private func state(of fanOut: FanOutState, keepsInput: Bool) -> BridgeState {
    BridgeState(
      fanOut: fanOut,
      topics: catalog.sorted.map { topic in
        .init(
          key: topic.key, id: topic.id, createdAfter: topic.createdAfter, lines: topic.lines,
          lastReceivedWall: topic.lastReceivedWall)
      },
      connections: connectionsInOrder.map { connection in
        .init(
          id: connection.id, listener: configuration.listeners[connection.listener].name, peer: connection.peer,
          connectedAt: connection.connectedAt, input: keepsInput ? connection.input : [],
          isHalfClosed: connection.isHalfClosed, isClosing: connection.isClosing,
          followsEverything: connection.followsEverything, explicit: connection.explicit.sorted(),
          wildcards: connection.wildcards, orderStream: connection.orderStream)
      }, orders: orders.desk.savedOrders, holds: orders.desk.savedHolds)
  }

  // MARK: Taking up

  /// Makes the topics and connections of the process before. Called by `start`, once the standing feeds exist.
  func takeUp(_ state: BridgeState, now: Moment) {
    for saved in state.topics {
      let topic = topic(saved.key, now: now)
      topic.lines = saved.lines
      topic.lastReceivedWall = saved.lastReceivedWall
      topic.stale = topic.stale ?? Staleness(reason: StaleReason.upstreamLost.rawValue)
    }
    for saved in state.connections {
      guard let listener = configuration.listeners.firstIndex(where: { $0.name == saved.listener }) else {
        line.removeAll()
        Line.goodbye(&line, reason: "shutdown")
        send(to: saved.id)
        fanOut.closeWhenWritten(saved.id)
        continue
      }
      takeUp(saved, listener: listener, now: now)
    }
    wideInstrumentReaders = connections.values.reduce(0) { $0 + $1.instrumentListsFollowed }
    perform(orders.desk.restore(state.orders, holds: state.holds, now: now), now: now)
    markUntold(now: now)
    // Nobody may want a topic that lingered; it lingers anew.
    for topic in catalog.sorted { demandFell(topic, now: now) }
  }

  private func takeUp(_ saved: BridgeState.SavedConnection, listener: Int, now: Moment) {
    let connection = Connection(
      id: saved.id, listener: listener, peer: saved.peer, connectedAt: saved.connectedAt)
    connection.input = saved.input
    connection.isHalfClosed = saved.isHalfClosed
    connection.isClosing = saved.isClosing
    connection.followsEverything = saved.followsEverything
    connection.explicit = Set(saved.explicit)
    connection.wildcards = saved.wildcards
    connection.orderStream = saved.orderStream
    if let topic = saved.orderStream { orders.insert(topic, of: HolderID(saved.id)) }
    admitTrader(connection, configuration.listeners[listener], now: now)
    if !saved.input.isEmpty {
      connection.isInputPaused = true
      pausedInput.insert(saved.id)
    }
    for index in saved.explicit { catalog[TopicID(index: index)]?.demand += 1 }
    connections[saved.id] = connection
    connectionsByUID[saved.peer.uid, default: 0] += 1
  }

  /// The process before was killed while it may have been writing to this reader: what the reader has of that line
  /// ends here, as a line that can not be parsed, and the gap line behind it says why. To be called before anything
  /// else is written.
  public func endTornLine(_ id: SubscriberID) { [UInt8(ascii: "\n")].withUnsafeBytes { fanOut.send(id, $0) } }

  /// Keeps a reader of whom the state says nothing, or whose state is of an unknown version. It is told that
  /// everything is uncertain and that it follows nothing but what its listener gives to all.
  public func subscriberFound(listener: Int, peer: Peer, lineMayBeTorn: Bool, now: Moment) -> Connected {
    subscriberConnected(listener: listener, peer: peer, greeting: { [self] id in
      if lineMayBeTorn { endTornLine(id) }
      line.removeAll()
      Line.gap(&line, reason: GapReason.restart.text, from: 1, to: fanOut.lastSeq, dropped: nil)
      let account = configuration.listeners[listener].allowsAccount && configuration.hasCredentials
      for name in account ? UpstreamName.allCases : [.public] {
        Line.stale(&line, seq: nil, reason: Self.dropped, upstream: name.text, topics: nil)
      }
      send(to: id)
    }, now: now)
  }
}

extension GapReason {
  var text: String {
    switch self {
    case .slowReader: "slow_reader"
    case .restart: "restart"
    }
  }
}
