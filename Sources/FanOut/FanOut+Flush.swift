// The end of a turn: everybody who can be written to is brought up to date. Work is proportional to the
// lines delivered, not to readers times lines.

import MarketData

extension FanOut {
    /// Writes everything that is due. Call it at the end of each turn of the event loop.
    ///
    /// - Returns: who was told of a gap and who is gone. Allocates nothing when there is nothing to tell.
    public mutating func flush<T: SubscriberTransport, S: SnapshotSource>(
        now: Moment, transport: inout T, snapshots: inout S
    ) -> [FanOutNotice] {
        if flushedSeq < lastSeq {
            writeToFollowersOfEverything(now: now, transport: &transport)
            dealTurn()
            writeDealt(now: now, transport: &transport)
            flushedSeq = lastSeq
        }
        if !attention.isEmpty {
            swap(&attention, &attended)
            for index in attended.indices {
                let slot = attended[index]
                subscribers[Int(slot)].needsAttention = false
                deliver(to: slot, now: now, transport: &transport, snapshots: &snapshots)
            }
            attended.removeAll(keepingCapacity: true)
            output.shrink(to: configuration.writeBytesMax)
        }
        return takeNotices()
    }

    mutating func takeNotices() -> [FanOutNotice] {
        guard !notices.isEmpty else { return [] }
        var taken: [FanOutNotice] = []
        swap(&taken, &notices)
        return taken
    }

    // MARK: Followers of everything

    private mutating func writeToFollowersOfEverything<T: SubscriberTransport>(now: Moment, transport: inout T) {
        var preparedFor: Scope?
        // Backwards, because a subscriber that turns out to be gone is replaced by the last in the list.
        for index in everythingSlots.indices.reversed() {
            let slot = everythingSlots[index]
            guard distribution.lanes[Int(slot)].isInSync else { continue }
            guard subscribers[Int(slot)].subscriptions.isEmpty else {
                // Exceptions make its lines its own: it walks the log.
                leaveSync(slot)
                continue
            }
            let scopes = subscribers[Int(slot)].scopes
            if preparedFor != scopes {
                output.begin()
                collect(slot, in: flushedSeq + 1..<log.next, .live)
                preparedFor = scopes
            }
            writeRuns(to: slot, now: now, transport: &transport)
        }
    }

    // MARK: Followers of topics

    private mutating func dealTurn() {
        let base = flushedSeq + 1
        var seq = base
        while seq < log.next {
            let address = log.entry(seq).address
            var end = seq + 1
            let continues = log.continuesPrevious(seq)
            if let topic = address.topic {
                // Neighbours of the same topic are dealt as one.
                while end < log.next, log.entry(end).address == address, log.continuesPrevious(end) { end += 1 }
                deal(seq, end, base: base, continues: continues, toFollowersOf: topic)
            } else {
                dealBridgeLine(seq, address, base: base, continues: continues)
            }
            seq = end
        }
    }

    private mutating func deal(_ seq: UInt64, _ end: UInt64, base: UInt64, continues: Bool, toFollowersOf topic: UInt32) {
        let first = UInt32(truncatingIfNeeded: seq - base)
        let end = UInt32(truncatingIfNeeded: end - base)
        for slot in topics[topic].followers {
            distribution.deal(first, end, continues: continues, to: slot)
        }
    }

    private mutating func dealBridgeLine(_ seq: UInt64, _ address: LineAddress, base: UInt64, continues: Bool) {
        switch address.bridgeAudience {
        case .topic(let topic):
            deal(seq, seq + 1, base: base, continues: continues, toFollowersOf: topic)
        case .list:
            for topic in audienceLists[seq] {
                deal(seq, seq + 1, base: base, continues: continues, toFollowersOf: topic)
            }
        case .scope:
            let first = UInt32(truncatingIfNeeded: seq - base)
            for slot in subscribers.indices where distribution.lanes[slot].isInSync {
                if subscribers[slot].everything == nil, isBridgeLineDue(address, seq: seq, to: subscribers[slot], in: .live) {
                    distribution.deal(first, first + 1, continues: continues, to: UInt32(slot))
                }
            }
        }
    }

    private mutating func writeDealt<T: SubscriberTransport>(now: Moment, transport: inout T) {
        output.begin()
        for index in distribution.touched.indices {
            let slot = distribution.touched[index]
            distribution.take(slot, base: flushedSeq + 1, into: &output.runs)
            output.reached = log.next
            writeRuns(to: slot, now: now, transport: &transport)
        }
        distribution.reset()
    }

    /// Writes `output.runs`, which is all that a subscriber in sync lacks, with one call of the transport.
    private mutating func writeRuns<T: SubscriberTransport>(to slot: UInt32, now: Moment, transport: inout T) {
        guard !output.runs.isEmpty else { return }
        var bytes = 0
        for run in output.runs { bytes += log.byteCount(of: run) }
        guard output.reached == log.next, bytes <= configuration.writeBytesMax || output.runs.count == 1 && output.runs[0].count == 1
        else {
            // Too much for one call: it catches up in pieces like anybody who is behind.
            leaveSync(slot)
            return
        }
        output.region = .live
        output.isDirect = output.runs.count == 1
        if !output.isDirect, output.gathered != output.runs { gather() }
        _ = write(to: slot, now: now, transport: &transport)
    }

    mutating func gather() {
        output.text.removeAll(keepingCapacity: true)
        appendRuns()
        output.gathered = output.runs
    }

    mutating func appendRuns() {
        for run in output.runs {
            log.withText(of: run) { output.text.append(contentsOf: $0) }
        }
    }
}
