import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Mail

@Suite(.enabled(if: MailServer.isThere, "aiosmtpd is not there: name an interpreter that has it in GATEHOUSE_PYTHON."))
struct DeliveryTests {
    @Test(arguments: Engine.available)
    func `a letter reaches the server once, encrypted and signed in, and is forgotten`(engine: Engine) async throws {
        let server = try MailServer()
        try await withTestApp(engine, change: server.configure) { app in
            try await app.send(.verification(name: "Some Body"))
            #expect(try server.mails.isEmpty)
            try await app.runJobs()
            try await app.runJobs()
            let mails = try server.mails
            try #require(mails.count == 1)
            #expect(mails[0].sender == "gate@house.example")
            #expect(mails[0].recipients == ["somebody@example.org"])
            #expect(mails[0].isEncrypted)
            #expect(mails[0].user == MailServer.user)
            #expect(mails[0].subject == "Confirm your e-mail address")
            #expect(mails[0].from == "\"Gatehouse, Grüße & Co.\" <gate@house.example>")
            #expect(mails[0].to == "<somebody@example.org>" || mails[0].to == "somebody@example.org")
            #expect(mails[0].automatic == "auto-generated")
            #expect(mails[0].defects == 0)
            #expect(mails[0].text.contains("Hello Some Body,\n"))
            #expect(mails[0].text.contains("\n\(Email.code)\n"))
            #expect(mails[0].text.contains("https://app.example/verify?token=\(Email.token)&x=1\n"))
            #expect(mails[0].text.contains("31 January 2026, 12:10 UTC"))
            #expect(mails[0].html.contains("href=\"https://app.example/verify?token=\(Email.token)&amp;x=1\""))
            let rows = try await app.outbox()
            #expect(
                rows == [
                    OutboxRow(id: rows[0].id, isForgotten: true, isSent: true, attempts: 1, unconfirmedAttempts: 0)
                ])
            #expect(mails[0].messageID == "<\(rows[0].id)@house.example>")
            #expect(
                app.log.lines.allSatisfy {
                    !$0.contains(Email.code) && !$0.contains(Email.token) && !$0.contains(MailServer.password)
                })
        }
    }

    @Test func `a connection can be encrypted from its first byte`() async throws {
        let server = try MailServer(.tls)
        try await withTestApp(.sqlite, change: server.configure) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.mails.map(\.isEncrypted) == [true])
            #expect(try server.mails.map(\.user) == [MailServer.user])
        }
    }

    @Test func `a server on this machine may do without encryption and names`() async throws {
        let server = try MailServer(.plain, requiresAuthentication: false)
        try await withTestApp(
            .sqlite,
            change: { configuration in
                server.configure(&configuration)
                configuration.smtpSecurity = .none
            }
        ) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.mails.map(\.isEncrypted) == [false])
        }
    }

    @Test(arguments: [("another password", "(535"), (nil, "(530")])
    func `a letter waits while the server does not accept our password, or that we have none`(
        _ password: String?, _ code: String
    ) async throws {
        let server = try MailServer()
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
            #expect(try server.mails.isEmpty)
            let deliveries = try await app.deliveries()
            #expect(deliveries.map(\.state) == ["retryable"])
            #expect(deliveries[0].error?.contains("SMTP_USER and SMTP_PASSWORD") == true)
            #expect(deliveries[0].error?.contains(code) == true)
            #expect(try await app.outbox().map(\.isForgotten) == [false])
            #expect(app.log.lines.allSatisfy { !$0.contains("another password") })
        }
    }

    @Test(arguments: ["untrusted", "another host"]) func `nothing is said to a server that is not who it should be`(
        _ what: String
    ) async throws {
        let server = try MailServer()
        try await withTestApp(
            .sqlite,
            change: { configuration in
                server.configure(&configuration)
                if what == "untrusted" { configuration.smtpCAFile = nil } else { configuration.smtpHost = "127.0.0.1" }
            }
        ) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.mails.isEmpty)
            #expect(server.passwords.isEmpty)
            #expect(try await app.deliveries().map(\.state) == ["retryable"])
            #expect(
                try await app.deliveries()[0].error?.hasPrefix("The connection to the mail server is not safe") == true)
        }
    }

    @Test func `nothing is said to a server that cannot encrypt, not even the password`() async throws {
        let server = try MailServer(.plain)
        try await withTestApp(.sqlite, change: server.configure) { app in
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try server.mails.isEmpty)
            #expect(server.passwords.isEmpty)
            #expect(
                try await app.deliveries()[0].error?.hasPrefix("The connection to the mail server is not safe") == true)
        }
    }

    @Test(arguments: Engine.available)
    func `what the server refuses for good is not tried again, and its words are not kept`(engine: Engine) async throws
    {
        let server = try MailServer()
        try await withTestApp(engine, change: server.configure) { app in
            try await app.send(.verification(to: "refused@example.org"))
            try await app.runJobs()
            #expect(try await app.deliveries().map(\.state) == ["dead"])
            let row = try #require(try await app.outbox().first)
            #expect(row.failure == "The mail server refused the letter (550 5.1.1).")
            #expect((row.isSent, row.isForgotten, row.attempts, row.unconfirmedAttempts) == (false, false, 1, 0))
            #expect(app.log.lines.allSatisfy { !$0.contains("refused@example.org") })
        }
    }

    @Test(arguments: Engine.available)
    func `what the server cannot take now is tried again, and certainly was not taken before`(engine: Engine)
        async throws
    {
        let server = try MailServer()
        try await withTestApp(engine, change: server.configure) { app in
            try await app.send(.verification(to: "full@example.org"))
            try await app.runJobs()
            #expect(try server.mails.isEmpty)
            #expect(
                try await app.deliveries().map(\.error) == ["The mail server cannot take the letter now (452 4.2.2)."])
            app.clock.advance(by: .seconds(2))
            try await app.runJobs()
            #expect(try server.mails.count == 1)
            #expect(try await app.outbox().map(\.unconfirmedAttempts) == [0])
            #expect(try await app.outbox().map(\.attempts) == [2])
        }
    }

    @Test(arguments: Engine.available) func `a server that is gone gets the letter when it is back`(engine: Engine)
        async throws
    {
        let server = try MailServer()
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
            #expect(try server.mails.count == 1)
            #expect(try await app.deliveries().map(\.state) == ["completed"])
            #expect(try await app.outbox().map(\.attempts) == [4])
            #expect(try await app.outbox().map(\.unconfirmedAttempts) == [0])
        }
    }

    @Test func `a server that says nothing is left after a while`() throws {
        let server = try MailServer(.silent)
        let smtp = SMTPServer(
            host: "127.0.0.1", port: server.port, security: .none, name: "house.example", timeout: .milliseconds(300))
        let sender = Sender(name: "", mailbox: try Mailbox("gate@house.example"))
        let content = RenderedEmail(subject: "s", text: "t", html: "h")
        let message = try Message(
            id: Runtime.system.id(), writtenAt: Instant(seconds: 0), from: sender, to: Mailbox("somebody@example.org"),
            content)
        let start = ContinuousClock.now
        #expect {
            try smtp.deliver(message)
        } throws: { error in
            let failure = error as? DeliveryFailure
            return failure?.cause == .unreachable && failure?.isDoubtful == false
        }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test(arguments: Engine.available)
    func `when the line breaks before the answer the same message goes out again, and is counted as doubtful`(
        engine: Engine
    ) async throws {
        let server = try MailServer()
        try await withTestApp(engine, change: server.configure) { app in
            try await app.send(.verification(to: "dropped@example.org"))
            try await app.runJobs()
            #expect(try server.mails.count == 1)
            #expect(try await app.deliveries().map(\.state) == ["retryable"])
            app.clock.advance(by: .hours(1))
            try await app.runJobs()
            let mails = try server.mails
            try #require(mails.count == 2)
            #expect(mails[0].bytes == mails[1].bytes)
            #expect(try await app.outbox().map(\.unconfirmedAttempts) == [1])
            #expect(try await app.outbox().map(\.isSent) == [true])
            #expect(app.log.lines.contains { $0.contains("an earlier attempt may have reached its server") })
        }
    }

    @Test(arguments: Engine.available)
    func
        `whichever statement fails, the letter arrives; whatever arrives twice is the same message, and is known to be doubtful`(
            engine: Engine
        ) async throws
    {
        let server = try MailServer()
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap, change: server.configure) { app in
            // The schedules are there before anything fails.
            try await app.runJobs()
            let failed = try await trouble.failEachStatement { number in
                try await app.send(.verification(to: "crash-\(number)@example.org"))
                try await app.runJobs()
            } check: { number in
                // A worker that could not end its job loses it.
                app.clock.advance(by: .minutes(2))
                try await app.runJobs()
                let copies = try server.mails.filter { $0.recipients == ["crash-\(number)@example.org"] }
                let rows = try await app.outbox()
                #expect(copies.count <= 2)
                #expect(Set(copies.map(\.bytes)).count <= 1)
                guard let id = copies.first?.messageID.dropFirst().prefix(36),
                    let row = rows.first(where: { $0.id == id })
                else {
                    // Handing it in failed, so there was no letter.
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
