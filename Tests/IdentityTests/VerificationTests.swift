import App
import Base
import Modules
import Secrets
import Synchronization
import TestKit
import Testing

@testable import Identity

@Suite struct VerificationTests {
    @Test(arguments: Engine.available)
    func `the link of the registration verifies the address once and calls the subscribers`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine, change: { $0.frontendURL = "https://app.example/pages" }) { app in
            let calls = Mutex<[String]>([])
            app.app.identity.events.onEmailVerified { person, organisation, transaction in
                // Called in the transaction that verifies the address.
                let isVerified =
                    try transaction.count(
                        "SELECT COUNT(*) AS count FROM people WHERE id = \(person) AND email_verified_at IS NOT NULL")
                    == 1
                calls.withLock { $0.append("\(person) \(organisation) \(isVerified)") }
            }
            let person = try await app.register(isVerified: false)
            let emails = try await app.mail(to: person.email)
            #expect(emails.count == 1)
            #expect(emails[0].text.contains("https://app.example/pages/verify-email?token"))
            let mailed = try await app.verificationChallenge(person)
            #expect(try await app.isVerified(person) == false)
            #expect(await app.call("GET", "/v1/auth/me", token: person.token)["email_verified"] == false)

            let response = await app.verify(token: mailed.token)
            #expect(response.status == 200)
            #expect(
                response.json == [
                    "success": true, "already_verified": false, "message": "The address is verified",
                    "email": .string(person.email),
                ])
            #expect(await app.call("GET", "/v1/auth/me", token: person.token)["is_verified"] == true)
            #expect(calls.withLock { $0 } == ["\(person.id) \(person.organisation) true"])
            #expect(
                try await app.audited("email.verified") == [
                    AuditRow(
                        action: "email.verified", outcome: "success", actor: person.id.text, subject: person.id.text,
                        details: "{}")
                ])

            for response in [await app.verify(token: mailed.token), await app.verify(person.email, code: mailed.code)] {
                #expect(response.status == 400)
                #expect(response.code == "proof-used")
            }
            #expect(calls.withLock { $0.count } == 1)
            #expect(
                try await app.audited("email.verified", "failure").map(\.subject) == [person.id.text, person.id.text])
        }
    }

    @Test(arguments: Engine.available)
    func `the code verifies the address too, and neither is stored in plain text`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            let mailed = try await app.verificationChallenge(person)
            let stored = try await app.app.database.read { transaction in
                try ["challenges", "outbox", "jobs", "audit_events", "people"].flatMap {
                    try transaction.all(SQL(trusted: "SELECT * FROM \($0)"))
                }
            }
            let text = stored.map { "\($0.values)" }.joined()
            #expect(text.contains(person.email))
            #expect(!text.contains(mailed.token))
            #expect(!text.contains("\"\(mailed.code)\""))
            #expect(!text.contains(Digest.hex(mailed.code)))

            #expect(
                await app.verify(person.email.uppercased(), code: " \(mailed.code.prefix(3)) \(mailed.code.suffix(3)) ")
                    .status == 200)
            #expect(try await app.isVerified(person))
            #expect(await app.verify(token: mailed.token).code == "proof-used")
        }
    }

    @Test(arguments: Engine.available)
    func `links are valid for a day and codes for ten minutes, by the time of the database`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (early, late, quick, slow) = (
                try await app.register("early", isVerified: false), try await app.register("late", isVerified: false),
                try await app.register("quick", isVerified: false),
                try await app.register("slow", isVerified: false)
            )
            let (earlyMail, lateMail) = (
                try await app.verificationChallenge(early), try await app.verificationChallenge(late)
            )
            let (quickMail, slowMail) = (
                try await app.verificationChallenge(quick), try await app.verificationChallenge(slow)
            )
            app.clock.advance(by: Challenge.codeLifetime - .microseconds(1))
            #expect(await app.verify(quick.email, code: quickMail.code).status == 200)
            app.clock.advance(by: .microseconds(1))
            #expect(await app.verify(slow.email, code: slowMail.code).code == "invalid-proof")
            app.clock.advance(by: .hours(24) - Challenge.codeLifetime - .microseconds(1))
            #expect(await app.verify(token: earlyMail.token).status == 200)
            app.clock.advance(by: .microseconds(1))
            let response = await app.verify(token: lateMail.token)
            #expect(response.status == 400)
            #expect(response["error"] == "Invalid or expired verification token")
            #expect(try await app.isVerified(late) == false)
            #expect(try await app.isVerified(slow) == false)
        }
    }

    @Test(arguments: Engine.available)
    func `a code allows five attempts, and the link stays valid`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            let mailed = try await app.verificationChallenge(person)
            for _ in 0..<Challenge.triesPerCode {
                let response = await app.verify(person.email, code: wrong(mailed.code))
                #expect(response.status == 400)
                #expect(response.code == "invalid-proof")
                #expect(response["error"] == "Invalid or expired code")
            }
            #expect(await app.verify(person.email, code: mailed.code).code == "invalid-proof")
            #expect(try await app.count("SELECT tries AS count FROM challenges") == Int64(Challenge.triesPerCode))
            #expect(try await app.isVerified(person) == false)
            #expect(
                try await app.audited("email.verified").map(\.outcome)
                    == Array(repeating: "failure", count: Challenge.triesPerCode + 1))
            #expect(await app.verify(token: mailed.token).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent attempts are counted, and concurrent uses of a link succeed once`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            let mailed = try await app.verificationChallenge(person)
            await withTaskGroup { group in
                for _ in 0..<12 { group.addTask { _ = await app.verify(person.email, code: wrong(mailed.code)) } }
            }
            #expect(try await app.count("SELECT tries AS count FROM challenges") == Int64(Challenge.triesPerCode))

            let other = try await app.register("other", isVerified: false)
            let link = try await app.verificationChallenge(other).token
            let codes = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<8 { group.addTask { await app.verify(token: link).code } }
                return await group.reduce(into: [String?]()) { $0.append($1) }
            }
            #expect(codes.count { $0 == nil } == 1)
            #expect(codes.count { $0 == "proof-used" } == 7)
            #expect(try await app.audited("email.verified", "success").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `the number of attempts a day is bounded, also with new codes`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            var seen = [try await app.verificationChallenge(person)]
            func requestChallenge() async throws -> MailedChallenge {
                _ = await app.call("POST", "/v1/auth/resend-verification", json: ["email": .string(person.email)])
                let new = try #require(
                    try await app.challenges("verify-email", to: person.email).first { !seen.contains($0) })
                seen.append(new)
                return new
            }
            var last = seen[0]
            // Every attempt of each code is used, until the bound of the day.
            while seen.count * Challenge.triesPerCode <= Challenge.triesPerDay {
                for _ in 0..<Challenge.triesPerCode { _ = await app.verify(person.email, code: wrong(last.code)) }
                app.clock.advance(by: .minutes(20))
                last = try await requestChallenge()
            }
            #expect(await app.verify(person.email, code: last.code).code == "invalid-proof")
            // The link stays valid meanwhile; codes are accepted again on the next day.
            app.clock.advance(by: .days(1))
            let fresh = try await requestChallenge()
            #expect(await app.verify(person.email, code: fresh.code).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a challenge is valid for its account and its purpose only`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (
                try await app.register("user", isVerified: false), try await app.register("other", isVerified: false)
            )
            let (verification, reset) = (
                try await app.verificationChallenge(person), try await app.resetChallenge(person)
            )
            #expect(await app.verify(other.email, code: verification.code).code == "invalid-proof")
            #expect(await app.verify("unknown@example.org", code: verification.code).code == "invalid-proof")
            if reset.code != verification.code {
                #expect(await app.verify(person.email, code: reset.code).code == "invalid-proof")
            }
            #expect(await app.verify(token: reset.token).code == "invalid-proof")
            let misused = await app.call(
                "POST", "/v1/auth/reset-password",
                json: ["token": .string(verification.token), "new_password": "another good password"]
            )
            #expect(misused.code == "invalid-proof")
            #expect(try await app.isVerified(person) == false)
            #expect(try await app.isVerified(other) == false)
            #expect(await app.signIn(person).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a request for another e-mail has the same response for every address`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, verified) = (
                try await app.register(isVerified: false), try await app.register("verified", isVerified: false)
            )
            _ = await app.verify(token: try await app.verificationChallenge(verified).token)
            let suspended = try await app.register("suspended")
            try await app.app.identity.accounts.suspend(suspended.id)
            let first = try await app.verificationChallenge(person)
            app.clock.advance(by: .minutes(2))
            let headers = ["X-Request-ID": "the-same-request"]
            for path in ["resend-verification", "forgot-password"] {
                var responses: [TestResponse] = []
                for email in [person.email, verified.email, suspended.email, "unknown@example.org", person.email] {
                    responses.append(
                        await app.call("POST", "/v1/auth/\(path)", json: ["email": .string(email)], headers: headers))
                }
                for response in responses {
                    #expect(response.status == 200)
                    #expect(response.bytes == responses[0].bytes)
                    #expect(response.comparableHeaders == responses[0].comparableHeaders)
                }
            }
            let mailed = try await app.challenges("verify-email", to: person.email)
            #expect(mailed.count == 2)
            #expect(try await app.challenges("verify-email", to: verified.email).count == 1)
            #expect(try await app.challenges("reset-password", to: verified.email).count == 1)
            #expect(try await app.mail(to: suspended.email).count == 1)
            #expect(try await app.mail(to: "unknown@example.org").isEmpty)
            #expect(
                try await app.audited("email.verification-requested").map(\.outcome).sorted() == [
                    "refused", "refused", "refused", "refused", "success",
                ])
            #expect(
                try await app.audited("password.reset-requested").map(\.outcome).sorted() == [
                    "refused", "refused", "refused", "success", "success",
                ])
            // An earlier challenge is as valid as the newest; one of them can be used.
            #expect(await app.verify(token: first.token).status == 200)
            let other = try #require(mailed.first { $0 != first })
            #expect(await app.verify(token: other.token).code == "proof-used")
        }
    }

    @Test(arguments: Engine.available)
    func `an address gets at most one e-mail a minute and five an hour`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            func request() async {
                _ = await app.call("POST", "/v1/auth/forgot-password", json: ["email": .string(person.email)])
            }
            func count() async throws -> Int { try await app.challenges("reset-password", to: person.email).count }
            await withTaskGroup { group in
                for _ in 0..<8 { group.addTask { await request() } }
            }
            #expect(try await count() == 1)
            for _ in 0..<10 {
                app.clock.advance(by: Challenge.pause)
                await request()
            }
            #expect(try await count() == Challenge.mailsPerHour)
            app.clock.advance(by: .hours(1))
            await request()
            #expect(try await count() == Challenge.mailsPerHour + 1)
            // Old challenges are pruned.
            app.clock.advance(by: Challenge.kept + .days(2))
            try await app.runJobs()
            #expect(try await app.count("SELECT COUNT(*) AS count FROM challenges") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a request that sends no e-mail executes the same statements for every address`(_ engine: Engine) async throws
    {
        let counting = Mutex<FaultyDatabase?>(nil)
        let wrapper: @Sendable (any Database) -> any Database = { database in
            let counted = FaultyDatabase(database, failingAt: nil)
            counting.withLock { $0 = counted }
            return counted
        }
        try await withTestApp(engine, databaseWrapper: wrapper) { app in
            let database = try #require(counting.withLock { $0 })
            let person = try await app.register(isVerified: false)
            let suspended = try await app.register("suspended")
            try await app.app.identity.accounts.suspend(suspended.id)
            for path in ["resend-verification", "forgot-password"] {
                func statements(_ email: String) async -> Int {
                    let before = database.statementCount
                    let json: JSONValue = ["email": .string(email)]
                    #expect(await app.call("POST", "/v1/auth/\(path)", json: json).status == 200)
                    return database.statementCount - before
                }
                _ = await statements(person.email)
                // The account has reached its limit: one e-mail a minute.
                let known = await statements(person.email)
                for other in [suspended.email, "unknown@example.org", "unknown+1@example.org"] {
                    #expect(await statements(other) == known, "\(path) \(other)")
                }
            }
            #expect(try await app.mail(to: "unknown@example.org").isEmpty)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM challenges") == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `a recipient gets five e-mails an hour from concurrent changes of address, whatever its sub-address`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            var people: [TestPerson] = []
            for _ in 0..<12 { people.append(try await app.register()) }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for (index, person) in people.enumerated() {
                    group.addTask {
                        await app.call(
                            "POST", "/v1/auth/change-email",
                            json: [
                                "new_email": .string("victim\(index % 2 == 0 ? "" : "+\(index)")@example.net"),
                                "password": .string(person.password),
                            ], token: person.token
                        ).status
                    }
                }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 200 }.count == Challenge.mailsPerHour, "\(statuses)")
            #expect(statuses.filter { $0 == 429 }.count == people.count - Challenge.mailsPerHour)
            var mails = try await app.mail(to: "victim@example.net").count
            for index in stride(from: 1, to: 12, by: 2) {
                mails += try await app.mail(to: "victim+\(index)@example.net").count
            }
            #expect(mails == Challenge.mailsPerHour)
        }
    }

    @Test(arguments: Engine.available)
    func `an error of a subscriber rolls the verification back`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            struct Refused: Error {}
            let accepts = Mutex(false)
            app.app.identity.events.onEmailVerified { _, _, _ in if !accepts.withLock({ $0 }) { throw Refused() } }
            let person = try await app.register(isVerified: false)
            let token = try await app.verificationChallenge(person).token
            #expect(await app.verify(token: token).status == 500)
            #expect(try await app.isVerified(person) == false)
            #expect(try await app.audited("email.verified").isEmpty)
            accepts.withLock { $0 = true }
            #expect(await app.verify(token: token).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `changing the address requires the password and takes effect when the new one is verified`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            let new = "new-\(person.email)"
            func requestChange(_ email: String, _ password: String = TestApp.password) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/change-email",
                    json: ["new_email": .string(email), "password": .string(password)], token: person.token)
            }
            #expect(await requestChange(new, "a wrong password").code == "wrong-password")
            #expect(await requestChange(person.email.uppercased()).pointers == ["/new_email"])
            #expect(try await app.count("SELECT COUNT(*) AS count FROM challenges WHERE purpose = 'change-email'") == 0)
            let reset = try await app.resetChallenge(person)

            // The address of another account: the response is the same, and no e-mail is sent.
            let taken = await requestChange(other.email)
            #expect(taken.status == 200)
            let tooSoon = await requestChange(other.email)
            #expect(tooSoon.status == 429)
            #expect(tooSoon.headers["retry-after"] == "60")
            #expect(try await app.mail(to: other.email).count == 1)

            app.clock.advance(by: Challenge.pause)
            let emailsBefore = try await app.mail(to: person.email).count
            let requested = await requestChange(new)
            #expect(requested.json == taken.json)
            let mailed = try await app.challenges("verify-email", to: new)
            #expect(mailed.count == 1)
            #expect(try await app.mail(to: person.email).count == emailsBefore + 1)
            #expect(await requestChange(new).status == 429)
            #expect(await app.call("GET", "/v1/auth/me", token: person.token)["email"] == .string(person.email))
            #expect(
                try await app.audited("email.change-requested").map(\.outcome).sorted() == [
                    "failure", "refused", "success",
                ])

            let response = await app.verify(token: mailed[0].token)
            #expect(response.status == 200)
            #expect(response["email"] == .string(new))
            let me = await app.call("GET", "/v1/auth/me", token: person.token)
            #expect(me["email"] == .string(new))
            #expect(me["email_verified"] == true)
            #expect(try await app.mail(to: person.email).count == emailsBefore + 2)
            #expect(try await app.audited("email.changed").map(\.subject) == [person.id.text])
            #expect(await app.signIn(new, person.password).status == 200)
            #expect(await app.signIn(person).code == "invalid-credentials")
            // A reset link that was sent to the old address is invalid.
            let late = await app.call(
                "POST", "/v1/auth/reset-password",
                json: ["token": .string(reset.token), "new_password": "another good password"])
            #expect(late.code == "proof-used")
        }
    }

    @Test(arguments: Engine.available)
    func `an address registered meanwhile is refused, and a user name equal to the old address is removed`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let registered = await app.call(
                "POST", "/v1/auth/register",
                json: [
                    "email": "user@example.org", "password": .string(TestApp.password),
                    "username": "user@example.org",
                ]
            )
            let token = try #require(registered["access_token"]?.string)
            func requestChange(_ email: String) async throws -> String {
                let response = await app.call(
                    "POST", "/v1/auth/change-email",
                    json: ["new_email": .string(email), "password": .string(TestApp.password)], token: token
                )
                #expect(response.status == 200)
                return try #require(try await app.challenges("verify-email", to: email).first).token
            }
            let first = try await requestChange("other@example.org")
            _ = await app.call(
                "POST", "/v1/auth/register",
                json: ["email": "Other@example.org", "password": .string(TestApp.password)])
            let refused = await app.verify(token: first)
            #expect(refused.status == 409)
            #expect(refused.code == "account-exists")
            app.clock.advance(by: .minutes(2))
            let second = try await requestChange("new@example.org")
            #expect(await app.verify(token: second).status == 200)
            #expect(await app.call("GET", "/v1/auth/me", token: token)["username"] == nil)
            #expect(await app.signIn("user@example.org", TestApp.password).code == "invalid-credentials")
            #expect(
                await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": "user@example.org", "password": "another good password"]
                ).status == 201)
        }
    }

    @Test func `without FRONTEND_URL the links open pages of the server, and GET has no effect`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register(isVerified: false)
            let token = try await app.verificationChallenge(person).token
            let page = await app.call("GET", "/verify-email?token=\(token)")
            #expect(page.status == 200)
            #expect(page.text.contains("value=\"\(token)\""))
            #expect(page.headers["content-security-policy"]?.contains("form-action 'self'") == true)
            #expect(try await app.isVerified(person) == false)
            let hostile = await app.call("GET", "/reset-password?token=%22%3E%3Cscript%3E")
            #expect(hostile.status == 200)
            #expect(!hostile.text.contains("<script>"))
            let submitted = await app.call(
                "POST", "/v1/auth/verify-email",
                body: ("application/x-www-form-urlencoded", Array("token=\(token)".utf8)))
            #expect(submitted.status == 200)
            #expect(try await app.isVerified(person))
        }
    }
}
