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
            try await client.put(on: "pro", folder: folder, database: database)
            let session = try await client.prepareDatasets(at: first)
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
            // No message of the session's topic is lost or doubled.
            let events = try await client.events(at: second, of: session)
            #expect(events.map { $0["seq"]?.integer } == events.indices.map { Int64($0) + 1 })
            #expect(events.last?["type"]?.string == "training_completed")
        }
    }
}
