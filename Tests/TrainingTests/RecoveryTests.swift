import App
import Base
import Entitlements
import Foundation
import Identity
import Modules
import Synchronization
import TestKit
import Testing

/// Processes that die, statements that fail, workers that come too late: effects once, charged once.
@Suite struct RecoveryTests {
    @Test(arguments: Engine.available)
    func `a run whose worker died is taken up again and charged once`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets()
            try await customer.require(202, await customer.post("train-models/s", ["model_parameters": Samples.linear]))
            // What a process leaves that dies in the middle: a lease, a run that has begun, and half a result.
            let now = customer.app.clock.now
            let (session, run) = try await customer.database.write { transaction -> (String, String) in
                try transaction.execute(
                    "UPDATE jobs SET state = 'leased', attempt = 1, fence = 1, lease_until = \(now + .seconds(30)), started_at = \(now) WHERE state = 'available' AND kind = 'training.train'"
                )
                try transaction.execute("UPDATE training_runs SET state = 'running' WHERE state = 'queued'")
                let row = try transaction.first("SELECT session_id, id FROM training_runs WHERE state = 'running'")
                return (try row?.read("session_id") ?? "", try row?.read("id") ?? "")
            }
            let left = customer.root.appending(path: "training/\(session)/runs/\(run)/1")
            try FileManager.default.createDirectory(at: left, withIntermediateDirectories: true)
            try Data("half".utf8).write(to: left.appending(path: "lin.safetensors"))
            try await customer.app.runJobs()
            #expect(await customer.get("status/s")["status"]?.string == "running")
            #expect(await customer.level("training_runs") == [0, 1])

