// A promise of the bridge that was not kept.

struct Violation: Error {
  /// Which promise, in a few words that stay the same: runs are compared by it.
  var invariant: String
  var detail: String

  init(_ invariant: String, _ detail: String) {
    self.invariant = invariant
    self.detail = detail
  }
}

func require(_ condition: Bool, _ invariant: String, _ detail: @autoclosure () -> String) throws(Violation) {
  guard !condition else { return }
  throw Violation(invariant, detail())
}
