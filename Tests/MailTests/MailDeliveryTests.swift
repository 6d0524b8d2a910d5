import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Mail

@Suite(
    .enabled(
        if: SMTPTestServer.isAvailable, "aiosmtpd is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."
    ))
struct MailDeliveryTests {
    @Test(arguments: Engine.available)
    func `an e-mail is sent once, encrypted and authenticated, and its content is deleted`(engine: Engine) async throws
    {
        let server = try SMTPTestServer()
        try await withTestApp(engine, change: server.configure) { app in
            try await app.send(.verification(name: "Test User"))
            #expect(try server.messages.isEmpty)
            try await app.runJobs()
            try await app.runJobs()
            let messages = try server.messages
            try #require(messages.count == 1)
            #expect(messages[0].sender == "gate@gatehouse.example")
            #expect(messages[0].recipients == ["user@example.org"])
            #expect(messages[0].isEncrypted)
            #expect(messages[0].user == SMTPTestServer.user)
            #expect(messages[0].subject == "Confirm your e-mail address")
            #expect(messages[0].from == "\"Gatehouse, Grüße & Co.\" <gate@gatehouse.example>")
            #expect(messages[0].to == "<user@example.org>" || messages[0].to == "user@example.org")
            #expect(messages[0].automatic == "auto-generated")
            #expect(messages[0].defects == 0)
            #expect(messages[0].text.contains("Hello Test User,\n"))
            #expect(messages[0].text.contains("\n\(Email.code)\n"))
            #expect(messages[0].text.contains("https://app.example/verify?token=\(Email.token)&x=1\n"))
            #expect(messages[0].text.contains("31 January 2026, 12:10 UTC"))
            #expect(messages[0].html.contains("href=\"https://app.example/verify?token=\(Email.token)&amp;x=1\""))
            let rows = try await app.outbox()
            #expect(
                rows == [
                    OutboxRow(id: rows[0].id, isContentDeleted: true, isSent: true, attempts: 1, unconfirmedAttempts: 0)
                ])
            #expect(messages[0].messageID == "<\(rows[0].id)@gatehouse.example>")
            #expect(
                app.log.lines.allSatisfy {
                    !$0.contains(Email.code) && !$0.contains(Email.token) && !$0.contains(SMTPTestServer.password)
                })
        }
    }

    @Test func `a connection can use implicit TLS`() async throws {
        let server = try SMTPTestServer(.tls)
        try await withTestApp(.sqlite, change: server.configure) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.messages.map(\.isEncrypted) == [true])
            #expect(try server.messages.map(\.user) == [SMTPTestServer.user])
        }
    }

    @Test func `a connection can be configured without encryption and authentication`() async throws {
        let server = try SMTPTestServer(.plain, requiresAuthentication: false)
        try await withTestApp(
            .sqlite,
            change: { configuration in
                server.configure(&configuration)
                configuration.smtpSecurity = .none
            }
        ) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.messages.map(\.isEncrypted) == [false])
        }
    }

    @Test(arguments: [("another password", "(535"), (nil, "(530")])
    func `delivery is retried while the server refuses the password or its absence`(
        _ password: String?, _ code: String
    ) async throws {
        let server = try SMTPTestServer()
        try await withTestApp(
            .sqlite,
            change: { configuration in
                server.configure(&configuration)
                configuration.smtpPassword = password
                if password == nil { configuration.smtpUser = nil }
            }
        ) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.messages.isEmpty)
            let deliveries = try await app.deliveries()
            #expect(deliveries.map(\.state) == ["retryable"])
            #expect(deliveries[0].error?.contains("SMTP_USER and SMTP_PASSWORD") == true)
            #expect(deliveries[0].error?.contains(code) == true)
            #expect(try await app.outbox().map(\.isContentDeleted) == [false])
            #expect(app.log.lines.allSatisfy { !$0.contains("another password") })
        }
    }

    @Test(arguments: ["untrusted", "another host"])
    func `no message or password is sent to a server whose certificate is not accepted`(
        _ fault: String
    ) async throws {
        let server = try SMTPTestServer()
        try await withTestApp(
            .sqlite,
            change: { configuration in
                server.configure(&configuration)
                if fault == "untrusted" { configuration.smtpCAFile = nil } else { configuration.smtpHost = "127.0.0.1" }
            }
        ) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.messages.isEmpty)
            #expect(server.passwords.isEmpty)
            #expect(try await app.deliveries().map(\.state) == ["retryable"])
            #expect(
                try await app.deliveries()[0].error?.hasPrefix("The connection to the mail server is not safe") == true)
        }
    }

    @Test func `no message or password is sent to a server without STARTTLS`() async throws {
        let server = try SMTPTestServer(.plain)
        try await withTestApp(.sqlite, change: server.configure) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.messages.isEmpty)
            #expect(server.passwords.isEmpty)
            #expect(
                try await app.deliveries()[0].error?.hasPrefix("The connection to the mail server is not safe") == true)
        }
    }

    @Test(arguments: Engine.available)
    func `a message refused with 5yz is not retried, and the text of the reply is not stored`(engine: Engine)
        async throws
    {
        let server = try SMTPTestServer()
        try await withTestApp(engine, change: server.configure) { app in
            try await app.send(.verification(to: "refused@example.org"))
            try await app.runJobs()
            #expect(try await app.deliveries().map(\.state) == ["dead"])
            let row = try #require(try await app.outbox().first)
            #expect(row.failure == "The mail server refused the message (550 5.1.1).")
            #expect((row.isSent, row.isContentDeleted, row.attempts, row.unconfirmedAttempts) == (false, false, 1, 0))
            #expect(app.log.lines.allSatisfy { !$0.contains("refused@example.org") })
        }
    }

    @Test(arguments: Engine.available)
    func `a message refused with 4yz is retried, and its first attempt does not count as unconfirmed`(engine: Engine)
        async throws
    {
        let server = try SMTPTestServer()
        try await withTestApp(engine, change: server.configure) { app in
            try await app.send(.verification(to: "full@example.org"))
            try await app.runJobs()
            #expect(try server.messages.isEmpty)
            #expect(
                try await app.deliveries().map(\.error) == [
                    "The mail server cannot accept the message now (452 4.2.2)."
                ])
            app.clock.advance(by: .seconds(2))
            try await app.runJobs()
            #expect(try server.messages.count == 1)
            #expect(try await app.outbox().map(\.unconfirmedAttempts) == [0])
            #expect(try await app.outbox().map(\.attempts) == [2])
        }
    }

    @Test(arguments: Engine.available) func `delivery is retried until the server is reachable again`(engine: Engine)
        async throws
    {
        let server = try SMTPTestServer()
        try await withTestApp(engine, change: server.configure) { app in
            server.stop()
            try await app.send(.verification())
            for _ in 1...3 {
                try await app.runJobs()
                #expect(try await app.deliveries().map(\.state) == ["retryable"])
                app.clock.advance(by: .minutes(1))
            }
            try server.start()
            try await app.runJobs()
            #expect(try server.messages.count == 1)
            #expect(try await app.deliveries().map(\.state) == ["completed"])
            #expect(try await app.outbox().map(\.attempts) == [4])
            #expect(try await app.outbox().map(\.unconfirmedAttempts) == [0])
        }
    }

    @Test func `a server that sends no reply is left after the timeout`() throws {
        let server = try SMTPTestServer(.silent)
        let smtp = SMTPServer(
            host: "127.0.0.1", port: server.port, security: .none, name: "gatehouse.example",
            timeout: .milliseconds(300))
        let sender = Sender(name: "", mailbox: try Mailbox("gate@gatehouse.example"))
        let content = RenderedEmail(subject: "s", text: "t", html: "h")
        let message = try Message(
            id: Runtime.system.id(), createdAt: Instant(seconds: 0), from: sender, to: Mailbox("user@example.org"),
            content)
        let start = ContinuousClock.now
        #expect {
            try smtp.deliver(message)
        } throws: { error in
            let failure = error as? DeliveryFailure
            return failure?.cause == .unreachable && failure?.isUnconfirmed == false
        }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test(arguments: Engine.available)
    func `when the connection breaks before the reply, the same message is sent again and counted as unconfirmed`(
        engine: Engine
    ) async throws {
        let server = try SMTPTestServer()
        try await withTestApp(engine, change: server.configure) { app in
            try await app.send(.verification(to: "dropped@example.org"))
            try await app.runJobs()
            #expect(try server.messages.count == 1)
            #expect(try await app.deliveries().map(\.state) == ["retryable"])
            app.clock.advance(by: .hours(1))
            try await app.runJobs()
            let messages = try server.messages
            try #require(messages.count == 2)
            #expect(messages[0].bytes == messages[1].bytes)
            #expect(try await app.outbox().map(\.unconfirmedAttempts) == [1])
            #expect(try await app.outbox().map(\.isSent) == [true])
            #expect(app.log.lines.contains { $0.contains("an earlier attempt is unconfirmed") })
        }
    }

    @Test(arguments: Engine.available)
    func
        `whichever statement fails, the e-mail is sent; a second copy has the same bytes and is counted`(
            engine: Engine
        ) async throws
    {
        let server = try SMTPTestServer()
        let outage = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: outage.wrap, change: server.configure) { app in
            // The rows of the schedules exist before the first failure.
            try await app.runJobs()
            let failed = try await outage.failEachStatement { number in
                try await app.send(.verification(to: "crash-\(number)@example.org"))
                try await app.runJobs()
            } check: { number in
                // The lease of a worker that could not complete its job expires.
                app.clock.advance(by: .minutes(2))
                try await app.runJobs()
                let copies = try server.messages.filter { $0.recipients == ["crash-\(number)@example.org"] }
                let rows = try await app.outbox()
                #expect(copies.count <= 2)
                #expect(Set(copies.map(\.bytes)).count <= 1)
                guard let id = copies.first?.messageID.dropFirst().prefix(36),
                    let row = rows.first(where: { $0.id == id })
                else {
                    // The transaction of `send` failed, so that no row exists.
                    #expect(!rows.contains { !$0.isSent })
                    return
                }
                #expect(row.isSent)
                #expect(copies.count == 1 || row.unconfirmedAttempts == 1)
            }
            #expect(failed > 5)
        }
    }
}
