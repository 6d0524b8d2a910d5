import App
import Base
import Identity
import Modules
import Secrets
import TestKit
import Testing

/// Sessions: their bodies, limits, owners and ends.
@Suite struct SandboxSessionTests {
    @Test(arguments: Engine.available)
    func `a session is created, read and ended with the documented bodies`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let created = await fixture.create()
            #expect(created.status == 201, "\(created)")
            let id = try #require(created["session_id"]?.string)
            #expect(id.utf8.count == 32)
            #expect(try #require(created["temp_username"]?.string).wholeMatch(of: /sandbox_user_[0-9]{4}/) != nil)
            #expect(try #require(created["temp_password"]?.string).utf8.count >= 22)
            #expect(created["expires_at"]?.string == (fixture.app.clock.now + .hours(2)).description)
            #expect(created["dashboard_url"]?.string == "/sandbox/\(id)")
            #expect(created["aws"] == "unavailable")

            fixture.app.clock.advance(by: .minutes(10))
            let view = await fixture.get("sandbox/sessions/\(id)")
            #expect(view.status == 200, "\(view)")
            #expect(view["is_active"] == true && view["time_remaining_minutes"] == 110)
            #expect(view["target_instance_id"] == "i-0123456789abcdef0")
            #expect(view["target_instance_type"] == "c5.large")
            #expect(view["target_availability_zone"] == "ap-south-1b")
            #expect(view["temp_password"] == nil)
            #expect(await fixture.get("sandbox/sessions")["total"] == 1)

