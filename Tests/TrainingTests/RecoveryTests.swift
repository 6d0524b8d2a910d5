import App
import Base
import Entitlements
import Foundation
import Identity
import Modules
import Synchronization
import TestKit
import Testing

/// Crashed workers, failing statements and workers with expired leases: every effect and every charge happens once.
@Suite struct RecoveryTests {
    @Test(arguments: Engine.available)
    func `a run whose worker crashed is run again and charged once`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            try await fixture.require(202, await fixture.post("train-models/s", ["model_parameters": Samples.linear]))
            // The state after a crash in the middle of a run: a lease, a running run, and a partial result.
            let now = fixture.app.clock.now
            let (session, run) = try await fixture.database.write { transaction -> (String, String) in
                try transaction.execute(
                    """
                    UPDATE jobs
                    SET state = 'leased', attempt = 1, fence = 1,
                        lease_until = \(now + .seconds(30)), started_at = \(now)
                    WHERE state = 'available' AND kind = 'training.train-model'
                    """
                )
                try transaction.execute("UPDATE training_runs SET state = 'running' WHERE state = 'queued'")
                let row = try transaction.first("SELECT session_id, id FROM training_runs WHERE state = 'running'")
                return (try row?.read("session_id") ?? "", try row?.read("id") ?? "")
            }
            let left = fixture.root.appending(path: "training/\(session)/runs/\(run)/1")
            try FileManager.default.createDirectory(at: left, withIntermediateDirectories: true)
            try Data("half".utf8).write(to: left.appending(path: "lin.safetensors"))
            try await fixture.app.runJobs()
            #expect(await fixture.get("status/s")["status"]?.string == "running")
            #expect(await fixture.level("training_runs") == [0, 1])

