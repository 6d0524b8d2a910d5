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
    func `the link of registration proves the address, once, and tells those who wait for it`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine, change: { $0.frontendURL = "https://app.example/pages" }) { app in
            let heard = Mutex<[String]>([])
            app.app.identity.events.onEmailVerified { person, organisation, transaction in
                // In the transaction that proves it.
                let isTrue =
                    try transaction.count(
                        "SELECT COUNT(*) AS count FROM people WHERE id = \(person) AND email_verified_at IS NOT NULL")
                    == 1
                heard.withLock { $0.append("\(person) \(organisation) \(isTrue)") }
            }
            let person = try await app.register()
            let mails = try await app.mail(to: person.email)
            #expect(mails.count == 1)
            #expect(mails[0].text.contains("https://app.example/pages/verify-email?token"))
            let mailed = try await app.welcome(person)
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
            #expect(heard.withLock { $0 } == ["\(person.id) \(person.organisation) true"])
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
            #expect(heard.withLock { $0.count } == 1)
            #expect(
                try await app.audited("email.verified", "failure").map(\.subject) == [person.id.text, person.id.text])
        }
    }

    @Test(arguments: Engine.available)
    func `the code proves it as well, and neither is kept as it was mailed`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let mailed = try await app.welcome(person)
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
    func `links last a day and codes ten minutes, by the time of the database`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (early, late, quick, slow) = (
                try await app.register("early"), try await app.register("late"), try await app.register("quick"),
                try await app.register("slow")
            )
            let (earlyMail, lateMail) = (try await app.welcome(early), try await app.welcome(late))
            let (quickMail, slowMail) = (try await app.welcome(quick), try await app.welcome(slow))
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
    func `a code may be tried five times, and the link works still`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let mailed = try await app.welcome(person)
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
    func `tries at once are counted one by one`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let mailed = try await app.welcome(person)
            await withTaskGroup { group in
                for _ in 0..<12 { group.addTask { _ = await app.verify(person.email, code: wrong(mailed.code)) } }
            }
            #expect(try await app.count("SELECT tries AS count FROM challenges") == Int64(Challenge.triesPerCode))

            let other = try await app.register("other")
            let link = try await app.welcome(other).token
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
    func `no number of new codes gives more than so many tries a day`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            var seen = [try await app.welcome(person)]
            func another() async throws -> MailedChallenge {
                _ = await app.call("POST", "/v1/auth/resend-verification", json: ["email": .string(person.email)])
                let new = try #require(
                    try await app.challenges("verify-email", to: person.email).first { !seen.contains($0) })
                seen.append(new)
                return new
            }
            var last = seen[0]
            // Each code is tried out, until the day's tries are.
            while seen.count * Challenge.triesPerCode <= Challenge.triesPerDay {
                for _ in 0..<Challenge.triesPerCode { _ = await app.verify(person.email, code: wrong(last.code)) }
                app.clock.advance(by: .minutes(20))
                last = try await another()
            }
            #expect(await app.verify(person.email, code: last.code).code == "invalid-proof")
            // The link is open to its reader all the while, and the next day the codes are.
            app.clock.advance(by: .days(1))
            let fresh = try await another()
            #expect(await app.verify(person.email, code: fresh.code).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `what was mailed to one person says nothing of another, nor for another purpose`(_ engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            let (one, other) = (try await app.register("somebody"), try await app.register("other"))
            let (welcome, reset) = (try await app.welcome(one), try await app.forgotten(one))
            #expect(await app.verify(other.email, code: welcome.code).code == "invalid-proof")
            #expect(await app.verify("nobody@example.org", code: welcome.code).code == "invalid-proof")
            if reset.code != welcome.code {
                #expect(await app.verify(one.email, code: reset.code).code == "invalid-proof")
            }
            #expect(await app.verify(token: reset.token).code == "invalid-proof")
            let misused = await app.call(
                "POST", "/v1/auth/reset-password",
                json: ["token": .string(welcome.token), "new_password": "another good password"]
            )
            #expect(misused.code == "invalid-proof")
            #expect(try await app.isVerified(one) == false)
            #expect(try await app.isVerified(other) == false)
            #expect(await app.signIn(one).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a stranger who asks for another mail learns nothing, and the owner gets it`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, verified) = (try await app.register(), try await app.register("verified"))
            _ = await app.verify(token: try await app.welcome(verified).token)
            let suspended = try await app.register("suspended")
            try await app.app.identity.accounts.suspend(suspended.id)
            let first = try await app.welcome(person)
            app.clock.advance(by: .minutes(2))
            let headers = ["X-Request-ID": "the-same-request"]
            for door in ["resend-verification", "forgot-password"] {
                var responses: [TestResponse] = []
                for email in [person.email, verified.email, suspended.email, "nobody@example.org", person.email] {
                    responses.append(
                        await app.call("POST", "/v1/auth/\(door)", json: ["email": .string(email)], headers: headers))
                }
                for response in responses {
                    #expect(response.status == 200)
                    #expect(response.bytes == responses[0].bytes)
                    #expect(response.headers == responses[0].headers)
                }
            }
            let mailed = try await app.challenges("verify-email", to: person.email)
            #expect(mailed.count == 2)
            #expect(try await app.challenges("verify-email", to: verified.email).count == 1)
            #expect(try await app.challenges("reset-password", to: verified.email).count == 1)
            #expect(try await app.mail(to: suspended.email).count == 1)
            #expect(try await app.mail(to: "nobody@example.org").isEmpty)
            #expect(
                try await app.audited("email.verification-requested").map(\.outcome).sorted() == [
                    "refused", "refused", "refused", "refused", "success",
                ])
            #expect(
                try await app.audited("password.reset-requested").map(\.outcome).sorted() == [
                    "refused", "refused", "refused", "success", "success",
                ])
            // A mail that came late is as good as the newest; together they prove one thing.
            #expect(await app.verify(token: first.token).status == 200)
            let other = try #require(mailed.first { $0 != first })
            #expect(await app.verify(token: other.token).code == "proof-used")
        }
    }

    @Test(arguments: Engine.available)
    func `nobody is sent more than a mail a minute and five an hour`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            func ask() async {
                _ = await app.call("POST", "/v1/auth/forgot-password", json: ["email": .string(person.email)])
            }
            func count() async throws -> Int { try await app.challenges("reset-password", to: person.email).count }
            await withTaskGroup { group in
                for _ in 0..<8 { group.addTask { await ask() } }
            }
            #expect(try await count() == 1)
            for _ in 0..<10 {
                app.clock.advance(by: Challenge.pause)
                await ask()
            }
            #expect(try await count() == Challenge.mailsPerHour)
            app.clock.advance(by: .hours(1))
            await ask()
            #expect(try await count() == Challenge.mailsPerHour + 1)
            // Old ones are forgotten in the end.
            app.clock.advance(by: Challenge.kept + .days(2))
            try await app.runJobs()
            #expect(try await app.count("SELECT COUNT(*) AS count FROM challenges") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `who listens may keep it from happening`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            struct NotNow: Error {}
            let isWilling = Mutex(false)
            app.app.identity.events.onEmailVerified { _, _, _ in if !isWilling.withLock({ $0 }) { throw NotNow() } }
            let person = try await app.register()
            let token = try await app.welcome(person).token
            #expect(await app.verify(token: token).status == 500)
            #expect(try await app.isVerified(person) == false)
            #expect(try await app.audited("email.verified").isEmpty)
            isWilling.withLock { $0 = true }
            #expect(await app.verify(token: token).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `another address is asked for with the password, and counts once it is proved`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            let new = "new-\(person.email)"
            func ask(_ email: String, _ password: String = TestApp.password) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/change-email",
                    json: ["new_email": .string(email), "password": .string(password)], token: person.token)
            }
            #expect(await ask(new, "a wrong password").code == "wrong-password")
            #expect(await ask(person.email.uppercased()).pointers == ["/new_email"])
            #expect(try await app.count("SELECT COUNT(*) AS count FROM challenges WHERE purpose = 'change-email'") == 0)
            let reset = try await app.forgotten(person)

            // The address of somebody else: the same answers, and nothing is sent there.
            let taken = await ask(other.email)
            #expect(taken.status == 200)
            let tooSoon = await ask(other.email)
            #expect(tooSoon.status == 429)
            #expect(tooSoon.headers["retry-after"] == "60")
            #expect(try await app.mail(to: other.email).count == 1)

            app.clock.advance(by: Challenge.pause)
            let mailsBefore = try await app.mail(to: person.email).count
            let asked = await ask(new)
            #expect(asked.json == taken.json)
            let mailed = try await app.challenges("verify-email", to: new)
            #expect(mailed.count == 1)
            #expect(try await app.mail(to: person.email).count == mailsBefore + 1)
            #expect(await ask(new).status == 429)
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
            #expect(try await app.mail(to: person.email).count == mailsBefore + 2)
            #expect(try await app.audited("email.changed").map(\.subject) == [person.id.text])
            #expect(await app.signIn(new, person.password).status == 200)
            #expect(await app.signIn(person).code == "invalid-credentials")
            // What the reader of the old address holds opens nothing.
            let late = await app.call(
                "POST", "/v1/auth/reset-password",
                json: ["token": .string(reset.token), "new_password": "another good password"])
            #expect(late.code == "proof-used")
        }
    }

    @Test(arguments: Engine.available)
    func `an address that became somebody else's meanwhile stays theirs, and a name that was an address goes with it`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let registered = await app.call(
                "POST", "/v1/auth/register",
                json: [
                    "email": "somebody@example.org", "password": .string(TestApp.password),
                    "username": "somebody@example.org",
                ]
            )
            let token = try #require(registered["access_token"]?.string)
            func ask(_ email: String) async throws -> String {
                let response = await app.call(
                    "POST", "/v1/auth/change-email",
                    json: ["new_email": .string(email), "password": .string(TestApp.password)], token: token
                )
                #expect(response.status == 200)
                return try #require(try await app.challenges("verify-email", to: email).first).token
            }
            let first = try await ask("another@example.org")
            _ = await app.call(
                "POST", "/v1/auth/register",
                json: ["email": "Another@example.org", "password": .string(TestApp.password)])
            let refused = await app.verify(token: first)
            #expect(refused.status == 409)
            #expect(refused.code == "account-exists")
            app.clock.advance(by: .minutes(2))
            let second = try await ask("body@example.org")
            #expect(await app.verify(token: second).status == 200)
            #expect(await app.call("GET", "/v1/auth/me", token: token)["username"] == nil)
            #expect(await app.signIn("somebody@example.org", TestApp.password).code == "invalid-credentials")
            #expect(
                await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": "somebody@example.org", "password": "another good password"]
                ).status == 201)
        }
    }

    @Test func `without a frontend the links open pages of our own, which prove nothing by being looked at`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let token = try await app.welcome(person).token
            let page = await app.call("GET", "/verify-email?token=\(token)")
            #expect(page.status == 200)
            #expect(page.text.contains("value=\"\(token)\""))
            #expect(page.headers["content-security-policy"]?.contains("form-action 'self'") == true)
            #expect(try await app.isVerified(person) == false)
            let hostile = await app.call("GET", "/reset-password?token=%22%3E%3Cscript%3E")
            #expect(hostile.status == 200)
            #expect(!hostile.text.contains("<script>"))
            let sent = await app.call(
                "POST", "/v1/auth/verify-email",
                body: ("application/x-www-form-urlencoded", Array("token=\(token)".utf8)))
            #expect(sent.status == 200)
            #expect(try await app.isVerified(person))
        }
    }
}
