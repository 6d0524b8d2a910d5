import App
import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

/// A subscriber and their requests, sent with their access token.
struct TrainingFixture: Sendable {
    let app: TestApp
    let person: TestPerson
    var database: any Database { app.app.database }

    func get(_ path: String) async -> TestResponse {
        await app.call("GET", "/v1/training/\(path)", token: person.token)
    }

    func post(_ path: String, _ json: JSONValue = [:], key: String? = nil, prefer: String? = nil) async -> TestResponse
    {
        var headers: [String: String] = [:]
        headers["Idempotency-Key"] = key
        headers["Prefer"] = prefer
        return await app.call("POST", "/v1/training/\(path)", json: json, token: person.token, headers: headers)
    }

    func put(_ path: String, _ json: JSONValue) async -> TestResponse {
        await app.call("PUT", "/v1/training/\(path)", json: json, token: person.token)
    }
    func delete(_ path: String) async -> TestResponse {
        await app.call("DELETE", "/v1/training/\(path)", token: person.token)
    }

    // MARK: Files

    /// Uploads a whole file.
    @discardableResult
    func upload(
        _ bytes: [UInt8], _ name: String = "series.csv", to session: String = "s", kind: String = "input",
        settings: [String: JSONValue] = [:], path: String = "instant-upload"
    ) async
        -> TestResponse
    {
        await send(
            path, bytes,
            ["sessionId": .string(session), "fileName": .string(name), "type": .string(kind)].merging(settings) { $1 })
    }

    /// Uploads one chunk of a file.
    @discardableResult
    func chunk(
        _ index: Int64, of total: Int64, _ bytes: [UInt8], _ name: String = "series.csv", to session: String = "s",
        settings: [String: JSONValue] = [:], path: String = "upload-chunk"
    ) async -> TestResponse {
        let place: [String: JSONValue] = [
            "sessionId": .string(session), "fileName": .string(name), "chunkIndex": .integer(index),
            "totalChunks": .integer(total),
        ]
        return await send(path, bytes, place.merging(settings) { $1 })
    }

    /// - Parameter token: in place of the subscriber's.
    func send(_ path: String, _ bytes: [UInt8], _ metadata: [String: JSONValue], token: String? = nil) async
        -> TestResponse
    {
        let form = multipart([("metadata", text(of: .object(metadata)))], file: ("chunk", "upload.csv", bytes))
        return await app.call("POST", "/v1/training/\(path)", body: form, token: token ?? person.token)
    }

    private func text(of json: JSONValue) -> String {
        (try? JSONEncoder().encode(json)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    // MARK: Sessions

    /// Creates a session with steps and, unless `series` is nil, one series as its input and its output.
    func prepare(
        _ session: String = "s", series: [UInt8]? = Samples.hourly(200), inputs: Int64 = 2, outputs: Int64 = 2,
        time: JSONValue? = nil
    ) async throws {
        var request: [String: JSONValue] = [
            "sessionId": .string(session),
            "zeitschritte": [
                "eingabe": .integer(inputs), "ausgabe": .integer(outputs), "zeitschrittweite": 60, "offset": 0,
            ],
        ]
        request["timeInfo"] = time
        try await require(200, await post("init-session", .object(request)))
        guard let series else { return }
        for kind in ["input", "output"] { try await require(201, await upload(series, to: session, kind: kind)) }
    }

    /// As ``prepare(_:series:inputs:outputs:time:)``, and generates the datasets.
    func prepareDatasets(
        _ session: String = "s", series: [UInt8] = Samples.hourly(200), inputs: Int64 = 2, outputs: Int64 = 2
    ) async throws {
        try await prepare(session, series: series, inputs: inputs, outputs: outputs)
        try await generate(session)
    }

    func generate(_ session: String = "s", _ request: JSONValue = [:]) async throws {
        try await require(202, await post("generate-datasets/\(session)", request, prefer: "respond-async"))
        try await app.runJobs()
        let status = await get("status/\(session)")
        try #require(status["status"]?.string == "completed", "\(status)")
        app.clock.advance(by: .seconds(1))
    }

    @discardableResult
    func train(_ session: String = "s", _ parameters: JSONValue = Samples.linear, split: JSONValue? = nil) async throws
        -> TestResponse
    {
        var request: [String: JSONValue] = ["model_parameters": parameters]
        request["training_split"] = split
        try await require(202, await post("train-models/\(session)", .object(request)))
        try await app.runJobs()
        let status = await get("status/\(session)")
        try #require(status["status"]?.string == "completed", "\(status)")
        app.clock.advance(by: .seconds(1))
        return status
    }

    func require(_ status: Int, _ response: TestResponse, _ location: SourceLocation = #_sourceLocation) async throws {
        try #require(response.status == status, "\(response)", sourceLocation: location)
    }

    // MARK: Side effects

    /// The used and held units of a meter, from `GET /v1/usage`.
    func level(_ meter: String) async -> [Int64?] {
        let view = await app.call("GET", "/v1/usage", token: person.token)["meters"]?[meter]
        return [view?["used"]?.integer, view?["held"]?.integer]
    }

    func storage() async -> Int64? {
        await app.call("GET", "/v1/usage", token: person.token)["storage"]?["used"]?.integer
    }

    /// The storage that the runs of the organisation occupy, in bytes.
    func runBytes() async throws -> Int64 {
        try await database.read { [person] in
            try $0.count(
                """
                SELECT CAST(COALESCE(SUM(storage_bytes), 0) AS \(.integer)) AS count FROM training_runs
                WHERE organisation_id = \(person.organisation)
                """
            )
        }
    }

    /// The size of the files that runs have written, in bytes.
    func runBytesOnDisk() -> Int64 { bytesOnDisk(in: "runs") }

    /// The size of the uploaded files and of their imported series, in bytes.
    func seriesBytesOnDisk() -> Int64 { bytesOnDisk(in: "files") }

    private func bytesOnDisk(in folder: String) -> Int64 {
        filesOnDisk().filter { $0.contains("/\(folder)/") }.reduce(0) { sum, path in
            let size = try? FileManager.default.attributesOfItem(atPath: root.appending(path: path).path)[.size]
            return sum + ((size as? NSNumber)?.int64Value ?? 0)
        }
    }

    func count(_ table: String, where condition: SQL = "1 = 1") async throws -> Int64 {
        try await database.read { [person] in
            try $0.count(
                """
                SELECT COUNT(*) AS count FROM \(SQL(trusted: table))
                WHERE organisation_id = \(person.organisation) AND \(condition)
                """
            )
        }
    }

    func audited(_ action: String) async throws -> Int64 {
        try await count("audit_events", where: "action = \(action)")
    }

    func requireInvariants(_ location: SourceLocation = #_sourceLocation) async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [], sourceLocation: location)
    }

    /// The paths of all files in the file store, relative to its root, without those of the store itself.
    func filesOnDisk() -> [String] {
        let root = app.app.configuration.dataFolder + "/files"
        let entries = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return entries.filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isFolder)
                && !isFolder.boolValue && !path.hasPrefix(".")
        }.sorted()
    }

