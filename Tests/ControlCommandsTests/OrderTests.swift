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
    for last in ["filled", "canceled", "expired", "rejected", "unknown"] {
      #expect(progress(.over, [Self.accepted, Self.stage("open"), Self.stage(last)]).isFinished)
    }
    #expect(progress(.answered, [Self.accepted]).isFinished)
    #expect(progress(.over, [Self.refused]).isFinished)
    #expect(progress(.over, [Self.refused]).refusal == "upstream_refused")
    #expect(!progress(.answered, answers: 2, [Self.accepted]).isFinished)
    #expect(progress(.answered, answers: 2, [Self.accepted, Self.accepted]).isFinished)
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
