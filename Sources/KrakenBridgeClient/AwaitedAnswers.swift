// The answers to one request, collected until they are complete. Kraken's protocol answers once
// per symbol, so one request may have many answers, and a request that is wrong as a whole has one.

import Synchronization

/// Collects the answers to one request for one waiting task.
final class AwaitedAnswers: Sendable {
  private typealias Outcome = Result<[Answer], any Error>

  private struct State {
    var answers: [Answer] = []
    var outcome: Outcome?
    var waiter: CheckedContinuation<[Answer], any Error>?
  }

  private let state = Mutex(State())
  /// `nil`: until somebody calls `complete`.
  private let expected: Int?

  init(expecting expected: Int?) {
    self.expected = expected
  }

  /// Takes an answer.
  func accept(_ answer: Answer) {
    settle { state in
      state.answers.append(answer)
      let refusedAsAWhole = !answer.success && answer.symbol == nil
      return refusedAsAWhole || state.answers.count == expected ? .success(state.answers) : nil
    }
  }

  /// No more answers will come: those that came are all.
  func complete() {
    settle { .success($0.answers) }
  }

  func fail(_ error: any Error) {
    settle { _ in .failure(error) }
  }

  func value() async throws -> [Answer] {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let outcome = state.withLock { state in
          if state.outcome == nil { state.waiter = continuation }
          return state.outcome
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      fail(CancellationError())
    }
  }

  /// The first outcome holds. The waiter is resumed outside the lock, as in `Inbox`.
  private func settle(_ decide: (inout State) -> Outcome?) {
    let resume: (() -> Void)? = state.withLock { state in
      guard state.outcome == nil, let outcome = decide(&state) else { return nil }
      state.outcome = outcome
      return state.waiter.take().map { waiter in { waiter.resume(with: outcome) } }
    }
    resume?()
  }
}
