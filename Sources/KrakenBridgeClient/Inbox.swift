// Where the reading thread leaves messages for the async side. Bounded: once it holds enough, the
// reading thread waits, the socket fills, and the bridge notices a slow reader. Answers that
// somebody waits for go past it, straight to the one who asked.

import Dispatch
import Synchronization

/// A bounded handover from one blocking producer to one async consumer, with answers sorted out on the way.
final class Inbox: Sendable {
  /// Received and not yet taken: enough to keep a busy reader busy, small beside any program.
  static let bytesMax = 1 << 20

  private typealias Consumer = CheckedContinuation<BridgeMessage?, any Error>

  private struct State {
    var messages: [BridgeMessage] = []
    var taken = 0
    var bytes = 0
    var consumer: Consumer?
    var ending: Result<Void, BridgeError>?
    var producerWaits = false
    var awaited: [UInt64: AwaitedAnswers] = [:]
  }

  private let state = Mutex(State())
  private let room = DispatchSemaphore(value: 0)

  // A continuation is never resumed under the lock: that takes locks of the waiting task, which a cancelled task
  // holds while its handler waits for ours.

  // MARK: The producing side

  private enum Delivery {
    case unwanted, kept, full
    case handed(to: Consumer)
    case answered(AwaitedAnswers, Answer)
  }

  /// Adds a message, then waits while the inbox is over its limit. Returns false once nobody wants more.
  ///
  /// While an answer is awaited the limit does not hold, or a consumer that asks before it reads on would wait forever.
  func deliver(_ message: BridgeMessage) -> Bool {
    let delivery: Delivery = state.withLock { state in
      guard state.ending == nil else { return .unwanted }
      if case .answer(let answer) = message, let id = answer.requestID, let awaited = state.awaited[id] {
        return .answered(awaited, answer)
      }
      if let consumer = state.consumer.take() { return .handed(to: consumer) }
      state.messages.append(message)
      state.bytes += message.line.bytes.count
      state.producerWaits = state.bytes > Self.bytesMax && state.awaited.isEmpty
      return state.producerWaits ? .full : .kept
    }
    switch delivery {
    case .unwanted: return false
    case .kept: break
    case .full: room.wait()
    case .handed(let consumer): consumer.resume(returning: message)
    case .answered(let awaited, let answer): awaited.accept(answer)
    }
    return true
  }

  /// No more messages: those already here can still be taken, then the end is reported.
  func finish(_ ending: Result<Void, BridgeError>) {
    let (consumer, awaited): (Consumer?, [AwaitedAnswers]) = state.withLock { state in
      guard state.ending == nil else { return (nil, []) }
      state.ending = ending
      letProducerGoOn(&state)
      defer { state.awaited = [:] }
      return (state.consumer.take(), Array(state.awaited.values))
    }
    let error = ending.failure ?? BridgeError(.connectionLost, "the connection ended before the answer")
    for awaited in awaited { awaited.fail(error) }
    consumer?.resume(with: ending.map { nil }.mapError { $0 })
  }

  // MARK: The consuming side

  /// The next message; `nil` after the last one of an orderly end. One consumer at a time.
  func next() async throws -> BridgeMessage? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let outcome: Result<BridgeMessage?, any Error>? = state.withLock { state in
          if Task.isCancelled { return .failure(CancellationError()) }
          if state.taken < state.messages.count { return .success(take(&state)) }
          if let ending = state.ending { return ending.map { nil }.mapError { $0 } }
          precondition(state.consumer == nil, "one consumer at a time")
          state.consumer = continuation
          return nil
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      let consumer = state.withLock { $0.consumer.take() }
      consumer?.resume(throwing: CancellationError())
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
