import App
import Base
import Client
import Foundation
import Identity
import Modules
import TestKit
import Testing

/// The server process, killed during a job.
@Suite struct KillTests {
    @Test(arguments: Engine.available)
    func `a training run whose process was killed is resumed and charged once`(_ engine: Engine) async throws {
        try await withDatabasePlace(engine) { place in
            let folder = FileManager.default.temporaryDirectory.appending(
                path: "gatehouse-kill-\(Hex.encode(Runtime.system.randomBytes(6)))")
            defer { try? FileManager.default.removeItem(at: folder) }
            let database = engine == .sqlite ? "sqlite:\(place.address)" : place.address
            let first = try await ServerProcess.start(folder: folder, database: database)
            let client = try await ClientFixture.register(at: first, password: TestApp.password)
            try await Self.put(client, on: "pro", folder: folder, database: database)
            let session = try await Self.prepareDatasets(client, first)
            let accepted = try await client.send(
                first,
                .post,
                "/v1/training/train-models/\(session)",
                .json(["model_parameters": ["MODE": "Dense", "LAY": 3, "N": 128, "EP": 8, "seed": 7]])
            )
            #expect(accepted.status == 202)
            try await client.wait(at: first, for: session) { $0["status"]?.string == "running" }
            first.kill()

            let second = try await ServerProcess.start(folder: folder, database: database)
            defer { second.kill() }
            // The run has used no unit; its reservation still holds one.
            let before = try await client.send(second, .get, "/v1/usage").json?["meters"]?["training_runs"]
            #expect(before?["used"]?.integer == 0)
            #expect(before?["held"]?.integer == 1)
            try await client.wait(at: second, for: session) { $0["status"]?.string == "completed" }
            let after = try await client.send(second, .get, "/v1/usage").json?["meters"]?["training_runs"]
            #expect(after?["used"]?.integer == 1)
            #expect(after?["held"]?.integer == 0)
            let models = try await client.send(second, .get, "/v1/training/list-models-database/\(session)").json
            #expect(models?["data"]?["count"]?.integer == 1)
        }
    }

    /// Changes the plan as an administrator, on the same database and beside the server process.
    private static func put(_ client: ClientFixture, on plan: String, folder: URL, database: String) async throws {
        var configuration = Configuration()
        configuration.dataFolder = folder.path()
        configuration.databaseURL = database
        configuration.bcryptRounds = 4
        let app = try await buildApp(configuration, in: AppDependencies(logOutput: LogOutput(keepsLines: true)))
        _ = try await app.identity.registration.createAdministrator(
            email: "root@example.org", password: TestApp.password)
        let test = TestApp(
            app: app, clock: TestClock(Runtime.system.now()), engine: .sqlite, log: LogOutput(keepsLines: true))
        let login = await test.call(
            "POST", "/v1/auth/login", json: ["email": "root@example.org", "password": .string(TestApp.password)])
        let token = try #require(login["access_token"]?.string)
        let adjusted = await test.call(
            "POST", "/v1/payments/subscriptions/\(client.id)/adjust", json: ["plan": .string(plan)], token: token)
        #expect(adjusted.status == 200)
        await app.database.close()
    }

    private static func prepareDatasets(_ client: ClientFixture, _ server: ServerProcess) async throws -> String {
        let session = "session_1_kill"
        _ = try await client.send(server, .post, "/v1/training/init-session", .json(["sessionId": .string(session)]))
        let rows = (0..<3_000).map { hour in
            "\(Instant(seconds: 1_262_304_000 + Int64(hour) * 3_600));\(Double(hour % 24) + Double(hour % 7) / 10)"
        }
        let csv = Array((["UTC;value"] + rows).joined(separator: "\n").utf8)
        for kind in ["input", "output"] {
            let metadata = "{\"sessionId\":\"\(session)\",\"fileName\":\"a.csv\",\"type\":\"\(kind)\"}"
            let form = multipart([("metadata", metadata)], file: ("file", "a.csv", csv))
            let response = try await client.send(
                server, .post, "/v1/training/instant-upload", .bytes(form.bytes, mediaType: form.contentType))
            #expect(response.status == 201, "\(response)")
        }
        let steps: JSONValue = [
            "sessionId": .string(session),
            "zeitschritte": ["eingabe": 12, "ausgabe": 12, "zeitschrittweite": 60, "offset": 0],
        ]
        _ = try await client.send(server, .post, "/v1/training/save-zeitschritte", .json(steps))
        let generated = try await client.send(server, .post, "/v1/training/generate-datasets/\(session)", .json([:]))
        #expect(generated.status == 200, "\(generated)")
        return session
    }
}
