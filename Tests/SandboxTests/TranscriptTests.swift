import App
import Base
import Modules
import NIOCore
import SpotDecisions
import TestKit
import Testing

@testable import Sandbox

/// What the clients of the spot optimizer send, in their spelling of the paths, and the members that they read.
@Suite struct TranscriptTests {
    private static let instance = "i-0123456789abcdef0"

    @Test(arguments: Engine.available)
    func `an account is registered, signed in, shown and verified with the members of its clients`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            #expect(await app.call("GET", "/health").status == 200)
            let account: JSONValue = [
                "email": "ana@example.org", "username": "ana", "password": "a-long-and-winding-road",
                "full_name": "Ana Example",
            ]
            let registered = await app.call("POST", "/api/v1/auth/register", json: account)
            #expect(registered.status == 201)
            let signedIn = await app.call(
                "POST", "/api/v1/auth/login",
                json: ["email": "ana@example.org", "password": "a-long-and-winding-road"])
            for response in [registered, signedIn] {
                try response.requireMembers("access_token", "token_type", "user")
                #expect(response["token_type"] == "bearer")
                try response.requireMembers("id", "email", "username", "full_name", "role", of: "user")
                #expect(response["user"]?["full_name"] == "Ana Example" && response["user"]?["role"] == "user")
            }
            #expect(await app.call("POST", "/api/v1/auth/register", json: account).status == 409)
            #expect(await app.call("POST", "/api/v1/auth/register", json: ["email": "x"]).status == 422)
            let wrong = await app.call(
                "POST", "/api/v1/auth/login", json: ["email": "ana@example.org", "password": "a-wrong-password"])
            #expect(wrong.status == 401, "\(wrong)")

