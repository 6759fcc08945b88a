// Lines into the log: updates, snapshots, and what the `bridge` channel says of them.
//
// A line is written where it will lie, straight into the log, so its size is bounded before its text is there.

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  /// One update whose data is the item without what moves to the envelope.
  func publishItem(_ topic: Topic, _ item: JSONValue, time: JSONValue?, now: Moment) {
    publishUpdate(topic, time: time, bytesMax: item.text.count, now: now) { cursor in
      cursor.append("{")
      var first = true
      UnsafeRawBufferPointer.copyMembers(of: item, except: isEnvelopeKey) { run in
        if !first { cursor.append(",") }
        first = false
        cursor.append(bytes: run)
      }
      cursor.append("}")
    }
  }

  /// - Parameter prefix: instead of the topic's own, where that depends on the item.
  func publishUpdate(
    _ topic: Topic, prefix: [UInt8]? = nil, time: JSONValue?, bytesMax: Int, now: Moment,
    _ data: (inout JSONCursor) -> Void
  ) {
    let prefix = prefix ?? topic.updatePrefix
    let time = time.flatMap { $0.kind == .string ? $0.text : nil }
    let envelope = prefix.count + (time?.count ?? 0) + EventLine.overheadMax
    guard envelope + bytesMax <= configuration.limits.lineBytesMax else { return refuseOversized(topic, now: now) }
    fanOut.publish(topic: topic.id, maxBytes: envelope + bytesMax) { pointer, seq, prev in
      var cursor = JSONCursor(pointer)
      EventLine.write(
        &cursor, prefix: prefix, seq: seq, prev: prev, time: time, received: receivedText, data)
      return UnsafeMutableRawPointer(cursor.p) - pointer
    }
    topic.lines &+= 1
    topic.lastReceivedWall = now.wall
  }

  /// Publishes the present state to every reader of the topic, and makes it live; nothing of what can not be told.
  func publishSnapshot(_ topic: Topic, now: Moment) { publishSnapshot(topic, receivedWall: now.wall, now: now) }

  /// - Parameter receivedWall: when the state was read from Kraken, which may have been before now.
  func publishSnapshot(_ topic: Topic, receivedWall: Int64, now: Moment) {
    guard staleness(of: topic.key.channel) == nil else { return }
    let prefix = topic.snapshotPrefix
    receivedText.set(wall: receivedWall)
    line.removeAll()
    topic.feed.writeState(of: topic, into: &line)
    guard
      line.count + prefix.count + topic.feed.time.count + EventLine.overheadMax
        <= configuration.limits.lineBytesMax
    else { return refuseOversized(topic, now: now) }
    line.withUnsafeBytes { data in
      topic.feed.time.withUnsafeBytes { time in
        let bytesMax = prefix.count + time.count + EventLine.overheadMax + data.count
        fanOut.publish(topic: topic.id, maxBytes: bytesMax) { pointer, seq, _ in
          var cursor = JSONCursor(pointer)
          EventLine.write(
            &cursor, prefix: prefix, seq: seq, prev: nil, time: time.isEmpty ? nil : time,
            received: receivedText
          ) { $0.append(bytes: data) }
          return UnsafeMutableRawPointer(cursor.p) - pointer
        }
      }
    }
    topic.lines &+= 1
    topic.lastReceivedWall = receivedWall
    topic.isLive = true
    topic.stale = nil
    answerHeld(topic, now: now)
  }

  /// What does not fit into a line cannot be passed on whole, and is not passed on in part.
  private func refuseOversized(_ topic: Topic, now: Moment) {
    guard let id = topic.upstream else { return }
    let upstream = upstream(of: topic)
    perform(upstream.session.topicFailed(id, .malformed, now: now), upstream, now: now)
  }

  /// Tells everyone who reads one of them that these topics' data can not be relied on until their next snapshot.
  ///
  /// - Precondition: all of one upstream, and at least one.
  func markStale(_ topics: [Topic], _ staleness: Staleness, now: Moment) {
    let upstream = topics[0].upstreamName
    for topic in topics {
      topic.isLive = false
      topic.stale = staleness
    }
    let audience = Audience.topics(topics.map(\.id))
    publishBridgeLine(to: audience) { line, seq in
      Line.stale(
        &line, seq: seq, reason: staleness.reason, upstream: upstream.text, topics: topics.map(\.key),
        error: staleness.error)
    }
  }

  /// A line of the `bridge` channel, composed once its seq is known.
  func publishBridgeLine(to audience: Audience, _ write: (inout JSONBytes, UInt64) -> Void) {
    line.removeAll()
    write(&line, fanOut.lastSeq + 1)
    line.withUnsafeBytes { bytes in
      _ = fanOut.publish(to: audience, maxBytes: bytes.count) { pointer, _, _ in
        pointer.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        return bytes.count
      }
    }
  }
}
