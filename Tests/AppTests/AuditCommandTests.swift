import App
import Audit
import Base
import Foundation
import Modules
import TestKit
import Testing

/// `gatehouse audit`, as somebody runs it who wants to know.
@Suite struct AuditCommandTests {
    @Test(arguments: Engine.available)
    func `the command says that a trail holds, and otherwise which row was changed and how`(engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            for number in 0..<5 { _ = try await app.register("somebody-\(number)") }
            let audit = app.app.audit
            let checkpoint = try #require(try await audit.checkpoints.sign())
            let sound = try await Self.run(["audit", "verify"], on: app)
            #expect(
                sound.status == 0 && sound.output.contains("The audit trail holds: ")
                    && sound.output.contains("number 1"), "\(sound)")

            let log = URL(filePath: app.app.configuration.dataFolder).appending(path: "server.log")
            try (app.log.lines.joined(separator: "\n") + "\n").write(to: log, atomically: true, encoding: .utf8)
            for witness in [log.path(), try checkpoint.json] {
                let response = try await Self.run(["audit", "verify", "--checkpoint", witness], on: app)
                #expect(response.status == 0 && response.output.contains("1 checkpoints from outside"), "\(response)")
            }
            let stranger = try checkpoint.json.replacingOccurrences(of: #""number":1"#, with: #""number":2"#)
            let foreign = try await Self.run(["audit", "verify", "--checkpoint", stranger], on: app)
            #expect(foreign.status == 1 && foreign.errors.contains("is not signed by this installation"), "\(foreign)")
            let nonsense = try await Self.run(["audit", "verify", "--checkpoint", "{}"], on: app)
            #expect(nonsense.status == 1 && nonsense.errors.contains("not a checkpoint"), "\(nonsense)")
            let unknown = try await Self.run(["audit", "verify", "--from", "7"], on: app)
            #expect(unknown.status == 1 && unknown.errors.contains("no checkpoint 7"), "\(unknown)")
            let later = try await Self.run(["audit", "verify", "--from", "1"], on: app)
            #expect(later.status == 0, "\(later)")

            let key = try await Self.run(["audit", "key"], on: app)
            #expect(
                key.output
                    == "\(checkpoint.key)  \(Hex.encode(try #require(try await audit.checkpoints.publicKeys().first).publicBytes))\n"
            )
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
    func `an account is promoted and given another password from the command line`(engine: Engine) async throws {
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
            let told = try await Self.run(
                ["admin", "reset-password", "--email", person.email, "--password", "one more horse"], on: app)
            #expect(told.status == 0 && told.errors.contains("history"), "\(told)")
            let nobody = try await Self.run(["admin", "promote", "--email", "nobody@example.org"], on: app)
            #expect(
                nobody.status == 1 && nobody.errors.contains("There is no account 'nobody@example.org'"), "\(nobody)")
        }
    }

    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs the program on the installation of a test, in a process of its own.
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
        // Waiting blocks a thread, which is none of Swift's own.
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return Outcome(
            status: status, output: try String(contentsOf: names[1], encoding: .utf8),
            errors: try String(contentsOf: names[2], encoding: .utf8))
    }
}
