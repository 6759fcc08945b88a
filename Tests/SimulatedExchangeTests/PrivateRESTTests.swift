import Testing

@testable import SimulatedExchange

/// Signed calls. The signature here is a stand-in: how it is really made is the server's business.
struct PrivateRESTTests {
  private static let locked = APIKey(key: "locked", secret: "s2", oneTimePassword: "123456")
  private static let reader = APIKey(key: "reader", secret: "s3", permissions: [.query])
  private static let socketOnly = APIKey(key: "socket", secret: "s4", permissions: [.webSockets])

  private func exchange() -> Exchange {
    var configuration = ExchangeConfiguration()
    configuration.updatesPerSecond = 0
    configuration.apiKeys += [Self.locked, Self.reader, Self.socketOnly]
    return Exchange(configuration: configuration, seed: 1, now: start)
  }

  private func sign(_ secret: String, _ path: String, _ nonce: String, _ body: [UInt8]) -> String? {
    "\(secret)|\(path)|\(nonce)|\(String(decoding: body, as: UTF8.self))"
  }

  private func call(
    _ exchange: inout Exchange, _ body: String, of name: String = "GetWebSocketsToken",
    key: APIKey = .demonstration, nonce: String? = nil, signedBody: String? = nil
  ) -> Exchange.RESTAnswer {
    let path = "/0/private/" + name
    let written = nonce ?? body.split(separator: "&")[0].split(separator: "=").last.map(String.init) ?? ""
    return exchange.rest(
      Exchange.RESTRequest(
        path: path, body: Array(body.utf8), apiKey: key.key,
        signature: sign(key.secret, path, written, Array((signedBody ?? body).utf8))),
      now: exchange.now, signing: sign)
  }

  private func json(_ answer: Exchange.RESTAnswer) -> JSONValue? { JSONValue(answer.body) }
  private func error(_ answer: Exchange.RESTAnswer) -> String? { json(answer)?["error"]?.array?.first?.string }

  @Test func tokenForASignedCall() throws {
    var exchange = exchange()
    let first = try #require(json(call(&exchange, "nonce=1"))?["result"])
    let second = try #require(json(call(&exchange, "nonce=2"))?["result"])
    #expect(first["expires"]?.integer == 900 && first.text("token")?.count == 43)
    #expect(first.text("token") != second.text("token"))
  }

  @Test func keysSignaturesAndNoncesAreChecked() {
    var exchange = exchange()
    #expect(error(call(&exchange, "nonce=10", key: APIKey(key: "none", secret: ""))) == "EAPI:Invalid key")
    #expect(error(exchange.rest(.init(path: "/0/private/Balance"), now: start, signing: sign)) == "EAPI:Invalid key")
    #expect(error(call(&exchange, "nonce=10", signedBody: "nonce=11")) == "EAPI:Invalid signature")
    #expect(error(call(&exchange, "nonce=10")) == nil)
    #expect(error(call(&exchange, "nonce=10")) == "EAPI:Invalid nonce")
    #expect(error(call(&exchange, "nonce=9")) == "EAPI:Invalid nonce")
    #expect(error(call(&exchange, "nonce=18446744073709551615")) == nil)
    #expect(error(call(&exchange, "nonce=soon")) == "EAPI:Invalid nonce")
    #expect(error(call(&exchange, "once=5")) == "EAPI:Invalid nonce")
    // Each key counts for itself.
    #expect(error(call(&exchange, "nonce=1", key: Self.socketOnly)) == nil)
  }

  @Test func bodyMayBeJSON() {
    var exchange = exchange()
    #expect(error(call(&exchange, #"{"nonce":"5"}"#, nonce: "5")) == nil)
    #expect(error(call(&exchange, #"{"nonce":5}"#, nonce: "5")) == "EAPI:Invalid nonce")
    #expect(error(call(&exchange, #"{"nonce":6}"#, nonce: "6")) == nil)
  }

  @Test func secondFactorIsAskedFor() {
    var exchange = exchange()
    #expect(error(call(&exchange, "nonce=1", key: Self.locked)) == "EGeneral:Invalid arguments:otp")
    #expect(error(call(&exchange, "nonce=2&otp=123456", key: Self.locked)) == nil)
  }

  @Test func rightsAreChecked() {
    var exchange = exchange()
    #expect(error(call(&exchange, "nonce=1", key: Self.reader)) == "EGeneral:Permission denied")
    #expect(error(call(&exchange, "nonce=2", of: "Balance", key: Self.reader)) == nil)
    #expect(error(call(&exchange, "nonce=1", of: "Balance", key: Self.socketOnly)) == "EGeneral:Permission denied")
    #expect(error(call(&exchange, "nonce=3", of: "Dance", key: Self.reader)) == "EGeneral:Unknown method")
    #expect(error(call(&exchange, "nonce=4", of: "CancelAll", key: Self.reader)) == "EGeneral:Permission denied")
  }

