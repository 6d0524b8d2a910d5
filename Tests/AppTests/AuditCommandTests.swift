import App
import Audit
import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

/// The command `gatehouse audit`, run as a process beside the installation.
@Suite struct AuditCommandTests {
    @Test(arguments: Engine.available)
    func `audit verify confirms an unchanged trail, and otherwise names the edited row`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            for number in 0..<5 { _ = try await app.register("user-\(number)") }
            let audit = app.app.audit
            let checkpoint = try #require(try await audit.checkpoints.sign())
            let intact = try await Self.run(["audit", "verify"], on: app)
            #expect(
                intact.status == 0 && intact.output.contains("The audit trail holds: ")
                    && intact.output.contains("number 1"), "\(intact)")

            let log = URL(filePath: app.app.configuration.dataFolder).appending(path: "server.log")
            try (app.log.lines.joined(separator: "\n") + "\n").write(to: log, atomically: true, encoding: .utf8)
            for source in [log.path(), try checkpoint.json] {
                let verified = try await Self.run(["audit", "verify", "--checkpoint", source], on: app)
                #expect(verified.status == 0 && verified.output.contains("1 checkpoints from outside"), "\(verified)")
            }
            let altered = try checkpoint.json.replacingOccurrences(of: #""number":1"#, with: #""number":2"#)
            let forged = try await Self.run(["audit", "verify", "--checkpoint", altered], on: app)
            #expect(forged.status == 1 && forged.errors.contains("is not signed by this installation"), "\(forged)")
            let nonsense = try await Self.run(["audit", "verify", "--checkpoint", "{}"], on: app)
            #expect(nonsense.status == 1 && nonsense.errors.contains("not a checkpoint"), "\(nonsense)")
            let unknown = try await Self.run(["audit", "verify", "--from", "7"], on: app)
            #expect(unknown.status == 1 && unknown.errors.contains("no checkpoint 7"), "\(unknown)")
            let later = try await Self.run(["audit", "verify", "--from", "1"], on: app)
            #expect(later.status == 0, "\(later)")

            let key = try await Self.run(["audit", "key"], on: app)
            let publicKey = try #require(try await audit.checkpoints.publicKeys().first)
            #expect(key.output == "\(checkpoint.key)  \(Hex.encode(publicKey.publicBytes))\n")
            let export = try await Self.run(["audit", "export"], on: app)
            let lines = try export.output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
            let rows = lines.compactMap { $0["row"] }
            #expect(Int64(rows.count) == checkpoint.count && lines.count == rows.count + 2)
            #expect(
                rows.last?["hash"] == checkpoint.heads.last.map { .string($0.hash) } && rows.first?["sequence"] == 1)

            try await app.app.database.write {
                try $0.execute("UPDATE audit_events SET address = '198.51.100.1' WHERE shard = 0 AND sequence = 4")
            }
            let edited = try await Self.run(["audit", "verify"], on: app)
            #expect(
                edited.status == 1 && edited.errors.contains("Row 0:4 (") && edited.errors.contains("was edited"),
                "\(edited)")
        }
    }

    @Test(arguments: Engine.available)
    func `admin promote and admin reset-password change an account`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let promoted = try await Self.run(["admin", "promote", "--email", person.email], on: app)
            #expect(promoted.status == 0 && promoted.output.contains("is an administrator now"), "\(promoted)")
            let again = try await Self.run(["admin", "promote", "--email", person.email], on: app)
            #expect(again.status == 0 && again.output.contains("already"), "\(again)")
            let reset = try await Self.run(
                ["admin", "reset-password", "--email", person.email, "--generate-password"], on: app)
            let password = try #require(reset.output.firstMatch(of: /shown this once: (\S+)/)?.output.1, "\(reset)")
            let response = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(String(password))])
            #expect(response["user"]?["role"] == "admin")
            let piped = try await Self.run(
                ["admin", "reset-password", "--email", person.email, "--password-stdin"], input: "yet another horse\n",
                on: app)
            #expect(piped.status == 0 && !piped.output.contains("horse"), "\(piped)")
            let argument = try await Self.run(
                ["admin", "reset-password", "--email", person.email, "--password", "one more horse"], on: app)
            #expect(argument.status == 0 && argument.errors.contains("history"), "\(argument)")
            let unverified = try await app.register("unverified", isVerified: false)
            let warned = try await Self.run(["admin", "promote", "--email", unverified.email], on: app)
            #expect(warned.status == 0 && warned.errors.contains("is not verified"), "\(warned)")
            let suspended = try await app.register("suspended")
            try await app.app.identity.accounts.suspend(suspended.id)
            let refused = try await Self.run(["admin", "promote", "--email", suspended.email], on: app)
            #expect(refused.status == 1 && !refused.output.contains("is an administrator now"), "\(refused)")
            #expect(refused.errors.contains("is suspended or closed"), "\(refused)")
            let useless = try await Self.run(
                ["admin", "reset-password", "--email", suspended.email, "--generate-password"], on: app)
            #expect(useless.status == 0 && useless.errors.contains("is suspended or closed"), "\(useless)")
            let unknown = try await Self.run(["admin", "promote", "--email", "unknown@example.org"], on: app)
            #expect(
                unknown.status == 1 && unknown.errors.contains("There is no account 'unknown@example.org'"),
                "\(unknown)")
        }
    }

    @Test(arguments: Engine.available)
    func `audit verify accepts an exported history, and refuses a changed one`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.subscriber("student")
            let accepted = await app.call(
                "POST", "/v1/intents", json: ["intent": "create a file notes.txt with \"Nothing yet.\""],
                token: person.token)
            let workflow = try #require(accepted.headers["location"], "\(accepted)")
            try await app.runJobs()
            let export = await app.call("GET", "\(workflow)/audit/export", token: person.token)
            #expect(export.status == 200, "\(export)")
            // The command runs in the data folder.
            func verify(_ text: String, _ options: [String] = []) async throws -> Outcome {
                let file = URL(filePath: app.app.configuration.dataFolder).appending(path: "export.ndjson")
                try text.write(to: file, atomically: true, encoding: .utf8)
                return try await Self.run(["audit", "verify", "export.ndjson"] + options, on: app)
            }
            let key = Hex.encode(try #require(try await app.app.audit.checkpoints.publicKeys().first).publicBytes)
            let intact = try await verify(export.text)
            #expect(intact.status == 0 && intact.output.contains("The export holds: "), "\(intact)")
            #expect(intact.output.contains(key) && intact.output.contains("gatehouse audit key"), "\(intact)")
            #expect(try await verify(export.text, ["--key", key]).status == 0)
            let foreign = try await verify(export.text, ["--key", String(repeating: "0", count: 64)])
            #expect(foreign.status == 1 && foreign.errors.contains("was expected"), "\(foreign)")
            let changed = export.text.replacingOccurrences(of: "workflow.completed", with: "workflow.cancelled")
            let refused = try await verify(changed)
            #expect(refused.status == 1 && refused.errors.contains("was edited"), "\(refused)")
            let shorter = export.text.split(separator: "\n").enumerated().filter { $0.offset != 2 }
            let removed = try await verify(shorter.map { String($0.element) }.joined(separator: "\n") + "\n")
            #expect(removed.status == 1 && removed.errors.contains("were signed"), "\(removed)")
            #expect(try await verify(export.text, ["--from", "1"]).status != 0)
        }
    }

    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs the program in a process of its own, on the database and the data folder of `app`.
    static func run(_ arguments: [String], input: String = "", on app: TestApp) async throws -> Outcome {
        let folder = URL(filePath: app.app.configuration.dataFolder)
        let names = ["in", "out", "err"].map { folder.appending(path: "command-\(UUID().uuidString).\($0)") }
        for name in names {
            _ = FileManager.default.createFile(
                atPath: name.path(), contents: Data(name == names[0] ? Array(input.utf8) : []))
        }
        let process = Process()
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(
            path: "gatehouse")
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = [
            "DATABASE_URL": app.app.configuration.databaseURL, "DATA_DIR": folder.path(), "ENVIRONMENT": "test",
            "BCRYPT_ROUNDS": "4", "PATH": "/usr/bin:/bin",
        ]
        process.standardInput = try FileHandle(forReadingFrom: names[0])
        process.standardOutput = try FileHandle(forWritingTo: names[1])
        process.standardError = try FileHandle(forWritingTo: names[2])
        // A termination handler is used because `waitUntilExit` would block a thread of Swift's cooperative pool.
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return Outcome(
            status: status, output: try String(contentsOf: names[1], encoding: .utf8),
            errors: try String(contentsOf: names[2], encoding: .utf8))
    }
}
