import App
import Base
import Modules
import TestKit
import Testing

/// Decisions by the built-in tables, and what they leave behind.
@Suite struct EvaluationTests {
    @Test(arguments: Engine.available)
    func `an evaluation decides, is logged, and records an action and savings`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session()
            let decided = await fixture.post("sandbox/sessions/\(id)/evaluate")
            #expect(decided.status == 200, "\(decided)")
            #expect(decided["decision"] == "STAY" && decided["action_taken"] == "none")
            #expect(decided["aws_signal"] == "NONE" && decided["source"] == "builtin")
            // A price below 0.05 USD has a risk of 0.30 and 0.15 more: 0.096 × 0.40 × 0.9 = 0.03456.
            #expect(decided["crash_probability"]?.number == 0.45)
            #expect(decided["projected_hourly_savings"]?.number == 0.06144)
            #expect(decided["projected_hourly_savings_micros"] == 61_440)

            let types = Set(try await fixture.log(id).compactMap { $0["log_type"]?.string })
            #expect(types.isSuperset(of: ["SETUP", "SCRAPER", "LOGIC", "OVERRIDE", "ACTION", "SUCCESS"]))
            let actions = await fixture.get("sandbox/sessions/\(id)/actions").json.array
            #expect(actions?.count == 1)
            #expect(actions?.first?["action_type"] == "MONITORING" && actions?.first?["status"] == "SUCCESS")
            #expect(actions?.first?["details"]?.string?.hasPrefix("STAY: ") == true)

            // Ten minutes at a difference of 0.06144 USD.
            fixture.app.clock.advance(by: .minutes(10))
            let savings = await fixture.get("sandbox/sessions/\(id)/savings")
            #expect(savings["cumulative_savings_micros"] == 10_240, "\(savings)")
            #expect(savings["hourly_breakdown"]?.array?.count == 1)
            #expect(savings["hourly_breakdown"]?.array?.first?["timestamp"] == "2026-01-31T12:00:00Z")
            #expect(savings["hourly_breakdown"]?.array?.first?["spot_price"]?.number == 0.03456)
            #expect(savings["hourly_breakdown"]?.array?.first?["on_demand_price"]?.number == 0.096)
            #expect(savings["hourly_breakdown"]?.array?.first?["savings_micros"] == 10_240)
        }
    }

    @Test(arguments: Engine.available)
    func `a signal of the owner has the last word`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session()
            for (signal, decision) in [
                ("REBALANCE_RECOMMENDATION", "DRAIN"), ("INSTANCE_TERMINATION", "EVACUATE"), ("NONE", "STAY"),
            ] {
                let set = await fixture.post("sandbox/sessions/\(id)/signals", ["signal": .string(signal)])
                #expect(set.status == 200 && set["aws_signal"] == .string(signal), "\(set)")
                let decided = await fixture.post("sandbox/sessions/\(id)/evaluate")
                #expect(decided["decision"] == .string(decision) && decided["aws_signal"] == .string(signal))
            }
            #expect(await fixture.post("sandbox/sessions/\(id)/signals", ["signal": "SOON"]).status == 422)
            #expect(try await fixture.lines(id, "OVERRIDE").contains { $0.contains("INSTANCE_TERMINATION") })
        }
    }

    @Test(arguments: Engine.available)
    func `of two evaluations at once one runs, and a stopped one delays the next for three minutes`(engine: Engine)
        async throws
    {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session()
            try await fixture.database.write { transaction in
                let end = transaction.now + .minutes(3)
                try transaction.execute(
                    "UPDATE sandbox_sessions SET evaluation_id = 'other', evaluating_until = \(end)")
            }
            let refused = await fixture.post("sandbox/sessions/\(id)/evaluate")
            #expect(refused.status == 409 && refused.code == "evaluation-in-progress", "\(refused)")
            fixture.app.clock.advance(by: .minutes(3))
            #expect(await fixture.post("sandbox/sessions/\(id)/evaluate").status == 200)
            #expect(await fixture.post("sandbox/sessions/\(id)/evaluate").status == 200)
        }
    }

    /// 410 follows the time, not the job that marks the session.
    @Test(arguments: Engine.available)
    func `an expired session is gone`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session(["ttl_hours": 1])
            fixture.app.clock.advance(by: .hours(1))
            let token = try await fixture.signIn()
            let response = await fixture.post("sandbox/sessions/\(id)/evaluate", token: token)
            #expect(response.status == 410 && response.code == "session-expired", "\(response)")
            #expect(await fixture.get("sandbox/sessions/\(id)", token: token)["is_active"] == false)
        }
    }

    @Test func `in the mode of clusters all pools are candidates`() async throws {
        try await withSandbox(.sqlite, change: { $0.decisionEngineMode = .production }) { fixture in
            let pool: JSONValue = ["instance_type": "m5.xlarge", "availability_zone": "ap-south-1b"]
            let response = await fixture.post("evaluate", pool)
            #expect(response.status == 200, "\(response)")
            #expect(response["decision"] == "SWITCH" && response["source"] == "builtin")
            #expect((response["candidates_evaluated"]?.integer ?? 0) > 1_000)
            #expect(response["selected_candidate"]?["instance_type"] != "m5.xlarge")
        }
    }

    @Test(arguments: Engine.available)
    func `a pool is evaluated by the built-in tables`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let response = await fixture.post(
                "evaluate", ["instance_type": "m5.large", "availability_zone": "ap-south-1a"])
            #expect(response.status == 200, "\(response)")
            #expect(response["decision"] == "STAY" && response["source"] == "builtin")
            #expect(response["candidates_evaluated"] == 1)
            #expect(response["selected_candidate"]?["instance_type"] == "m5.large")
            #expect(response["selected_candidate"]?["availability_zone"] == "ap-south-1a")
            #expect(response["execution_time_ms"]?.number != nil)
            for body: JSONValue in [
                ["instance_type": "m5.unknown", "availability_zone": "ap-south-1a"],
                ["instance_type": "m5.large", "availability_zone": "nowhere"],
                ["instance_type": "m5.large", "availability_zone": "ap-south-1a", "instance_id": "x"],
            ] {
                #expect(await fixture.post("evaluate", body).status == 422)
            }
        }
    }
}