            let ended = await fixture.delete("sandbox/sessions/\(id)")
            #expect(ended.status == 200, "\(ended)")
            #expect(ended["original_instance_id"] == "i-0123456789abcdef0")
            #expect(ended["message"]?.string?.isEmpty == false)
            #expect(await fixture.get("sandbox/sessions/\(id)")["state"] == "ended")
            for response in [
                await fixture.delete("sandbox/sessions/\(id)"),
                await fixture.post("sandbox/sessions/\(id)/evaluate"),
                await fixture.post("sandbox/sessions/\(id)/signals", ["signal": "NONE"]),
            ] {
                #expect(response.status == 410 && response.code == "session-expired", "\(response)")
            }
            try await fixture.app.runJobs()
            #expect(await fixture.get("sandbox/sessions/\(id)")["clean_up"] == "done")
        }
    }

    @Test(arguments: Engine.available)
    func `the sixth active session is refused with the sentence of its clients`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            var sessions: [String] = []
            for _ in 0..<5 { sessions.append(try await fixture.session()) }
            let sixth = await fixture.create()
            #expect(sixth.status == 429, "\(sixth)")
            #expect(sixth.code == "concurrency-limit" && sixth["limit"] == 5)
            #expect(
                sixth["error"]?.string?.hasPrefix("Rate limit exceeded. Maximum 5 active sessions allowed.") == true)
            #expect(await fixture.delete("sandbox/sessions/\(sessions[0])").status == 200)
            #expect(await fixture.create().status == 201)

            // The time counts, whether or not a job has marked the sessions.
            fixture.app.clock.advance(by: .hours(2))
            let token = try await fixture.signIn()
            #expect(await fixture.post("sandbox/sessions", SandboxFixture.request(), token: token).status == 201)
        }
    }

    @Test(arguments: Engine.available)
    func `the five sessions are those of a person in all organisations`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            var organisations = [fixture.person.organisation]
            for name in ["One", "Two"] {
                let created = await fixture.post("organisations", ["name": .string(name)])
                organisations.append(try #require(created["id"]?.string, "\(created)"))
            }
            func create(in organisation: String) async -> TestResponse {
                await fixture.app.call(
                    "POST", "/v1/sandbox/sessions", json: SandboxFixture.request(), token: fixture.token,
                    headers: ["X-Organisation": organisation])
            }
            for index in 0..<5 { #expect(await create(in: organisations[index % 3]).status == 201) }
            for organisation in organisations {
                let refused = await create(in: organisation)
                #expect(refused.status == 429 && refused["limit"] == 5, "\(refused)")
            }
            // Another member of an organisation has their own five.
            let member = try await fixture.app.register("member")
            try await fixture.join(member)
            for _ in 0..<5 {
                let created = await fixture.call("POST", "sandbox/sessions", SandboxFixture.request(), as: member)
                #expect(created.status == 201, "\(created)")
            }
            let sixth = await fixture.call("POST", "sandbox/sessions", SandboxFixture.request(), as: member)
            #expect(sixth.status == 429, "\(sixth)")
        }
    }

    @Test(arguments: Engine.available)
    func `a file of plans without the entry default leaves the five sessions`(engine: Engine) async throws {
        let plans = "plans: [{ id: free, name: Free, start: anyone, file_mb: 1, storage_mb: 1 }]"
        try await withPlansFile(plans) { path in
            try await withSandbox(engine, change: { $0.plansFile = path }) { fixture in
                for _ in 0..<5 { _ = try await fixture.session() }
                let sixth = await fixture.create()
                #expect(sixth.status == 429 && sixth["limit"] == 5, "\(sixth)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `of ten requests at once on four active sessions exactly one is admitted`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            for _ in 0..<4 { _ = try await fixture.session() }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<10 { group.addTask { await fixture.create().status } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 201 }.count == 1)
            #expect(statuses.filter { $0 == 429 }.count == 9)
            #expect(try await fixture.count("sandbox_sessions WHERE state = 'active'") == 5)
        }
    }

    @Test(arguments: Engine.available)
    func `the profile counts active sessions, and sign-ins beside them`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            func counts() async -> [JSONValue?] {
                let profile = await fixture.get("auth/profile")
                return [profile["active_sessions_count"], profile["sign_in_count"]]
            }
            #expect(await counts() == [0, 1])
            let session = try await fixture.session()
            #expect(await counts() == [1, 1])
            _ = try await fixture.session(["ttl_hours": 1])
            #expect(await counts() == [2, 1])
            #expect(await fixture.delete("sandbox/sessions/\(session)").status == 200)
            #expect(await counts() == [1, 1])
        }
    }

    @Test(arguments: Engine.available)
    func `sessions of another organisation do not exist`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let id = try await fixture.session()
            let other = try await fixture.app.register("other")
            let base = "sandbox/sessions/\(id)"
            for path in [base, "\(base)/actions", "\(base)/savings"] {
                #expect(await fixture.get(path, token: other.token).status == 404)
            }
            #expect(await fixture.post("\(base)/evaluate", token: other.token).status == 404)
            #expect(await fixture.post("\(base)/signals", ["signal": "NONE"], token: other.token).status == 404)
            #expect(await fixture.app.call("DELETE", "/v1/\(base)", token: other.token).status == 404)
            #expect(await fixture.get("sandbox/sessions", token: other.token)["total"] == 0)
            #expect(await fixture.get("lab/config/i-0123456789abcdef0", token: other.token).status == 404)
            let topic = try #require(await fixture.get(base)["log_topic"]?.string)
            #expect(await fixture.get("realtime/topics/\(topic)", token: other.token).status == 404)
            #expect(await fixture.get(base)["is_active"] == true)
        }
    }

    @Test(
        arguments: [
            ("instance_type", "c5.enormous"), ("availability_zone", "ap-south-1"), ("availability_zone", "us-east-1a"),
            ("availability_zone", "ap-south-1z"),
            ("aws_region", "moon-east-1"), ("aws_region", "ap-south-1.example.org"), ("instance_id", "vm-1"),
            ("instance_id", "i-0123456789ABCDEF0"), ("aws_access_key", "short"),
            ("aws_secret_key", "with space and so on"),
            ("ttl_hours", -1), ("ttl_hours", 0), ("ttl_hours", 25), ("ttl_hours", 9_000_000_000_000),
        ] as [(String, JSONValue)])
    func `a request with an invalid member is refused, and nothing is created`(member: String, value: JSONValue)
        async throws
    {
        try await withSandbox(.sqlite) { fixture in
            let response = await fixture.create([member: value])
            #expect(response.status == 422, "\(response)")
            #expect(response["errors"]?.array?.first?["pointer"] == .string("/\(member)"))
            #expect(!response.text.contains("with space"))
            let count = try await fixture.count("sandbox_sessions")
            #expect(count == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `credentials are stored sealed and are in no response, log line or audit row`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            let created = await fixture.create()
            let id = try #require(created["session_id"]?.string)
            let password = try #require(created["temp_password"]?.string)
            _ = await fixture.post("sandbox/sessions/\(id)/evaluate")
            let texts = try await fixture.database.read { transaction in
                try ["sandbox_sessions", "sandbox_actions", "topic_messages", "audit_events", "jobs"].flatMap { table in
                    try transaction.all(SQL(trusted: "SELECT * FROM \(table)")).map { "\($0.values)" }
                }
            }
            #expect(!texts.isEmpty)
            let responses = [
                created.text, await fixture.get("sandbox/sessions/\(id)").text, "\(try await fixture.log(id))",
            ]
            for text in texts + responses + fixture.app.log.lines {
                #expect(!text.contains("AKIAIOSFODNN7EXAMPLE") && !text.contains(SandboxFixture.secret))
            }
            for text in texts + fixture.app.log.lines { #expect(!text.contains(password)) }
            for line in fixture.app.log.lines { #expect(!line.contains(id)) }
            // The key of the installation opens it: the format is that of Fernet.
            let sealed = try await fixture.database.read {
                try $0.first("SELECT aws_keys FROM sandbox_sessions") { try $0["aws_keys"] as String }
            }
            #expect(sealed?.hasPrefix("gAAAAA") == true)
        }
    }

    @Test func `stored credentials are opened by any of several Fernet keys`() async throws {
        func key(_ byte: UInt8) -> String { Base64URL.encode([UInt8](repeating: byte, count: 32)) + "=" }
        try await withSandbox(.sqlite, change: { $0.encryptionKey = key(7) }) { fixture in
            let id = try await fixture.session()
            let topic = try #require(await fixture.get("sandbox/sessions/\(id)")["log_topic"]?.string)
            let sealed = try await fixture.database.read {
                try $0.first("SELECT aws_keys FROM sandbox_sessions") { try $0["aws_keys"] as String }
            }
            let opened = try EncryptionKeys("\(key(8)),\(key(7))").fernet.open(try #require(sealed))
            let value = try JSONValue(parsing: opened.bytes)
            #expect(value["access"] == "AKIAIOSFODNN7EXAMPLE" && value["secret"] == .string(SandboxFixture.secret))
            // The format has no context: the value names its session.
            #expect(value["session"]?.string.map { "sandbox.\($0)" } == topic)
            #expect(throws: Fernet.Failure.self) { try EncryptionKeys(key(8)).fernet.open(sealed ?? "") }
        }
    }

    @Test(arguments: Engine.available)
    func `a closed account leaves no active session`(engine: Engine) async throws {
        try await withSandbox(engine) { fixture in
            for _ in 0..<2 { _ = try await fixture.session() }
            let closed = await fixture.app.call(
                "DELETE", "/v1/user/profile?confirm=true", token: fixture.token)
            #expect(closed.status == 200, "\(closed)")
            try await fixture.app.runJobs()
            #expect(try await fixture.count("sandbox_sessions WHERE state = 'ended' AND clean_up = 'done'") == 2)
            #expect(try await fixture.count("sandbox_sessions WHERE aws_keys IS NOT NULL") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a session belongs to its person, and owners of the organisation may see and end it`(engine: Engine)
        async throws
    {
        try await withSandbox(engine) { fixture in
            let (guest, colleague) = (
                try await fixture.app.register("guest"), try await fixture.app.register("colleague")
            )
            for member in [guest, colleague] { try await fixture.join(member) }
            let created = await fixture.call("POST", "sandbox/sessions", SandboxFixture.request(), as: guest)
            let id = try #require(created["session_id"]?.string, "\(created)")
            let base = "sandbox/sessions/\(id)"
            let topic = try #require(created["log_topic"]?.string)
            for (method, path) in [
                ("GET", base), ("GET", "\(base)/actions"), ("GET", "\(base)/savings"), ("POST", "\(base)/evaluate"),
                ("DELETE", base), ("GET", "realtime/topics/\(topic)"),
            ] {
                #expect(await fixture.call(method, path, as: colleague).status == 404, "\(method) \(path)")
            }
            #expect(await fixture.call("GET", "sandbox/sessions", as: colleague)["total"] == 0)
            #expect(await fixture.call("POST", "\(base)/evaluate", as: guest).status == 200)
            // Owners see it, and do not act with its credentials.
            #expect(await fixture.get(base)["is_active"] == true)
            #expect(await fixture.get("sandbox/sessions")["total"] == 1)
            #expect(await fixture.post("\(base)/evaluate").status == 404)
            #expect(await fixture.post("\(base)/signals", ["signal": "NONE"]).status == 404)
            #expect(await fixture.delete(base).status == 200)
            #expect(await fixture.call("GET", base, as: guest)["state"] == "ended")
        }
    }

    @Test(arguments: Engine.available)
    func `a removal and a suspension end the sessions of the person and delete the credentials`(engine: Engine)
        async throws
    {
        try await withSandbox(engine) { fixture in
            let (removed, suspended) = (
                try await fixture.app.register("removed"), try await fixture.app.register("suspended")
            )
            for member in [removed, suspended] {
                try await fixture.join(member)
                let created = await fixture.call("POST", "sandbox/sessions", SandboxFixture.request(), as: member)
                #expect(created.status == 201, "\(created)")
            }
            // A session in another organisation remains.
            let own = await fixture.post("sandbox/sessions", SandboxFixture.request(), token: removed.token)
            #expect(own.status == 201, "\(own)")
            let organisation = fixture.person.organisation
            let removal = await fixture.delete("organisations/\(organisation)/members/\(removed.id)")
            #expect(removal.status == 204, "\(removal)")
            let administrator = try await fixture.app.administrator()
            let suspension = await fixture.app.call(
                "PATCH", "/v1/auth/users/\(suspended.id)", json: ["is_active": false], token: administrator.token)
            #expect(suspension.status == 200, "\(suspension)")
            try await fixture.app.runJobs()
            let ended: SQL = "sandbox_sessions WHERE state = 'ended' AND clean_up = 'done' AND aws_keys IS NULL"
            #expect(try await fixture.count(ended + " AND organisation_id = \(organisation)") == 2)
            #expect(try await fixture.count("sandbox_sessions WHERE state = 'active'") == 1)
            let profile = await fixture.get("auth/profile", token: removed.token)
            #expect(profile["active_sessions_count"] == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a replacement without AWS or with Kubernetes is not configured, and nothing is created`(engine: Engine)
        async throws
    {
        try await withSandbox(engine) { fixture in
            for changes: [String: JSONValue] in [["actuate": true], ["actuate": true, "actuator": "kubernetes"]] {
                let response = await fixture.create(changes)
                #expect(response.status == 503 && response.code == "not-configured", "\(response)")
            }
            let count = try await fixture.count("sandbox_sessions")
            #expect(count == 0)
        }
    }
}

extension SandboxFixture {
    /// A new access token, after the first one has expired.
    func signIn() async throws -> String {
        let response = await app.call(
            "POST", "/v1/auth/login",
            json: ["email": .string(person.email), "password": .string(person.password)])
        return try #require(response["access_token"]?.string)
    }
}
