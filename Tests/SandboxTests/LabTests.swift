import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// Models, configurations, experiments and their archives.
@Suite struct LabTests {
    private static let instance = "i-0123456789abcdef0"

    @Test(arguments: Engine.available)
    func `a data scientist assigns a model, and each run is logged and compared`(engine: Engine) async throws {
        try await withSandbox(engine) { member in
            var fixture = member
            let id = try await fixture.session()
            let models = try #require(await fixture.get("lab/models").json.array)
            #expect(models.map { $0["version"] } == ["v2.1.0", "v2.2.0-beta"])
            #expect(models.map { $0["is_experimental"] } == [false, true])
            #expect(models.allSatisfy { $0["name"] == "FamilyStressPredictor" })
            let beta = try #require(models.last?["id"]?.string)

            var configuration = await fixture.get("lab/config/\(Self.instance)")
            #expect(configuration["pipeline_mode"] == "CLUSTER_FULL" && configuration["enable_bin_packing"] == true)
            #expect(configuration["assigned_model_id"] == .null && configuration["assigned_model_version"] == .null)
            var status = await fixture.get("lab/pipeline-status/\(Self.instance)")
            #expect(status["bin_packing"]?["status"] == "active")
            #expect(status["execution"]?["description"] == "Kubernetes drain")

            let body: JSONValue = ["instance_id": .string(Self.instance), "model_id": .string(beta)]
            let refused = await fixture.post("lab/assign-model", body)
            #expect(refused.status == 403 && refused.code == "insufficient-role", "\(refused)")
            fixture = try await fixture.become("lab")
            let assigned = await fixture.post("lab/assign-model", body)
            #expect(
                assigned.json == [
                    "status": "updated", "mode": "Lab Experiment Active", "instance_id": .string(Self.instance),
                    "model_id": .string(beta),
                ], "\(assigned)")

            configuration = await fixture.get("lab/config/\(Self.instance)")
            #expect(configuration["pipeline_mode"] == "SINGLE_LINEAR")
            #expect(configuration["assigned_model_version"] == "v2.2.0-beta")
            #expect(configuration["enable_bin_packing"] == false && configuration["enable_right_sizing"] == false)
            #expect(configuration["aws_region"] == "ap-south-1")
            status = await fixture.get("lab/pipeline-status/\(Self.instance)")
            for stage in ["bin_packing", "right_sizing"] {
                #expect(status[stage] == ["status": "disabled", "description": "bypassed"])
            }
            #expect(status["execution"]?["description"] == "Atomic switch")
            #expect(status["ml_inference"]?["model_id"] == .string(beta))

            // Zone c is the cheapest: the pipeline decides to switch, and only logs it.
            let decided = await fixture.post("sandbox/sessions/\(id)/evaluate")
            #expect(decided["decision"] == "SWITCH" && decided["action_taken"] == "logged", "\(decided)")
            #expect(decided["selected_candidate"]?["availability_zone"] == "ap-south-1c")
            fixture.app.clock.advance(by: .seconds(1))
            let held = await fixture.post(
                "evaluate",
                [
                    "instance_type": "c5.large", "availability_zone": "ap-south-1c",
                    "instance_id": .string(Self.instance),
                ])
            #expect(held["decision"] == "STAY", "\(held)")

            let runs = try #require(await fixture.get("lab/experiments/\(Self.instance)").json.array)
            #expect(runs.map { $0["decision"] } == ["HOLD", "SWITCH"])
            #expect(runs.allSatisfy { $0["model_version"] == "v2.2.0-beta" })
            #expect(runs.last?["projected_savings"]?.number == decided["projected_hourly_savings"]?.number)
            #expect(await fixture.get("lab/experiments/\(Self.instance)?limit=1").json.array?.count == 1)
            let totals = await fixture.get("lab/experiments/model/\(beta)")
            #expect(totals["total_predictions"] == 2 && totals["switch_rate"]?.number == 0.5)
            #expect(totals["average_score"]?.number == 0.45)
            #expect(totals["total_savings"] == decided["projected_hourly_savings"])
        }
    }

    @Test(arguments: Engine.available)
    func `unknown models and instances are 404, and a configuration is set by query or body`(engine: Engine)
        async throws
    {
        try await withSandbox(engine) { member in
            var fixture = member
            fixture = try await fixture.become("lab")
            for path in ["lab/config/\(Self.instance)", "lab/pipeline-status/x", "lab/experiments/\(Self.instance)"] {
                let response = await fixture.get(path)
                #expect(response.status == 404 && response.code == "instance-not-found", "\(response)")
            }
            #expect(await fixture.get("lab/experiments/model/x").code == "lab-model-not-found")
            let production = await fixture.get("lab/models").json.array?.first?["id"] ?? .null
            let body: JSONValue = ["instance_id": .string(Self.instance), "model_id": production]
            #expect(await fixture.post("lab/assign-model", body).code == "instance-not-found")

            let changed = await fixture.put(
                "lab/config/\(Self.instance)?pipeline_mode=CLUSTER_FULL&enable_right_sizing=false")
            #expect(changed.status == 200 && changed["status"] == "updated", "\(changed)")
            #expect(changed["config"]?["enable_right_sizing"] == false)
            #expect(changed["config"]?["enable_bin_packing"] == true)
            #expect(await fixture.get("lab/config/\(Self.instance)").json == changed["config"])
            #expect(await fixture.put("lab/config/\(Self.instance)?pipeline_mode=OTHER").status == 422)
            #expect(await fixture.put("lab/config/x").status == 422)
            let unknown: JSONValue = ["instance_id": .string(Self.instance), "model_id": "x"]
            #expect(await fixture.post("lab/assign-model", unknown).code == "lab-model-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `an organisation has at most ten thousand configurations, also by sessions`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            _ = try await fixture.session()
            let organisation = fixture.person.organisation
            try await fixture.database.write { transaction in
                try transaction.execute(
                    """
                    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9999)
                    INSERT INTO lab_instances (organisation_id, instance_id, pipeline_mode, enable_bin_packing,
                        enable_right_sizing, enable_family_stress, aws_region, created_at, updated_at)
                    SELECT organisation_id, 'i-' || n, pipeline_mode, enable_bin_packing, enable_right_sizing,
                        enable_family_stress, aws_region, created_at, updated_at
                    FROM lab_instances, numbers WHERE organisation_id = \(organisation)
                    """
                )
            }
            let refused = await fixture.create(["instance_id": "i-0123456789abcdef1"])
            #expect(refused.status == 409 && refused.code == "conflict", "\(refused)")
            #expect(try await fixture.count("sandbox_sessions") == 1)
            #expect(await fixture.create().status == 201, "an instance with a configuration")
        }
    }

    @Test(arguments: Engine.available)
    func `a run of another pool, or by a member without the role, is not logged`(engine: Engine) async throws {
        try await withSandbox(engine) { member in
            var fixture = member
            _ = try await fixture.session()
            func pool(_ type: String, _ zone: String) -> JSONValue {
                [
                    "instance_type": .string(type), "availability_zone": .string(zone),
                    "instance_id": .string(Self.instance),
                ]
            }
            fixture = try await fixture.become("lab")
            #expect(await fixture.put("lab/config/\(Self.instance)?pipeline_mode=SINGLE_LINEAR").status == 200)
            for (type, zone, pointer) in [
                ("m5.large", "ap-south-1b", "/instance_type"), ("c5.large", "us-east-1a", "/availability_zone"),
            ] {
                let refused = await fixture.post("evaluate", pool(type, zone))
                #expect(refused.status == 422, "\(refused)")
                #expect(refused["errors"]?.array?.first?["pointer"] == .string(pointer))
            }
            let guest = try await fixture.app.register("guest")
            try await fixture.join(guest)
            let decided = await fixture.call("POST", "evaluate", pool("c5.large", "ap-south-1b"), as: guest)
            #expect(decided.status == 200, "\(decided)")
            #expect(try await fixture.count("lab_experiments") == 0)
            #expect(await fixture.post("evaluate", pool("c5.large", "ap-south-1b")).status == 200)
            #expect(try await fixture.count("lab_experiments") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `experiments of more than ninety days are moved to a file that administrators download`(engine: Engine)
        async throws
    {
        try await withSandbox(engine) { member in
            var fixture = member
            fixture = try await fixture.become("lab")
            #expect(await fixture.put("lab/config/\(Self.instance)?pipeline_mode=SINGLE_LINEAR").status == 200)
            let pool: JSONValue = [
                "instance_type": "c5.large", "availability_zone": "ap-south-1a", "instance_id": .string(Self.instance),
            ]
            for _ in 0..<3 {
                #expect(await fixture.post("evaluate", pool).status == 200)
                fixture.app.clock.advance(by: .seconds(1))
            }
            try await fixture.app.runJobs()
            fixture.app.clock.advance(by: .days(60))
            var later = fixture.renewed(try await fixture.signIn())
            #expect(await later.post("evaluate", pool).status == 200)
            try await fixture.app.runJobs()
            #expect(try await fixture.count("lab_experiments") == 4)

            // A process that was killed has left a file without a row.
            let folder = URL(filePath: fixture.app.app.configuration.dataFolder)
                .appending(path: "files/sandbox/experiments")
            let orphan = folder.appending(path: "00000000-0000-7000-8000-000000000001.ndjson")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data("half".utf8).write(to: orphan)

            fixture.app.clock.advance(by: .days(31))
            for _ in 0..<2 {
                try await fixture.app.runJobs()
                fixture.app.clock.advance(by: .days(1))
            }
            #expect(!FileManager.default.fileExists(atPath: orphan.path))
            later = fixture.renewed(try await fixture.signIn())
            #expect(await later.get("lab/experiments/\(Self.instance)").json.array?.count == 1)
            #expect(await later.get("lab/archives").status == 403)
            let administrator = try await fixture.app.administrator()
            let archives = try #require(
                await later.get("lab/archives", token: administrator.token).json.array)
            #expect(archives.count == 1 && archives.first?["rows"] == 3)
            let id = try #require(archives.first?["id"]?.string)
            let file = await later.get("lab/archives/\(id)", token: administrator.token)
            #expect(file.status == 200)
            let rows = try file.text.split(separator: "\n").map { try JSONValue(parsing: $0.utf8) }
            #expect(rows.count == 3)
            #expect(rows.allSatisfy { $0["instance_id"] == .string(Self.instance) })
            #expect(archives.first?["bytes"] == .integer(Int64(file.bytes.count)))
            let missing = "lab/archives/00000000-0000-7000-8000-000000000000"
            #expect(await later.get(missing, token: administrator.token).code == "archive-not-found")
        }
    }
}

extension SandboxFixture {
    /// Gives the account a role that no account can choose, which ends its sessions.
    /// - Returns: the fixture with a new access token.
    func become(_ role: String) async throws -> SandboxFixture {
        let administrator = try await app.administrator()
        let response = await app.call(
            "PATCH", "/v1/auth/users/\(person.id)", json: ["role": .string(role)], token: administrator.token)
        try #require(response.status == 200, "\(response)")
        return renewed(try await signIn())
    }
}
