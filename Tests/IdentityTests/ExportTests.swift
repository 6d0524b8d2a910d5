import App
import Audit
import Base
import Foundation
import Modules
import Secrets
import TestKit
import Testing

@testable import Identity

@Suite struct ExportTests {
    @Test(arguments: Engine.available)
    func `an export is created once, announced by e-mail, downloaded by its link, and deleted after seven days`(
        engine: Engine
    )
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register("user")
            #expect(await app.call("GET", "/v1/user/export", token: person.token)["state"] == "none")
            let requested = await app.call("POST", "/v1/user/export", token: person.token)
            #expect(requested.status == 202)
            #expect(requested["state"] == "preparing")
            #expect(requested.headers["location"] == "/v1/user/export")
            let again = await app.call("POST", "/v1/user/export", token: person.token)
            #expect(again["id"] == requested["id"])
            let mail = try #require(try await app.mail(to: person.email).first { $0.subject == "Your data is ready" })
            let view = await app.call("GET", "/v1/user/export", token: person.token)
            #expect(view["state"] == "ready")
            let link = try #require(view["link"]?.string)
            #expect(mail.link == link)
            let path = String(link.trimmingPrefix(/https?:\/\/[^\/]+/))
            let token = try #require(path.split(separator: "/").last.map(String.init))
            #expect(try #require(Base64URL.decode(token)).count >= 16)

            let fetched = await app.call("GET", path)
            #expect(fetched.status == 200)
            #expect(fetched.headers["content-type"] == "application/zip")
            #expect(Int64(fetched.bytes.count) == view["bytes"]?.integer)
            #expect(try ZipFile(fetched.bytes).entries["manifest.json"] != nil)
            // The token is stored as a hash and encrypted.
            let stored = try await app.app.database.read {
                try $0.all("SELECT token_hash, sealed_token, file_name FROM privacy_exports").map { "\($0.values)" }
            }
            #expect(stored.count == 1 && !stored[0].contains(token) && stored[0].contains(Digest.hex(token)))
            #expect(await app.call("GET", "/v1/user/export/\(token.dropLast())x").status == 404)
            #expect(try await app.auditCount("export.requested") == 1)
            #expect(try await app.auditCount("export.ready") == 1)
            #expect(try await app.auditCount("export.fetched") == 1)