            customer.app.clock.advance(by: .seconds(31))
            try await customer.app.runJobs()
            #expect(await customer.get("status/s")["status"]?.string == "completed")
            #expect(await customer.level("training_runs") == [1, 0])
            #expect(await customer.get("list-models-database/s")["data"]?["count"]?.integer == 1)
            #expect(try await customer.audited("run.succeeded") == 2)
            #expect(await customer.get("download-model-h5/s").status == 200)
            #expect(customer.filesOnDisk().filter { $0.hasSuffix(".safetensors") }.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a run that takes its workers down again and again fails, and costs nothing`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepare()
            try await customer.require(202, await customer.post("generate-datasets/s", prefer: "respond-async"))
            try await customer.database.write { transaction in
                try transaction.execute(
                    "UPDATE jobs SET state = 'leased', attempt = 2, crash_count = 2, fence = 2, lease_until = \(transaction.now) WHERE kind = 'training.datasets'"
                )
                try transaction.execute("UPDATE training_runs SET state = 'running'")
            }
            customer.app.clock.advance(by: .seconds(1))
            try await customer.app.runJobs()
            let status = await customer.get("status/s")
            #expect(status["status"]?.string == "failed" && status["error"]?.string == "The work broke off repeatedly.")
            #expect(await customer.level("processing") == [0, 0])
            #expect(try await customer.audited("run.failed") == 1)
        }
    }

    /// A worker stands still when it is done but for its last transaction, another takes its job and ends it, and then the first goes on.
    @Test(arguments: Engine.available)
    func `a worker that comes too late changes nothing and clears nothing away`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withCustomer(engine, trouble: trouble) { customer in
            try await customer.prepare()
            try await customer.require(202, await customer.post("generate-datasets/s", prefer: "respond-async"))
            let (isHeld, release) = (Signal(), Signal())
            let first = Once()
            trouble.beforeWrites {
                guard customer.filesOnDisk().contains(where: { $0.hasSuffix("violin-1.png") }), first.take() else {
                    return
                }
                isHeld.send()
                await release.wait()
            }
            async let late: Void = customer.app.runJobs()
            await isHeld.wait()
            customer.app.clock.advance(by: .seconds(31))
            try await customer.app.runJobs()
            #expect(await customer.get("status/s")["status"]?.string == "completed")
            release.send()
            try await late
            #expect(await customer.get("status/s")["status"]?.string == "completed")
            #expect(await customer.level("processing") == [1, 0])
            #expect(try await customer.audited("run.succeeded") == 1)
            #expect(await customer.get("download-arrays/s").status == 200)
            #expect(await customer.get("visualizations/s")["plots"]?.object?.count == 2)
            trouble.beforeWrites(nil)
            try await customer.train()
            #expect(customer.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a run that waits longer than a lease keeps its unit`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepare()
            try await customer.require(202, await customer.post("generate-datasets/s", prefer: "respond-async"))
            // It waited for seven hours in a queue that nobody worked on.
            customer.app.clock.advance(by: .hours(7))
            #expect(try await customer.app.app.entitlements.recovery.recover() == 0)
            #expect(await customer.level("processing") == [0, 1])
            try await customer.app.runJobs()
            #expect(await customer.get("status/s")["status"]?.string == "completed")
            #expect(await customer.level("processing") == [1, 0])
        }
    }

    // MARK: Statements that fail

    @Test(arguments: Engine.available)
    func `starting a run breaks off anywhere and leaves nothing`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withCustomer(engine, trouble: trouble) { customer in
            try await customer.prepare()
            for (path, body, meter, runs) in [
                ("generate-datasets/s", [:], "processing", 1),
                ("train-models/s", ["model_parameters": Samples.linear], "training_runs", 2),
            ]
                as [(String, JSONValue, String, Int64)]
            {
                var status = 0
                let count = try await trouble.failEachStatement { _ in
                    status = await customer.post(path, body, key: "loop", prefer: "respond-async").status
                } check: { number in
                    let isStarted = status == 202
                    #expect(isStarted || status == 500, "statement \(number): \(status)")
                    let present = [
                        try await customer.count("training_runs"), try await customer.count("reservations"),
                        try await customer.audited("run.started"),
                        try await customer.database.read {
                            try $0.count(
                                "SELECT COUNT(*) AS count FROM jobs WHERE kind IN ('training.datasets', 'training.train')"
                            )
                        },
                    ]
                    #expect(present == Array(repeating: isStarted ? runs : runs - 1, count: 4), "statement \(number)")
                    #expect(await customer.level(meter) == [0, isStarted ? 1 : 0])
                    try await customer.requireBalance()
                }
                #expect(count >= 8)
                try await customer.app.runJobs()
                #expect(await customer.level(meter) == [1, 0])
                customer.app.clock.advance(by: .seconds(1))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a run breaks off anywhere, is taken up again and charged once`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withCustomer(engine, plan: "enterprise", trouble: trouble) { customer in
            try await customer.prepareDatasets(series: Samples.hourly(40))
            for (path, body, meter) in [
                ("generate-datasets/s", [:], "processing"),
                ("train-models/s", ["model_parameters": Samples.linear], "training_runs"),
            ]
                as [(String, JSONValue, String)]
            {
                var used = try #require(await customer.level(meter)[0])
                try await customer.require(202, await customer.post(path, body, prefer: "respond-async"))
                let count = try await trouble.failEachStatement { _ in
                    try await customer.app.runJobs()
                } check: { number in
                    try await customer.requireBalance()
                    // Whoever was cut off is taken for lost, and others take over.
                    for _ in 1...3 {
                        customer.app.clock.advance(by: .minutes(1))
                        try await customer.app.runJobs()
                    }
                    used += 1
                    let status = await customer.get("status/s")
                    #expect(status["status"]?.string == "completed", "statement \(number): \(status)")
                    #expect(await customer.level(meter) == [used, 0], "statement \(number)")
                    try await customer.requireBalance()
                    try await customer.require(202, await customer.post(path, body, prefer: "respond-async"))
                }
                #expect(count >= 12)
                try await customer.app.runJobs()
                customer.app.clock.advance(by: .seconds(1))
            }
            let models = try await customer.count("training_models")
            #expect(await customer.level("training_runs") == [models, 0])
            #expect(customer.filesOnDisk().filter { $0.hasSuffix(".safetensors") }.count == Int(models))
        }
    }

    @Test(arguments: Engine.available)
    func `calling off breaks off anywhere and gives back once in the end`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withCustomer(engine, trouble: trouble) { customer in
            try await customer.prepareDatasets()
            try await customer.require(202, await customer.post("train-models/s", ["model_parameters": Samples.linear]))
            var status = 0
            try await trouble.failEachStatement { _ in
                status = await customer.post("cancellation/s").status
            } check: { number in
                #expect(await customer.level("training_runs") == [0, status == 200 ? 0 : 1], "statement \(number)")
                try await customer.requireBalance()
            }
            #expect(status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `an upload breaks off anywhere and is charged once in the end`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withCustomer(engine, trouble: trouble) { customer in
            try await customer.prepare(series: nil)
            let bytes = Samples.hourly(60)
            let half = bytes.count / 2
            var response: TestResponse?
            let count = try await trouble.failEachStatement { _ in
                _ = await customer.chunk(0, of: 2, Array(bytes[..<half]))
                response = await customer.chunk(1, of: 2, Array(bytes[half...]))
                // A client that was told to begin anew does.
                if response?.code == "chunk-missing" { response = nil }
            } check: { number in
                let isThere = response?["file"] != nil
                #expect(
                    await customer.level("uploads") == [isThere ? 1 : 0, 0],
                    "statement \(number): \(response?.description ?? "")")
                #expect(await customer.storage() == (isThere ? Int64(bytes.count) : 0))
                let audited = try await customer.audited("series-file.uploaded")
                #expect(audited == (isThere ? 1 : 0))
                try await customer.requireBalance()
                // No file without its row.
                #expect(
                    customer.filesOnDisk().filter { $0.hasPrefix("training/") }.count == (isThere ? 2 : 0),
                    "statement \(number)")
            }
            #expect(count >= 15)
            #expect(response?["file"] != nil)
            #expect(customer.filesOnDisk().count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `deleting breaks off anywhere and gives room back once in the end`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withCustomer(engine, trouble: trouble) { customer in
            try await customer.prepareDatasets()
            let before = customer.filesOnDisk()
            var status = 0
            try await trouble.failEachStatement { _ in
                status = await customer.post("session/s/delete").status
            } check: { number in
                try await customer.requireBalance()
                #expect(customer.filesOnDisk() == (status == 200 ? [] : before), "statement \(number)")
                #expect(await customer.get("session/s").status == (status == 200 ? 404 : 200))
            }
            #expect(await customer.storage() == 0)
        }
    }

    // MARK: One does not wait for the other

    @Test func `uploads and forecasts do not wait for runs`() async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withCustomer(.sqlite, plan: "enterprise", trouble: trouble) { customer in
            for name in ["a", "b", "c"] { try await customer.prepareDatasets(name) }
            try await customer.train("c")
            for name in ["a", "b"] {
                try await customer.require(
                    202,
                    await customer.post(
                        "train-models/\(name)",
                        ["model_parameters": Samples.endless, "training_split": Samples.withoutValidation]))
            }
            async let first: Void = customer.app.runJobs()
            async let second: Void = customer.app.runJobs()
            func running() async -> Int {
                var count = 0
                for name in ["a", "b"] where await customer.get("status/\(name)")["status"]?.string == "running" {
                    count += 1
                }
                return count
            }
            while await running() < 2 { await Task.yield() }
            // Both threads of runs are busy for a long time to come; requests have their own.
            #expect(await customer.post("predict/c", ["input_data": [[1], [2]]]).status == 200)
            #expect(await customer.upload(Samples.hourly(50), "other.csv", to: "c").status == 201)
            #expect(await customer.get("visualizations/c").status == 200)
            #expect(await running() == 2)
            for name in ["a", "b"] { #expect(await customer.post("cancellation/\(name)").status == 200) }
            // Their next progress is due, and hears of it.
            customer.app.clock.advance(by: .milliseconds(300))
            _ = try await (first, second)
            #expect(await running() == 0)
            #expect(await customer.level("training_runs") == [1, 0])
        }
    }
}

/// A door that is opened once, by whomever.
final class Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }
    func send() { continuation.finish() }
    func wait() async { for await _ in stream {} }
}
