import Base
import Foundation
import Identity
import Modules
import Synchronization
import TestKit
import Testing

@Suite struct TrainingRunTests {
    @Test(arguments: Engine.available)
    func `training answers at once, and charges with its success`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets()
            let accepted = await customer.post(
                "train-models/s", ["model_parameters": Samples.dense, "training_split": ["shuffle": false]])
            #expect(accepted.status == 202 && accepted["success"]?.bool == true && accepted["note"] != nil)
            #expect(accepted.headers["location"] == accepted["status_url"]?.string)
            #expect(await customer.get("session/s")["workflow_phase"]?.string == "phase3")
            #expect(await customer.level("training_runs") == [0, 1])
            try await customer.requireBalance()
            try await customer.app.runJobs()
            let status = await customer.get("status/s")
            #expect(status["status"]?.string == "completed" && status["kind"]?.string == "training")
            #expect(await customer.level("training_runs") == [1, 0])
            let summary = await customer.get("results-summary/s")
            #expect(
                summary["workflow_phase"]?.string == "phase4" && summary["has_trained_model"]?.bool == true
                    && summary["model_count"]?.integer == 1)
            #expect(try await customer.audited("run.started") == 2)
            #expect(try await customer.audited("run.succeeded") == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `on Free training is refused, whatever the request`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepareDatasets()
            for path in ["train-models/s", "train-models/test123", "predict/s"] {
                let refused = await customer.post(path, ["model_parameters": Samples.linear])
                #expect(
                    refused.status == 403 && refused.code == "feature-not-available"
                        && refused["error"]?.string == "Training not available")
                #expect(refused["plan"]?.string == "Free" && refused["feature"]?.string == "training")
            }
            let aliased = await customer.app.call("POST", "/api/training/train-models/s", token: customer.person.token)
            #expect(aliased.status == 403)
            #expect(await customer.level("training_runs") == [0, 0])
            #expect(try await customer.count("training_runs") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `wrong parameters are refused where they stand, and cost nothing`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets()
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
                let refused = await customer.post("train-models/s", body)
                #expect(refused.status == 422 && refused.pointers == pointers, "\(body) \(refused)")
            }
            for mode in ["CNN", "LSTM", "AR LSTM", "SVR_dir", "SVR_MIMO", "LGBMR"] {
                let refused = await customer.post(
                    "train-models/s",
                    ["model_parameters": ["MODE": .string(mode), "K": 3, "KERNEL": "poly", "C": 1, "EPSILON": 0.1]])
                #expect(
                    refused.status == 422 && refused.code == "model-not-available"
                        && refused["available"] == ["LIN", "Dense"], "\(refused)")
            }
            #expect(await customer.level("training_runs") == [0, 0])
            #expect(try await customer.count("training_runs") == 1)
            #expect(await customer.get("session/s")["workflow_phase"]?.string == "phase2")
        }
    }

    @Test(arguments: Engine.available)
    func `LIN needs as many input steps as output steps`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets(inputs: 3, outputs: 2)
            let refused = await customer.post("train-models/s", ["model_parameters": Samples.linear])
            #expect(
                refused.status == 422 && refused.pointers == ["/model_parameters"]
                    && refused["detail"]?.string?.contains("(3)") == true)
            #expect(await customer.level("training_runs") == [0, 0])
            try await customer.train("s", Samples.dense)
        }
    }

    @Test(arguments: Engine.available)
    func `without datasets there is nothing to train on`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepare()
            let refused = await customer.post("train-models/s", ["model_parameters": Samples.linear])
            #expect(refused.status == 409 && refused.code == "dataset-not-ready")
            #expect(await customer.level("training_runs") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `training twice is a conflict, one after the other and at once, and the quota is taken once`(engine: Engine)
        async throws
    {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets()
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        await customer.post(
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
            #expect(await customer.post("train-models/s", ["model_parameters": Samples.linear]).status == 409)
            #expect(await customer.post("generate-datasets/s").status == 409)
            #expect(await customer.level("training_runs") == [0, 1])
            try await customer.requireBalance()
            // A file of a run that is under way stays.
            let file = try #require(await customer.get("csv-files/s")["files"]?[0]?["id"]?.string)
            #expect(await customer.delete("csv-files/\(file)").code == "training-in-progress")
            try await customer.app.runJobs()
            #expect(await customer.level("training_runs") == [1, 0])
            #expect(await customer.get("list-models-database/s")["data"]?["count"]?.integer == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a repeated key is the same run, charged once, also when it took the last unit`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets()
            for _ in 1...4 { try await customer.train() }
            let request: JSONValue = ["model_parameters": Samples.linear]
            let first = await customer.post("train-models/s", request, key: "order-1")
            #expect(first.status == 202)
            #expect(await customer.post("train-models/s", request, key: "order-1")["run_id"] == first["run_id"])
            let other = await customer.post("train-models/s", ["model_parameters": Samples.dense], key: "order-1")
            #expect(other.status == 409 && other.code == "operation-conflict")
            try await customer.app.runJobs()
            let again = await customer.post("train-models/s", request, key: "order-1")
            #expect(again.status == 202 && again["run_id"] == first["run_id"])
            let refused = await customer.post("train-models/s", request, key: "order-2")
            #expect(
                refused.status == 403 && refused["error"]?.string == "Training limit reached"
                    && refused["current_usage"]?.integer == 5)
            #expect(await customer.level("training_runs") == [5, 0])
            try await customer.app.runJobs()
            #expect(await customer.get("list-models-database/s")["data"]?["count"]?.integer == 5)
            // A key belongs to its meter: generating under it is another operation.
            #expect(await customer.post("generate-datasets/s", key: "order-1", prefer: "respond-async").status == 202)
        }
    }

    @Test(arguments: Engine.available)
    func `training that fails costs nothing and leaves nothing`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets()
            let array = try #require(customer.filesOnDisk().first { $0.hasSuffix("inputs.npy") })
            try FileManager.default.removeItem(at: customer.root.appending(path: array))
            let before = customer.filesOnDisk()
            try await customer.require(202, await customer.post("train-models/s", ["model_parameters": Samples.linear]))
            for _ in 1...4 {
                try await customer.app.runJobs()
                customer.app.clock.advance(by: .minutes(1))
            }
            let status = await customer.get("status/s")
            #expect(
                status["status"]?.string == "failed" && status["error"]?.string?.contains("/") == false, "\(status)")
            #expect(await customer.level("training_runs") == [0, 0])
            #expect(await customer.get("results/s").code == "results-not-found")
            #expect(await customer.get("session/s")["workflow_phase"]?.string == "phase2")
            #expect(customer.filesOnDisk() == before)
            #expect(try await customer.audited("run.failed") == 1)
            // Made anew, they can be trained on.
            try await customer.generate()
            try await customer.train()
            #expect(await customer.level("training_runs") == [1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a test part that is empty fails the run and costs nothing`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets()
            let split: JSONValue = ["trainPercentage": 100, "valPercentage": 0, "testPercentage": 0]
            try await customer.require(
                202,
                await customer.post("train-models/s", ["model_parameters": Samples.linear, "training_split": split]))
            try await customer.app.runJobs()
            let status = await customer.get("status/s")
            #expect(
                status["status"]?.string == "failed" && status["error"]?.string?.contains("test part") == true,
                "\(status)")
            #expect(await customer.level("training_runs") == [0, 0])
            #expect(customer.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `training that is called off before it begins costs nothing`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepareDatasets()
            #expect(await customer.post("cancellation/s").code == "results-not-found")
            try await customer.require(202, await customer.post("train-models/s", ["model_parameters": Samples.linear]))
            let cancelled = await customer.post("cancellation/s")
            #expect(
                cancelled.status == 200 && cancelled["status"]?.string == "cancelled"
                    && cancelled["completed_at"] != nil)
            #expect(await customer.level("training_runs") == [0, 0])
            #expect(await customer.post("cancellation/s").status == 404)
            try await customer.app.runJobs()
            #expect(await customer.level("training_runs") == [0, 0])
            #expect(await customer.get("list-models-database/s")["data"]?["count"]?.integer == 0)
            #expect(await customer.get("session/s")["workflow_phase"]?.string == "phase2")
            #expect(try await customer.audited("run.cancelled") == 1)
            customer.app.clock.advance(by: .seconds(1))
            try await customer.train()
        }
    }

    @Test(arguments: Engine.available)
    func `training that is called off while it runs costs nothing and leaves nothing`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withCustomer(engine, trouble: trouble) { customer in
            try await customer.prepareDatasets()
            let before = customer.filesOnDisk()
            let request: JSONValue = ["model_parameters": Samples.endless, "training_split": Samples.withoutValidation]
            try await customer.require(202, await customer.post("train-models/s", request))
            // The first write once the run has begun is its progress: it goes through after the cancellation, and hears of it.
            let cancellation = Once()
            trouble.beforeWrites {
                guard await customer.get("status/s")["status"]?.string == "running", cancellation.take() else { return }
                trouble.beforeWrites(nil)
                let asked = await customer.post("cancellation/s")
                #expect(asked.status == 200 && asked["status"]?.string == "running")
                #expect(await customer.level("training_runs") == [0, 1])
            }
            try await customer.app.runJobs()
            #expect(cancellation.isTaken)
            let status = await customer.get("status/s")
            #expect(status["status"]?.string == "cancelled", "\(status)")
            #expect(await customer.level("training_runs") == [0, 0])
            #expect(await customer.get("list-models-database/s")["data"]?["count"]?.integer == 0)
            #expect(customer.filesOnDisk() == before)
        }
    }

    @Test func `the same seed makes the same bytes, another makes others`() async throws {
        try await withCustomer(.sqlite) { customer in
            try await customer.prepareDatasets()
            var models: [[UInt8]] = []
            for seed: JSONValue in [7, 7, 8] {
                try await customer.train("s", ["MODE": "Dense", "LAY": 2, "N": 8, "EP": 3, "seed": seed])
                models.append(await customer.get("download-model-h5/s").bytes)
            }
            #expect(models[0] == models[1])
            #expect(models[0] != models[2])
        }
    }
}

/// Something that only the first who asks for it gets.
final class Once: Sendable {
    private let taken = Mutex(false)
    var isTaken: Bool { taken.withLock { $0 } }
    func take() -> Bool {
        taken.withLock { taken in
            defer { taken = true }
            return !taken
        }
    }
}
