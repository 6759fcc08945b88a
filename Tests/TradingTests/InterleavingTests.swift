// Kraken's answer among the execution reports at every place it can come to, for every life an order can lead.

import Testing

@testable import Trading

@Suite struct InterleavingTests {
  /// One message in the life of an order and the stage that it proves.
  enum News: String, CaseIterable {
    case answer, refusal, pending, new, trade, lastTrade, filled, canceled, expired, amended, triggered
    var stage: OrderStage {
      switch self {
      case .answer: .accepted
      case .refusal: .rejected
      case .pending: .pending
      case .new: .open
      case .trade, .lastTrade: .partiallyFilled
      case .filled: .filled
      case .canceled: .canceled
      case .expired: .expired
      case .amended, .triggered: .open
      }
    }
  }

  static let lives: [[News]] = [
    [.pending, .new],
    [.pending, .new, .filled],
    [.pending, .new, .trade, .lastTrade, .filled],
    [.pending, .new, .lastTrade, .filled],
    [.pending, .new, .trade, .canceled],
    [.pending, .new, .trade, .expired],
    [.pending, .new, .canceled],
    [.pending, .new, .expired],
    [.pending, .canceled],
    [.pending, .new, .amended, .trade, .canceled],
    [.pending, .new, .triggered, .lastTrade, .filled],
    [.pending, .trade, .new, .lastTrade, .filled],
    [.trade, .pending, .new, .filled],
    [.pending, .lastTrade, .filled, .new],
  ]

  /// The answer at every place, and the whole again with each message said twice.
  static let courses: [[News]] = {
    var courses: [[News]] = []
    for life in lives {
      for place in 0...life.count {
        var course = life
        course.insert(.answer, at: place)
        courses.append(course)
        for index in course.indices { courses.append(Array(course[...index]) + Array(course[index...])) }
      }
    }
    return courses
  }()

