// The value that programs keep: digits and order survive, text comes back as it went in.

import KrakenBridgeClient
import Testing

@Suite struct JSONTests {
  @Test(arguments: [
    #"{"price":0.00050000,"qty":1e-08,"big":18266300427528990701,"neg":-0.0}"#,
    #"[1,[2,[]],{"a":null,"b":[true,false]}]"#,
    #""quote \" backslash \\ newline \n tab \t é 漢 😀""#,
    "0", "null", "{}", "[]",
  ])
  func textComesBack(text: String) throws {
    #expect(try #require(JSON(parsing: text)).text == text)
  }

  @Test(arguments: ["", "{", "[1,]", "01", "nul", "{\"a\":1}x", "\"\u{1}\"", "1.", "'a'"])
  func invalidTextIsRefused(text: String) {
    #expect(JSON(parsing: text) == nil)
  }

  @Test func accessors() throws {
    let json = try #require(JSON(parsing: #"{"s":"x","n":81776.60,"b":true,"z":null,"a":[1,2],"u":18266300427528990701}"#))
    #expect(json["s"]?.string == "x")
    #expect(json["n"]?.digits == "81776.60")
    #expect(json["n"]?.approximate == 81776.6)
    #expect(json["b"]?.bool == true)
    #expect(json["z"]?.isNull == true)
    #expect(json["a"]?.elements.map(\.int) == [1, 2])
    #expect(json["u"]?.uint64 == 18_266_300_427_528_990_701)
    #expect(json["missing"] == nil)
    #expect(json["s"]?.digits == nil)
    #expect(json["n"]?.string == nil)
    #expect(json.elements.isEmpty)
    #expect(json.members.map(\.name) == ["s", "n", "b", "z", "a", "u"])
  }

  @Test func literals() {
    let json: JSON = ["a": 1, "b": [true, "x"], "c": [:]]
    #expect(json.text == #"{"a":1,"b":[true,"x"],"c":{}}"#)
  }

  @Test func plainText() {
    #expect(JSON.null.plainText == "")
    #expect(JSON.string("a\"b").plainText == "a\"b")
    #expect(JSON.number("1.50").plainText == "1.50")
    #expect((["a": 1] as JSON).plainText == #"{"a":1}"#)
  }
}
