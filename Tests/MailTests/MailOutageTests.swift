import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Mail

/// A mail server that does not answer, or not for a day.
@Suite(
    .enabled(
        if: SMTPTestServer.isAvailable, "aiosmtpd is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."
    ),
    .timeLimit(.minutes(2)))
struct MailOutageTests {
    private func deliver(to server: SMTPTestServer, within timeout: Duration) throws {
        let smtp = SMTPServer(
            host: "127.0.0.1", port: server.port, security: .none, name: "gatehouse.example", timeout: timeout)
        let sender = Sender(name: "", mailbox: try Mailbox("gate@gatehouse.example"))
        try smtp.deliver(
            try Message(
                id: Runtime.system.id(), createdAt: Instant(seconds: 0), from: sender, to: Mailbox("user@example.org"),
                RenderedEmail(subject: "s", text: "t", html: "h")))
    }

    @Test func `a server that takes the message and never replies is left, and the message is unconfirmed`() throws {
        let server = try SMTPTestServer(.stuck, requiresAuthentication: false)
        #expect {
            try deliver(to: server, within: .seconds(2))
        } throws: { error in
            let failure = error as? DeliveryFailure
            return failure?.cause == .unreachable && failure?.isUnconfirmed == true
        }
    }

    @Test func `a server that never replies to QUIT has the message`() throws {
        let server = try SMTPTestServer(.deaf, requiresAuthentication: false)
        try deliver(to: server, within: .seconds(4))
    }

    @Test(arguments: Engine.available)
    func `an e-mail whose link has expired is not sent, and its content is deleted`(engine: Engine) async throws {
        let server = try SMTPTestServer()
        try await withTestApp(engine, change: server.configure) { app in
            server.stop()
            try await app.send(.verification())
            try await app.runJobs()
            #expect(try await app.deliveries().map(\.state) == ["retryable"])
            try server.start()
            app.clock.advance(by: .hours(25))
            try await app.runJobs()
            #expect(try server.messages.isEmpty)
            #expect(try await app.deliveries().map(\.state) == ["completed"])
            let row = try #require(try await app.outbox().first)
            #expect((row.isSent, row.isContentDeleted, row.failure) == (false, true, "expired"))
            #expect(app.log.lines.contains { $0.contains("its link has expired") })
        }
    }

    @Test(arguments: Engine.available)
    func `after an outage of a day an e-mail of lasting use is sent within an hour`(engine: Engine) async throws {
        let server = try SMTPTestServer()
        try await withTestApp(engine, change: server.configure) { app in
            server.stop()
            try await app.send(
                Email(
                    "password-changed", to: "user@example.org",
                    values: ["name": "Test User", "when": "2026-01-31T12:00:00Z", "address": "192.0.2.1"]))
            for _ in 0..<24 {
                try await app.runJobs()
                app.clock.advance(by: .hours(1))
            }
            #expect(try await app.deliveries().map(\.state) == ["retryable"])
            try server.start()
            app.clock.advance(by: .hours(1))
            try await app.runJobs()
            #expect(try server.messages.count == 1)
            #expect(try await app.deliveries().map(\.state) == ["completed"])
        }
    }
}
