// Private REST calls, one after the other: two at once could overtake each other, and the later nonce would make
// Kraken refuse the earlier one.
//
// A nonce that Kraken found too low is raised and the call repeated once. After an answer that asks for patience
// (rate limit, lockout, a block) calls fail here, without being sent, until the time is over.

import KrakenWire
import MarketData

/// What came of a private call.
enum SignedOutcome {
  /// Kraken did it. `body` is valid during the call that brings it.
  case done(body: UnsafeRawBufferPointer)
  /// In words; not to be tried again with this key if `isFinal`.
  case failed(String, isFinal: Bool)
}

final class SignedCalls {
  private struct Call {
    var path: String
    var form: String
    var completion: (SignedOutcome) -> Void
    var isRepeated = false
  }

  private let client: RESTClient
  private let clock: () -> Moment
  /// Told what goes wrong without making a call fail.
  var warn: (String) -> Void = { _ in }
  private var nonces: NonceFile
  private var apiKey: APIKey?
  private var otpCommand: Command?
  private var waiting: [Call] = []
  private var current: Call?
  /// Outcomes of calls with another key than the present one are nobody's.
  private var generation = 0
  /// Nothing is sent before this time, and why; monotonic nanoseconds.
  private var pause: (until: Int64, why: String)?

  init(client: RESTClient, nonces: NonceFile, clock: @escaping () -> Moment = { SystemClock.now }) {
    self.client = client
    self.nonces = nonces
    self.clock = clock
  }

  /// Takes another key, or none. What was asked with the old one fails.
  func use(_ apiKey: APIKey?, otpCommand: Command?) {
    let abandoned = (current.map { [$0] } ?? []) + waiting
    generation += 1
    current = nil
    waiting = []
    pause = nil
    self.apiKey = apiKey
    self.otpCommand = otpCommand
    for call in abandoned { call.completion(.failed("the credentials changed", isFinal: false)) }
  }

  /// - Parameters:
  ///   - form: parameters without the nonce, percent-encoded; may be empty.
  ///   - completion: called once.
  func post(_ path: String, form: String = "", completion: @escaping (SignedOutcome) -> Void) {
    waiting.append(Call(path: path, form: form, completion: completion))
    startNext()
  }

  private func startNext() {
    guard current == nil, !waiting.isEmpty else { return }
    let call = waiting.removeFirst()
    current = call
    guard apiKey != nil else { return end(.failed("there is no API key", isFinal: false)) }
    if let pause, case let left = pause.until - clock().monotonic, left > 0 {
      return end(.failed("\(pause.why); asking again in \(left / 1_000_000_000 + 1) s", isFinal: false))
    }
    guard let otpCommand else { return send(call, password: nil) }
    let generation = generation
    otpCommand.output(on: client.eventLoop).assumeIsolated().whenComplete { [weak self] result in
      guard let self, generation == self.generation else { return }
      switch result {
      case .success(let password): send(call, password: password)
      case .failure(let error): end(.failed("otp-command: \(CredentialFault.words(error))", isFinal: false))
      }
    }
  }

  private func send(_ call: Call, password: Secret?) {
    guard let apiKey else { return }
    let (nonce, fault) = nonces.next(wall: clock().wall)
    if let fault { warn(fault) }
    var body = "nonce=\(nonce)"
    if let password { body += "&otp=" + password.percentEncoded }
    if !call.form.isEmpty { body += "&" + call.form }
    let signature = RequestSignature.sign(path: call.path, nonce: "\(nonce)", body: body, secret: apiKey.secret)
    let generation = generation
    client.post(call.path, form: body, headers: SignedHeaders(key: apiKey.key, signature: signature)) {
      [weak self] outcome in
      guard let self, generation == self.generation else { return }
      take(outcome)
    }
  }

  private func take(_ outcome: RESTOutcome) {
    switch outcome {
    case .failed(let why): end(.failed(why, isFinal: false))
    case .answered(let status, let body):
      switch RESTVerdict.judge(status: status, body: body, wall: clock().wall) {
      case .done: end(.done(body: body))
      case .keyRefused(let error): end(.failed(error, isFinal: true))
      case .later(let why, let duration):
        if duration > .zero { pause = (clock().monotonic + duration.nanoseconds, why) }
        end(.failed(why, isFinal: false))
      case .nonceRefused(let error):
        nonces.leapAhead()
        guard var call = current, !call.isRepeated else { return end(.failed(error, isFinal: false)) }
        call.isRepeated = true
        current = nil
        waiting.insert(call, at: 0)
        startNext()
      }
    }
  }

  private func end(_ outcome: SignedOutcome) {
    guard let call = current else { return }
    current = nil
    call.completion(outcome)
    startNext()
  }
}

extension Secret {
  /// For a form: everything but letters, digits and -._~ as %XX.
  fileprivate var percentEncoded: String {
    withUnsafeBytes { bytes in
      bytes.map { byte in
        let character = Character(Unicode.Scalar(byte))
        if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
          return String(character)
        }
        let digits = String(byte, radix: 16, uppercase: true)
        return byte < 16 ? "%0" + digits : "%" + digits
      }.joined()
    }
  }
}
