// Snapshots made for one reader: they must say what the log said at their number, and explain why the reader gets them.

extension ReaderModel {
  func madeSnapshot(_ event: ReadLine.Event, _ bytes: [UInt8]) throws(Violation) {
    counts.snapshots += 1
    let index = archive.index(of: event.topic)
    guard event.isSnapshot else {
      throw Violation("readers of a topic get the same bytes", "\(name): not in the log: \(text(bytes))")
    }
    try require(isFollowing(index, event.topic), "only what was asked for", "\(name) got \(text(bytes))")
    try judge(event)
    var follow = follows[index] ?? Follow()
    try require(
      !follow.isResuming || event.seq == follow.last, "a broken resume is told",
      "\(name) \(event.topic) resumed after \(follow.last) and got a snapshot at \(event.seq) without a gap line")
    follow.phase = .live
    follow.last = event.seq
    follow.isResuming = false
    follow.isUncertain = false
    follow.isOwed = false
    if event.topic.channel == .book {
      var book = ReplayedBook(depth: event.topic.parameter)
      book.apply(event.data.levels ?? [])
      follow.book = book
    }
    follows[index] = follow
    noteSeq(event.seq)
  }

  /// A snapshot says what its topic said at its number, which is that of one of the topic's lines.
  func judge(_ event: ReadLine.Event) throws(Violation) {
    let index = archive.index(of: event.topic)
    guard let record = archive[event.seq], record.topic == index else {
      throw Violation(
        "snapshots bear their topic's last seq", "\(name) \(event.topic) seq \(event.seq) is no line of the topic")
    }
    let (state, fault) = TopicState.snapshot(event.topic, event.data)
    try require(fault == nil, "live data verify", "\(name) \(event.topic) seq \(event.seq): \(fault ?? "")")
    try require(
      state.digest == record.digest, "snapshots say what the log said",
      "\(name) \(event.topic) seq \(event.seq) differs from the state after that line")
  }
}
