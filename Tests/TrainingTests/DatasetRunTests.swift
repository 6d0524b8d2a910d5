import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

@Suite struct DatasetRunTests {
    @Test(arguments: Engine.available)
    func `datasets that are made soon enough are the answer`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free", runsJobs: true) { customer in
            let time: JSONValue = [
                "tag": true, "feiertag": true, "zeitzone": "Europe/Vienna",
                "category_data": ["tag": ["detaillierteBerechnung": true]],
            ]
            try await customer.prepare(time: time)
            let made = await customer.post(
                "generate-datasets/s", ["model_parameters": ["anything": 1], "training_split": ["trainPercentage": 70]])
            #expect(made.status == 200, "\(made)")
            // Of 200 hours the first has no hour before it and the last none after it.
            #expect(
                made["success"]?.bool == true && made["dataset_count"]?.integer == 198 && made["n_dat"]?.integer == 198
                    && made["dropped_count"]?.integer == 2)
            let plots = try #require(made["violin_plots"]?.object)
            #expect(Set(plots.values.compactMap { $0["label"]?.string }) == ["IN1", "TIME1", "TIME2", "TIME3", "OUT1"])
            #expect(Set(plots.values.compactMap { $0["type"]?.string }) == ["input", "time", "output"])
            for (name, plot) in plots {
                let data = try #require(plot["data"]?.string)
                let image = try #require(
                    data.hasPrefix("data:image/png;base64,") ? Data(base64Encoded: String(data.dropFirst(22))) : nil,
                    "\(name)")
                #expect(image.starts(with: [0x89, 0x50, 0x4E, 0x47]) && image.count > 1_000)
            }
            #expect(await customer.level("processing") == [1, 0])
            let summary = await customer.get("results-summary/s")
            #expect(
                summary["n_dat"]?.integer == 198 && summary["workflow_phase"]?.string == "phase2"
                    && summary["has_violin_plots"]?.bool == true)
            #expect(
                summary["violin_plot_types"] == ["input", "output", "time"]
                    && summary["has_trained_model"]?.bool == false)
            let variables = await customer.get("plot-variables/s")
            #expect(variables["input_variables"] == ["series.csv"] && variables["output_variables"] == ["series.csv"])
            #expect(variables["time_components"] == ["day sin", "day cos", "holiday"])
            #expect(try await customer.audited("run.started") == 1)
            #expect(try await customer.audited("run.succeeded") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `asked for it, the answer is the job to follow`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare()
            #expect(await customer.get("status/s")["status"]?.string == "not_found")
            let accepted = await customer.post("generate-datasets/s", prefer: "wait=5, Respond-Async")
            #expect(accepted.status == 202 && accepted["success"]?.bool == true)
            let follow = try #require(accepted["status_url"]?.string)
            #expect(accepted.headers["location"] == follow)
            #expect(await customer.level("processing") == [0, 1])
            #expect(await customer.get("session/s")["workflow_phase"]?.string == "phase1")
            let queued = await customer.app.call("GET", follow, token: customer.person.token)
            #expect(
                queued["status"]?.string == "queued" && queued["progress"]?.number == 0
                    && queued["kind"]?.string == "datasets" && queued["completed_at"] == nil
            )
            try await customer.requireBalance()
            try await customer.app.runJobs()
            let done = await customer.app.call("GET", follow, token: customer.person.token)
            #expect(
                done["status"]?.string == "completed" && done["progress"]?.number == 100
                    && done["run_id"] == accepted["run_id"])
            #expect(done["completed_at"]?.string == "2026-01-31T12:00:00Z")
            #expect(await customer.level("processing") == [1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `what a session lacks is told before anything is reserved`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            _ = await customer.post("init-session", ["sessionId": "s"])
            #expect(await customer.post("generate-datasets/s").pointers == ["/zeitschritte"])
            try await customer.prepare(series: nil)
            #expect(await customer.post("generate-datasets/s").pointers == ["/files"])
            _ = await customer.upload(Samples.hourly(50))
            let refused = await customer.post("generate-datasets/s")
            #expect(
                refused.status == 422 && refused["detail"]?.string == "/files the session has no file of type output")
            _ = await customer.upload(Samples.hourly(50), kind: "output")
            let bodies: [(JSONValue, String)] = [
                (["training_split": ["trainPercentage": 80]], "/training_split"),
                (
                    ["training_split": ["trainPercentage": 0, "valPercentage": 50, "testPercentage": 50]],
                    "/training_split/trainPercentage"
                ),
                (["training_split": ["trainPercentage": -1]], "/training_split/trainPercentage"),
                (["training_split": ["n_train": 0]], "/training_split/n_train"),
                (["training_split": ["blockLength": 0]], "/training_split/blockLength"),
                (["training_split": ["blockLength": 100_001]], "/training_split/blockLength"),
                (["training_split": ["seed": -1]], "/training_split/seed"),
                (["training_split": ["shuffle": "yes"]], "/training_split/shuffle"),
                (["colour": "red"], "/colour"),
            ]
            for (body, pointer) in bodies {
                let refused = await customer.post("generate-datasets/s", body)
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(refused)")
            }
            _ = await customer.post(
                "save-time-info", ["sessionId": "s", "timeInfo": ["tag": true, "zeitzone": "Mars/Olympus"]])
            #expect(await customer.post("generate-datasets/s").pointers == ["/timeFeatures/timeZone"])
            #expect(await customer.post("generate-datasets/elsewhere").code == "session-not-found")
            #expect(await customer.level("processing") == [0, 0])
            #expect(try await customer.count("reservations") == 0)
            #expect(try await customer.count("training_runs") == 0)
            #expect(try await customer.audited("run.started") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a run that finds no datasets fails, says why, and costs nothing`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free", runsJobs: true) { customer in
            try await customer.prepare(series: nil)
            _ = await customer.upload(
                Samples.hourly(30), settings: ["zeithorizontStart": -500, "zeithorizontEnd": -400])
            _ = await customer.upload(Samples.hourly(30), kind: "output")
            let failed = await customer.post("generate-datasets/s")
            #expect(failed.status == 422 && failed.code == "generation-failed", "\(failed)")
            #expect(failed["detail"]?.string?.contains("reference times") == true)
            #expect(await customer.level("processing") == [0, 0])
            let status = await customer.get("status/s")
            #expect(status["status"]?.string == "failed" && status["error"] == failed["detail"])
            #expect(await customer.get("session/s")["workflow_phase"]?.string == "upload")
            #expect(try await customer.audited("run.failed") == 1)
            // Only the files that were sent are left.
            #expect(customer.filesOnDisk().count == 4)
            // More datasets to train on than there are.
            _ = await customer.post("session/s/delete")
            try await customer.prepare(series: Samples.hourly(30))
            let asked = await customer.post("generate-datasets/s", ["training_split": ["n_train": 1_000]])
            #expect(asked.status == 422 && asked["detail"]?.string?.contains("1000") == true, "\(asked)")
            #expect(await customer.level("processing") == [0, 0])
            #expect(await customer.post("generate-datasets/s").status == 200)
            #expect(await customer.level("processing") == [1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `the sixth processing run of a month on Free is refused`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: Samples.hourly(30))
            for _ in 1...5 { try await customer.generate() }
            let refused = await customer.post("generate-datasets/s")
            #expect(
                refused.status == 403 && refused["error"]?.string == "Processing limit reached"
                    && refused["plan"]?.string == "Free")
            #expect(refused["limit"]?.integer == 5 && refused["current_usage"]?.integer == 5)
            #expect(await customer.level("processing") == [5, 0])
            // Only the latest datasets, and those before them, are kept.
            #expect(customer.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 2)
            // In the next period there is room again.
            customer.app.clock.advance(by: .days(28))
            #expect(await customer.post("generate-datasets/s", prefer: "respond-async").status == 202)
        }
    }

    @Test(arguments: Engine.available)
    func `a request that is repeated under its key is one run, also when it took the last unit`(engine: Engine)
        async throws
    {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: Samples.hourly(30))
            for _ in 1...4 { try await customer.generate() }
            let first = await customer.post("generate-datasets/s", key: "key-5", prefer: "respond-async")
            #expect(first.status == 202)
            // While it waits, while nothing is left, and when it is done.
            let second = await customer.post("generate-datasets/s", key: "key-5", prefer: "respond-async")
            #expect(second.status == 202 && second["run_id"] == first["run_id"])
            #expect(await customer.post("generate-datasets/s", key: "key-6").code == "quota-exceeded")
            let other = await customer.post(
                "generate-datasets/s",
                ["training_split": ["trainPercentage": 60, "valPercentage": 20, "testPercentage": 20]], key: "key-5")
            #expect(other.status == 409 && other.code == "operation-conflict")
            _ = await customer.post("init-session", ["sessionId": "t"])
            #expect(await customer.post("generate-datasets/t", key: "key-5").code == "operation-conflict")
            try await customer.app.runJobs()
            let third = await customer.post("generate-datasets/s", key: "key-5")
            #expect(third.status == 200 && third["run_id"] == first["run_id"] && third["dataset_count"]?.integer == 28)
            #expect(await customer.level("processing") == [5, 0])
            #expect(try await customer.count("training_runs") == 5)
        }
    }

    @Test(arguments: Engine.available)
    func `a key of old is answered although its datasets were replaced`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepare(series: Samples.hourly(30))
            try await customer.require(
                202, await customer.post("generate-datasets/s", key: "old", prefer: "respond-async"))
            try await customer.app.runJobs()
            for _ in 1...3 { try await customer.generate() }
            let again = await customer.post("generate-datasets/s", key: "old")
            #expect(again.status == 200 && again["dataset_count"]?.integer == 28 && again["violin_plots"] == [:])
            #expect(await customer.level("processing") == [4, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `at once, one run of a session begins`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepare(series: Samples.hourly(30))
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 { group.addTask { await customer.post("generate-datasets/s", prefer: "respond-async") } }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(responses.filter { $0.status == 202 }.count == 1)
            #expect(
                responses.filter { $0.status == 409 && $0.code == "training-in-progress" }.count == 7, "\(responses)")
            #expect(await customer.level("processing") == [0, 1])
            #expect(try await customer.count("training_runs") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `one key at once is one run for all who ask`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepare(series: Samples.hourly(30))
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 {
                    group.addTask { await customer.post("generate-datasets/s", key: "same", prefer: "respond-async") }
                }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(
                responses.allSatisfy { $0.status == 202 } && Set(responses.map { $0["run_id"] }).count == 1,
                "\(responses)")
            #expect(await customer.level("processing") == [0, 1])
        }
    }

    @Test(arguments: Engine.available)
    func `the last unit goes to one of many sessions`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "basic") { customer in
            for number in 1...4 { try await customer.prepare("s\(number)", series: Samples.hourly(30)) }
            try await customer.app.put(customer.person, on: "free")
            for _ in 1...4 { try await customer.generate("s1") }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for number in 1...4 {
                    group.addTask {
                        await customer.post("generate-datasets/s\(number)", prefer: "respond-async").status
                    }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [202: 1, 403: 3])
            #expect(await customer.level("processing") == [4, 1])
        }
    }

    @Test func `a session is divided as asked`() async throws {
        try await withCustomer(.sqlite) { customer in
            try await customer.prepare()
            func parts(_ split: JSONValue) async throws -> String? {
                try await customer.generate("s", ["training_split": split])
                return await customer.get("scalers/s")["fitted_on"]?.string
            }
            #expect(try await parts([:]) == "the training part: 139 of 198 datasets")
            #expect(
                try await parts(["trainPercentage": 50, "valPercentage": 25, "testPercentage": 25])
                    == "the training part: 99 of 198 datasets")
            #expect(
                try await parts(["n_train": 77, "n_val": 10, "n_test": 11, "random_dat": true])
                    == "the training part: 77 of 198 datasets")
            // Blocks leave out what overlaps another part.
            let blocks = try await parts(["trainPercentage": 70, "shuffle": true, "blockLength": 24, "seed": 3])
            let count = blocks.flatMap { Int64($0.split(separator: " ")[3]) }
            #expect((count ?? 999) < 139 && (count ?? 0) > 80, "\(blocks ?? "")")
        }
    }
}