  /// - Parameter named: how the reports name the order.
  static func text(_ news: News, number: String, names: String, serial: Int) -> String {
    func report(_ type: String, _ status: String, _ more: String = "") -> String {
      #"{"order_id":"O1"\#(names),"exec_type":"\#(type)","order_status":"\#(status)"\#(more)}"#
    }
    switch news {
    case .answer: return #"{"method":"add_order","req_id":\#(number),"result":{"order_id":"O1"},"success":true}"#
    case .refusal:
      return #"{"method":"add_order","req_id":\#(number),"error":"EOrder:Insufficient funds","success":false}"#
    case .pending:
      return report("pending_new", "pending_new", #","symbol":"BTC/USD","side":"buy","order_qty":2,"limit_price":5.0"#)
    case .new: return report("new", "new")
    case .trade: return report("trade", "partially_filled", #","exec_id":"T1","last_qty":1.0,"cum_qty":1.0"#)
    case .lastTrade: return report("trade", "partially_filled", #","exec_id":"T2","last_qty":1.0,"cum_qty":2.0"#)
    case .filled: return report("filled", "filled", #","cum_qty":2.0"#)
    case .canceled: return report("canceled", "canceled", #","reason":"User requested""#)
    case .expired: return report("expired", "expired")
    case .amended: return report("amended", "new", #","limit_price":5.\#(serial)"#)
    case .triggered: return report("status", "new", #","triggers":{"status":"triggered"}"#)
    }
  }

  /// What the owner must be told: stages in order, made up where the messages came out of order, nothing twice.
  static func expected(_ course: [News]) -> [OrderStage] {
    var told: [OrderStage] = [.submitted]
    var seen: Set<News> = []
    for news in course {
      let isRepeated = !seen.insert(news).inserted
      let last = told.last!
      let isRemark = [.trade, .lastTrade].contains(news) ? !isRepeated : [.amended, .triggered].contains(news)
      if news.stage.rank > last.rank {
        let before = news.stage.stagesBefore(hasFills: news == .lastTrade || news == .trade || news == .filled)
        told += before.filter { $0.rank > last.rank } + [news.stage]
      } else if isRemark {
        told.append(last)
      }
    }
    return told
  }

  static let naming = [
    (params: #","cl_ord_id":"mine""#, names: #","cl_ord_id":"mine""#),
    // Nothing in the report says whose it is until the answer does.
    (params: #","order_userref":5"#, names: #","order_userref":5"#),
    (params: "", names: ""),
  ]

  @Test(arguments: 0..<naming.count)
  func everyCourse(named index: Int) throws {
    #expect(Self.courses.count > 300)
    for course in Self.courses {
      var harness = DeskHarness()
      let (params, fixedNames) = Self.naming[index]
      let sent = try harness.request(
        "add_order",
        #"{"symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":2,"limit_price":5.0\#(params)}"#
      ).sent
      #expect(sent.count == 1)
      let number = try #require(member(sent[0], "req_id"))
      var names = fixedNames
      if index == 2 { names = #","cl_ord_id":"\#(try #require(member(sent[0], "params", "cl_ord_id")))""# }
      for (serial, news) in course.enumerated() {
        let text = Self.text(news, number: number, names: names, serial: serial)
        if news == .answer { harness.answer(text) } else { harness.report(text) }
      }
      let stages = harness.actions.stages.compactMap { OrderStage(rawValue: $0) }
      if index == 1 {
        // Reports were held back until the answer; then they came in order, whatever their number.
        #expect(
          stages.filter { $0.rank < 4 } == stages.filter { $0.rank < 4 }.sorted { $0.rank < $1.rank }, "\(course)")
        #expect(stages.last == Self.expected(course).last, "\(course)")
        #expect(Set(stages) == Set(Self.expected(course)), "\(course)")
      } else {
        #expect(stages == Self.expected(course), "\(course)")
      }
      #expect(harness.actions.answers.count == 1)
      #expect(harness.actions.sent.count == 1)
      #expect(Set(harness.actions.told.compactMap { member($0.data, "order_id") }) == ["O1"])
      if course.last == .canceled { #expect(member(harness.actions.told.last!.data, "reason") == "User requested") }
      #expect(harness.pass(.seconds(3600)).isEmpty, "\(course)")
    }
  }

  @Test func refused() throws {
    var harness = DeskHarness()
    try harness.request("add_order", AddOrderTests.limit)
    let actions = harness.answer(Self.text(.refusal, number: "4503599627370497", names: "", serial: 0))
    #expect(actions.stages == ["rejected"])
    #expect(member(actions.told[0].data, "reason") == "EOrder:Insufficient funds")
    #expect(member(actions.answers[0], "code") == "upstream_refused")
    #expect(member(actions.answers[0], "error") == "EOrder:Insufficient funds")
    #expect(member(actions.answers[0], "symbol") == "BTC/USD")
    #expect(harness.answer(Self.text(.refusal, number: "4503599627370497", names: "", serial: 0)).answers.isEmpty)
  }

  @Test func aRefusalForTheRateHasItsOwnCode() throws {
    var harness = DeskHarness()
    try harness.request("add_order", AddOrderTests.limit)
    let actions = harness.answer(
      #"{"method":"add_order","req_id":4503599627370497,"error":"EOrder:Rate limit exceeded","success":false}"#)
    #expect(member(actions.answers[0], "code") == "rate_limited")
    #expect(actions.stages == ["rejected"])
  }

  @Test func anInvalidTokenIsRenewed() throws {
    var harness = DeskHarness()
    try harness.request("add_order", AddOrderTests.limit)
    let actions = harness.answer(
      #"{"method":"add_order","req_id":4503599627370497,"error":"ESession:Invalid session","success":false}"#)
    #expect(actions.contains(.renewToken))
    #expect(actions.stages == ["rejected"])
  }

  /// An error answer is an inference; an execution is a fact.
  @Test func executionsOverruleARefusal() throws {
    var harness = DeskHarness()
    try harness.request("add_order", AddOrderTests.limit)
    harness.answer(Self.text(.refusal, number: "4503599627370497", names: "", serial: 0))
    let actions = harness.report(Self.text(.new, number: "", names: #","cl_ord_id":"mine""#, serial: 0))
    #expect(actions.stages == ["open"])
    #expect(actions.logs.map(\.level) == [.error])
    #expect(harness.report(Self.text(.canceled, number: "", names: "", serial: 0)).stages == ["canceled"])
  }

  @Test func severalOrdersTakeTurns() throws {
    var harness = DeskHarness()
    let other = HolderID(2)
    harness.connect(other)
    let first = member(try harness.request("add_order", AddOrderTests.limit, id: "1").sent[0], "req_id")!
    let second = member(
      try harness.request("add_order", AddOrderTests.limit.replacing("mine", with: "yours"), from: other, id: "2").sent[
        0],
      "req_id")!
    harness.report(#"{"order_id":"OB","cl_ord_id":"yours","exec_type":"pending_new","order_status":"pending_new"}"#)
    harness.report(#"{"order_id":"OA","cl_ord_id":"mine","exec_type":"pending_new","order_status":"pending_new"}"#)
    harness.report(#"{"order_id":"OB","exec_type":"new","order_status":"new"}"#)
    harness.answer(#"{"method":"add_order","req_id":\#(second),"result":{"order_id":"OB"},"success":true}"#)
    harness.report(#"{"order_id":"OA","exec_type":"canceled","order_status":"canceled"}"#)
    harness.answer(#"{"method":"add_order","req_id":\#(first),"result":{"order_id":"OA"},"success":true}"#)
    let told = harness.actions.told
    #expect(
      told.filter { $0.holder == DeskHarness.client }.map(\.stage) == ["submitted", "accepted", "pending", "canceled"])
    #expect(told.filter { $0.holder == other }.map(\.stage) == ["submitted", "accepted", "pending", "open"])
    #expect(told.allSatisfy { member($0.data, "req_id") == ($0.holder == other ? "2" : "1") })
  }

  /// A foreign order under the same name is not ours: ours would have been refused.
  @Test func strangersConcernNobody() throws {
    var harness = DeskHarness()
    harness.snapshot([
      #"{"order_id":"OX","cl_ord_id":"mine","symbol":"BTC/USD","exec_type":"new","order_status":"new","order_qty":1}"#
    ])
    try harness.request("add_order", AddOrderTests.limit)
    let actions = harness.report(
      #"{"order_id":"OX","cl_ord_id":"mine","exec_type":"trade","exec_id":"T","order_status":"partially_filled"}"#)
    #expect(actions.told.isEmpty)
    #expect(harness.report(#"{"order_id":"OZ","exec_type":"new","order_status":"new"}"#).isEmpty)
  }

  @Test func aFillThatCompletesTheOrderIsNotToldAgain() throws {
    var harness = DeskHarness()
    try harness.request("add_order", AddOrderTests.limit)
    harness.report(Self.text(.new, number: "", names: #","cl_ord_id":"mine""#, serial: 0))
    harness.report(#"{"order_id":"O1","exec_type":"trade","exec_id":"T9","order_status":"filled","cum_qty":2}"#)
    harness.report(Self.text(.filled, number: "", names: "", serial: 0))
    #expect(harness.actions.stages == ["submitted", "accepted", "pending", "open", "filled"])
  }
}
