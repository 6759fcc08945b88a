// swift-tools-version: 6.2
// Targets stand in layers and import downwards only; `scripts/test` builds with
// `--explicit-target-dependency-import-check error`, and a test reads the sources for the same rule.

import PackageDescription

// Warnings are errors in CI and in `scripts/test`, not for somebody who builds with a newer compiler.
let strict: [SwiftSetting] =
  Context.environment["KRAKEN_BRIDGE_STRICT"] == "1" ? [.treatAllWarnings(as: .error)] : []

// Objects of one event loop touch their own state a dozen times for every message. Checking each time that no other
// access to it is under way takes a seventh of the message's instructions, so a release leaves it out. Debug builds,
// and with them every test, check.
let confined: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

func pure(_ name: String, _ dependencies: [Target.Dependency] = [], _ settings: [SwiftSetting] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict + settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
  .product(name: "NIOWebSocket", package: "swift-nio"),
  .product(name: "NIOSSL", package: "swift-nio-ssl"),
]

let package = Package(
  name: "kraken-bridge",
  products: [
    .executable(name: "kraken-bridged", targets: ["kraken-bridged"]),
    .executable(name: "kraken-ctl", targets: ["kraken-ctl"]),
    .executable(name: "kraken-sim", targets: ["kraken-sim"]),
    .library(name: "KrakenBridgeClient", targets: ["KrakenBridgeClient"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(
      url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  ],
  targets: [
    // Values and machines: no I/O, no clock, no chance, no tasks.
    pure("MarketData"),
    pure("JSONText"),
    pure("KrakenWire", ["MarketData", "JSONText"]),
    pure("KrakenSession", ["MarketData", "JSONText", "KrakenWire"]),
    pure("FanOut", ["MarketData"]),
    pure("BridgeWire", ["JSONText"]),
    pure("Trading", ["MarketData", "JSONText", "BridgeWire", "KrakenWire"]),
    pure(
      "BridgeCore",
      ["MarketData", "JSONText", "KrakenWire", "KrakenSession", "FanOut", "BridgeWire", "Trading"], confined),

    // The daemon: sockets, TLS, configuration, systemd around BridgeCore.
    .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    pure("SystemdNotify", ["CSystemd"]),
    pure(
      "BridgeDaemon",
      [
        "MarketData", "KrakenWire", "KrakenSession", "FanOut", "BridgeWire", "BridgeCore", "SystemdNotify", "Trading",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "Yams", package: "Yams"),
        .product(name: "Crypto", package: "swift-crypto"),
      ] + nio, confined),

    // An exchange to test against, sharing nothing with the above.
    pure("SimulatedExchange"),
    pure(
      "KrakenSimulator",
      [
        "SimulatedExchange", .product(name: "Logging", package: "swift-log"),
        .product(name: "Crypto", package: "swift-crypto"),
      ] + nio),

    // The whole bridge in a simulated world, driven by one seed.
    pure(
      "BridgeSimulation",
      ["MarketData", "KrakenWire", "KrakenSession", "FanOut", "BridgeCore", "SimulatedExchange"]),

    // The other end of our socket.
    pure("KrakenBridgeClient", ["JSONText"]),
    pure(
      "ControlCommands",
      [
        "KrakenBridgeClient",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .executableTarget(
      name: "kraken-bridged",
      dependencies: [
        "BridgeDaemon", "BridgeCore", "KrakenSimulator", "SimulatedExchange",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ] + nio, swiftSettings: strict),
    .executableTarget(name: "kraken-ctl", dependencies: ["ControlCommands"], swiftSettings: strict),
    .executableTarget(
      name: "kraken-sim",
      dependencies: [
        "KrakenSimulator", "SimulatedExchange",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ] + nio, swiftSettings: strict),

    .executableTarget(name: "example-bot", dependencies: ["KrakenBridgeClient"], swiftSettings: strict),
    .executableTarget(name: "kraken-simulate", dependencies: ["BridgeSimulation"], swiftSettings: strict),

    // What the bridge costs inside one process; `scripts/bench` compares it with others. The other end of its sockets
    // is C, because it lives in a process of its own and the plain C loop that it is compared with shares it.
    .target(name: "Drain", path: "Tests/Benchmarks/inprocess/Drain"),
    .executableTarget(
      name: "kraken-bench",
      dependencies: ["MarketData", "KrakenWire", "KrakenSession", "FanOut", "BridgeCore", "SimulatedExchange", "Drain"],
      swiftSettings: strict),

    tests("LayeringTests", []),
    // The fuzz targets over their corpus and some thousand mutations; `scripts/fuzz` runs them under libFuzzer.
    .testTarget(
      name: "FuzzingTests",
      dependencies: [
        "MarketData", "JSONText", "KrakenSession", "FanOut", "BridgeCore", "BridgeDaemon",
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ] + nio,
      path: "Tests/Fuzzing/Targets", swiftSettings: strict),
    tests("MarketDataTests", ["MarketData", "JSONText"]),
    tests("JSONTextTests", ["JSONText"]),
    tests("KrakenWireTests", ["KrakenWire", "JSONText"]),
    tests("KrakenSessionTests", ["KrakenSession", "KrakenWire", "JSONText", "MarketData"]),
    tests("FanOutTests", ["FanOut", "MarketData"]),
    tests("BridgeWireTests", ["BridgeWire", "JSONText"]),
    tests("TradingTests", ["Trading", "BridgeWire", "KrakenWire", "JSONText", "MarketData"]),
    tests(
      "BridgeCoreTests",
      ["BridgeCore", "BridgeWire", "FanOut", "KrakenSession", "KrakenWire", "JSONText", "MarketData", "SimulatedExchange", "BridgeSimulation"],
      exclude: ["Scenarios"]),
    tests("SystemdNotifyTests", ["SystemdNotify"]),
    tests(
      "BridgeDaemonTests",
      [
        "BridgeDaemon", "BridgeCore", "FanOut", "KrakenSession", "KrakenWire", "MarketData", "SystemdNotify",
        "KrakenSimulator", "SimulatedExchange",
        .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
      ] + nio),
    tests("SimulatedExchangeTests", ["SimulatedExchange"]),
    tests(
      "KrakenSimulatorTests",
      ["KrakenSimulator", "SimulatedExchange", .product(name: "Logging", package: "swift-log")] + nio),
    // A bridge that says what a test wants it to say.
    .target(name: "ScriptedBridge", path: "Tests/ScriptedBridge", swiftSettings: strict),
    tests("KrakenBridgeClientTests", ["KrakenBridgeClient", "ScriptedBridge"]),
    tests("ControlCommandsTests", ["ControlCommands", "KrakenBridgeClient", "ScriptedBridge"]),
    tests("EndToEndTests", ["kraken-bridged", "kraken-ctl", "kraken-sim"]),
  ],
  swiftLanguageModes: [.v6]
)
