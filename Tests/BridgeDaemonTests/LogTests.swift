import BridgeCore
import KrakenSession
import Logging
import MarketData
import Testing

@testable import BridgeDaemon

struct LogFormatTests {
  private let wall: Int64 = 1_791_506_061_084_312_907

  @Test func timesAreUTCToTheMillisecond() {
    #expect(LogFormat.timestamp(wall) == "2026-10-09T00:34:21.084Z")
    #expect(LogFormat.timestamp(0) == "1970-01-01T00:00:00.000Z")
  }

  @Test func textStaysOnOneLine() {
    #expect(
      LogFormat.text(.warning, "a\nb", [("reason", "x\u{1B}[0m y"), ("uid", "5"), ("empty", "")], wall: wall)
        == "2026-10-09T00:34:21.084Z warning: a b reason=\"x [0m y\" uid=5 empty=\"\"\n")
  }

  @Test func jsonIsEscaped() {
    #expect(
      LogFormat.json(.error, "say \"no\"\n\u{1}\\", [("k\t", "ü")], wall: wall)
        == #"{"time":"2026-10-09T00:34:21.084Z","level":"error","message":"say \"no\"\n\u0001\\","k\t":"ü"}"# + "\n")
  }

  @Test func theJournalGetsFieldsAndMessageIDs() {
    let entry = LogFormat.journal(.notice, "lost", [("event", "upstream_lost"), ("peer_uid", "5"), ("_x-y", "z")])
    let fields = Dictionary(uniqueKeysWithValues: entry)
    #expect(fields["MESSAGE"] == "lost")
    #expect(fields["PRIORITY"] == "5")
    #expect(fields["PEER_UID"] == "5")
    #expect(fields["X_Y"] == "z")
    #expect(fields["EVENT"] == "upstream_lost")
    #expect(fields["MESSAGE_ID"] == LogRecord.Event.upstreamLost.messageID)
  }

  @Test func messageIDsAreDifferent() {
    let ids = LogRecord.Event.allCases.compactMap(\.messageID)
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
  }

  @Test func prioritiesFollowSeverity() {
    #expect(Logger.Level.allCases.map(\.priority) == [7, 7, 6, 5, 4, 3, 2])
    #expect(LogSettings.levels == Logger.Level.allCases.map(\.rawValue))
  }
}

struct RepetitionTests {
  private let second: Int64 = 1_000_000_000

  @Test func theFirstIsWrittenTheRestAreCounted() {
    var repetition = Repetition()
    #expect(repetition.admit("a", message: "lost 1", level: 4, now: 0) == .write)
    #expect(repetition.admit("a", message: "lost 2", level: 4, now: second) == .count)
    #expect(repetition.admit("b", message: "lost 2", level: 4, now: second) == .write)
    #expect(repetition.admit("a", message: "found", level: 4, now: second) == .write)
    #expect(repetition.admit("a", message: "lost 3", level: 4, now: 2 * second) == .count)
    #expect(repetition.summaries(now: 59 * second).isEmpty)
    #expect(repetition.summaries(now: 60 * second) == [.init(message: "lost 3", level: 4, repeats: 2)])
    // Still repeating: still quiet.
    #expect(repetition.admit("a", message: "lost 4", level: 4, now: 61 * second) == .count)
    #expect(repetition.summaries(now: 121 * second) == [.init(message: "lost 4", level: 4, repeats: 1)])
    #expect(repetition.summaries(now: 200 * second).isEmpty)
    #expect(repetition.admit("a", message: "lost 5", level: 4, now: 201 * second) == .write)
  }

  @Test func memoryIsBounded() {
    var repetition = Repetition()
    for index in 0..<Repetition.entriesMax {
      #expect(repetition.admit("key \(index)", message: "m", level: 4, now: 0) == .write)
    }
    #expect(repetition.admit("one more", message: "m", level: 4, now: 0) == .write)
    #expect(repetition.admit("one more", message: "m", level: 4, now: 0) == .write)
    #expect(repetition.admit("key 0", message: "m", level: 4, now: 0) == .count)
  }
}

struct StateFileTests {
  private let now = Moment(monotonic: 5_000_000_000, wall: 1_791_506_061_000_000_000)

  @Test func stateComesBack() throws {
    let directory = try ScratchDirectory()
    let file = StateFile(directory: directory.path)
    #expect(file.load(now: now).state == SavedState(seq: 0, budget: AttemptBudget()))
    #expect(file.load(now: now).fault == nil)
    var budget = AttemptBudget()
    let spent = budget.spend(now: now)
    #expect(spent)
    let state = SavedState(seq: 1_868_000_000_000_042, budget: budget)
    #expect(file.save(state, now: now) == nil)
    #expect(file.load(now: now).state == state)
  }

  @Test(arguments: [
    "", "seq", "seq x\n", "seq -1\n", "seq 99999999999999999999\n", "seq 18446744073709551615\n", "\u{0}\u{1}",
  ])
  func damageIsTakenForNothing(text: String) {
    #expect(StateFile.decode(Array(text.utf8), now: now) == SavedState(seq: 0, budget: AttemptBudget()))
  }

  @Test func troubleIsToldNotThrown() throws {
    let directory = try ScratchDirectory()
    let blocked = directory("file")
    #expect(FileSystem.replace(blocked, with: []).code == 0)
    let file = StateFile(directory: blocked)
    #expect(file.save(SavedState(seq: 1, budget: AttemptBudget()), now: now) != nil)
    #expect(file.load(now: now).fault != nil)
    #expect(file.load(now: now).state.seq == 0)
  }
}