            app.clock.advance(by: Export.lifetime - .seconds(1))
            #expect(await app.call("GET", path).status == 200)
            app.clock.advance(by: .seconds(1))
            #expect(await app.call("GET", path).status == 404)
            app.clock.advance(by: .hours(2))
            try await app.runJobs()
            #expect(try app.files("exports").isEmpty)
            #expect(
                try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM privacy_exports") } == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `one export a day is prepared, and one is ready`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(400) }) { app in
            let person = try await app.register("user")
            let first = await app.call("POST", "/v1/user/export", token: person.token)
            try await app.runJobs()
            let link = try #require(await app.call("GET", "/v1/user/export", token: person.token)["link"]?.string)
            let path = String(link.trimmingPrefix(/https?:\/\/[^\/]+/))
            app.clock.advance(by: .hours(1))
            let refused = await app.call("POST", "/v1/user/export", token: person.token)
            #expect(refused.status == 429 && refused.code == "export-too-soon", "\(refused)")
            #expect(refused.headers["retry-after"] == "82800")
            #expect(
                refused["next_at"]?.string == (app.clock.now + .hours(23)).description)
            #expect(try await app.auditCount("export.requested") == 1)
            #expect(try app.files("exports").count == 1)
            #expect(try await app.mail(to: person.email).count { $0.subject == "Your data is ready" } == 1)
            // Another person has a day of their own.
            let other = try await app.register("other")
            #expect(await app.call("POST", "/v1/user/export", token: other.token).status == 202)

            app.clock.advance(by: .hours(23))
            let second = await app.call("POST", "/v1/user/export", token: person.token)
            #expect(second.status == 202 && second["id"] != first["id"])
            // The earlier one can be downloaded until the new one replaces it.
            #expect(await app.call("GET", path).status == 200)
            try await app.runJobs()
            #expect(await app.call("GET", path).status == 404)
            #expect(await app.call("GET", "/v1/user/export", token: person.token)["id"] == second["id"])
            #expect(
                try await app.app.database.read {
                    try $0.count(
                        """
                        SELECT COUNT(*) AS count FROM privacy_exports
                        WHERE person_id = \(person.id) AND state = 'ready' AND expires_at > \(app.clock.now)
                        """)
                } == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a link ends with the password, the address and the account, and does not count for the next export then`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            for way in ["sign-out", "change", "reset", "forced reset", "address", "suspension", "closing"] {
                let person = try await app.register()
                let password = JSONValue.string(person.password)
                _ = await app.call("POST", "/v1/user/export", token: person.token)
                try await app.runJobs()
                let view = await app.call("GET", "/v1/user/export", token: person.token)
                let path = String(try #require(view["link"]?.string).trimmingPrefix(/https?:\/\/[^\/]+/))
                #expect(await app.call("GET", path).status == 200)
                let response: TestResponse? =
                    switch way {
                    case "sign-out": await app.call("POST", "/v1/auth/logout", token: person.token)
                    case "change":
                        await app.call(
                            "POST", "/v1/auth/change-password",
                            json: ["current_password": password, "new_password": "another good password"],
                            token: person.token)
                    case "reset":
                        await app.call(
                            "POST", "/v1/auth/reset-password",
                            json: [
                                "token": .string(try await app.resetChallenge(person).token),
                                "new_password": "another good password",
                            ])
                    case "forced reset":
                        await app.call(
                            "PATCH", "/v1/auth/users/\(person.id)", json: ["force_password_reset": true],
                            token: administrator.token)
                    case "address":
                        await app.call(
                            "POST", "/v1/auth/change-email",
                            json: ["new_email": .string("new-\(person.email)"), "password": password],
                            token: person.token)
                    case "suspension":
                        await app.call(
                            "PATCH", "/v1/auth/users/\(person.id)", json: ["is_active": false],
                            token: administrator.token)
                    default: await app.call("DELETE", "/v1/user/profile?confirm=true", token: person.token)
                    }
                #expect(response?.status == 200, "\(way): \(String(describing: response))")
                if way == "address" {
                    #expect(await app.call("GET", path).status == 200, "until the new address is verified")
                    let token = try #require(try await app.mail(to: "new-\(person.email)").last?.token)
                    #expect(await app.verify(token: token).status == 200)
                }
                let fetched = await app.call("GET", path)
                #expect(fetched.status == (way == "sign-out" ? 200 : 404), "\(way): \(fetched)")
                guard ["change", "address"].contains(way) else { continue }
                #expect(await app.call("GET", "/v1/user/export", token: person.token)["state"] == "none")
                // The latest export is the one with the latest time.
                app.clock.advance(by: .seconds(1))
                let next = await app.call("POST", "/v1/user/export", token: person.token)
                #expect(next.status == 202 && next["state"] == "preparing", "\(way): \(next)")
                try await app.runJobs()
                let link = await app.call("GET", "/v1/user/export", token: person.token)["link"]?.string ?? ""
                #expect(await app.call("GET", String(link.trimmingPrefix(/https?:\/\/[^\/]+/))).status == 200)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an export contains the data of the account, and the manifest has the hash of every entry`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let registration: JSONValue = [
                "email": "User@example.org", "password": .string(TestApp.password), "username": "testuser",
                "full_name": "Test User",
                "phone": "+44 1",
                "organization": "Test Organisation",
            ]
            let response = await app.call(
                "POST", "/v1/auth/register", json: registration, headers: ["User-Agent": "test-agent"],
                address: "198.51.100.7")
            let token = try #require(response["access_token"]?.string)
            _ = await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: token)
            _ = await app.call("POST", "/v1/training/init-session", json: ["sessionId": "s"], token: token)
            let csv = Array(
                (["UTC;value"] + (0..<50).map { "\(Instant(seconds: 1_262_304_000 + Int64($0) * 3_600));\($0 % 24)" })
                    .joined(separator: "\n").utf8)
            let form = multipart(
                [("metadata", #"{"sessionId":"s","fileName":"engine.csv","type":"input"}"#)],
                file: ("file", "engine.csv", csv))
            let upload = await app.call("POST", "/v1/training/instant-upload", body: form, token: token)
            #expect(upload.status == 201, "\(upload)")
            let other = try await app.register("other")

            let zip = try await app.exported(token)
            let account = try zip.json("data/account.json")
            #expect(account.array?.count == 1)
            #expect(account.array?.first?["email"] == "User@example.org")
            #expect(account.array?.first?["phone"] == "+44 1")
            #expect(account.array?.first?["created_at"] == .string(app.clock.now.description))
            #expect(try zip.json("data/organisations.json").array?.first?["name"] == "Test Organisation")
            #expect(try zip.json("data/memberships.json").array?.first?["role"] == "owner")
            #expect(try zip.json("data/sessions.json").array?.first?["user_agent"] == "test-agent")
            #expect(try zip.json("data/sessions.json").array?.first?["address"] == "198.51.100.7")
            #expect(try zip.json("data/subscriptions.json").array?.first?["plan_id"] == "free")
            #expect(try zip.json("data/usage.json").array?.first?["meter"] == "uploads")
            #expect(try zip.json("data/training-files.json").array?.first?["name"] == "engine.csv")
            #expect(try zip.json("data/audit.json").array?.contains { $0["action"] == "account.created" } == true)
            #expect(
                zip.entries.contains {
                    $0.key.hasPrefix("files/training/") && $0.value.sha256 == Hex.encode(Digest.sha256(csv))
                })

            let manifest = try zip.json("manifest.json")
            let listed = try #require(manifest["entries"]?.array)
            #expect(
                Set(listed.compactMap { $0["name"]?.string }) == Set(zip.entries.keys).subtracting(["manifest.json"]))
            for entry in listed {
                let stored = try #require(zip.entries[entry["name"]?.string ?? ""])
                #expect(entry["sha256"]?.string == stored.sha256)
                #expect(entry["bytes"]?.integer == stored.bytes)
            }
            // No data of other accounts and no secret of this one.
            for entry in zip.entries.values {
                for secret in [other.email, other.id.text, "password_hash", "$2b$", "sealed", TestApp.password] {
                    #expect(entry.text?.contains(secret) != true)
                }
            }
        }
    }

    @Test(arguments: Engine.available) func `an export with more rows than a page contains each row once`(
        engine: Engine
    )
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let count = 1_234
            try await app.app.database.write { [audit = app.app.audit.service] transaction in
                for index in 0..<count {
                    try audit.record(
                        AuditEvent("test.created", actor: person.id.text, subject: "\(10_000 + index)"), in: transaction
                    )
                }
            }
            let rows = try #require(try await app.exported(person.token).json("data/audit.json").array)
            let created = rows.filter { $0["action"] == "test.created" }.compactMap { $0["subject"]?.string }
            #expect(created.sorted() == (0..<count).map { "\(10_000 + $0)" })
        }
    }

    @Test(arguments: Engine.available)
    func `whichever statement fails, one export is ready after a retry, and no other file remains`(engine: Engine)
        async throws
    {
        let outage = UnavailableDatabase.Switch()
        // The access token outlives the minutes that the failures take.
        try await withTestApp(
            engine, databaseWrapper: outage.wrap, change: { $0.accessTokenLifetime = .hours(12) }
        ) { app in
            let person = try await app.register()
            try await app.runJobs()
            /// The next export can be requested a day after the last one.
            func allowAnother() async throws {
                try await app.app.database.write {
                    try $0.execute("UPDATE privacy_exports SET requested_at = requested_at - \(86_400_000_000)")
                }
            }
            let failed = try await outage.failEachStatement { _ in
                #expect(await app.call("POST", "/v1/user/export", token: person.token).code != "token-expired")
                try await app.runJobs()
            } check: { _ in
                app.clock.advance(by: .minutes(1))
                try await app.runJobs()
                let preparing = try await app.app.database.read {
                    try $0.count("SELECT COUNT(*) AS count FROM privacy_exports WHERE state = 'preparing'")
                }
                #expect(preparing == 0)
                try await allowAnother()
            }
            #expect(failed > 5)
            try await allowAnother()
            #expect(await app.call("POST", "/v1/user/export", token: person.token).status == 202)
            app.clock.advance(by: .hours(2))
            try await app.runJobs()
            app.clock.advance(by: .hours(2))
            try await app.runJobs()
            #expect(try app.files("exports").count == 1)
        }
    }
}

extension TestApp {
    /// Requests an export, runs its job and downloads it.
    func exported(_ token: String) async throws -> ZipFile {
        let requested = await call("POST", "/v1/user/export", token: token)
        guard requested.status == 202 else { throw UnexpectedResponse(requested) }
        try await runJobs()
        let view = await call("GET", "/v1/user/export", token: token)
        guard let link = view["link"]?.string else { throw UnexpectedResponse(view) }
        return try ZipFile(await call("GET", String(link.trimmingPrefix(/https?:\/\/[^\/]+/))).bytes)
    }

    func auditCount(_ action: String) async throws -> Int64 {
        try await app.database.read {
            try $0.count("SELECT COUNT(*) AS count FROM audit_events WHERE action = \(action)")
        }
    }

    /// The files below a folder of the file store.
    func files(_ folder: String) throws -> [String] {
        let root = "\(app.configuration.dataFolder)/files/\(folder)"
        guard let entries = FileManager.default.enumerator(atPath: root) else { return [] }
        return entries.compactMap { $0 as? String }.filter {
            FileManager.default.contents(atPath: "\(root)/\($0)") != nil
        }
    }
}
