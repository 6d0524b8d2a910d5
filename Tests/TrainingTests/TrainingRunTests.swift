import Base
import Foundation
import Identity
import Modules
import Synchronization
import TestKit
import Testing

@Suite struct TrainingRunTests {
    @Test(arguments: Engine.available)
    func `training responds with 202 at once and is charged when it succeeds`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            let accepted = await fixture.post(
                "train-models/s", ["model_parameters": Samples.dense, "training_split": ["shuffle": false]])
            #expect(accepted.status == 202 && accepted["success"]?.bool == true && accepted["note"] != nil)
            #expect(accepted.headers["location"] == accepted["status_url"]?.string)
            #expect(await fixture.get("session/s")["workflow_phase"]?.string == "phase3")
            #expect(await fixture.level("training_runs") == [0, 1])
            try await fixture.requireInvariants()
            try await fixture.app.runJobs()
            let status = await fixture.get("status/s")
            #expect(status["status"]?.string == "completed" && status["kind"]?.string == "training")
            #expect(await fixture.level("training_runs") == [1, 0])
            let summary = await fixture.get("results-summary/s")
            #expect(
                summary["workflow_phase"]?.string == "phase4" && summary["has_trained_model"]?.bool == true
                    && summary["model_count"]?.integer == 1)
            #expect(try await fixture.audited("run.started") == 2)
            #expect(try await fixture.audited("run.succeeded") == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `training on Free is refused before the payload is read`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepareDatasets()
            for path in ["train-models/s", "train-models/test123", "predict/s"] {
                let refused = await fixture.post(path, ["model_parameters": Samples.linear])
                #expect(
                    refused.status == 403 && refused.code == "feature-not-available"
                        && refused["error"]?.string == "Training not available")
                #expect(refused["plan"]?.string == "Free" && refused["feature"]?.string == "training")
            }
            let aliased = await fixture.app.call("POST", "/api/training/train-models/s", token: fixture.person.token)
            #expect(aliased.status == 403)
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(try await fixture.count("training_runs") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `invalid parameters are refused with pointers and cost nothing`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            let cases: [(JSONValue, [String])] = [
                ([:], ["/model_parameters"]),
                (["model_parameters": [:]], ["/model_parameters/MODE"]),
                (["model_parameters": ["MODE": "GPT"]], ["/model_parameters/MODE"]),
                (["model_parameters": ["MODE": "Dense", "LAY": 0]], ["/model_parameters/LAY"]),
                (
                    ["model_parameters": ["MODE": "Dense", "LAY": 17, "N": 0]],
                    ["/model_parameters/LAY", "/model_parameters/N"]
                ),
                (["model_parameters": ["MODE": "Dense", "N": 4097]], ["/model_parameters/N"]),
                (["model_parameters": ["MODE": "Dense", "EP": 0]], ["/model_parameters/EP"]),
                (["model_parameters": ["MODE": "Dense", "EP": 2001]], ["/model_parameters/EP"]),
                (["model_parameters": ["MODE": "Dense", "EP": 2.5]], ["/model_parameters/EP"]),
                (["model_parameters": ["MODE": "Dense", "ACTF": "relu"]], ["/model_parameters/ACTF"]),
                (["model_parameters": ["MODE": "Dense", "KERNEL": "cubic"]], ["/model_parameters/KERNEL"]),
                (["model_parameters": ["MODE": "Dense", "C": -1]], ["/model_parameters/C"]),
                (["model_parameters": ["MODE": "Dense", "EPSILON": "small"]], ["/model_parameters/EPSILON"]),
                (["model_parameters": ["MODE": "Dense", "seed": -1]], ["/model_parameters/seed"]),
                (["model_parameters": ["MODE": "Dense", "LR": 1]], ["/model_parameters/LR"]),
                (
                    ["model_parameters": ["MODE": "LIN"], "training_split": ["trainPercentage": 90]],
                    ["/training_split"]
                ),
                (["model_parameters": ["MODE": "Dense", "LAY": 16, "N": 4096]], ["/model_parameters"]),
            ]
            for (body, pointers) in cases {
                let refused = await fixture.post("train-models/s", body)
                #expect(refused.status == 422 && refused.pointers == pointers, "\(body) \(refused)")
            }
            for mode in ["CNN", "LSTM", "AR LSTM", "SVR_dir", "SVR_MIMO", "LGBMR"] {
                let refused = await fixture.post(
                    "train-models/s",
                    ["model_parameters": ["MODE": .string(mode), "K": 3, "KERNEL": "poly", "C": 1, "EPSILON": 0.1]])
                #expect(
                    refused.status == 422 && refused.code == "model-not-available"
                        && refused["available"] == ["LIN", "Dense"], "\(refused)")
            }
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(try await fixture.count("training_runs") == 1)
            #expect(await fixture.get("session/s")["workflow_phase"]?.string == "phase2")
        }
    }

    @Test(arguments: Engine.available)
    func `LIN needs as many input steps as output steps`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets(inputs: 3, outputs: 2)
            let refused = await fixture.post("train-models/s", ["model_parameters": Samples.linear])
            #expect(
                refused.status == 422 && refused.pointers == ["/model_parameters"]
                    && refused["detail"]?.string?.contains("(3)") == true)
            #expect(await fixture.level("training_runs") == [0, 0])
            try await fixture.train("s", Samples.dense)
        }
    }

    @Test(arguments: Engine.available)
    func `training without datasets is refused`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare()
            let refused = await fixture.post("train-models/s", ["model_parameters": Samples.linear])
            #expect(refused.status == 409 && refused.code == "dataset-not-ready")
            #expect(await fixture.level("training_runs") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a second run of a session is a conflict, sequentially and concurrently, and one unit is reserved`(
        engine: Engine
    )
        async throws
    {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        await fixture.post(
                            "train-models/s",
                            ["model_parameters": number.isMultiple(of: 2) ? Samples.linear : Samples.dense])
                    }
                }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(responses.filter { $0.status == 202 }.count == 1)
            #expect(
                responses.filter {
                    $0.status == 409 && $0.code == "training-in-progress"
                        && $0["error"]?.string == "A run of this session is under way"
                }.count
                    == 7)
            #expect(await fixture.post("train-models/s", ["model_parameters": Samples.linear]).status == 409)
            #expect(await fixture.post("generate-datasets/s").status == 409)
            #expect(await fixture.level("training_runs") == [0, 1])
            try await fixture.requireInvariants()
            // Files of a session with an unfinished run cannot be deleted.
            let file = try #require(await fixture.get("csv-files/s")["files"]?[0]?["id"]?.string)
            #expect(await fixture.delete("csv-files/\(file)").code == "training-in-progress")
            try await fixture.app.runJobs()
            #expect(await fixture.level("training_runs") == [1, 0])
            #expect(await fixture.get("list-models-database/s")["data"]?["count"]?.integer == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a repeated idempotency key is the same run, charged once, also when it used the last unit`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            for _ in 1...4 { try await fixture.train() }
            let request: JSONValue = ["model_parameters": Samples.linear]
            let first = await fixture.post("train-models/s", request, key: "order-1")
            #expect(first.status == 202)
            #expect(await fixture.post("train-models/s", request, key: "order-1")["run_id"] == first["run_id"])
            let other = await fixture.post("train-models/s", ["model_parameters": Samples.dense], key: "order-1")
            #expect(other.status == 409 && other.code == "operation-conflict")
            try await fixture.app.runJobs()
            let again = await fixture.post("train-models/s", request, key: "order-1")
            #expect(again.status == 202 && again["run_id"] == first["run_id"])
            let refused = await fixture.post("train-models/s", request, key: "order-2")
            #expect(
                refused.status == 403 && refused["error"]?.string == "Training limit reached"
                    && refused["current_usage"]?.integer == 5)
            #expect(await fixture.level("training_runs") == [5, 0])
            try await fixture.app.runJobs()
            #expect(await fixture.get("list-models-database/s")["data"]?["count"]?.integer == 5)
            // A key belongs to its meter: with the same key, generate-datasets is another operation.
            #expect(await fixture.post("generate-datasets/s", key: "order-1", prefer: "respond-async").status == 202)
        }
    }

    @Test(arguments: Engine.available)
    func `failed training costs nothing and leaves no files`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            let array = try #require(fixture.filesOnDisk().first { $0.hasSuffix("inputs.npy") })
            try FileManager.default.removeItem(at: fixture.root.appending(path: array))
            let before = fixture.filesOnDisk()
            try await fixture.require(202, await fixture.post("train-models/s", ["model_parameters": Samples.linear]))
            for _ in 1...4 {
                try await fixture.app.runJobs()
                fixture.app.clock.advance(by: .minutes(1))
            }
            let status = await fixture.get("status/s")
            #expect(
                status["status"]?.string == "failed" && status["error"]?.string?.contains("/") == false, "\(status)")
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(await fixture.get("results/s").code == "results-not-found")
            #expect(await fixture.get("session/s")["workflow_phase"]?.string == "phase2")
            #expect(fixture.filesOnDisk() == before)
            #expect(try await fixture.audited("run.failed") == 1)
            // New datasets can be trained on.
            try await fixture.generate()
            try await fixture.train()
            #expect(await fixture.level("training_runs") == [1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `training without a test part keeps the model, without metrics`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            let split: JSONValue = ["trainPercentage": 100, "valPercentage": 0, "testPercentage": 0]
            try await fixture.train("s", Samples.linear, split: split)
            #expect(await fixture.level("training_runs") == [1, 0])
            let result = await fixture.get("results/s")
            #expect(result["df_eval"] == [:] && result["datasets_tested"]?.integer == 0, "\(result)")
            let tables = await fixture.get("evaluation-tables/s")
            #expect(tables.code == "results-not-found" && tables["error"]?.string == "The model has no metrics")
            #expect(await fixture.post("predict/s", ["input_data": [[1], [2]]]).status == 200)
            #expect(await fixture.post("generate-plot", ["sessionId": "s"]).code == "results-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `training whose metrics are not finite fails with the reason and costs nothing`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            // The squares of errors of such values overflow.
            try await fixture.prepareDatasets(series: Samples.hourly(200) { Double($0 * $0 % 17) * 1e160 })
            try await fixture.require(202, await fixture.post("train-models/s", ["model_parameters": Samples.linear]))
            try await fixture.app.runJobs()
            let status = await fixture.get("status/s")
            #expect(
                status["status"]?.string == "failed" && status["error"]?.string?.contains("not finite") == true,
                "\(status)")
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(await fixture.get("list-models-database/s")["data"]?["count"]?.integer == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a split of more datasets than there are is refused at once`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            let refused = await fixture.post(
                "train-models/s",
                ["model_parameters": Samples.linear, "training_split": ["n_train": 190, "n_test": 9]])
            #expect(refused.status == 422 && refused.pointers == ["/training_split/n_train"], "\(refused)")
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(try await fixture.count("training_runs") == 1)
            try await fixture.train("s", Samples.linear, split: ["n_train": 190, "n_test": 8])
        }
    }

    @Test(arguments: Engine.available)
    func `training on datasets of other settings is refused until they are generated again`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            let file = try #require(await fixture.get("csv-files/s?type=input")["files"]?[0]?["id"]?.string)
            func steps(_ minutes: JSONValue) async {
                _ = await fixture.post(
                    "save-zeitschritte",
                    ["sessionId": "s", "zeitschritte": ["eingabe": 2, "ausgabe": 2, "zeitschrittweite": minutes]])
            }
            func refusal() async -> TestResponse {
                await fixture.post("train-models/s", ["model_parameters": Samples.linear])
            }
            await steps(30)
            #expect(await refusal().code == "dataset-not-ready")
            #expect(await refusal()["detail"]?.string?.contains("Changed: the steps.") == true)
            await steps(60)
            _ = await fixture.post("save-time-info", ["sessionId": "s", "timeInfo": ["tag": true]])
            #expect(await refusal()["detail"]?.string?.contains("the time features") == true)
            _ = await fixture.post("save-time-info", ["sessionId": "s", "timeInfo": [:]])
            _ = await fixture.put("csv-files/\(file)", ["zeithorizontStart": -3])
            #expect(await refusal().status == 409)
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(try await fixture.count("training_runs") == 1)
            // Settings that are as they were, or new datasets, can be trained on.
            _ = await fixture.put("csv-files/\(file)", ["zeithorizontStart": -1])
            try await fixture.train()
            await steps(30)
            try await fixture.generate()
            try await fixture.train()
            #expect(await fixture.level("training_runs") == [2, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `training cancelled before it starts costs nothing`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            #expect(await fixture.post("cancellation/s").code == "results-not-found")
            try await fixture.require(202, await fixture.post("train-models/s", ["model_parameters": Samples.linear]))
            let cancelled = await fixture.post("cancellation/s")
            #expect(
                cancelled.status == 200 && cancelled["status"]?.string == "cancelled"
                    && cancelled["completed_at"] != nil)
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(await fixture.post("cancellation/s").status == 404)
            try await fixture.app.runJobs()
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(await fixture.get("list-models-database/s")["data"]?["count"]?.integer == 0)
            #expect(await fixture.get("session/s")["workflow_phase"]?.string == "phase2")
            #expect(try await fixture.audited("run.cancelled") == 1)
            fixture.app.clock.advance(by: .seconds(1))
            try await fixture.train()
        }
    }

    @Test(arguments: Engine.available)
    func `training cancelled while it runs costs nothing and leaves no files`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTrainingFixture(engine, faults: faults) { fixture in
            try await fixture.prepareDatasets()
            let before = fixture.filesOnDisk()
            let request: JSONValue = ["model_parameters": Samples.endless, "training_split": Samples.withoutValidation]
            try await fixture.require(202, await fixture.post("train-models/s", request))
            // The first write of the running job is a progress report, which commits after the cancellation and finds
            // it.
            let cancellation = Once()
            faults.beforeWrites {
                guard await fixture.get("status/s")["status"]?.string == "running", cancellation.take() else { return }
                faults.beforeWrites(nil)
                let asked = await fixture.post("cancellation/s")
                #expect(asked.status == 200 && asked["status"]?.string == "running")
                #expect(await fixture.level("training_runs") == [0, 1])
            }
            try await fixture.app.runJobs()
            #expect(cancellation.isTaken)
            let status = await fixture.get("status/s")
            #expect(status["status"]?.string == "cancelled", "\(status)")
            #expect(await fixture.level("training_runs") == [0, 0])
            #expect(await fixture.get("list-models-database/s")["data"]?["count"]?.integer == 0)
            #expect(fixture.filesOnDisk() == before)
        }
    }

    @Test func `the same seed gives the same bytes, another seed others`() async throws {
        try await withTrainingFixture(.sqlite) { fixture in
            try await fixture.prepareDatasets()
            var models: [[UInt8]] = []
            for seed: JSONValue in [7, 7, 8] {
                try await fixture.train("s", ["MODE": "Dense", "LAY": 2, "N": 8, "EP": 3, "seed": seed])
                models.append(await fixture.get("download-model-h5/s").bytes)
            }
            #expect(models[0] == models[1])
            #expect(models[0] != models[2])
        }
    }
}
