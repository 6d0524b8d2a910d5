// swift-tools-version: 6.2
import PackageDescription

// Gatehouse is built and run on Linux. A folder of Sources is a layer, and a target depends only on targets above it.

let http: [Target.Dependency] = [
    .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOWebSocket", package: "swift-nio"),
    .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
    .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
]

let c: [Target] = [
    .library("CCairo", pkgConfig: "cairo", apt: "libcairo2-dev"),
    .library("CCrypt", pkgConfig: "libcrypt", apt: "libcrypt-dev"),
    .library("CArchive", pkgConfig: "libarchive", apt: "libarchive-dev"),
    // libcurl sets options by a variadic function, which Swift cannot call.
    .target(name: "CCurl", path: "Sources/C/CCurl", linkerSettings: [.linkedLibrary("curl")]),
    // They replace functions of the C library, and are linked by gatehouse-bench alone.
    .target(name: "CAllocations", path: "Sources/C/CAllocations"),
    .target(name: "CSlowDisk", path: "Sources/C/CSlowDisk"),
    // Functions of glibc that Swift's module of the C library does not export.
    .target(name: "CMemory", path: "Sources/C/CMemory"),
    // System calls that Swift's module of the C library does not export: openat2, renameat2, statx.
    .target(name: "CFiles", path: "Sources/C/CFiles"),
    // Starts programs as another account, which takes calls between fork and execve; the filter of system calls.
    .target(name: "CSandbox", path: "Sources/C/CSandbox"),
    // Functions of its header alone: floating-point modes, processor features, loops with vector instructions.
    .systemLibrary(name: "CCompute", path: "Sources/C/CCompute"),
    // Debian's package has no file for pkg-config.
    .systemLibrary(name: "CHaru", path: "Sources/C/CHaru", providers: [.apt(["libhpdf-dev"])]),
    .library("CIDN2", pkgConfig: "libidn2", apt: "libidn2-dev"),
    .library("CLapack", pkgConfig: "lapacke", apt: "liblapacke-dev"),
    .library("CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
    .library("CQrencode", pkgConfig: "libqrencode", apt: "libqrencode-dev"),
    .library("CXGBoost", pkgConfig: "xgboost", apt: "libxgboost-dev"),
    .library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
]

let base: [Target] = [
    .layer("Base", "Base", [])
]

let platform: [Target] = [
    .layer("Platform", "Secrets", ["Base", .crypto, .cryptoExtras]),
    .layer("Platform", "DomainNames", ["CIDN2"]),
    .layer("Platform", "Telemetry", ["Base", .logging, .metrics]),
    .layer("Platform", "TLS", ["Base", "Telemetry", .nio, .nioPosix, .nioSSL, .nioTLS]),
    .layer("Platform", "OpenTelemetry", ["Base", "Telemetry", .serviceLifecycle, .tracing]),
    .layer("Platform", "Storage", ["Base"]),
    .layer("Platform", "StorageSQLite", ["Base", "Storage", .grdb, .sqlite]),
    .layer("Platform", "StoragePostgres", ["Base", "Storage", "CPostgres"]),
    .layer("Platform", "Files", ["Base", "CFiles"]),
    .layer("Platform", "Archives", ["Base", "Secrets", "CArchive"]),
    .layer("Platform", "Web", ["Base", "OpenTelemetry", "Telemetry", "TLS", "CZlib"] + http),
    .layer("Platform", "Jobs", ["Base", "OpenTelemetry", "Storage", "Telemetry", .serviceLifecycle]),
    .layer(
        "Platform", "Mail", ["Base", "DomainNames", "Storage", "Jobs", "Telemetry", "Secrets", "CCurl", .mustache],
        embeds: ["Templates"]),
    .layer(
        "Platform", "Modules",
        ["Base", "OpenTelemetry", "Storage", "Telemetry", "Web", "Jobs", .serviceLifecycle]),
    .layer("Platform", "Forecasting", ["Base", "CCompute", "CLapack"]),
    .layer("Platform", "Plotting", ["Base", "CCairo", "CQrencode"]),
    .layer("Platform", "Rates", ["Base", "Telemetry", "Web", .httpTypes, .serviceLifecycle]),
    .layer("Platform", "MessagingRedis", ["TLS", .nio, .nioPosix, .serviceLifecycle]),
    .layer(
        "Platform", "Outbound",
        ["Base", "DomainNames", "OpenTelemetry", "TLS", .httpClient, .nio, .nioHTTP1, .nioPosix]),
    .layer("Platform", "Stripe", ["Base", "Outbound", "Secrets"]),
    .layer("Platform", "Models", ["Base", "OpenTelemetry", "Outbound"]),
    .layer("Platform", "CommandSandbox", ["Base", "CSandbox"]),
    .layer("Platform", "MCP", ["Base", "Outbound", "CommandSandbox", .nio]),
    .layer("Platform", "PDF", ["Base", "CHaru"]),
    .layer("Platform", "AWS", ["Base", "Outbound", "Secrets"]),
    .layer("Platform", "Boosting", ["Base", "CXGBoost"]),
    .layer("Platform", "SpotDecisions", ["Base", "Boosting", "Plotting", "Secrets"], embeds: ["Data"]),
    .layer("Platform", "GoalGraphs", ["Base"]),
]

let core: [Target] = [
    .layer("Core", "Audit", ["Modules", "Secrets"]),
    .layer(
        "Core", "Identity",
        [
            "Modules", "DomainNames", "Secrets", "Audit", "Files", "Mail", "Plotting", "Archives", "CCrypt", .httpTypes,
            .serviceLifecycle,
        ]),
    .layer("Core", "Webhooks", ["Modules", "Secrets", "Audit", "Mail", "Identity", "Outbound", .httpTypes, .nio]),
    .layer("Core", "Realtime", ["Modules", "Secrets", "Identity", .httpTypes, .nio, .serviceLifecycle]),
    .layer("Core", "Ledger", ["Modules"]),
    .layer(
        "Core", "Entitlements",
        [
            "Modules", "Secrets", "Audit", "Ledger", "Mail", "Identity", "Webhooks", "Rates", .httpTypes,
            .serviceLifecycle, .yams,
        ]),
    .layer(
        "Core", "Billing",
        [
            "Modules", "Secrets", "Audit", "Ledger", "Mail", "Identity", "Webhooks", "Entitlements", "Rates",
            "Realtime", "Stripe", "PDF", "Plotting", .httpTypes, .nio,
        ]),
]

let products: [Target] = [
    .layer(
        "Products", "Training",
        [
            "Modules", "Secrets", "Audit", "Identity", "Webhooks", "Entitlements", "Realtime", "Rates", "Files",
            "Forecasting", "Plotting", .httpTypes, .nio,
        ]),
    .layer(
        "Products", "Sandbox",
        [
            "Modules", "Secrets", "Audit", "Identity", "Entitlements", "Realtime", "Files", "AWS", "SpotDecisions",
            .httpTypes, .nio,
        ]),
    .layer(
        "Products", "Marketplace",
        [
            "Modules", "Secrets", "Audit", "Mail", "Identity", "Entitlements", "Realtime", "Billing", "Ledger", "Rates",
            "Files", "Models", "Stripe", .httpTypes, .nio,
        ]),
    .layer(
        "Products", "Workflows",
        [
            "Modules", "Secrets", "Audit", "Mail", "Identity", "Entitlements", "Realtime", "Rates", "Files",
            "CommandSandbox", "GoalGraphs", "Models", "Outbound", .httpTypes,
        ]),
    .layer(
        "Products", "Assistant",
        [
            "Modules", "Secrets", "Audit", "Identity", "Entitlements", "Realtime", "Rates", "Files", "CommandSandbox",
            "MCP", "Models", "Outbound", .httpTypes, .nio,
        ]),
]

/// The product of docs/guides/product.md. The server does not contain it; `ExampleProductTests` wires it.
let examples: [Target] = [
    .target(
        name: "Greetings", dependencies: ["Modules", "Identity", "Entitlements"], path: "Examples/Greetings")
]

let apps: [Target] = [
    .layer(
        "Apps",
        "App",
        [
            "Modules", "Secrets", "Mail", "StorageSQLite", "StoragePostgres", "MessagingRedis", "Rates", "Files",
            "AWS", "CommandSandbox", "GoalGraphs", "MCP", "Models", "Outbound", "SpotDecisions", "Stripe", "TLS",
            "CMemory", .configuration,
            .httpTypes, .nio, .serviceLifecycle,
            .system, .unixSignals,
        ]
            + (core + products).map { .init(stringLiteral: $0.name) }
    ),
    .layer("Apps", "Client", ["Base", "Outbound", .nio]),
    .layer("Apps", "TestStripe", ["Base", "Secrets", "Stripe", "Web"] + http),
    .layer(
        "Apps", "TestKit",
        [
            "App", "TestStripe", "AWS", "Audit", "Base", "Billing", "CommandSandbox", "Entitlements", "Identity",
            "Models",
            "Modules", "Outbound", "Realtime", "Storage", "StorageSQLite", "StoragePostgres", .httpTypes, .nio,
            .nioPosix, .serviceLifecycle,
        ]),
    .executableTarget(
        name: "gatehouse",
        dependencies: [
            "App", "Audit", "Client", "Forecasting", "Modules", "Identity", "Entitlements", "SpotDecisions",
            "TestStripe",
            .arguments, .httpTypes, .nio,
        ],
        path: "Sources/Apps/gatehouse"
    ),
    .executableTarget(
        name: "gatehouse-bench",
        dependencies: [
            "App", "Base", "Billing", "CAllocations", "CSlowDisk", "Client", "Modules", "Rates", "Identity",
            "Entitlements", "Forecasting", "Ledger", "Outbound", "Realtime", "StoragePostgres", "Stripe", "TestKit",
            "TestStripe", .arguments, .histogram, .hummingbird, .logging, .sqlite, .unixSignals,
        ] + http,
        path: "Sources/Apps/Bench"
    ),
]

let tests: [Target] = [
    .tests("BaseTests", ["Base"]),
    .tests("OpenTelemetryTests", ["Base", "OpenTelemetry", "Telemetry", "TestKit"]),
    .tests("StorageTests", ["Base", "Storage", "StorageSQLite", "StoragePostgres", "TestKit"]),
    .tests("WebTests", ["App", "Base", "Telemetry", "TLS", "Web", "Modules", "TestKit", .metrics] + http),
    .tests("JobsTests", ["Base", "Storage", "Jobs", "Telemetry", "TestKit", .serviceLifecycle]),
    .tests("ForecastingTests", ["Forecasting", "TestKit"]),
    .tests("PlottingTests", ["Base", "Plotting", "CCairo"]),
    .tests("MailTests", ["App", "Base", "DomainNames", "Mail", "Modules", "Secrets", "TestKit"]),
    .tests(
        "RatesTests",
        [
            "Base", "MessagingRedis", "Rates", "App", "Identity", "Entitlements", "Modules", "Telemetry", "TestKit",
            .httpTypes,
        ]),
    .tests("MessagingRedisTests", ["Base", "MessagingRedis", "TestKit", .nio, .nioPosix]),
    .tests("FilesTests", ["Files", "TestKit"]),
    .tests("SecretsTests", ["Base", "Secrets", "TestKit"]),
    .tests("OutboundTests", ["Base", "Outbound", "TestKit", .nio]),
    .tests("StripeTests", ["Base", "Outbound", "Stripe", "TestStripe", "TestKit"]),
    .tests("ModelsTests", ["Base", "Models", "Outbound", "TestKit"]),
    .tests("CommandSandboxTests", ["CommandSandbox", "TestKit"]),
    .tests("MCPTests", ["Base", "CommandSandbox", "MCP", "Outbound", "TestKit", .nio]),
    .tests("PDFTests", ["Base", "PDF", "TestKit"]),
    .tests("AWSTests", ["AWS", "Base", "Outbound", "TestKit"]),
    .tests("SpotDecisionsTests", ["Base", "Boosting", "SpotDecisions", "TestKit"]),
    .tests("GoalGraphsTests", ["Base", "GoalGraphs", "Jobs", "TestKit"]),
    .tests("AuditTests", ["App", "Audit", "Base", "Modules", "Secrets", "TestKit"]),
    .tests(
        "IdentityTests",
        [
            "App", "Archives", "Audit", "Base", "DomainNames", "Mail", "Modules", "Identity", "Secrets", "TestKit",
            .cryptoExtras,
        ]),
    .tests(
        "RealtimeTests",
        [
            "App", "Base", "Client", "Identity", "Modules", "Realtime", "Storage", "TestKit", .httpTypes, .nio,
            .serviceLifecycle,
        ]),
    .tests("LedgerTests", ["Base", "Ledger", "Modules", "TestKit"]),
    .tests(
        "EntitlementsTests",
        ["App", "Audit", "Base", "Modules", "Identity", "Entitlements", "Ledger", "Rates", "TestKit", .httpTypes]),
    .tests(
        "BillingTests",
        [
            "App", "Audit", "Base", "Billing", "Entitlements", "Identity", "Ledger", "Modules", "Outbound", "Secrets",
            "Stripe", "TestKit", "TestStripe", .httpTypes,
        ]),
    .tests(
        "WebhooksTests",
        ["App", "Base", "Identity", "Modules", "Outbound", "Secrets", "TestKit", "Webhooks", .httpTypes, .nio]),
    .tests(
        "MarketplaceTests",
        [
            "App", "Audit", "Base", "Billing", "Entitlements", "Identity", "Ledger", "Marketplace", "Models", "Modules",
            "Stripe", "TestKit", "TestStripe", .httpTypes,
        ]),
    .tests(
        "TrainingTests",
        [
            "App", "Base", "Files", "Forecasting", "Modules", "Identity", "Entitlements", "Secrets", "Training",
            "TestKit", .nio,
        ]),
    .tests(
        "SandboxTests",
        [
            "App", "AWS", "Base", "Identity", "Modules", "Outbound", "Realtime", "Sandbox", "Secrets", "SpotDecisions",
            "TestKit", .nio,
        ]),
    .tests(
        "WorkflowsTests",
        [
            "App", "Audit", "Base", "CommandSandbox", "Entitlements", "GoalGraphs", "Identity", "Models", "Modules",
            "Outbound",
            "TestKit", "Workflows",
        ]),
    .tests(
        "AssistantTests",
        [
            "App", "Assistant", "Base", "CommandSandbox", "Entitlements", "Models", "Modules", "TestKit", .httpTypes,
            .nio,
        ]),
    .tests("ExampleProductTests", ["App", "Base", "Greetings", "Modules", "TestKit"]),
    .tests(
        "AppTests",
        [
            "App", "Audit", "Base", "Files", "GoalGraphs", "Mail", "Models", "Modules", "Identity", "Realtime",
            "Entitlements", "Storage", "TestKit", "Client", "Workflows", .configuration, .httpTypes,
        ]),
]

let package = Package(
    name: "gatehouse",
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    ],
    targets: c + base + platform + core + products + examples + apps + tests,
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ]
    // An asynchronous function runs on its caller's executor: a hop to the executor that it is on already takes as long
    // as a check of the gate. The macros of Swift Testing do not support this.
    if target.type != .test { target.swiftSettings?.append(.enableUpcomingFeature("NonisolatedNonsendingByDefault")) }
}

