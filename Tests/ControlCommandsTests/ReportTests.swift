// What people read: the status page and events as text.

import KrakenBridgeClient
import Testing

@testable import ControlCommands

@Suite struct ReportTests {
  private let plain = Style(isColored: false)

  private func json(_ text: String) -> JSON {
    guard let json = JSON(parsing: text) else { preconditionFailure(text) }
    return json
  }

  @Test func statusPage() {
    let status = json(
      #"{"version":"1.0.0","pid":7,"uptime_s":7385,"ready":true,"upstreams":[{"name":"public","state":"online","connected_s":61,"round_trip_ms":31.24,"attempt":0,"retry_in":null,"reason":null,"system":"online","messages":1234567,"reconnects":2,"subscriptions":{"wanted":0,"live":3}},{"name":"private","state":"offline","reason":"refused","attempt":3,"retry_in":5.0}],"budget":{"attempts_left":9,"attempts_max":100,"window_s":600},"topics":{"live":3,"stale":1},"subscribers":{"connected":2,"lagging":1,"max_lag_bytes":2048},"lines":{"published":1000,"delivered":2000,"per_second":12.34},"ring":{"bytes":33554432,"used":1024,"oldest_seq":5,"newest_seq":9},"memory":{"resident_bytes":10485760},"departures":[{"time":"T","reason":"slow_reader","uid":0,"pid":1,"listener":"x.sock","lines":10}],"novelty":7}"#)
    #expect(
      StatusReport(status: status, style: plain).lines() == [
        "● kraken-bridge 1.0.0 degraded",
        "         Up: 2 h 3 min (pid 7)",
        "  Upstreams: public   online for 1 min 1 s, round trip 31.2 ms, 1,234,567 messages, 2 reconnects, subscriptions: 3 live",
        "             private  offline attempt 3, next in 5.0 s, refused",
        "     Budget: 9 of 100 connection attempts left in 600 s",
        "     Topics: 3 live, 1 stale",
        "    Readers: 2 connected, 1 lagging, furthest behind by 2.0 KiB",
        "      Lines: 1,000 published, 2,000 delivered, 12.3 per second",
        "       Ring: 1.0 KiB of 32.0 MiB, seq 5 to 9",
        "     Memory: 10.0 MiB resident",
        " Departures: T slow_reader uid 0 pid 1 x.sock after 10 lines",
        "    novelty: 7",
      ])
  }

  @Test func statusOfAnEmptyAnswer() {
    #expect(StatusReport(status: .object([]), style: plain).lines() == ["● kraken-bridge  ready"])
    #expect(StatusReport(status: ["ready": false], style: plain).lines() == ["● kraken-bridge  starting"])
  }

  @Test(arguments: [
    (
      #"{"channel":"ticker","type":"snapshot","symbol":"BTC/USD","seq":1,"received":"2026-10-09T00:34:21.084312907Z","data":{"bid":1.10,"bid_qty":2.00,"last":1.50}}"#,
      "00:34:21.084 = ticker     BTC/USD      last 1.50  bid 1.10  bid_qty 2.00"
    ),
    (
      #"{"channel":"trade","type":"update","symbol":"BTC/USD","seq":1,"received":"2026-10-09T00:34:21.084312907Z","data":{"side":"sell","price":1.50,"qty":0.10}}"#,
      "00:34:21.084   trade      BTC/USD      sell 0.10 @ 1.50"
    ),
    (
      #"{"channel":"trade","type":"snapshot","symbol":"BTC/USD","seq":1,"data":[]}"#,
      "             = trade      BTC/USD      0 recent, last none"
    ),
    (
      #"{"channel":"book","type":"update","symbol":"BTC/USD","seq":1,"data":{"bids":[{"price":1.0,"qty":0.00}],"asks":[{"price":2.0,"qty":5}]}}"#,
      "               book       BTC/USD      bid 1.0×0.00  ask 2.0×5"
    ),
    (#"{"channel":"bridge","type":"gap","data":{"reason":"restart","from":1,"to":9}}"#, "-- gap: restart, seq 1 to 9"),
    (
      #"{"channel":"bridge","type":"stale","data":{"reason":"checksum","topics":[{"channel":"book","symbol":"BTC/USD","depth":10}]}}"#,
      "-- stale: checksum: book BTC/USD depth=10"
    ),
    (#"{"channel":"bridge","type":"stale","data":{"reason":"upstream_lost","topics":"*"}}"#, "-- stale: upstream_lost: every topic"),
    (
      #"{"channel":"bridge","type":"state","data":{"upstream":"public","state":"offline","reason":"closed","attempt":2,"retry_in":5.0}}"#,
      "-- state: public offline: closed, attempt 2, next in 5.0 s"
    ),
    (#"{"channel":"bridge","type":"goodbye","data":{"reason":"shutdown"}}"#, "-- goodbye: shutdown"),
    (#"{"method":"subscribe","success":false,"error":"no","symbol":"X"}"#, "-- subscribe X: refused: no"),
  ])
  func eventsAsText(line: String, expected: String) throws {
    #expect(EventText(style: plain).line(try #require(BridgeMessage(line: Array(line.utf8)))) == expected)
  }

  @Test func eventsAsRows() throws {
    func rows(_ line: String) throws -> [String] {
      guard case .event(let event)? = BridgeMessage(line: Array(line.utf8)) else { return [] }
      return EventCSV(channel: event.channel, sample: event).rows(event)
    }
    #expect(
      try rows(#"{"channel":"book","type":"update","symbol":"A/B","seq":2,"prev":1,"data":{"bids":[{"price":1.0,"qty":0.00}],"asks":[{"price":2.0,"qty":5}],"checksum":9}}"#)
        == ["book,update,A/B,2,1,,,bid,1.0,0.00,9", "book,update,A/B,2,1,,,ask,2.0,5,9"])
    #expect(
      try rows(#"{"channel":"trade","type":"snapshot","symbol":"A/B","seq":2,"data":[{"side":"buy","price":1.0,"qty":2,"ord_type":"limit","trade_id":7}]}"#)
        == ["trade,snapshot,A/B,2,,,,buy,1.0,2,limit,7"])
    #expect(try rows(#"{"channel":"novel","type":"update","seq":2,"data":{"x":1.50,"y":"a,b"}}"#) == ["novel,update,,2,,,,1.50,\"a,b\""])
  }
}
