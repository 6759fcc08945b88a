// Orders: nothing without a yes, digits as typed, and every order in which answers and stages come.

import KrakenBridgeClient
import ScriptedBridge
import Synchronization
import Testing

@testable import ControlCommands

@Suite struct OrderTests {
  private static let accepted = #"{"method":"add_order","success":true,"result":{"order_id":"OABC"},"req_id":1}"#
  private static let refused = #"{"method":"add_order","success":false,"error":"EOrder:Insufficient funds","code":"upstream_refused","req_id":1}"#

  private static func stage(_ stage: String, request: Int = 1) -> String {
    #"{"channel":"orders","type":"update","symbol":"BTC/USD","seq":9,"received":"2026-10-09T00:34:21.084312907Z","data":{"req_id":\#(request),"stage":"\#(stage)","order_id":"OABC"}}"#
  }

  @Test func nothingIsSentWithoutAYes() async {
    let requests = Mutex<[String]>([])
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, line in requests.withLock { $0.append(line) }; return [] }
    }
    defer { daemon.stop() }
    let script = await run("order", "cancel-all", "--socket", daemon.path)
    #expect(script.status == 64)
    #expect(script.errors.contains("--yes"))
    let person = await run("order", "cancel-all", "--socket", daemon.path, input: ["n"])
    #expect(person.errors.contains("cancel EVERY open order of the account\nSend it? [y/N]"))
    #expect(person.errors.contains("nothing was sent"))
    #expect(requests.withLock { $0 }.isEmpty)
  }

  @Test func digitsGoOutAsTyped() async {
    let requests = Mutex<[String]>([])
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, line in
        requests.withLock { $0.append(line) }
        return [Self.stage("submitted"), Self.accepted, Self.stage("open")]
      }
    }
    defer { daemon.stop() }
    let run = await run(
      "order", "add", "buy", "0.010", "BTC/USD", "--limit", "60000.10", "--post-only", "--parameter", "display_qty=0.0010", "--socket", daemon.path,
      input: ["y"])
    #expect(run.status == 0)
    #expect(
      requests.withLock { $0 } == [
        #"{"method":"add_order","params":{"order_type":"limit","side":"buy","order_qty":0.010,"symbol":"BTC/USD","limit_price":60000.10,"post_only":true,"display_qty":0.0010},"req_id":1}"#
      ])
    #expect(run.lines == [Self.stage("submitted"), Self.accepted, Self.stage("open")])
  }

  @Test func refusalHasItsStatus() async {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, _ in [Self.refused] }
    }
    defer { daemon.stop() }
    let run = await run("order", "add", "buy", "1", "BTC/USD", "--yes", "--socket", daemon.path)
    #expect(run.status == 65)
    #expect(run.lines == [Self.refused])
  }

  private func progress(_ goal: OrderProgress.Goal, answers: Int = 1, _ lines: [String]) -> OrderProgress {
    var progress = OrderProgress(answersExpected: answers, goal: goal)
    for line in lines { _ = BridgeMessage(line: Array(line.utf8)).map { progress.take($0) } }
    return progress
  }

  @Test func everyOrderOfEvents() {
    #expect(!progress(.settled, [Self.stage("submitted")]).isFinished)
    #expect(!progress(.settled, [Self.accepted]).isFinished)
    #expect(!progress(.settled, [Self.accepted, Self.stage("accepted"), Self.stage("pending")]).isFinished)
    #expect(progress(.settled, [Self.accepted, Self.stage("open")]).isFinished)
    // A fast execution report overtakes the answer.
    #expect(!progress(.settled, [Self.stage("filled")]).isFinished)
    #expect(progress(.settled, [Self.stage("filled"), Self.accepted]).isFinished)
    #expect(!progress(.over, [Self.accepted, Self.stage("open"), Self.stage("partially_filled")]).isFinished)
    for last in ["filled", "canceled", "expired", "rejected"] {
      #expect(progress(.over, [Self.accepted, Self.stage("open"), Self.stage(last)]).isFinished)
    }
    #expect(progress(.answered, [Self.accepted]).isFinished)
    #expect(progress(.over, [Self.refused]).isFinished)
    #expect(progress(.over, [Self.refused]).refusal == "upstream_refused")
    #expect(!progress(.answered, answers: 2, [Self.accepted]).isFinished)
    #expect(progress(.answered, answers: 2, [Self.accepted, Self.accepted]).isFinished)
  }

  private static let doubt = #"{"method":"add_order","success":false,"error":"no answer: the outcome is unknown","code":"outcome_unknown","req_id":1}"#

  /// A doubt is no end: the true stage follows.
  @Test func doubtsAreFollowedToTheTruth() {
    let inDoubt = progress(.settled, [Self.stage("submitted"), Self.doubt, Self.stage("unknown")])
    #expect(inDoubt.isInDoubt && !inDoubt.isFinished && inDoubt.ending == .tryAgain)
    let known = progress(.settled, [Self.stage("submitted"), Self.doubt, Self.stage("unknown"), Self.stage("open")])
    #expect(known.isFinished && known.ending == .ok)
    #expect(progress(.settled, [Self.doubt, Self.stage("unknown"), Self.stage("rejected")]).ending == .badData)
    #expect(progress(.answered, [Self.doubt]).isFinished)
    #expect(progress(.answered, [Self.doubt]).ending == .tryAgain)
    #expect(progress(.over, []).ending == .tryAgain)
  }

  @Test(arguments: [
    ("not_permitted", 77), ("upstream_offline", 69), ("outcome_unknown", 75), ("rate_limited", 75), ("upstream_refused", 65),
    ("not_configured", 78), ("bad_parameter", 65),
  ])
  func endingOfARefusal(code: String, status: Int32) async {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { method, _ in [#"{"method":"\#(method)","success":false,"error":"no","code":"\#(code)","req_id":$ID}"#] }
    }
    defer { daemon.stop() }
    #expect(await run("order", "cancel", "OABC", "--yes", "--socket", daemon.path).status == status)
  }

  /// Several orders are cancelled with one request and answered one by one; one that fails does not hide the others.
  @Test func everyAnswerOfACancelIsShown() async {
    let answers = [
      #"{"method":"cancel_order","success":false,"error":"EOrder:Unknown order","code":"upstream_refused","req_id":1}"#,
      #"{"method":"cancel_order","success":true,"result":{"order_id":"B"},"req_id":1}"#,
    ]
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, _ in answers }
    }
    defer { daemon.stop() }
    let run = await run("order", "cancel", "A", "B", "--yes", "--socket", daemon.path)
    #expect(run.lines == answers)
    #expect(run.status == 65)
  }

  @Test func aBridgeThatGoesLeavesADoubt() async {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      _ = peer.receive()
      peer.send(Self.stage("submitted"))
    }
    defer { daemon.stop() }
    let run = await run("order", "add", "buy", "1", "BTC/USD", "--yes", "--socket", daemon.path)
    #expect(run.status == 75)
    #expect(run.errors.contains("whether add_order was carried out is unknown: look before you repeat it"))
  }

  @Test func stagesReadWell() async {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, _ in [Self.stage("submitted"), Self.accepted, Self.stage("accepted"), Self.stage("open")] }
    }
    defer { daemon.stop() }
    let run = await run("order", "add", "buy", "1", "BTC/USD", "--yes", "--format", "table", "--socket", daemon.path)
    #expect(run.lines == ["00:34:21.084 submitted        order_id OABC", "00:34:21.084 accepted", "00:34:21.084 open"])
  }

  @Test func keepingTheSwitchEndsLoudlyWithTheBridge() async {
    let requests = Mutex<[String]>([])
    let daemon = ScriptedBridge { peer in
      peer.greet()
      requests.withLock { $0.append(peer.receive() ?? "") }
      peer.send(#"{"method":"cancel_all_orders_after","success":true,"result":{"triggerTime":"2026-10-09T00:35:00Z"},"req_id":1}"#)
    }
    defer { daemon.stop() }
    let run = await run("order", "cancel-after", "60", "--keep", "--yes", "--format", "table", "--socket", daemon.path)
    #expect(requests.withLock { $0 } == [#"{"method":"cancel_all_orders_after","params":{"timeout":60,"keep":true},"req_id":1}"#])
    #expect(run.lines == ["done  triggerTime 2026-10-09T00:35:00Z"])
    #expect(run.status == 69)
    #expect(run.errors.contains("Kraken cancels every order in at most 60 s"))
  }

  @Test func accountTables() async {
    let asked = Mutex<[String]>([])
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, line in
        asked.withLock { $0.append(line) }
        return line.contains("balances")
          ? [#"{"channel":"balances","type":"snapshot","seq":5,"data":[{"asset":"BTC","balance":1.20,"wallets":[{"type":"spot","id":"main","balance":1.20}]}]}"#]
          : [#"{"channel":"executions","type":"snapshot","seq":5,"data":[{"timestamp":"2026-10-09T00:35:00Z","order_id":"OABC","symbol":"BTC/USD","side":"buy","order_type":"limit","order_status":"new","order_qty":0.10,"limit_price":60000.10}]}"#]
      }
    }
    defer { daemon.stop() }
    let balances = await run("balances", "--format", "table", "--socket", daemon.path)
    #expect(balances.lines == ["ASSET  BALANCE  WALLETS", "BTC       1.20  spot main 1.20"])
    let executions = await run("executions", "--format", "csv", "--socket", daemon.path)
    #expect(executions.lines.last == "2026-10-09T00:35:00Z,OABC,BTC/USD,buy,limit,,new,0.10,60000.10,")
    #expect(
      asked.withLock { $0.last }
        == #"{"method":"subscribe","params":{"channel":"executions","snap_orders":true,"snap_trades":false,"form":"merged"},"req_id":1}"#)
  }

  /// A snapshot without a beginning must not look like all there is.
  @Test func partialSnapshotsSaySo() async {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, line in
        line.contains("balances")
          ? [#"{"channel":"balances","type":"snapshot","seq":5,"data":[{"asset":"BTC","user":"U1","balance":1.20,"wallets":[]},{"asset":"BTC","balance":7,"wallets":[]}]}"#]
          : [#"{"channel":"executions","type":"snapshot","form":"merged","partial":true,"seq":5,"data":[]}"#]
      }
    }
    defer { daemon.stop() }
    let balances = await run("balances", "--format", "csv", "--socket", daemon.path)
    #expect(balances.lines == ["asset,balance,wallets,user", "BTC,1.20,,U1", "BTC,7,,"])
    #expect(balances.errors == "")
    let executions = await run("executions", "--format", "table", "--socket", daemon.path)
    #expect(executions.status == 0 && executions.errors.contains("not all there is"))
    #expect(await run("executions", "--format", "json", "--socket", daemon.path).errors == "")
  }

  @Test func othersOrdersAreNotOurs() {
    var progress = OrderProgress(answersExpected: 1, goal: .settled)
    #expect(BridgeMessage(line: Array(Self.stage("open", request: 2).utf8)).map { progress.take($0) } == false)
    #expect(!progress.isFinished)
  }

  @Test(arguments: ["0", "1", "0.0100", "1e-8", "81776.60", "0.00000001"])
  func decimals(text: String) {
    #expect(DecimalArgument(argument: text)?.digits == text)
  }

  @Test(arguments: ["", "-1", "+1", ".5", "5.", "01", "1,5", "x", "1e", "NaN", "inf", "0x1", "1 "])
  func notDecimals(text: String) {
    #expect(DecimalArgument(argument: text) == nil)
  }
}
