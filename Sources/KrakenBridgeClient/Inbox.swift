// Where the reading thread leaves messages for the async side. Bounded: once it holds enough, the
// reading thread waits, the socket fills, and the bridge notices a slow reader. Answers that
// somebody waits for go past it, straight to the one who asked.

import Dispatch
import Synchronization

/// A bounded handover from one blocking producer to one async consumer, with answers sorted out on the way.
final class Inbox: Sendable {
  /// Received and not yet taken: enough to keep a busy reader busy, small beside any program.
  static let bytesMax = 1 << 20

  private struct State {
    var messages: [BridgeMessage] = []
    var taken = 0
    var bytes = 0
    var consumer: CheckedContinuation<BridgeMessage?, any Error>?
    var ending: Result<Void, BridgeError>?
    var producerWaits = false
    var awaited: [UInt64: AwaitedAnswers] = [:]
  }

  private let state = Mutex(State())
  private let room = DispatchSemaphore(value: 0)

  // MARK: The producing side

  /// Adds a message, then waits while the inbox is over its limit. Returns false once nobody wants more.
  ///
  /// While an answer is awaited the limit does not hold, or a consumer that asks before it reads on would wait forever.
  func deliver(_ message: BridgeMessage) -> Bool {
    let mustWait: Bool? = state.withLock { state in
      guard state.ending == nil else { return nil }
      if case .answer(let answer) = message, let id = answer.requestID, let awaited = state.awaited[id] {
        if awaited.accept(answer) { state.awaited[id] = nil }
        return false
      }
      if let consumer = state.consumer {
        state.consumer = nil
        consumer.resume(returning: message)
        return false
      }
      state.messages.append(message)
      state.bytes += message.line.bytes.count
      state.producerWaits = state.bytes > Self.bytesMax && state.awaited.isEmpty
      return state.producerWaits
    }
    if mustWait == true { room.wait() }
    return mustWait != nil
  }

  /// No more messages: those already here can still be taken, then the end is reported.
  func finish(_ ending: Result<Void, BridgeError>) {
    state.withLock { state in
      guard state.ending == nil else { return }
      state.ending = ending
      let error = ending.failure ?? BridgeError(.connectionLost, "the connection ended before the answer")
      for awaited in state.awaited.values { awaited.fail(error) }
      state.awaited = [:]
      state.consumer?.resume(with: ending.map { nil }.mapError { $0 })
      state.consumer = nil
      letProducerGoOn(&state)
    }
  }

  // MARK: The consuming side

  /// The next message; `nil` after the last one of an orderly end. One consumer at a time.
  func next() async throws -> BridgeMessage? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        state.withLock { state in
          if Task.isCancelled {
            continuation.resume(throwing: CancellationError())
          } else if state.taken < state.messages.count {
            continuation.resume(returning: take(&state))
          } else if let ending = state.ending {
            continuation.resume(with: ending.map { nil }.mapError { $0 })
          } else {
            precondition(state.consumer == nil, "one consumer at a time")
            state.consumer = continuation
          }
        }
      }
    } onCancel: {
      state.withLock { state in
        state.consumer?.resume(throwing: CancellationError())
        state.consumer = nil
      }
    }
  }

  private func take(_ state: inout State) -> BridgeMessage {
    let message = state.messages[state.taken]
    state.taken += 1
    state.bytes -= message.line.bytes.count
    if state.taken == state.messages.count || state.taken >= 1024 {
      state.messages.removeSubrange(..<state.taken)
      state.taken = 0
    }
    if state.bytes < Self.bytesMax / 2 { letProducerGoOn(&state) }
    return message
  }

  private func letProducerGoOn(_ state: inout State) {
    guard state.producerWaits else { return }
    state.producerWaits = false
    room.signal()
  }

  // MARK: Answers

  /// Registers before the request is sent, so that no answer can come too early.
  func expect(_ awaited: AwaitedAnswers, id: UInt64) {
    let ended: BridgeError? = state.withLock { state in
      if let ending = state.ending { return ending.failure ?? BridgeError(.closed, "the connection is closed") }
      state.awaited[id] = awaited
      letProducerGoOn(&state)
      return nil
    }
    if let ended { awaited.fail(ended) }
  }

  /// Gives up waiting.
  func forget(id: UInt64) {
    state.withLock { $0.awaited[id] = nil }
  }
}

extension Result where Success == Void {
  fileprivate var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}
