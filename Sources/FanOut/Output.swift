// What is about to be written to one subscriber in one call of the transport, in this order: directed lines
// or a gap line, lines of the log, snapshots. Nothing counts as delivered before the transport has taken
// it: a cut decides how far the subscriber's state moves. One output serves all subscribers in turn.

struct Output {
  /// A snapshot in `text`, or a topic that had none to give (then it ends where the one before it ends).
  struct SnapshotPiece {
    enum Owed {
      case topic(UInt32)
      /// Somebody who follows everything got the topics below this.
      case everything(below: UInt32)
    }
    var owed: Owed
    var start: Int
    var end: Int
  }

  /// Shared scratch memory; keeps its room between uses.
  var text: [UInt8] = []
  var directedBytes = 0
  var gapBytes = 0
  var runs: [LineRun] = []
  var snapshots: [SnapshotPiece] = []
  /// The only content is one run, which is written straight from the ring.
  var isDirect = false
  /// Where the subscriber's walk of the log stands once all this is delivered.
  var region = FanOut.Region.live
  var reached: UInt64 = 0

  mutating func begin() {
    text.removeAll(keepingCapacity: true)
    runs.removeAll(keepingCapacity: true)
    snapshots.removeAll(keepingCapacity: true)
    directedBytes = 0
    gapBytes = 0
    isDirect = false
  }

  /// Gives back the room of an unusually large snapshot.
  mutating func shrink(to bytes: Int) {
    if text.capacity > 4 * bytes { text = [] }
  }
}
