// The answers to one request, collected until they are complete. Kraken's protocol answers once
// per symbol, so one request may have many answers, and a request that is wrong as a whole has one.

import Synchronization

/// Collects the answers to one request for one waiting task.
final class AwaitedAnswers: Sendable {
  private struct State {
    var answers: [Answer] = []
    var outcome: Result<[Answer], any Error>?
    var waiter: CheckedContinuation<[Answer], any Error>?
  }

  private let state = Mutex(State())
  /// `nil`: until somebody calls `complete`.
  private let expected: Int?

  init(expecting expected: Int?) {
    self.expected = expected
  }

  /// Takes an answer; true when no more are expected.
  func accept(_ answer: Answer) -> Bool {
    state.withLock { state in
      state.answers.append(answer)
      let refusedAsAWhole = !answer.success && answer.symbol == nil
      guard refusedAsAWhole || state.answers.count == expected else { return false }
      settle(.success(state.answers), &state)
      return true
    }
  }

  /// No more answers will come: those that came are all.
  func complete() {
    state.withLock { settle(.success($0.answers), &$0) }
  }

  func fail(_ error: any Error) {
    state.withLock { settle(.failure(error), &$0) }
  }

  func value() async throws -> [Answer] {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        state.withLock { state in
          if let outcome = state.outcome { continuation.resume(with: outcome) } else { state.waiter = continuation }
        }
      }
    } onCancel: {
      fail(CancellationError())
    }
  }

  private func settle(_ outcome: Result<[Answer], any Error>, _ state: inout State) {
    guard state.outcome == nil else { return }
    state.outcome = outcome
    state.waiter?.resume(with: outcome)
    state.waiter = nil
  }
}