  @Test func faultsOfTheDoor() {
    var exchange = exchange()
    func control(_ line: String) { #expect(exchange.control(line) == "ok") }
    control("nonce-error")
    #expect(error(call(&exchange, "nonce=1")) == "EAPI:Invalid nonce")
    #expect(error(call(&exchange, "nonce=1")) == nil)
    control("rest-status code=502")
    let broken = call(&exchange, "nonce=2")
    #expect(broken.status == 502 && String(decoding: broken.body, as: UTF8.self).hasPrefix("<html>"))
    control(#"rest-error text="EGeneral:Temporary lockout""#)
    #expect(error(call(&exchange, "nonce=3")) == "EGeneral:Temporary lockout")
    control("rest-cut")
    #expect(call(&exchange, "nonce=4").isCut)
    control("rest-delay delay=2s")
    #expect(call(&exchange, "nonce=5").delay == 2 * second)
    #expect(call(&exchange, "nonce=6").delay == 0)
  }

  @Test func publicCallsGoThroughTheSameDoor() {
    var exchange = exchange()
    let answer = exchange.rest(.init(path: "/0/public/AssetPairs", query: "pair=XBTUSD"), now: start, signing: sign)
    #expect(json(answer)?["result"]?["XXBTZUSD"]?.text("wsname") == "XBT/USD")
  }

  // MARK: Queries

  @Test func balancesAreTold() {
    var exchange = exchange()
    let balances = json(call(&exchange, "nonce=1", of: "Balance"))?["result"]
    #expect(balances?.text("ZUSD") == "10000000.0000" && balances?.text("XXBT") == "1000.0000000000")
  }

  private func query(_ client: inout Client, _ name: String, _ form: String = "") -> JSONValue? {
    json(client.exchange.privateREST(path: "/0/private/" + name, form: form, now: client.exchange.now))?["result"]
  }

  @Test func openOrdersAreFoundByTheirNames() throws {
    var client = Client.trader()
    let first = client.rest(more: #""cl_ord_id":"mine""#)
    let second = client.rest("51000.5", more: #""order_userref":7,"post_only":true"#)
    let all = try #require(query(&client, "OpenOrders")?["open"]?.members)
    #expect(Set(all.map(\.key)) == [first, second])
    #expect(query(&client, "OpenOrders", "cl_ord_id=mine")?["open"]?.members?.map(\.key) == [first])
    #expect(query(&client, "OpenOrders", "userref=7")?["open"]?.members?.map(\.key) == [second])
    #expect(query(&client, "OpenOrders", "cl_ord_id=none")?["open"] == .object([]))
    let order = try #require(query(&client, "QueryOrders", "txid=\(second)&trades=true")?[second])
    #expect(order.text("status") == "open" && order["userref"]?.integer == 7 && order.text("oflags") == "fciq,post")
    #expect(order.text("vol") == "0.50000000" && order["descr"]?.text("price") == "51000.5")
    #expect(order["descr"]?.text("pair") == "XBTUSD" && order["descr"]?.text("type") == "buy")
    #expect(order.text("opentm") == "1791506040.000000000" && order["trades"] == .array([]))
  }

  @Test func closedOrdersTellTheirEnd() throws {
    var client = Client.trader()
    let cancelled = client.rest(more: #""cl_ord_id":"mine""#)
    client.trade("cancel_order", #""cl_ord_id":["mine"]"#)
    client.run(seconds: 10)
    client.buyAtMarket("0.001")
    let filled = try #require(client.takeReports().last?.text("order_id"))
    let list = try #require(query(&client, "ClosedOrders"))
    #expect(list["count"]?.integer == 2 && list["closed"]?.members?.map(\.key) == [filled, cancelled])
    let order = try #require(query(&client, "QueryOrders", "txid=\(filled),\(cancelled)&trades=true"))
    #expect(order[filled]?.text("status") == "closed" && order[filled]?.text("vol_exec") == "0.00100000")
    #expect(order[filled]?["trades"]?.array?.count == 1)
    #expect(order[cancelled]?.text("status") == "canceled" && order[cancelled]?.text("reason") == "User requested")
    #expect(query(&client, "ClosedOrders", "cl_ord_id=mine")?["closed"]?.members?.map(\.key) == [cancelled])
    #expect(query(&client, "ClosedOrders", "start=1791506045")?["closed"]?.members?.map(\.key) == [filled])
    #expect(query(&client, "ClosedOrders", "ofs=1")?["closed"]?.members?.map(\.key) == [cancelled])
    #expect(query(&client, "QueryOrders", "txid=OGONE0-00000-000000") == .object([]))
  }

  @Test func partlyFilledAndExpiredHaveTheirStates() throws {
    var client = Client.trader()
    let ask = client.exchange.book(of: "BTC/USD", depth: 1)!.asks[0]
    client.add("buy", "90", at: ask.price)
    client.add("sell", "1", at: "90000.0", more: #""effective_time":"2026-10-10T00:00:00Z""#)
    client.add("sell", "90", at: client.bestBid, more: #""time_in_force":"ioc""#)
    let states = client.exchange.account.orders.values.sorted { $0.number < $1.number }.map { order in
      query(&client, "QueryOrders", "txid=\(order.id)")?[order.id]?.text("status")
    }
    #expect(states == ["open", "pending", "expired"])
  }

  @Test func queriesNeedIDs() {
    var client = Client.trader()
    let answer = client.exchange.privateREST(path: "/0/private/QueryOrders", form: "", now: client.exchange.now)
    #expect(error(answer) == "EGeneral:Invalid arguments:txid")
  }
}