            fixture.app.clock.advance(by: .seconds(31))
            try await fixture.app.runJobs()
            #expect(await fixture.get("status/s")["status"]?.string == "completed")
            #expect(await fixture.level("training_runs") == [1, 0])
            #expect(await fixture.get("list-models-database/s")["data"]?["count"]?.integer == 1)
            #expect(try await fixture.audited("run.succeeded") == 2)
            #expect(await fixture.get("download-model-h5/s").status == 200)
            #expect(fixture.filesOnDisk().filter { $0.hasSuffix(".safetensors") }.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a run that crashes its workers repeatedly fails and releases its unit`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare()
            try await fixture.require(202, await fixture.post("generate-datasets/s", prefer: "respond-async"))
            try await fixture.database.write { transaction in
                try transaction.execute(
                    """
                    UPDATE jobs
                    SET state = 'leased', attempt = 2, crash_count = 2, fence = 2, lease_until = \(transaction.now)
                    WHERE kind = 'training.generate-datasets'
                    """
                )
                try transaction.execute("UPDATE training_runs SET state = 'running'")
            }
            fixture.app.clock.advance(by: .seconds(1))
            try await fixture.app.runJobs()
            let status = await fixture.get("status/s")
            #expect(status["status"]?.string == "failed")
            #expect(status["error"]?.string == "The process ended repeatedly during the run.")
            #expect(await fixture.level("processing") == [0, 0])
            #expect(try await fixture.audited("run.failed") == 1)
        }
    }

    /// The first worker stops before its last transaction, a second one takes the job over and completes it, and then
    /// the first one continues.
    @Test(arguments: Engine.available)
    func `a worker with an expired lease changes no rows and removes no files`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTrainingFixture(engine, faults: faults) { fixture in
            try await fixture.prepare()
            try await fixture.require(202, await fixture.post("generate-datasets/s", prefer: "respond-async"))
            let (isHeld, release) = (Latch(), Latch())
            let first = Once()
            faults.beforeWrites {
                guard fixture.filesOnDisk().contains(where: { $0.hasSuffix("violin-1.png") }), first.take() else {
                    return
                }
                isHeld.open()
                await release.wait()
            }
            async let late: Void = fixture.app.runJobs()
            await isHeld.wait()
            fixture.app.clock.advance(by: .seconds(31))
            try await fixture.app.runJobs()
            #expect(await fixture.get("status/s")["status"]?.string == "completed")
            release.open()
            try await late
            #expect(await fixture.get("status/s")["status"]?.string == "completed")
            #expect(await fixture.level("processing") == [1, 0])
            #expect(try await fixture.audited("run.succeeded") == 1)
            #expect(await fixture.get("download-arrays/s").status == 200)
            #expect(await fixture.get("visualizations/s")["plots"]?.object?.count == 2)
            faults.beforeWrites(nil)
            try await fixture.train()
            #expect(fixture.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a run queued for longer than a lease keeps its unit`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare()
            try await fixture.require(202, await fixture.post("generate-datasets/s", prefer: "respond-async"))
            // The job was queued for seven hours without a worker.
            fixture.app.clock.advance(by: .hours(7))
            #expect(try await fixture.app.app.entitlements.recovery.recover() == 0)
            #expect(await fixture.level("processing") == [0, 1])
            try await fixture.app.runJobs()
            #expect(await fixture.get("status/s")["status"]?.string == "completed")
            #expect(await fixture.level("processing") == [1, 0])
        }
    }

    // MARK: Failing statements

    @Test(arguments: Engine.available)
    func `a start that fails at any statement leaves no rows`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTrainingFixture(engine, faults: faults) { fixture in
            try await fixture.prepare()
            for (path, body, meter, runs) in [
                ("generate-datasets/s", [:], "processing", 1),
                ("train-models/s", ["model_parameters": Samples.linear], "training_runs", 2),
            ]
                as [(String, JSONValue, String, Int64)]
            {
                var status = 0
                let count = try await faults.failEachStatement { _ in
                    status = await fixture.post(path, body, key: "loop", prefer: "respond-async").status
                } check: { number in
                    let isStarted = status == 202
                    #expect(isStarted || status == 500, "statement \(number): \(status)")
                    let present = [
                        try await fixture.count("training_runs"), try await fixture.count("reservations"),
                        try await fixture.audited("run.started"),
                        try await fixture.database.read {
                            try $0.count(
                                """
                                SELECT COUNT(*) AS count FROM jobs
                                WHERE kind IN ('training.generate-datasets', 'training.train-model')
                                """
                            )
                        },
                    ]
                    #expect(present == Array(repeating: isStarted ? runs : runs - 1, count: 4), "statement \(number)")
                    #expect(await fixture.level(meter) == [0, isStarted ? 1 : 0])
                    try await fixture.requireInvariants()
                }
                #expect(count >= 8)
                try await fixture.app.runJobs()
                #expect(await fixture.level(meter) == [1, 0])
                fixture.app.clock.advance(by: .seconds(1))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a run that fails at any statement is run again and charged once`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTrainingFixture(engine, plan: "enterprise", faults: faults) { fixture in
            try await fixture.prepareDatasets(series: Samples.hourly(40))
            for (path, body, meter) in [
                ("generate-datasets/s", [:], "processing"),
                ("train-models/s", ["model_parameters": Samples.linear], "training_runs"),
            ]
                as [(String, JSONValue, String)]
            {
                var used = try #require(await fixture.level(meter)[0])
                try await fixture.require(202, await fixture.post(path, body, prefer: "respond-async"))
                let count = try await faults.failEachStatement { _ in
                    try await fixture.app.runJobs()
                } check: { number in
                    try await fixture.requireInvariants()
                    // The lease of the interrupted worker expires, and another worker takes over.
                    used += 1
                    for _ in 1...3 where await fixture.level(meter) != [used, 0] {
                        fixture.app.clock.advance(by: .minutes(1))
                        try await fixture.app.runJobs()
                    }
                    let status = await fixture.get("status/s")
                    #expect(status["status"]?.string == "completed", "statement \(number): \(status)")
                    #expect(await fixture.level(meter) == [used, 0], "statement \(number)")
                    try await fixture.requireInvariants()
                    try await fixture.require(202, await fixture.post(path, body, prefer: "respond-async"))
                }
                #expect(count >= 12)
                try await fixture.app.runJobs()
                fixture.app.clock.advance(by: .seconds(1))
            }
            let models = try await fixture.count("training_models")
            #expect(await fixture.level("training_runs") == [models, 0])
            #expect(fixture.filesOnDisk().filter { $0.hasSuffix(".safetensors") }.count == Int(models))
        }
    }

    @Test(arguments: Engine.available)
    func `a cancellation that fails at any statement releases the unit once`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTrainingFixture(engine, faults: faults) { fixture in
            try await fixture.prepareDatasets()
            try await fixture.require(202, await fixture.post("train-models/s", ["model_parameters": Samples.linear]))
            var status = 0
            try await faults.failEachStatement { _ in
                status = await fixture.post("cancellation/s").status
            } check: { number in
                #expect(await fixture.level("training_runs") == [0, status == 200 ? 0 : 1], "statement \(number)")
                try await fixture.requireInvariants()
            }
            #expect(status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `an upload that fails at any statement is charged once`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTrainingFixture(engine, faults: faults) { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Samples.hourly(60)
            let half = bytes.count / 2
            var response: TestResponse?
            let count = try await faults.failEachStatement { _ in
                _ = await fixture.chunk(0, of: 2, Array(bytes[..<half]))
                response = await fixture.chunk(1, of: 2, Array(bytes[half...]))
                // The client restarts the upload where the response requires it.
                if response?.code == "chunk-missing" { response = nil }
            } check: { number in
                let isThere = response?["file"] != nil
                #expect(
                    await fixture.level("uploads") == [isThere ? 1 : 0, 0],
                    "statement \(number): \(response?.description ?? "")")
                let unfinished = try await fixture.database.read {
                    try $0.count("SELECT CAST(COALESCE(SUM(bytes), 0) AS \(.integer)) AS count FROM training_chunks")
                        + $0.count(
                            "SELECT CAST(COALESCE(SUM(series_bytes), 0) AS \(.integer)) AS count FROM training_uploads")
                }
                #expect(await fixture.storage() == unfinished + (isThere ? fixture.seriesBytesOnDisk() : 0))
                let audited = try await fixture.audited("series-file.uploaded")
                #expect(audited == (isThere ? 1 : 0))
                try await fixture.requireInvariants()
                // Every file has a row.
                #expect(
                    fixture.filesOnDisk().filter { $0.hasPrefix("training/") }.count == (isThere ? 2 : 0),
                    "statement \(number)")
            }
            #expect(count >= 15)
            #expect(response?["file"] != nil)
            #expect(fixture.filesOnDisk().count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `a deletion that fails at any statement releases the storage once`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTrainingFixture(engine, faults: faults) { fixture in
            try await fixture.prepareDatasets()
            let before = fixture.filesOnDisk()
            var status = 0
            try await faults.failEachStatement { _ in
                status = await fixture.post("session/s/delete").status
            } check: { number in
                try await fixture.requireInvariants()
                #expect(fixture.filesOnDisk() == (status == 200 ? [] : before), "statement \(number)")
                #expect(await fixture.get("session/s").status == (status == 200 ? 404 : 200))
            }
            #expect(await fixture.storage() == 0)
        }
    }

    // MARK: Thread pools

    @Test func `uploads and predictions do not wait for runs`() async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTrainingFixture(.sqlite, plan: "enterprise", faults: faults) { fixture in
            // Each of two organisations runs one at a time.
            let other = TrainingFixture(app: fixture.app, person: try await fixture.app.subscriber("enterprise"))
            for name in ["a", "c"] { try await fixture.prepareDatasets(name) }
            try await other.prepareDatasets("b")
            try await fixture.train("c")
            let owners = [("a", fixture), ("b", other)]
            for (name, owner) in owners {
                try await fixture.require(
                    202,
                    await owner.post(
                        "train-models/\(name)",
                        ["model_parameters": Samples.endless, "training_split": Samples.withoutValidation]))
            }
            async let first: Void = fixture.app.runJobs()
            async let second: Void = fixture.app.runJobs()
            func running() async -> Int {
                var count = 0
                for (name, owner) in owners where await owner.get("status/\(name)")["status"]?.string == "running" {
                    count += 1
                }
                return count
            }
            while await running() < 2 { await Task.yield() }
            // Both threads for runs are busy; requests have threads of their own.
            #expect(await fixture.post("predict/c", ["input_data": [[1], [2]]]).status == 200)
            #expect(await fixture.upload(Samples.hourly(50), "other.csv", to: "c").status == 201)
            #expect(await fixture.get("visualizations/c").status == 200)
            #expect(await running() == 2)
            for (name, owner) in owners { #expect(await owner.post("cancellation/\(name)").status == 200) }
            // The next progress reports of the runs find the cancellation.
            fixture.app.clock.advance(by: .milliseconds(300))
            _ = try await (first, second)
            #expect(await running() == 0)
            #expect(await fixture.level("training_runs") == [1, 0])
            #expect(await other.level("training_runs") == [0, 0])
        }
    }
}
