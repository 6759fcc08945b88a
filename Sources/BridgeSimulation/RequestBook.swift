// A reader's requests and the answers they still have to get: one for each symbol, each with its req_id.

struct RequestBook {
  struct Request {
    enum Kind { case subscribe, unsubscribe, snapshot, plain, broken, order }
    var kind: Kind
    /// Topics whose answer is still to come; for everything else, `expected` counts.
    var topics: [TopicName] = []
    var wildcard: ReaderModel.Wildcard?
    var expected = 1
    /// Whether it has `since`.
    var resumes = false
    var sentAt: Int64
  }

  private(set) var open: [Int: Request] = [:]
  private var nextID = 1
  /// Answers without req_id that must come, because the request had none or was not readable.
  var anonymous = 0

  mutating func begin(_ request: Request) -> Int {
    let id = nextID
    nextID += 1
    open[id] = request
    return id
  }

  subscript(id: Int) -> Request? { open[id] }

  /// One answer has come. Nothing is left of a request after its last one.
  mutating func settle(_ id: Int, _ topic: TopicName?) {
    guard var request = open[id] else { return }
    if let topic { request.topics.removeAll { $0 == topic } }
    request.expected -= 1
    open[id] = request.expected > 0 ? request : nil
  }

  var isIdle: Bool { open.isEmpty && anonymous <= 0 }
}

extension ReaderModel {
  // MARK: Asking

  /// Notes a request that is about to be sent, and gives it a number.
  func asks(_ request: RequestBook.Request, snapshot: Bool = true) -> Int {
    changedAt = archive.lastSeq
    if request.resumes, resumesByTopic { replaysToCome += 1 }
    if request.kind == .subscribe {
      if let wildcard = request.wildcard { wildcards.insert(wildcard) }
      for topic in request.topics {
        let index = archive.index(of: topic)
        var follow = follows[index] ?? Follow()
        if !follow.isAsked, !followsEverything {
          if request.resumes {
            follow.isResuming = follow.phase != .awaiting
          } else {
            follow = Follow(phase: snapshot ? .awaiting : .blind)
          }
        }
        follow.isAsked = true
        follows[index] = follow
      }
    }
    return requests.begin(request)
  }

  // MARK: Answers

  func answered(_ root: WireValue) throws(Violation) {
    changedAt = archive.lastSeq
    guard let id = root["req_id"]?.int else {
      requests.anonymous -= 1
      try require(requests.anonymous >= 0, "every request gets its answers", "\(name): an answer too many")
      return
    }
    guard let request = requests[id] else {
      throw Violation("every request gets its answers", "\(name): nothing open under req_id \(id)")
    }
    let isSuccess = root["success"]?.isTrue ?? (root["method"]?.isEqual(to: "pong") ?? false)
    switch request.kind {
    case .plain:
      try require(isSuccess, "every request gets its answers", "\(name): a plain request was refused")
      requests.settle(id, nil)
    case .broken:
      try require(!isSuccess, "every request gets its answers", "\(name): a broken request succeeded")
      requests.settle(id, nil)
    case .order:
      try placed(id, root, isSuccess: isSuccess)
      // What is wrong with a request and not with one order of it is said once.
      let isOfOne = isSuccess || root["error"]?.string?.hasPrefix("EOrder:") ?? false
        || root["code"]?.isEqual(to: "outcome_unknown") ?? false
      for _ in 0..<(isOfOne ? 1 : request.expected) { requests.settle(id, nil) }
    case .subscribe: try subscribeAnswered(id, request, root, isSuccess)
    case .unsubscribe:
      let topic = try topic(of: root, in: request)
      if let topic { follows[archive.index(of: topic)] = nil }
      if let wildcard = request.wildcard { dropWildcard(wildcard) }
      requests.settle(id, topic)
    case .snapshot:
      if isSuccess {
        guard let result = root["result"], let topic = TopicName(result), let seq = result["seq"]?.seq,
          let data = result["data"], topic == request.topics[0]
        else { throw Violation("every request gets its answers", "\(name): a snapshot without its event") }
        try judge(ReadLine.Event(topic: topic, isSnapshot: true, seq: seq, prev: nil, data: data))
      }
      requests.settle(id, nil)
    }
  }

  private func subscribeAnswered(
    _ id: Int, _ request: RequestBook.Request, _ root: WireValue, _ isSuccess: Bool
  ) throws(Violation) {
    let topic = try topic(of: root, in: request)
    let isHad = root["code"]?.isEqual(to: "already_subscribed") ?? false
    if !isSuccess, !isHad {
      if let topic { follows[archive.index(of: topic)] = nil }
      if let wildcard = request.wildcard { dropWildcard(wildcard) }
    }
    requests.settle(id, topic)
  }

  private func dropWildcard(_ wildcard: Wildcard) {
    wildcards.remove(wildcard)
    for (index, follow) in follows where !follow.isAsked && wildcard.covers(archive.topics[index].name) {
      follows[index] = nil
    }
  }

  /// Which of the request's topics an answer is about. Failures name only the symbol.
  private func topic(of root: WireValue, in request: RequestBook.Request) throws(Violation) -> TopicName? {
    guard request.wildcard == nil else { return nil }
    let named = root["result"].flatMap { TopicName($0) }
    let symbol = root["symbol"]?.string
    guard let topic = request.topics.first(where: { $0 == named || symbol != nil && $0.symbol == symbol || $0.symbol.isEmpty })
    else {
      throw Violation(
        "every request gets its answers",
        "\(name): an answer about nothing it asked for: \(named.map { "\($0)" } ?? symbol ?? "no symbol")")
    }
    return topic
  }
}
