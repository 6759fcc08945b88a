// Requests and their answers. The waiter is registered before the line is sent: an answer that
// overtakes the return of `send` is not lost.

extension BridgeConnection {
  /// Sends a request and waits for its answers: one per symbol where it names symbols, otherwise one.
  ///
  /// A refusal is an answer too; see `Answer.orThrow()`. Other messages keep coming in `messages`; while answers are
  /// awaited they are kept without limit.
  ///
  /// - Throws: `BridgeError` when there is no answer in time or the connection ends.
  @discardableResult
  public func request(_ request: BridgeRequest, timeout: Duration = .seconds(10)) async throws -> [Answer] {
    let answers = AwaitedAnswers(expecting: request.answersExpected)
    let id = nextRequestID()
    inbox.expect(answers, id: id)
    defer { inbox.forget(id: id) }
    try await send(line: request.line(id: id))
    let late = BridgeError(
      .timedOut, "no answer to \(request.method) within \(timeout)",
      advice: "the daemon may be overloaded; see: kraken-ctl status")
    return try await withDeadline(timeout, else: late) {
      if request.answersExpected == nil {
        // Only the bridge knows how many answers "*" has. It answers in order, so the
        // answer to a ping sent afterwards says that all have come.
        try await self.request(BridgeRequest("ping"), timeout: timeout)
        answers.complete()
      }
      return try await answers.value()
    }
  }

  /// Sends a request that has one answer, and throws when it is refused.
  @discardableResult
  public func ask(_ request: BridgeRequest, timeout: Duration = .seconds(10)) async throws -> Answer {
    guard let answer = try await self.request(request, timeout: timeout).first else {
      throw BridgeError(.protocolViolation, "no answer to \(request.method)")
    }
    return try answer.orThrow()
  }

  /// Subscribes, and throws for the first symbol that is refused; the others stay subscribed.
  @discardableResult
  public func subscribe(_ subscription: Subscription, timeout: Duration = .seconds(10)) async throws -> [Answer] {
    try await request(subscription.request, timeout: timeout).map { try $0.orThrow() }
  }

  /// Ends a subscription.
  @discardableResult
  public func unsubscribe(_ subscription: Subscription, timeout: Duration = .seconds(10)) async throws -> [Answer] {
    try await request(subscription.unsubscribeRequest, timeout: timeout).map { try $0.orThrow() }
  }

  /// The present state of one topic, without subscribing.
  public func snapshot(_ subscription: Subscription, timeout: Duration = .seconds(10)) async throws -> Event {
    let answer = try await ask(subscription.snapshotRequest, timeout: timeout)
    guard case .event(let event)? = BridgeMessage(line: answer.resultText) else {
      throw BridgeError(.protocolViolation, "the answer to snapshot holds no event line")
    }
    return event
  }

  /// The present states of all symbols of a subscription, in its order; the requests are on their way together. A symbol
  /// that is refused has its refusal in its place.
  public func snapshots(
    _ subscription: Subscription, timeout: Duration = .seconds(10)
  ) async throws -> [Result<Event, BridgeError>] {
    try await withThrowingTaskGroup(of: (Int, Result<Event, BridgeError>).self) { group in
      for (index, symbols) in (subscription.symbols.isEmpty ? [[]] : subscription.symbols.map { [$0] }).enumerated() {
        var one = subscription
        one.symbols = symbols
        group.addTask { [one] in
          do {
            return (index, .success(try await self.snapshot(one, timeout: timeout)))
          } catch let error as BridgeError {
            guard case .refused = error.code else { throw error }
            return (index, .failure(error))
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }
}
