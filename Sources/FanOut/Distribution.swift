// Which lines of a turn go to which subscriber that is in sync, without a queue per subscriber and without
// asking every subscriber about every line. Each subscriber has a lane; the lines of the turn are dealt to
// the lanes of their topic's followers. Adjacent lines grow the lane's open run, so a lane usually is one
// run; a further run goes to a pool of nodes that all lanes share and that keeps its memory between turns.
// Lines are numbered from the beginning of the turn to keep lanes small: they are what the loop touches.

struct Lane: BitwiseCopyable {
    var isInSync = false
    /// The run that still grows; nothing was dealt while `end` is 0.
    var first: UInt32 = 0
    var end: UInt32 = 0
    /// Closed runs, oldest first.
    var headNode = Self.none
    var tailNode = Self.none

    static let none = UInt32.max
}

struct Distribution {
    private struct Node: BitwiseCopyable {
        var first: UInt32
        var end: UInt32
        var next: UInt32
    }

    var lanes: [Lane] = []
    private var nodes: [Node] = []
    /// Slots that were dealt something, in the order of their first line.
    private(set) var touched: [UInt32] = []

    /// Deals lines `first..<end` of the turn, which lie next to each other, to one subscriber.
    /// - Parameter continues: whether line `first` lies right behind line `first - 1`.
    @inline(__always)
    mutating func deal(_ first: UInt32, _ end: UInt32, continues: Bool, to slot: UInt32) {
        var lane = lanes[Int(slot)]
        guard lane.isInSync, lane.end < end else { return }
        if lane.end == 0 {
            touched.append(slot)
            lane.first = first
        } else if lane.end != first || !continues {
            let node = UInt32(truncatingIfNeeded: nodes.count)
            nodes.append(Node(first: lane.first, end: lane.end, next: Lane.none))
            if lane.tailNode == Lane.none {
                lane.headNode = node
            } else {
                nodes[Int(lane.tailNode)].next = node
            }
            lane.tailNode = node
            lane.first = first
        }
        lane.end = end
        lanes[Int(slot)] = lane
    }

    /// Replaces `runs` by what the lane was dealt, and empties the lane.
    mutating func take(_ slot: UInt32, base: UInt64, into runs: inout [LineRun]) {
        runs.removeAll(keepingCapacity: true)
        var lane = lanes[Int(slot)]
        guard lane.end > 0 else { return }
        var node = lane.headNode
        while node != Lane.none {
            let closed = nodes[Int(node)]
            runs.append(LineRun(first: base + UInt64(closed.first), end: base + UInt64(closed.end)))
            node = closed.next
        }
        runs.append(LineRun(first: base + UInt64(lane.first), end: base + UInt64(lane.end)))
        lane = Lane(isInSync: lane.isInSync)
        lanes[Int(slot)] = lane
    }

    /// Forgets the turn. Every touched lane must have been taken.
    mutating func reset() {
        nodes.removeAll(keepingCapacity: true)
        touched.removeAll(keepingCapacity: true)
    }
}
