import App
import Base
import Modules
import TestKit
import Testing

/// The numbers of the assistant's use, for analysts.
@Suite struct AnalyticsTests {
    @Test(arguments: Engine.available)
    func `turns are counted by hour, model and project, for analysts alone`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let analyst = try await assistant.token(of: "analyst")
            let created = await assistant.post("/v1/projects", ["name": "App"])
            let project = try #require(created["id"]?.string)
            let session = try await assistant.session(["project_id": .string(project)])
            #expect(await assistant.chat("One", ["session_id": .string(session)]).status == 200)
            assistant.app.clock.advance(by: .hours(2))
            #expect(await assistant.chat("Two", ["session_id": .string(session)]).status == 200)
            #expect(await assistant.chat("Three").status == 200)
            let other = try await assistant.app.subscriber("student", "other")
            #expect(await assistant.chat("Four", as: other).status == 200)

            for path in ["usage", "tokens", "tools", "timeseries", "sessions/\(session)"] {
                let refused = await assistant.get("/v1/analytics/\(path)")
                #expect(refused.status == 403 && refused.code == "insufficient-role", "\(path): \(refused)")
            }
            let usage = await assistant.get("/api/analytics/usage", token: analyst)
            #expect(usage["totals"]?["turns"] == 4 && usage["totals"]?["sessions"] == 1, "\(usage)")
            #expect(usage["totals"]?["messages"] == 4 && usage["totals"]?["errors"] == 0, "\(usage)")
            #expect(usage["models"]?[0]?["model"] == "echo" && usage["retention_days"] == 30, "\(usage)")
            let organisation = assistant.person.organisation
            let own = await assistant.get("/v1/analytics/usage?organisation_id=\(organisation)", token: analyst)
            #expect(own["totals"]?["turns"] == 3, "\(own)")
            let ofProject = await assistant.get("/v1/analytics/usage?project_id=\(project)", token: analyst)
            #expect(ofProject["totals"]?["turns"] == 2, "\(ofProject)")
            let statistics = await assistant.get("/v1/sessions/stats")
            #expect(own["totals"]?["total_tokens"] == statistics["total_tokens"], "\(own)")

            let profile = await assistant.get("/v1/user/profile")
            #expect(profile["session_count"] == 1 && profile["message_count"] == 4, "\(profile)")
            #expect(profile["token_usage"] == statistics["total_tokens"])

            // The first turn was two hours ago.
            let hour = await assistant.get("/v1/analytics/tokens?period=hour&project_id=\(project)", token: analyst)
            let day = await assistant.get("/v1/analytics/tokens?period=day&project_id=\(project)", token: analyst)
            let (recent, all) = (hour["total_tokens"]?.integer ?? 0, day["total_tokens"]?.integer ?? 0)
            #expect(recent > 0 && recent < all, "\(hour) \(day)")
            #expect(day["prompt_tokens"]?.integer ?? 0 > 0 && day["total_cost"] != nil, "\(day)")

