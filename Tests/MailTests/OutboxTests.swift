import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Mail

@Suite struct OutboxTests {
    private struct RollbackError: Error {}

    @Test(arguments: Engine.available) func `an e-mail is in the outbox if and only if its transaction commits`(
        engine: Engine
    )
        async throws
    {
        try await withTestApp(engine) { app in
            let mailer = try app.mailer
            await #expect(throws: (any Error).self) {
                try await app.app.database.write { transaction in
                    try mailer.send(.verification(), in: transaction)
                    throw RollbackError()
                }
            }
            #expect(try await app.mail(to: "user@example.org").isEmpty)
            #expect(try await app.outbox().isEmpty)
            try await app.send(.verification())
            #expect(try await app.mail(to: "user@example.org").count == 1)
        }
    }

    @Test(arguments: Engine.available) func `unsent e-mails are encrypted`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            try await app.send(.verification())
            let stored = try await app.app.database.read { transaction in
                try transaction.all("SELECT sealed_email FROM outbox UNION ALL SELECT payload FROM jobs").map {
                    "\($0.values)"
                }.joined()
            }
            #expect(
                !stored.contains("user@example.org") && !stored.contains(Email.code)
                    && !stored.contains(Email.token))
        }
    }

    @Test
    func
        `without a server an e-mail is written to a file of mode 0600; the log has its path and not its content`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            try await app.send(.verification())
            let mail = try #require(try await app.mail(to: "user@example.org").first)
            #expect(mail.code == Email.code)
            #expect(mail.token == Email.token)
            let folder = "\(app.app.configuration.dataFolder)/mail"
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            try #require(files.count == 1)
            let file = "\(folder)/\(files[0])"
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            let line = try #require(app.log.lines.first { $0.contains("an e-mail was written to a file") })
            #expect(line.contains(files[0]) && line.contains("user@example.org"))
            #expect(app.log.lines.allSatisfy { !$0.contains(Email.code) && !$0.contains(Email.token) })
        }
    }

    @Test(arguments: Engine.available)
    func `in production without a server delivery jobs are dead, and can be redriven`(engine: Engine) async throws {
        try await withDatabasePlace(engine) { place in
            let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-mail-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            func run(_ environment: Configuration.Environment, _ body: (TestApp) async throws -> Void) async throws {
                var configuration = Configuration()
                configuration.environment = environment
                configuration.dataFolder = folder.path()
                configuration.databaseURL = engine == .sqlite ? "sqlite:\(place.address)" : place.address
                configuration.bcryptRounds = 4
                let (clock, log) = (TestClock(), LogOutput(keepsLines: true))
                let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
                let app = try await buildApp(
                    configuration, in: AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: log))
                try await body(TestApp(app: app, clock: clock, engine: engine, log: log))
                await app.database.close()
            }
            try await run(.production) { app in
                try await app.send(.verification())
                try await app.runJobs()
                #expect(try app.mailbox().isEmpty)
                #expect(try await app.deliveries().map(\.state) == ["dead"])
                #expect(try await app.outbox().map(\.isContentDeleted) == [false])
                #expect(try await app.outbox()[0].failure?.hasPrefix("not-configured") == true)
                #expect(
                    app.log.lines.contains {
                        $0.contains("a job is dead") && $0.contains("not-configured") && $0.contains("SMTP_HOST")
                    })
            }
            try await run(.test) { app in
                let dead = try #require(try await app.deliveries().first)
                _ = try await app.app.database.write { try app.app.queue.redrive(dead.id, in: $0) }
                #expect(try await app.mail(to: "user@example.org").first?.code == Email.code)
                #expect(try await app.outbox().map(\.failure) == [nil])
            }
        }
    }

    @Test(arguments: Engine.available) func `rows are pruned after the retention`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            try await app.send(.verification())
            _ = try await app.mail(to: "user@example.org")
            app.clock.advance(by: MailDeliveryService.retention - .days(1))
            try await app.runJobs()
            #expect(try await app.outbox().count == 1)
            app.clock.advance(by: .days(3))
            try await app.runJobs()
            #expect(try await app.outbox().isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `the unsent e-mails to one recipient can be discarded, and no others`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let mailer = try app.mailer
            for recipient in ["user@example.org", "USER@example.org", "other@example.org"] {
                try await app.send(.verification(to: recipient))
            }
            #expect(
                try await app.app.database.write { try mailer.discard(emailsTo: "User@example.org", in: $0) } == 2)
            try await app.runJobs()
            #expect(try app.mailbox().map(\.recipient) == ["other@example.org"])
        }
    }

    @Test(arguments: [
        "a@example.org\r\nBcc: b@example.org", "a@example.org\nX: y", "a@exa\u{0}mple.org", "a b@example.org",
        "a@example.org\u{2028}",
    ])
    func `send refuses an address that would end its header line`(_ address: String) async throws {
        try await withTestApp(.sqlite) { app in
            let refusal = await #expect(throws: Problem.self) { try await app.send(.verification(to: address)) }
            #expect(refusal?.kind == .validationFailed)
            let rows = try await app.outbox()
            #expect(rows.isEmpty)
        }
    }

    @Test func `send refuses an unknown template and a missing value`() async throws {
        #expect(throws: EmailFault.unknownTemplate("no-such-template")) {
            try Email("no-such-template", to: "a@example.org").check()
        }
        #expect(throws: EmailFault.missingValues("erased", ["name"])) {
            try Email("erased", to: "a@example.org").check()
        }
        try Email("erased", to: "a@example.org", values: ["name": ""]).check()
    }

    @Test(arguments: [
        ("grüße@example.org", "SMTPUTF8"), ("no-domain", "not a valid e-mail address"),
        ("a@b@example.org", "not a valid e-mail address"),
    ])
    func `an address that cannot be sent to marks the job dead, with the reason`(_ address: String, _ reason: String)
        async throws
    {
        try await withTestApp(.sqlite) { app in
            try await app.send(.verification(to: address))
            try await app.runJobs()
            #expect(try await app.deliveries().map(\.state) == ["dead"])
            #expect(try await app.outbox()[0].failure?.contains(reason) == true)
            #expect(try await app.outbox()[0].failure?.contains(address) == false)
        }
    }
}
