import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

@Suite struct DatasetRunTests {
    @Test(arguments: Engine.available)
    func `datasets that are generated in time are the response`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free", runsJobs: true) { fixture in
            let time: JSONValue = [
                "tag": true, "feiertag": true, "zeitzone": "Europe/Vienna",
                "category_data": ["tag": ["detaillierteBerechnung": true]],
            ]
            try await fixture.prepare(time: time)
            let made = await fixture.post(
                "generate-datasets/s", ["model_parameters": ["anything": 1], "training_split": ["trainPercentage": 70]])
            #expect(made.status == 200, "\(made)")
            // Of 200 hours the first has no input an hour before it, and the last no output an hour after it.
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
            #expect(await fixture.level("processing") == [1, 0])
            let summary = await fixture.get("results-summary/s")
            #expect(
                summary["n_dat"]?.integer == 198 && summary["workflow_phase"]?.string == "phase2"
                    && summary["has_violin_plots"]?.bool == true)
            #expect(
                summary["violin_plot_types"] == ["input", "output", "time"]
                    && summary["has_trained_model"]?.bool == false)
            let variables = await fixture.get("plot-variables/s")
            #expect(variables["input_variables"] == ["series.csv"] && variables["output_variables"] == ["series.csv"])
            #expect(variables["time_components"] == ["day sin", "day cos", "holiday"])
            #expect(try await fixture.audited("run.started") == 1)
            #expect(try await fixture.audited("run.succeeded") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `with Prefer respond-async the response is 202 with the URL of the status`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare()
            #expect(await fixture.get("status/s")["status"]?.string == "not_found")
            let accepted = await fixture.post("generate-datasets/s", prefer: "wait=5, Respond-Async")
            #expect(accepted.status == 202 && accepted["success"]?.bool == true)
            let follow = try #require(accepted["status_url"]?.string)
            #expect(accepted.headers["location"] == follow)
            #expect(await fixture.level("processing") == [0, 1])
            #expect(await fixture.get("session/s")["workflow_phase"]?.string == "phase1")
            let queued = await fixture.app.call("GET", follow, token: fixture.person.token)
            #expect(
                queued["status"]?.string == "queued" && queued["progress"]?.number == 0
                    && queued["kind"]?.string == "datasets" && queued["completed_at"] == nil
            )
            try await fixture.requireInvariants()
            try await fixture.app.runJobs()
            let done = await fixture.app.call("GET", follow, token: fixture.person.token)
            #expect(
                done["status"]?.string == "completed" && done["progress"]?.number == 100
                    && done["run_id"] == accepted["run_id"])
            #expect(done["completed_at"]?.string == "2026-01-31T12:00:00Z")
            #expect(await fixture.level("processing") == [1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `an incomplete session is refused before a unit is reserved`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            _ = await fixture.post("init-session", ["sessionId": "s"])
            #expect(await fixture.post("generate-datasets/s").pointers == ["/zeitschritte"])
            try await fixture.prepare(series: nil)
            #expect(await fixture.post("generate-datasets/s").pointers == ["/files"])
            _ = await fixture.upload(Samples.hourly(50))
            let refused = await fixture.post("generate-datasets/s")
            #expect(
                refused.status == 422 && refused["detail"]?.string == "/files the session has no file of type output")
            _ = await fixture.upload(Samples.hourly(50), kind: "output")
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
                (["max_gap_minutes": 0], "/max_gap_minutes"), (["max_gap_minutes": -2], "/max_gap_minutes"),
                (["max_gap_minutes": -0.5], "/max_gap_minutes"),
                (["training_split": ["n_train": 51]], "/training_split/n_train"),
            ]
            for (body, pointer) in bodies {
                let refused = await fixture.post("generate-datasets/s", body)
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(refused)")
            }
            #expect(await fixture.post("generate-datasets/elsewhere").code == "session-not-found")
            #expect(await fixture.level("processing") == [0, 0])
            #expect(try await fixture.count("reservations") == 0)
            #expect(try await fixture.count("training_runs") == 0)
            #expect(try await fixture.audited("run.started") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a run without a dataset fails with a reason and releases its unit`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free", runsJobs: true) { fixture in
            try await fixture.prepare(series: nil)
            _ = await fixture.upload(
                Samples.hourly(30), settings: ["zeithorizontStart": -500, "zeithorizontEnd": -400])
            _ = await fixture.upload(Samples.hourly(30), kind: "output")
            let failed = await fixture.post("generate-datasets/s")
            #expect(failed.status == 422 && failed.code == "generation-failed", "\(failed)")
            #expect(failed["detail"]?.string?.contains("reference times") == true)
            #expect(await fixture.level("processing") == [0, 0])
            let status = await fixture.get("status/s")
            #expect(status["status"]?.string == "failed" && status["error"] == failed["detail"])
            #expect(await fixture.get("session/s")["workflow_phase"]?.string == "upload")
            #expect(try await fixture.audited("run.failed") == 1)
            // Only the uploaded files remain.
            #expect(fixture.filesOnDisk().count == 4)
            // The split has more training datasets than exist.
            _ = await fixture.post("session/s/delete")
            try await fixture.prepare(series: Samples.hourly(30))
            let asked = await fixture.post("generate-datasets/s", ["training_split": ["n_train": 1_000]])
            #expect(asked.status == 422 && asked["detail"]?.string?.contains("1000") == true, "\(asked)")
            #expect(await fixture.level("processing") == [0, 0])
            #expect(await fixture.post("generate-datasets/s").status == 200)
            #expect(await fixture.level("processing") == [1, 0])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Engine.available)
    func `a run that the server cannot complete is no fault of the client`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare()
            let storage = await fixture.storage()
            try FileManager.default.removeItem(at: fixture.root.appending(path: "training"))
            async let response = fixture.post("generate-datasets/s")
            // Three attempts, with growing waits between them.
            while try await fixture.audited("run.failed") == 0 {
                try await fixture.app.runJobs()
                fixture.app.clock.advance(by: .minutes(1))
            }
            let failed = await response
            #expect(failed.status == 500 && failed.code == "internal-error", "\(failed)")
            let status = await fixture.get("status/s")
            #expect(status["status"] == "failed" && status["error"] == failed["detail"], "\(status)")
            #expect(status["error"]?.string?.contains("Fault") == false, "\(status)")
            #expect(await fixture.level("processing") == [0, 0])
            #expect(await fixture.storage() == storage)
        }
    }

    @Test(arguments: Engine.available)
    func `values whose distance is not a finite number fail the run at once, with the reason`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free", runsJobs: true) { fixture in
            try await fixture.prepare(series: Samples.hourly(60) { $0 % 2 == 0 ? 1.7e308 : -1.7e308 })
            let failed = await fixture.post("generate-datasets/s")
            #expect(failed.status == 422 && failed.code == "generation-failed", "\(failed)")
            #expect(failed["detail"]?.string?.contains("not finite") == true, "\(failed)")
            #expect(await fixture.get("status/s")["error"] == failed["detail"])
            #expect(await fixture.level("processing") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `the sixth processing run of a month on Free is refused`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: Samples.hourly(30))
            for _ in 1...5 { try await fixture.generate() }
            let refused = await fixture.post("generate-datasets/s")
            #expect(
                refused.status == 403 && refused["error"]?.string == "Processing limit reached"
                    && refused["plan"]?.string == "Free")
            #expect(refused["limit"]?.integer == 5 && refused["current_usage"]?.integer == 5)
            #expect(await fixture.level("processing") == [5, 0])
            // Only the latest datasets and those before them are stored.
            #expect(fixture.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 2)
            // The next period has a new quota.
            fixture.app.clock.advance(by: .days(28))
            #expect(await fixture.post("generate-datasets/s", prefer: "respond-async").status == 202)
        }
    }

    @Test(arguments: Engine.available)
    func `a request repeated with its idempotency key is one run, also when it used the last unit`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: Samples.hourly(30))
            for _ in 1...4 { try await fixture.generate() }
            let first = await fixture.post("generate-datasets/s", key: "key-5", prefer: "respond-async")
            #expect(first.status == 202)
            // Repeated while the run is queued, when the quota is spent, and when the run is finished.
            let second = await fixture.post("generate-datasets/s", key: "key-5", prefer: "respond-async")
            #expect(second.status == 202 && second["run_id"] == first["run_id"])
            #expect(await fixture.post("generate-datasets/s", key: "key-6").code == "quota-exceeded")
            let other = await fixture.post(
                "generate-datasets/s",
                ["training_split": ["trainPercentage": 60, "valPercentage": 20, "testPercentage": 20]], key: "key-5")
            #expect(other.status == 409 && other.code == "operation-conflict")
            _ = await fixture.post("init-session", ["sessionId": "t"])
            #expect(await fixture.post("generate-datasets/t", key: "key-5").code == "operation-conflict")
            try await fixture.app.runJobs()
            let third = await fixture.post("generate-datasets/s", key: "key-5")
            #expect(third.status == 200 && third["run_id"] == first["run_id"] && third["dataset_count"]?.integer == 28)
            #expect(await fixture.level("processing") == [5, 0])
            #expect(try await fixture.count("training_runs") == 5)
        }
    }

    @Test(arguments: Engine.available)
    func `an old idempotency key returns its run after the datasets were replaced`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: Samples.hourly(30))
            try await fixture.require(
                202, await fixture.post("generate-datasets/s", key: "old", prefer: "respond-async"))
            try await fixture.app.runJobs()
            for _ in 1...3 { try await fixture.generate() }
            let again = await fixture.post("generate-datasets/s", key: "old")
            #expect(again.status == 200 && again["dataset_count"]?.integer == 28 && again["violin_plots"] == [:])
            #expect(await fixture.level("processing") == [4, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `of concurrent requests one starts a run of the session`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: Samples.hourly(30))
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 { group.addTask { await fixture.post("generate-datasets/s", prefer: "respond-async") } }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(responses.filter { $0.status == 202 }.count == 1)
            #expect(
                responses.filter { $0.status == 409 && $0.code == "training-in-progress" }.count == 7, "\(responses)")
            #expect(await fixture.level("processing") == [0, 1])
            #expect(try await fixture.count("training_runs") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent requests with one idempotency key get the same run`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: Samples.hourly(30))
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 {
                    group.addTask { await fixture.post("generate-datasets/s", key: "same", prefer: "respond-async") }
                }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(
                responses.allSatisfy { $0.status == 202 } && Set(responses.map { $0["run_id"] }).count == 1,
                "\(responses)")
            #expect(await fixture.level("processing") == [0, 1])
        }
    }

    @Test(arguments: Engine.available)
    func `of concurrent requests of many sessions one gets the last unit`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "basic") { fixture in
            for number in 1...4 { try await fixture.prepare("s\(number)", series: Samples.hourly(30)) }
            try await fixture.app.put(fixture.person, on: "free")
            for _ in 1...4 { try await fixture.generate("s1") }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for number in 1...4 {
                    group.addTask {
                        await fixture.post("generate-datasets/s\(number)", prefer: "respond-async").status
                    }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [202: 1, 403: 3])
            #expect(await fixture.level("processing") == [4, 1])
        }
    }

    @Test func `datasets are split by the requested sizes`() async throws {
        try await withTrainingFixture(.sqlite) { fixture in
            try await fixture.prepare()
            func parts(_ split: JSONValue) async throws -> String? {
                try await fixture.generate("s", ["training_split": split])
                return await fixture.get("scalers/s")["fitted_on"]?.string
            }
            #expect(try await parts([:]) == "the training part: 138 of 198 datasets")
            #expect(
                try await parts(["trainPercentage": 50, "valPercentage": 25, "testPercentage": 25])
                    == "the training part: 98 of 198 datasets")
            #expect(
                try await parts(["n_train": 77, "n_val": 10, "n_test": 11, "random_dat": true])
                    == "the training part: 77 of 198 datasets")
            // With blocks, datasets that overlap another part are left out.
            let blocks = try await parts(["trainPercentage": 70, "shuffle": true, "blockLength": 24, "seed": 3])
            let count = blocks.flatMap { Int64($0.split(separator: " ")[3]) }
            #expect((count ?? 999) < 139 && (count ?? 0) > 80, "\(blocks ?? "")")
        }
    }

    @Test(arguments: Engine.available)
    func `gaps are not made up, and the response lists what was dropped`(engine: Engine) async throws {
        try await withTrainingFixture(engine, runsJobs: true) { fixture in
            let rows = (0..<60).compactMap { hour -> String? in
                // One row has no number, and five are missing.
                (40..<45).contains(hour) ? nil : "\(Samples.stamp(hour));\(hour == 20 ? "" : "\(hour)")"
            }
            let series = Array((["UTC;value"] + rows).joined(separator: "\n").utf8)
            try await fixture.prepare(series: series)
            let made = await fixture.post("generate-datasets/s")
            // Steps at -1, 0 and 0, 1 hours: three datasets need hour 20, and seven the hours 40 to 44.
            #expect(made.status == 200 && made["dataset_count"]?.integer == 58 - 10, "\(made)")
            let gaps = try #require(made["dropped"]?.array).filter { $0["reason"]?.string == "gap" }
            #expect(gaps.compactMap { $0["count"]?.integer }.reduce(0, +) == 10)
            #expect(gaps.allSatisfy { $0["series"]?.string == "series.csv" && $0["first"]?.string != nil })
            #expect(made["dropped_count"]?.integer == 12)
            #expect(await fixture.get("results-summary/s")["dropped"] == made["dropped"])
            // The first step of the output is the reference time, whose value is the last input.
            #expect(made["warnings"]?.array?.count == 1)
            #expect(made["warnings"]?[0]?.string?.contains("1 of the 2 steps") == true)
            let bridged = await fixture.post("generate-datasets/s", ["max_gap_minutes": 360])
            #expect(bridged["dataset_count"]?.integer == 58, "\(bridged)")
            let page = await fixture.post("generate-datasets/s", ["max_gap_minutes": -1])
            #expect(page["dataset_count"]?.integer == 55, "\(page)")
            #expect(await fixture.level("processing") == [3, 0])
            let parts = await fixture.get("download-arrays/s?name=parts")
            #expect(parts.status == 200 && parts.bytes.suffix(8) == [2, 0, 0, 0, 0, 0, 0, 0])
        }
    }
}