            let analysed = await assistant.get("/v1/analytics/sessions/\(session)", token: analyst)
            #expect(analysed["turn_count"] == 2 && analysed["project_id"] == .string(project), "\(analysed)")
            #expect(analysed["token_timeline"]?.array?.count == 2, "\(analysed)")
            #expect(analysed["token_timeline"]?[0]?["state"] == "completed" && !analysed.text.contains("One"))
            let unknown = "/v1/analytics/sessions/00000000-0000-7000-8000-00000000dead"
            #expect(await assistant.get(unknown, token: analyst).code == "assistant-session-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `a series has a point for each period, until its retention ends`(engine: Engine) async throws {
        try await withAssistant(engine, change: { $0.analyticsRetentionDays = 10 }) { assistant in
            let analyst = try await assistant.token(of: "analyst")
            // The first run of the schedules sets their next times.
            try await assistant.app.runJobs()
            let first = assistant.app.clock.now
            #expect(await assistant.chat("One").status == 200)
            assistant.app.clock.advance(by: .days(3))
            for _ in 0..<2 { _ = try await assistant.session() }
            func series(_ query: String) async -> [Int64] {
                let path = "/v1/analytics/timeseries?start_date=\(first)&\(query)"
                let answer = await assistant.get(path, token: analyst)
                return answer["points"]?.array?.compactMap { $0["value"]?.integer } ?? [Int64(answer.status)]
            }
            #expect(await series("metric=sessions&period=day") == [0, 0, 0, 2])
            let tokens = await series("metric=tokens&period=day")
            #expect(tokens.count == 4 && tokens[0] > 0 && tokens[1...] == [0, 0, 0], "\(tokens)")
            #expect(await series("metric=sessions&period=hour").count == 73)
            #expect(await series("metric=sessions&period=week").reduce(0, +) == 2)
            #expect(await series("metric=sessions&period=month").reduce(0, +) == 2)
            #expect(await series("metric=sessions&period=hour&end_date=2099-01-01T00:00:00Z") == [422])
            #expect(await series("metric=sessions&end_date=1999-01-01T00:00:00Z") == [422])
            #expect(await series("metric=people") == [422])

            assistant.app.clock.advance(by: .days(8))
            try await assistant.app.runJobs()
            let usage = await assistant.get("/v1/analytics/usage", token: analyst)
            #expect(usage["totals"]?["turns"] == 0 && usage["totals"]?["sessions"] == 2, "\(usage)")
        }
    }

    @Test(arguments: Engine.available)
    func `the tools that were used most come first, with their servers`(engine: Engine) async throws {
        try await withAssistant(engine) { assistant in
            let analyst = try await assistant.token(of: "analyst")
            #expect(await assistant.get("/v1/analytics/tools", token: analyst)["tools"] == [])
            let day: Int64 = 86_400_000_000
            let today = assistant.app.clock.now.microseconds / day * day
            let uses: [(days: Int64, tool: String, server: String, count: Int64, failures: Int64)] = [
                (0, "search", "a", 3, 1), (1, "search", "b", 5, 1), (0, "read", "", 2, 0), (8, "old", "a", 100, 0),
            ]
            let organisation = assistant.person.organisation
            for use in uses {
                try await assistant.app.app.database.write { transaction in
                    try transaction.execute(
                        """
                        INSERT INTO assistant_tool_usage (starts_at, organisation_id, tool_name, server_name,
                            invocations, failures, timed, duration_micros)
                        VALUES (\(today - use.days * day), \(organisation), \(use.tool), \(use.server), \(use.count),
                            \(use.failures), \(use.count), \(use.count * 20_000))
                        """
                    )
                }
            }
            let tools = await assistant.get("/v1/analytics/tools", token: analyst)["tools"]
            #expect(tools?.array?.count == 2 && tools?[0]?["tool_name"] == "search", "\(tools ?? .null)")
            #expect(tools?[0]?["invocations"] == 8 && tools?[0]?["servers"] == ["a", "b"], "\(tools ?? .null)")
            #expect(tools?[0]?["success_rate"] == 0.75 && tools?[0]?["average_duration_ms"] == 20)
            #expect(tools?[1]?["tool_name"] == "read" && tools?[1]?["servers"] == [], "\(tools ?? .null)")
            let other = try await assistant.app.register("other")
            let none = await assistant.get(
                "/v1/analytics/tools?organisation_id=\(other.organisation)", token: analyst)
            #expect(none["tools"] == [], "\(none)")
        }
    }

    @Test func `developers see the health of the parts and the settings, without secrets`() async throws {
        try await withAssistant(.sqlite, change: { $0.metricsToken = "a token that is not shown" }) { assistant in
            let developer = try await assistant.token(of: "developer")
            let paths = ["debug/info", "debug/health/detailed", "debug/config", "debug/metrics", "monitoring/metrics"]
            for path in paths {
                #expect(await assistant.get("/v1/\(path)").code == "insufficient-role", "\(path)")
                let answer = await assistant.get("/v1/\(path)", token: developer)
                #expect(answer.status == 200, "\(path): \(answer)")
                #expect(!answer.text.contains("a token that is not shown"))
            }
            let health = await assistant.get("/v1/debug/health/detailed", token: developer)
            let parts = (health["components"]?.array ?? []).map {
                "\($0["name"]?.string ?? ""): \($0["status"]?.string ?? "")"
            }
            #expect(
                Set(parts) == [
                    "database: healthy", "jobs: healthy", "filesystem: healthy", "redis: not_configured",
                    "models: not_configured", "clock: healthy",
                ], "\(health)")
            #expect(health["overall"] == "healthy")
            #expect(await assistant.get("/v1/debug/metrics", token: developer).text.contains("# TYPE gatehouse_"))
        }
    }
}

extension AssistantFixture {
    fileprivate func get(_ path: String, token: String) async -> TestResponse {
        await app.call("GET", path, token: token)
    }

    /// - Returns: an access token of an account with a role that an administrator gives.
    fileprivate func token(of role: String) async throws -> String {
        let (account, administrator) = (try await app.register(role), try await app.administrator())
        let changed = await app.call(
            "PATCH", "/v1/auth/users/\(account.id)", json: ["role": .string(role)], token: administrator.token)
        guard changed.status == 200 else { throw UnexpectedResponse(changed) }
        let signedIn = await app.call(
            "POST", "/v1/auth/login",
            json: ["email": .string(account.email), "password": .string(account.password)])
        guard let token = signedIn["access_token"]?.string else { throw UnexpectedResponse(signedIn) }
        return token
    }
}