    var root: URL { URL(filePath: app.app.configuration.dataFolder).appending(path: "files") }
}

/// Runs `body` with an app of its own and a subscriber of the plan, and checks the invariants afterwards.
func withTrainingFixture(
    _ engine: Engine,
    plan: String = "pro",
    runsJobs: Bool = false,
    faults: UnavailableDatabase.Switch? = nil,
    plans: String? = nil,
    change other: (inout Configuration) -> Void = { _ in },
    _ body: (TrainingFixture) async throws -> Void
) async throws {
    let file = FileManager.default.temporaryDirectory.appending(
        path: "plans-\(Hex.encode(Runtime.system.randomBytes(8))).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    if let plans { try Data(plans.utf8).write(to: file) }
    let wrapper: @Sendable (any Database) -> any Database = if let faults { faults.wrap } else { { $0 } }
    func change(_ configuration: inout Configuration) {
        // Some tests advance the clock by hours, which access tokens must outlive.
        configuration.accessTokenLifetime = .days(400)
        configuration.poolSize = 8
        if plans != nil { configuration.plansFile = file.path }
        other(&configuration)
    }
    try await withTestApp(engine, runsJobs: runsJobs, databaseWrapper: wrapper, change: change) { app in
        let fixture = TrainingFixture(app: app, person: try await app.subscriber(plan))
        try await body(fixture)
        try await fixture.requireInvariants()
    }
}

enum Samples {
    static let linear: JSONValue = ["MODE": "LIN"]
    static let dense: JSONValue = ["MODE": "Dense", "LAY": 1, "N": 4, "EP": 3, "seed": 7]
    /// Runs longer than a test; without a validation part it does not stop early.
    static let endless: JSONValue = ["MODE": "Dense", "LAY": 4, "N": 96, "EP": 2000]
    static let withoutValidation: JSONValue = ["trainPercentage": 80, "valPercentage": 0, "testPercentage": 20]

    /// A daily sine with a weekly component, from 2026-01-01.
    static func hourly(_ rows: Int, value: (Int) -> Double = { sin(Double($0) * .pi / 12) * 5 + Double($0 % 7) / 10 })
        -> [UInt8]
    {
        Array((["UTC;value"] + (0..<rows).map { "\(stamp($0));\(value($0))" }).joined(separator: "\n").utf8)
    }

    static func stamp(_ hour: Int) -> String {
        "2026-01-\(two(1 + hour / 24 % 28)) \(two(hour % 24)):00:00".replacing("2026-01", with: month(hour))
    }

    /// Months have 28 days here.
    private static func month(_ hour: Int) -> String {
        "\(2_026 + hour / (24 * 28 * 12))-\(two(1 + hour / (24 * 28) % 12))"
    }
    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    static let examples = Repository.url("Examples")
    static let cases = Repository.url("Tests/Cases")
}

extension TestResponse {
    /// The pointers of the errors of a 422.
    var pointers: [String] { self["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? [] }
}