extension Target {
    static func library(_ name: String, pkgConfig: String, apt: String) -> Target {
        .systemLibrary(name: name, path: "Sources/C/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
    }

    /// - Parameter embeds: folders whose files are compiled into the program, so that it needs no files at run time.
    static func layer(_ folder: String, _ name: String, _ needs: [Dependency], embeds: [String] = []) -> Target {
        .target(
            name: name,
            dependencies: needs,
            path: folder == name ? "Sources/\(name)" : "Sources/\(folder)/\(name)",
            resources: embeds.map { .embedInCode($0) }
        )
    }

    static func tests(_ name: String, _ needs: [Dependency]) -> Target {
        .testTarget(name: name, dependencies: needs)
    }
}

extension Target.Dependency {
    static var arguments: Self { .product(name: "ArgumentParser", package: "swift-argument-parser") }
    static var configuration: Self { .product(name: "Configuration", package: "swift-configuration") }
    static var crypto: Self { .product(name: "Crypto", package: "swift-crypto") }
    static var cryptoExtras: Self { .product(name: "CryptoExtras", package: "swift-crypto") }
    static var grdb: Self { .product(name: "GRDB", package: "GRDB.swift") }
    static var histogram: Self { .product(name: "Histogram", package: "hdrhistogram-swift") }
    static var httpClient: Self { .product(name: "AsyncHTTPClient", package: "async-http-client") }
    static var httpTypes: Self { .product(name: "HTTPTypes", package: "swift-http-types") }
    static var hummingbird: Self { .product(name: "Hummingbird", package: "hummingbird") }
    static var logging: Self { .product(name: "Logging", package: "swift-log") }
    static var metrics: Self { .product(name: "CoreMetrics", package: "swift-metrics") }
    static var mustache: Self { .product(name: "Mustache", package: "swift-mustache") }
    static var nio: Self { .product(name: "NIOCore", package: "swift-nio") }
    static var nioHTTP1: Self { .product(name: "NIOHTTP1", package: "swift-nio") }
    static var nioPosix: Self { .product(name: "NIOPosix", package: "swift-nio") }
    static var nioSSL: Self { .product(name: "NIOSSL", package: "swift-nio-ssl") }
    static var nioTLS: Self { .product(name: "NIOTLS", package: "swift-nio") }
    static var serviceLifecycle: Self { .product(name: "ServiceLifecycle", package: "swift-service-lifecycle") }
    static var sqlite: Self { .product(name: "GRDBSQLite", package: "GRDB.swift") }
    static var system: Self { .product(name: "SystemPackage", package: "swift-system") }
    static var tracing: Self { .product(name: "Tracing", package: "swift-distributed-tracing") }
    static var unixSignals: Self { .product(name: "UnixSignals", package: "swift-service-lifecycle") }
    static var yams: Self { .product(name: "Yams", package: "Yams") }
}
