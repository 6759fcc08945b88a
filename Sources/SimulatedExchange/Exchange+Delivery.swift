// The last steps of a message: faults that touch single messages, then the connection's own state. Without faults
// this is one append.

extension Exchange {
  /// A message of a topic on its way to one connection.
  mutating func deliver(_ text: Text, on topic: Topic, to id: ConnectionID, isSnapshot: Bool) {
    guard !rules.isEmpty || !postponed.isEmpty else { return send(text, to: id) }
    var text = text
    if takeRule(.silence, connection: id, topic: topic) != nil { return }
    if !isSnapshot, takeRule(.lostUpdate, connection: id, topic: topic) != nil { return }
    if topic.channel == .book || topic.channel == .level3, takeRule(.wrongChecksum, connection: id, topic: topic) != nil {
      text = Distortion.wrongChecksum(text)
    }
    if topic.channel == .ticker, takeRule(.missingFields, connection: id, topic: topic) != nil {
      text = Distortion.missingFields(text)
    }
    if topic.channel == .trade, takeRule(.exponents, connection: id, topic: topic) != nil {
      text = Distortion.exponents(text)
    }
    if !isSnapshot, takeRule(.swappedUpdates, connection: id, topic: topic) != nil {
      return postponed.append(Postponed(connection: id, topic: topic, text: text))
    }
    send(text, to: id)
    if !isSnapshot, takeRule(.duplicateUpdate, connection: id, topic: topic) != nil { send(text, to: id) }
    if let index = postponed.firstIndex(where: { $0.connection == id && $0.topic == topic }) {
      send(postponed.remove(at: index).text, to: id)
    }
  }

  /// Any message on its way to one connection.
  mutating func send(_ text: Text, to id: ConnectionID) {
    guard !rules.isEmpty else { return emit(.text(text), to: id) }
    var text = text
    if takeRule(.extraFields, connection: id) != nil { text = Distortion.extraFields(text) }
    if takeRule(.shuffledKeys, connection: id) != nil { text = Distortion.shuffledKeys(text, &mischief) }
    if takeRule(.spacedJSON, connection: id) != nil { text = Distortion.spaced(text, &mischief) }
    if let fault = takeRule(.fragmentedFrames, connection: id) {
      let fragments = Distortion.fragments(text, size: fault.size ?? 16)
      emit(.fragments(fragments, pingBetween: mischief.chance(1, in: 2)), to: id)
    } else if let fault = takeRule(.slowFrames, connection: id) {
      emit(.slow(text, chunk: fault.size ?? 8, interval: fault.delay ?? 20_000_000), to: id)
    } else {
      emit(.text(text), to: id)
    }
  }

  mutating func emit(_ output: Output, to id: ConnectionID) {
    guard let index = index(of: id) else { return }
    if connections[index].isStalled {
      connections[index].held.append(output)
    } else {
      outputs.append((id, output))
    }
  }

  mutating func beginStall(_ id: ConnectionID, for duration: Int64?, resumes: Bool) {
    guard let index = index(of: id), !connections[index].isStalled else { return }
    outputs.append((id, .stall(true)))
    connections[index].isStalled = true
    if let duration { events.plan(.endStall(id, resumes: resumes, era: faultEra), at: now + duration) }
  }

  mutating func endStall(_ id: ConnectionID, resumes: Bool) {
    guard let index = index(of: id), connections[index].isStalled else { return }
    guard resumes else { return end(id, with: .drop) }
    connections[index].isStalled = false
    outputs.append((id, .stall(false)))
    for output in connections[index].held { outputs.append((id, output)) }
    connections[index].held = []
    let requests = connections[index].heldRequests
    connections[index].heldRequests = []
    for request in requests { handle(request, from: id) }
  }
}

/// An update kept back until the next one of its topic has gone out.
struct Postponed: Sendable {
  var connection: Exchange.ConnectionID
  var topic: Topic
  var text: Text
}