            let token = try #require(signedIn["access_token"]?.string)
            let profile = await app.call("GET", "/api/v1/auth/profile", token: token)
            try profile.requireMembers(
                "id", "email", "username", "full_name", "role", "is_active", "created_at", "active_sessions_count")
            #expect(profile["is_active"] == true && profile["active_sessions_count"] == 0)
            let verified = await app.call("GET", "/api/v1/auth/verify", token: token)
            #expect(verified["valid"] == true)
            try verified.requireMembers("id", "email", "role", of: "user")
            for path in ["profile", "verify"] {
                #expect(await app.call("GET", "/api/v1/auth/\(path)", token: "not-a-token").status == 401)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a session has the members of its clients until it is deleted`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let created = await fixture.create()
            try created.requireMembers("session_id", "temp_username", "temp_password", "expires_at", "dashboard_url")
            let path = "sandbox/sessions/\(try #require(created["session_id"]?.string))"
            try await fixture.get(path).requireMembers(
                "session_id", "is_active", "expires_at", "target_instance_id", "target_instance_type",
                "target_availability_zone", "created_at", "time_remaining_minutes")
            try await fixture.post("\(path)/evaluate").requireMembers(
                "decision", "reason", "crash_probability", "aws_signal", "projected_hourly_savings", "action_taken")

            let actions = try #require(await fixture.get("\(path)/actions").json.array)
            let members: Set = ["timestamp", "action_type", "status", "details"]
            #expect(actions.count == 1 && actions.allSatisfy { members.isSubset(of: ($0.object ?? [:]).keys) })
            fixture.app.clock.advance(by: .minutes(10))
            let savings = await fixture.get("\(path)/savings")
            try savings.requireMembers("cumulative_savings", "hourly_breakdown")
            let hour = try #require(savings["hourly_breakdown"]?.array?.first?.object)
            #expect(Set(["timestamp", "spot_price", "on_demand_price", "savings"]).isSubset(of: hour.keys))

            let ended = await fixture.delete(path)
            #expect(Set((ended.json.object ?? [:]).keys) == ["message", "original_instance_id"])
            #expect(await fixture.post("\(path)/evaluate").status == 410)
            for method in ["GET", "DELETE"] {
                let unknown = await fixture.app.call(
                    method, "/api/v1/sandbox/sessions/unknown", token: fixture.token)
                #expect(unknown.status == 404, "\(method): \(unknown)")
            }
            #expect(await fixture.post("sandbox/sessions/unknown/evaluate").status == 404)
        }
    }

    @Test func `an evaluation without a price has every member, and null for what is not known`() throws {
        let outcome = DecisionEngine(.test()).decide(
            DecisionInput(
                .instance(SpotPool("c5.large", "ap-south-1b")), candidates: [], source: .aws,
                time: try #require(Instant("2026-01-31T12:00:00Z"))))
        for (payload, name) in [
            (try SessionEvaluation(outcome, .none).encoded(), "action_taken"),
            (try PoolEvaluation(outcome, milliseconds: 1).encoded(), "execution_time_ms"),
        ] {
            let value = try JSONValue(parsing: Array(buffer: payload))
            #expect(value["decision"] == "UNKNOWN")
            #expect(value["crash_probability"] == .null && value["selected_candidate"] == .null)
            #expect(value["reason"]?.string?.isEmpty == false && value[name] != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `the lab has the members of its clients`(engine: Engine) async throws {
        try await withSandbox(engine) { member in
            var fixture = member
            let id = try await fixture.session()
            fixture = try await fixture.become("lab")
            let models = try #require(await fixture.get("lab/models").json.array)
            let members: Set = [
                "id", "name", "version", "description", "is_experimental", "is_active", "created_at",
            ]
            #expect(models.count == 2 && models.allSatisfy { members.isSubset(of: ($0.object ?? [:]).keys) })

            let path = "lab/pipeline-status/\(Self.instance)"
            let stages = ["scraper", "safe_filter", "bin_packing", "right_sizing", "ml_inference", "execution"]
            for (mode, inactive) in [("CLUSTER_FULL", []), ("SINGLE_LINEAR", ["bin_packing", "right_sizing"])] {
                let changed = await fixture.put("lab/config/\(Self.instance)?pipeline_mode=\(mode)")
                #expect(Set((changed.json.object ?? [:]).keys) == ["status", "config"], "\(changed)")
                let status = await fixture.get(path)
                #expect(status["instance_id"] == .string(Self.instance))
                #expect(status["pipeline_mode"] == .string(mode))
                for stage in stages {
                    try status.requireMembers("status", "description", of: stage)
                    let expected = inactive.contains(stage) ? "disabled" : "active"
                    #expect(status[stage]?["status"]?.string == expected, "\(mode) \(stage)")
                }
                try status.requireMembers("model_id", of: "ml_inference")
            }
            try await fixture.get("lab/config/\(Self.instance)").requireMembers(
                "instance_id", "pipeline_mode", "assigned_model_id", "assigned_model_version", "enable_bin_packing",
                "enable_right_sizing", "enable_family_stress", "aws_region")

            let pool: JSONValue = [
                "instance_type": "c5.large", "availability_zone": "ap-south-1b", "instance_id": .string(Self.instance),
            ]
            let evaluated = await fixture.post("evaluate", pool)
            try evaluated.requireMembers(
                "decision", "reason", "crash_probability", "aws_signal", "execution_time_ms", "candidates_evaluated",
                "selected_candidate")
            try evaluated.requireMembers(
                "instance_type", "availability_zone", "spot_price", "crash_probability", of: "selected_candidate")
            let run = try #require(
                await fixture.get("lab/experiments/\(Self.instance)?limit=50").json.array?.first?.object)
            let ofRun: Set = [
                "id", "instance_id", "model_version", "prediction_score", "decision", "execution_time",
                "execution_duration_ms", "projected_savings",
            ]
            #expect(ofRun.isSubset(of: run.keys), "\(run.keys.sorted())")
            let model = try #require(run["model_id"]?.string)
            try await fixture.get("lab/experiments/model/\(model)").requireMembers(
                "model_id", "total_predictions", "switch_rate", "average_score", "total_savings")
            #expect(await fixture.get("sandbox/sessions/\(id)").status == 200)
        }
    }
}

extension TestResponse {
    /// - Parameter member: an object of the body whose members they are; the body itself by default.
    fileprivate func requireMembers(_ names: String..., of member: String? = nil) throws {
        let object = member.map { self[$0]?.object ?? [:] } ?? json.object ?? [:]
        let missing = names.filter { object[$0] == nil }
        #expect(missing.isEmpty, "\(missing) of \(self)")
    }
}
