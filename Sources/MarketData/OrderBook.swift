// An aggregated order book that proves itself right after every message.
//
// A message is applied between `beginSnapshot` or `beginUpdate` and `finish`, which cuts both
// sides to the subscribed depth, refuses a crossed book and compares Kraken's checksum. Prices
// are ordered as integers scaled by the most decimals seen; what readers get, and what the
// checksum is made of, are the literals as they came. No Double, no rounding: what cannot be held
// exactly is a fault. In steady state nothing is allocated.

/// Decimals of a pair, as `instrument` names them.
public struct BookPrecision: Equatable, Sendable {
    public var price: Int
    public var qty: Int

    public init(price: Int, qty: Int) {
        self.price = price
        self.qty = qty
    }
}

public struct OrderBook: Sendable {
    enum Phase {
        case unusable, snapshot, update, verified
    }

    public let depth: Int

    /// When known, literals with an exponent count in the checksum with this many decimals, and a checksum that does
    /// not fit the literals as sent is tried once more with the zeros a sender may have dropped.
    public var precision: BookPrecision?

    var bids: Ladder
    var asks: Ladder
    var views: [BookView] = []
    /// What the update in progress (or the last one) touched.
    var touchedBids = TouchedLevels()
    var touchedAsks = TouchedLevels()
    private(set) var phase = Phase.unusable

    /// Decimals of the integers that order the levels; grows when a price needs more.
    private var scale = 0

    /// - Parameter depth: the subscribed depth; both sides are cut to it after every message.
    public init(depth: Int) {
        precondition(depth > 0)
        self.depth = depth
        bids = Ladder(depth: depth)
        asks = Ladder(depth: depth)
    }

    /// False before the first finished snapshot, while a message is applied, and after a fault.
    public var isUsable: Bool { phase == .verified }

    // MARK: Applying a message

    public mutating func beginSnapshot() {
        bids.removeAll()
        asks.removeAll()
        touchedBids.removeAll()
        touchedAsks.removeAll()
        for index in views.indices { views[index].forget() }
        scale = 0
        phase = .snapshot
    }

    /// Begins an update. On an unusable book the following `set` and `finish` throw `noSnapshot`.
    public mutating func beginUpdate() {
        guard phase == .verified else {
            phase = .unusable
            return
        }
        touchedBids.removeAll()
        touchedAsks.removeAll()
        for index in views.indices { views[index].remember(bids, asks) }
        phase = .update
    }

    /// Sets the absolute quantity of a price; zero removes it. To be called in the order of the message: the last word
    /// on a price counts.
    public mutating func set(
        _ side: BookSide, price: UnsafeRawBufferPointer, qty: UnsafeRawBufferPointer
    ) throws(BookFault) {
        guard phase == .update || phase == .snapshot else { throw .noSnapshot }
        let key = try scaledPrice(price)
        guard let form = QtyForm(qty), let level = Level(price: price, qty: qty, rank: side == .bids ? key : -key)
        else { throw fail(.malformedNumber) }
        let change = { (ladder: inout Ladder) in form == .zero ? ladder.remove(rank: level.rank) : ladder.set(level) }
        let existed = side == .bids ? change(&bids) : change(&asks)
        guard phase == .update, !views.isEmpty else { return }
        if side == .bids {
            touchedBids.append(level, removed: form == .zero, existed: existed)
        } else {
            touchedAsks.append(level, removed: form == .zero, existed: existed)
        }
    }

    /// Ends the message: cuts, checks, and makes the changes available.
    public mutating func finish(checksum: UInt32) throws(BookFault) {
        guard phase == .update || phase == .snapshot else { throw .noSnapshot }
        bids.cut(to: depth)
        asks.cut(to: depth)
        if let bid = bids.rank(0), let ask = asks.rank(0), bid >= -ask { throw fail(.crossed) }
        guard let computed = computeChecksum() else { throw fail(.malformedNumber) }
        if checksum != computed, checksum != paddedChecksum() {
            throw fail(.checksum(expected: checksum, computed: computed))
        }
        touchedBids.settle()
        touchedAsks.settle()
        phase = .verified
    }

    private mutating func fail(_ fault: BookFault) -> BookFault {
        phase = .unusable
        return fault
    }

    // MARK: Reading

    public func count(_ side: BookSide) -> Int { ladder(side).count }

    /// The best price and its quantity, as received; `body` is not called on an empty side.
    public func best(_ side: BookSide) -> (price: NumberText, qty: NumberText)? {
        let ladder = ladder(side)
        guard ladder.count > 0 else { return nil }
        return ladder.level(0).withTexts { price, qty in
            guard let price = NumberText(price), let qty = NumberText(qty) else { return nil }
            return (price, qty)
        }
    }

    /// Up to `limit` levels, best first, with the literals as received.
    public func forEachLevel(
        _ side: BookSide, limit: Int = .max,
        _ body: (_ price: UnsafeRawBufferPointer, _ qty: UnsafeRawBufferPointer) -> Void
    ) {
        let ladder = ladder(side)
        for n in 0..<min(limit, ladder.count) { ladder.level(n).withTexts(body) }
    }

    @inline(__always)
    func ladder(_ side: BookSide) -> Ladder { side == .bids ? bids : asks }

    // MARK: Prices as integers

    private mutating func scaledPrice(_ text: UnsafeRawBufferPointer) throws(BookFault) -> Int64 {
        if let plain = ScaledDecimal(plain: text), plain.decimals == scale { return plain.mantissa }
        guard let number = DecimalText(text)?.scaled else { throw fail(.malformedNumber) }
        if number.decimals > scale { try rescale(to: number.decimals) }
        guard let key = number.mantissa.timesPowerOfTen(scale - number.decimals) else { throw fail(.malformedNumber) }
        return key
    }

    private mutating func rescale(to decimals: Int) throws(BookFault) {
        let shift = decimals - scale
        var fits = true
        func grow(_ rank: inout Int64) {
            guard rank != BookView.everything else { return }
            guard let grown = rank.timesPowerOfTen(shift) else {
                fits = false
                return
            }
            rank = grown
        }
        bids.forEachRank(grow)
        asks.forEachRank(grow)
        touchedBids.forEachRank(grow)
        touchedAsks.forEachRank(grow)
        for index in views.indices { views[index].forEachRank(grow) }
        guard fits else { throw fail(.malformedNumber) }
        scale = decimals
    }
}
