import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Mail

@Suite struct OutboxTests {
    private struct ChangedMind: Error {}

    @Test(arguments: Engine.available) func `a letter exists if and only if its transaction commits`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let mailer = try app.mailer
            await #expect(throws: (any Error).self) {
                try await app.app.database.write { transaction in
                    try mailer.send(.verification(), in: transaction)
                    throw ChangedMind()
                }
            }
            #expect(try await app.mail(to: "somebody@example.org").isEmpty)
            #expect(try await app.outbox().isEmpty)
            try await app.send(.verification())
            #expect(try await app.mail(to: "somebody@example.org").count == 1)
        }
    }

    @Test(arguments: Engine.available) func `what waits is sealed`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            try await app.send(.verification())
            let stored = try await app.app.database.read { transaction in
                try transaction.all("SELECT sealed_letter FROM outbox UNION ALL SELECT payload FROM jobs").map {
                    "\($0.values)"
                }.joined()
            }
            #expect(
                !stored.contains("somebody@example.org") && !stored.contains(Email.code)
                    && !stored.contains(Email.token))
        }
    }

    @Test
    func
        `without a server a letter becomes a file that only its owner reads, and the log names it and not its content`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            try await app.send(.verification())
            let mail = try #require(try await app.mail(to: "somebody@example.org").first)
            #expect(mail.code == Email.code)
            #expect(mail.token == Email.token)
            let folder = "\(app.app.configuration.dataFolder)/mail"
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            try #require(files.count == 1)
            let file = "\(folder)/\(files[0])"
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            let line = try #require(app.log.lines.first { $0.contains("a letter was written to a file") })
            #expect(line.contains(files[0]) && line.contains("somebody@example.org"))
            #expect(app.log.lines.allSatisfy { !$0.contains(Email.code) && !$0.contains(Email.token) })
        }
    }

    @Test(arguments: Engine.available)
    func `in production without a server letters wait as dead jobs, until there is one`(engine: Engine) async throws {
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
                #expect(try await app.outbox().map(\.isForgotten) == [false])
                #expect(try await app.outbox()[0].failure?.hasPrefix("not-configured") == true)
                #expect(
                    app.log.lines.contains {
                        $0.contains("a job is dead") && $0.contains("not-configured") && $0.contains("SMTP_HOST")
                    })
            }
            try await run(.test) { app in
                let dead = try #require(try await app.deliveries().first)
                _ = try await app.app.database.write { try app.app.queue.redrive(dead.id, in: $0) }
                #expect(try await app.mail(to: "somebody@example.org").first?.code == Email.code)
                #expect(try await app.outbox().map(\.failure) == [nil])
            }
        }
    }

    @Test(arguments: Engine.available) func `rows are cleaned away when nobody needs them`(engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            try await app.send(.verification())
            _ = try await app.mail(to: "somebody@example.org")
            app.clock.advance(by: Delivery.lettersKept - .days(1))
            try await app.runJobs()
            #expect(try await app.outbox().count == 1)
            app.clock.advance(by: .days(3))
            try await app.runJobs()
            #expect(try await app.outbox().isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `what waits for somebody can be discarded, and nobody else's letters with it`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let mailer = try app.mailer
            for recipient in ["somebody@example.org", "SOMEBODY@example.org", "another@example.org"] {
                try await app.send(.verification(to: recipient))
            }
            #expect(
                try await app.app.database.write { try mailer.discard(lettersTo: "Somebody@example.org", in: $0) } == 2)
            try await app.runJobs()
            #expect(try app.mailbox().map(\.recipient) == ["another@example.org"])
        }
    }

    @Test(arguments: [
        "a@example.org\r\nBcc: b@example.org", "a@example.org\nX: y", "a@exa\u{0}mple.org", "a b@example.org",
        "a@example.org\u{2028}",
    ])
    func `an address that would end its line is refused where the letter is handed in`(_ address: String) async throws {
        try await withTestApp(.sqlite) { app in
            let refusal = await #expect(throws: Problem.self) { try await app.send(.verification(to: address)) }
            #expect(refusal?.kind == .validationFailed)
            let rows = try await app.outbox()
            #expect(rows.isEmpty)
        }
    }

    @Test func `a letter that could not be written is refused where it is handed in`() async throws {
        #expect(throws: EmailFault.unknownTemplate("no-such-letter")) {
            try Email("no-such-letter", to: "a@example.org").check()
        }
        #expect(throws: EmailFault.missingValues("erased", ["name"])) {
            try Email("erased", to: "a@example.org").check()
        }
        try Email("erased", to: "a@example.org", values: ["name": ""]).check()
    }

    @Test(arguments: [
        ("grüße@example.org", "SMTPUTF8"), ("nobody", "cannot stand in a mail"),
        ("a@b@example.org", "cannot stand in a mail"),
    ])
    func `an address that no mail can be sent to makes its job dead, and says why`(_ address: String, _ reason: String)
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
