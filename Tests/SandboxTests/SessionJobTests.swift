import App
import Base
import Modules
import TestKit
import Testing

/// The recurring jobs of sessions: expiry, count, deletion. Each may run twice.
@Suite struct SessionJobTests {
    @Test(arguments: Engine.available)
    func `an expired session is marked, its readers get one notice, and it is cleaned up`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session(["ttl_hours": 1])
            let lasting = try await fixture.session(["ttl_hours": 24])
            fixture.app.clock.advance(by: .minutes(61))
            for _ in 0..<3 {
                try await fixture.app.runJobs()
                fixture.app.clock.advance(by: .minutes(5))
            }
            let token = try await fixture.signIn()
            let view = await fixture.get("sandbox/sessions/\(id)", token: token)
            #expect(view["state"] == "expired" && view["is_active"] == false)
            #expect(view["time_remaining_minutes"] == 0 && view["clean_up"] == "done")
            #expect(await fixture.get("sandbox/sessions/\(lasting)", token: token)["is_active"] == true)
            let messages = try await fixture.renewed(token).log(id)
            let notices = messages.filter { $0["log_type"] == "SYSTEM" && $0["level"] == "WARNING" }
            #expect(notices.count == 1)
            let text = try #require(notices.first?["message"]?.string)
            #expect(text.contains("expired") && text.contains("cleaned"))
            #expect(messages.contains { $0["type"] == "status" && $0["data"]?["state"] == "expired" })
            #expect(try await fixture.count("audit_events WHERE action = 'sandbox-session.expired'") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `the count sends the state of each active session to its readers`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let (first, second) = (try await fixture.session(), try await fixture.session())
            try await fixture.app.runJobs()
            fixture.app.clock.advance(by: .minutes(10))
            try await fixture.app.runJobs()
            for session in [first, second] {
                let statuses = try await fixture.log(session).filter { $0["type"] == "status" }
                let last = try #require(statuses.last)
                #expect(last["data"]?["active_sessions_count"] == 2)
                #expect(last["data"]?["time_remaining_minutes"] == 110)
                #expect(last["data"]?["session_id"] == .string(session))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `sessions that ended ninety days ago are deleted with their logs`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session()
            #expect(await fixture.post("sandbox/sessions/\(id)/evaluate").status == 200)
            #expect(await fixture.delete("sandbox/sessions/\(id)").status == 200)
            try await fixture.app.runJobs()
            fixture.app.clock.advance(by: .days(89))
            try await fixture.app.runJobs()
            #expect(try await fixture.count("sandbox_sessions") == 1)
            fixture.app.clock.advance(by: .days(2))
            try await fixture.app.runJobs()
            for table: SQL in ["sandbox_sessions", "sandbox_actions", "sandbox_savings", "topics"] {
                #expect(try await fixture.count(table) == 0)
            }
        }
    }

    @Test func `the intervals are settings, told at the start and to administrators`() async throws {
        try await withSandbox(
            .sqlite,
            change: {
                $0.sandboxExpiryInterval = .minutes(7)
                $0.sandboxCountInterval = .minutes(9)
                $0.experimentArchiveCron = "30 3 * * *"
            }
        ) { fixture in
            let administrator = try await fixture.app.administrator()
            let ready = await fixture.app.call("GET", "/ready", token: administrator.token)
            #expect(ready["sandbox_expire_minutes"] == 7 && ready["sandbox_count_minutes"] == 9)
            #expect(ready["experiment_archive_cron"] == "30 3 * * *")
            #expect(await fixture.app.call("GET", "/ready")["sandbox_expire_minutes"] == nil)
        }
    }
}

extension SandboxFixture {
    /// The same fixture with another access token.
    func renewed(_ token: String) -> SandboxFixture {
        var renewed = self
        renewed.token = token
        return renewed
    }
}
