import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Training

/// A run that was started under impersonation ends with the impersonation.
@Suite struct ImpersonatedRunTests {
    private static let body: JSONValue = ["model_parameters": Samples.linear]

    private func impersonate(_ fixture: TrainingFixture, by administrator: TestPerson) async throws -> String {
        let response = await fixture.app.call(
            "POST", "/v1/auth/users/\(fixture.person.id)/impersonation",
            json: ["reason": "They cannot train their model"], token: administrator.token)
        return try #require(response["access_token"]?.string, "\(response)")
    }

    /// Starts a training run whose job is not due before the impersonation ends.
    private func start(_ fixture: TrainingFixture, _ token: String) async throws {
        let response = await fixture.app.call("POST", "/v1/training/train-models/s", json: Self.body, token: token)
        try await fixture.require(202, response)
        try await fixture.database.write {
            try $0.execute(
                """
                UPDATE jobs SET run_at = \($0.now + .days(1)), state = 'scheduled'
                WHERE kind = \(TrainingRunJob.name) AND state = 'available'
                """
            )
        }
    }

    @Test(arguments: Engine.available, ["ended", "expired", "role"])
    func `a run ends with the impersonation that started it, and its unit is released`(_ engine: Engine, _ way: String)
        async throws
    {
        try await withTrainingFixture(engine) { fixture in
            let app = fixture.app
            try await fixture.prepareDatasets()
            _ = try await app.administrator()
            let administrator = try await app.administrator(), other = try await app.administrator()
            let token = try await impersonate(fixture, by: administrator)
            try await start(fixture, token)
            try await app.runJobs()
            #expect(await fixture.level("training_runs") == [0, 1])
            app.clock.advance(by: ImpersonatedRunJob.interval)
            try await app.runJobs()
            #expect(await fixture.get("status/s")["status"] == "queued", "the impersonation lasts")

            switch way {
            case "ended":
                let path = "/v1/auth/users/\(fixture.person.id)/impersonation"
                #expect(await app.call("DELETE", path, token: administrator.token)["ended"] == 1)
            case "role":
                let path = "/v1/auth/users/\(administrator.id)"
                #expect(await app.call("PATCH", path, json: ["role": "user"], token: other.token).status == 200)
            default: app.clock.advance(by: .hours(1))
            }
            app.clock.advance(by: ImpersonatedRunJob.interval)
            try await app.runJobs()
            #expect(await fixture.get("status/s")["status"] == "cancelled")
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(try await fixture.audited("run.cancelled") == 1)
            // The person's own run is not affected.
            try await start(fixture, fixture.person.token)
            app.clock.advance(by: .minutes(5))
            try await app.runJobs()
            #expect(await fixture.get("status/s")["status"] == "queued")
            #expect(await fixture.level("training_runs") == [0, 1])
        }
    }

    @Test(arguments: Engine.available, ["ended", "expired"])
    func `unfinished uploads end with the impersonation that began them`(_ engine: Engine, _ way: String) async throws {
        try await withTrainingFixture(engine) { fixture in
            let app = fixture.app
            try await fixture.prepare(series: nil)
            // Registers the schedules, whose first time is an interval later.
            try await app.runJobs()
            let administrator = try await app.administrator()
            let token = try await impersonate(fixture, by: administrator)
            let bytes = Samples.hourly(60)
            let half = Array(bytes[..<(bytes.count / 2)])
            func begin(_ name: String, _ token: String?) async throws {
                let place: [String: JSONValue] = [
                    "sessionId": "s", "fileName": .string(name), "chunkIndex": 0, "totalChunks": 2,
                ]
                try await fixture.require(200, await fixture.send("upload-chunk", half, place, token: token))
            }
            for name in ["a.csv", "b.csv"] { try await begin(name, token) }
            try await begin("own.csv", nil)
            // A file that is complete before the impersonation ends is the person's.
            let whole: [String: JSONValue] = ["sessionId": "s", "fileName": "whole.csv", "type": "input"]
            try await fixture.require(201, await fixture.send("instant-upload", bytes, whole, token: token))
            try await app.runJobs()
            #expect(try await fixture.count("training_uploads") == 3, "the impersonation lasts")

            if way == "ended" {
                let path = "/v1/auth/users/\(fixture.person.id)/impersonation"
                #expect(await app.call("DELETE", path, token: administrator.token)["ended"] == 1)
            } else {
                app.clock.advance(by: .hours(1))
            }
            app.clock.advance(by: ImpersonatedRunJob.interval)
            try await app.runJobs()
            #expect(try await fixture.count("training_uploads") == 1)
            #expect(try await fixture.audited("series-upload.deleted") == 2)
            #expect(await fixture.storage() == Int64(half.count + bytes.count + 16 * 60))
            #expect(fixture.filesOnDisk().count == 3)
            #expect(await fixture.get("csv-files/s")["files"]?.array?.count == 1)
            let rest = Array(bytes[half.count...])
            #expect(await fixture.chunk(1, of: 2, rest, "a.csv").code == "chunk-missing")
            #expect(await fixture.chunk(1, of: 2, rest, "own.csv")["file"] != nil)
        }
    }
}
