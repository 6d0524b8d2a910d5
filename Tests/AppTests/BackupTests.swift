import App
import Audit
import Base
import Files
import Foundation
import Identity
import Modules
import TestKit
import Testing

/// The commands `gatehouse backup` and `gatehouse restore`, run as processes beside the installation.
@Suite struct BackupTests {
    @Test(arguments: Engine.available)
    func `a backup is restored into an empty installation, which verifies and serves the same`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let path = try await Self.upload("the content", by: person, on: app)
            let target = "\(app.app.configuration.dataFolder)/backups"
            let backup = try await AuditCommandTests.run(["backup", target], on: app)
            #expect(backup.status == 0 && backup.output.contains("1 files with 11 B are new"), "\(backup)")
            // What came later is not in it.
            let later = try await Self.upload("later", by: person, on: app)
            let list = try await AuditCommandTests.run(["backup", "--list", target], on: app)
            #expect(list.status == 0 && list.output.split(separator: "\n").count == 2, "\(list)")
            let verified = try await AuditCommandTests.run(["backup", "--verify", target], on: app)
            #expect(verified.status == 0 && verified.output.hasPrefix("1 backup is complete"), "\(verified)")
            try await Self.withTarget(of: app) { folder, place in
                let restored = try await Self.restore(target, to: folder, place, on: app)
                #expect(restored.status == 0 && restored.output.contains("invariants hold"), "\(restored)")
                try await Self.withRestored(app, folder, place) { other in
                    #expect(await other.call("GET", "/v1/auth/me", token: person.token).status == 200)
                    #expect(await other.call("GET", path).bytes == Array("the content".utf8))
                    #expect(await other.call("GET", later).status == 404)
                }
                let again = try await Self.restore(target, to: folder, place, on: app)
                #expect(again.status == 1 && again.errors.contains("has files already"), "\(again)")
            }
        }
    }

    @Test func `files have mode 600, and the folders of a backup 700`() async throws {
        try await withTestApp(.sqlite) { app in
            _ = try await Self.upload("the content", by: try await app.register(), on: app)
            let target = "\(app.app.configuration.dataFolder)/backups"
            #expect(try await AuditCommandTests.run(["backup", target], on: app).status == 0)
            for entry in try FileManager.default.subpathsOfDirectory(atPath: target) {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(target)/\(entry)")
                let isFolder = attributes[.type] as? FileAttributeType == .typeDirectory
                #expect(attributes[.posixPermissions] as? Int == (isFolder ? 0o700 : 0o600), "\(entry)")
            }
        }
    }

    @Test func `contents of earlier backups are not copied again, and go with the last backup that has them`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let path = try await Self.upload("the content", by: person, on: app)
            let target = "\(app.app.configuration.dataFolder)/backups"
            #expect(try await AuditCommandTests.run(["backup", target], on: app).status == 0)
            #expect(await app.call("DELETE", path, token: person.token).status == 200)
            _ = try await Self.upload("another", by: person, on: app)
            let second = try await AuditCommandTests.run(["backup", target], on: app)
            #expect(second.output.contains("1 files with 7 B are new"), "\(second)")
            #expect(try Self.contents(of: target).count == 2)
            let third = try await AuditCommandTests.run(["backup", target, "--keep", "1"], on: app)
            #expect(third.output.contains("0 files with 0 B are new") && third.output.contains("Removed: "), "\(third)")
            #expect(try Self.contents(of: target).count == 1)
            #expect(try await AuditCommandTests.run(["backup", "--verify", target], on: app).status == 0)
        }
    }

    @Test func `a file that is deleted during a backup is kept until its end`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let path = try await Self.upload("the content", by: person, on: app)
            let store = try FileStore(root: "\(app.app.configuration.dataFolder)/files")
            let name = try #require(try await store.everyFile().first).name
            try await store.retainingFiles {
                #expect(await app.call("DELETE", path, token: person.token).status == 200)
                #expect(try await store.everyFile().isEmpty)
                let kept = try #require(try await store.retainedFiles()[name])
                let file = "\(app.app.configuration.dataFolder)/files/\(kept)"
                #expect(try String(contentsOfFile: file, encoding: .utf8) == "the content")
                // A second backup is refused, because the end of one would end the retention of the other.
                let second = try await AuditCommandTests.run(
                    ["backup", "\(app.app.configuration.dataFolder)/backups"], on: app)
                #expect(second.status == 1 && second.errors.contains("Another backup"), "\(second)")
            }
            #expect(try await store.retainedFiles().isEmpty)
        }
    }

    @Test func `what changes in a workspace during a backup is kept for it`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            func post(_ verb: String, _ json: JSONValue) async -> Int {
                await app.call("POST", "/v1/files/\(verb)", json: json, token: person.token).status
            }
            for name in ["replaced", "moved", "removed", "folder/inner"] {
                #expect(await post("write", ["path": .string("\(name).txt"), "content": .string(name)]) == 200)
            }
            let folder = "\(app.app.configuration.dataFolder)/files"
            let store = try FileStore(root: folder)
            try await store.retainingFiles {
                let listed = try await store.everyFile().map(\.name)
                #expect(await post("write", ["path": "replaced.txt", "content": "new"]) == 200)
                #expect(await post("move", ["source": "moved.txt", "destination": "folder/moved.txt"]) == 200)
                #expect(await post("move", ["source": "folder", "destination": "other"]) == 503)
                for path in ["removed.txt", "folder"] {
                    let removed = await app.call("DELETE", "/v1/files/delete?path=\(path)", token: person.token)
                    #expect(removed.status == 200, "\(removed)")
                }
                // What a backup reads of each file that was there when it began.
                let kept = try await store.retainedFiles()
                let contents = try listed.map { name in
                    try String(contentsOfFile: "\(folder)/\(kept[name] ?? name)", encoding: .utf8)
                }
                #expect(contents.sorted() == ["folder/inner", "moved", "removed", "replaced"], "\(kept)")
            }
            let list = await app.call("GET", "/v1/files/list", token: person.token)
            #expect(list["total"] == 1 && list["files"]?[0]?["name"] == "replaced.txt", "\(list)")
            // A link that a tool puts there is in no backup.
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/workspaces/\(person.organisation)/link.txt", withDestinationPath: "/etc/passwd")
            let target = "\(app.app.configuration.dataFolder)/backups"
            let backup = try await AuditCommandTests.run(["backup", target], on: app)
            #expect(backup.status == 0 && backup.output.contains("1 files with 3 B are new"), "\(backup)")
        }
    }

    @Test func `what a killed backup has kept is removed by the next removal of a file`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let path = try await Self.upload("the content", by: person, on: app)
            let kept = "\(app.app.configuration.dataFolder)/files/.retained"
            try FileManager.default.createDirectory(atPath: "\(kept)/1-a/b", withIntermediateDirectories: true)
            #expect(await app.call("DELETE", path, token: person.token).status == 200)
            #expect(!FileManager.default.fileExists(atPath: kept))
        }
    }

    @Test func `a damaged backup is found, and not restored`() async throws {
        try await withTestApp(.sqlite) { app in
            _ = try await Self.upload("the content", by: try await app.register(), on: app)
            let target = "\(app.app.configuration.dataFolder)/backups"
            #expect(try await AuditCommandTests.run(["backup", target], on: app).status == 0)
            let name = try #require(
                try FileManager.default.contentsOfDirectory(atPath: target).first { $0.hasPrefix("20") })
            let content = try #require(try Self.contents(of: target).first)
            for file in ["\(target)/\(name)/database.sqlite", "\(target)/\(name)/manifest.json", content] {
                let bytes = try Data(contentsOf: URL(filePath: file))
                var changed = bytes
                changed[changed.count / 2] ^= 1
                try changed.write(to: URL(filePath: file))
                let verified = try await AuditCommandTests.run(["backup", "--verify", target], on: app)
                #expect(verified.status == 1 && verified.errors.contains("was changed"), "\(verified)")
                try await Self.withTarget(of: app) { folder, place in
                    let restored = try await Self.restore(target, to: folder, place, on: app)
                    #expect(restored.status == 1 && restored.errors.contains("was changed"), "\(restored)")
                    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["secret.key"])
                }
                try bytes.write(to: URL(filePath: file))
            }
            #expect(try await AuditCommandTests.run(["backup", "--verify", target], on: app).status == 0)
        }
    }

    @Test func `a backup that was not completed is none, and is removed by the next one`() async throws {
        try await withTestApp(.sqlite) { app in
            let target = "\(app.app.configuration.dataFolder)/backups"
            let unfinished = "\(target)/.unfinished-1"
            try FileManager.default.createDirectory(atPath: unfinished, withIntermediateDirectories: true)
            let list = try await AuditCommandTests.run(["backup", "--list", target], on: app)
            #expect(list.status == 1 && list.errors.contains("There is no backup"), "\(list)")
            #expect(try await AuditCommandTests.run(["backup", target], on: app).status == 0)
            #expect(!FileManager.default.fileExists(atPath: unfinished))
        }
    }

    @Test func `a restoration needs the keys of the installation that was backed up`() async throws {
        try await withTestApp(.sqlite) { app in
            let target = "\(app.app.configuration.dataFolder)/backups"
            #expect(try await AuditCommandTests.run(["backup", target], on: app).status == 0)
            try await Self.withTarget(of: app) { folder, place in
                let key = "\(folder)/secret.key"
                try FileManager.default.removeItem(atPath: key)
                let missing = try await Self.restore(target, to: folder, place, on: app)
                #expect(missing.status == 1 && missing.errors.contains("is missing: set SECRET_KEY"), "\(missing)")
                try String(repeating: "a", count: 64).write(toFile: key, atomically: true, encoding: .utf8)
                let wrong = try await Self.restore(target, to: folder, place, on: app)
                #expect(wrong.status == 1 && wrong.errors.contains("sealed with another key"), "\(wrong)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a database with tables is not restored over`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let target = "\(app.app.configuration.dataFolder)/backups"
            #expect(try await AuditCommandTests.run(["backup", target], on: app).status == 0)
            let before = try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM people") }
            let refused = try await AuditCommandTests.run(["restore", target], on: app)
            #expect(refused.status == 1, "\(refused)")
            #expect(refused.errors.contains(engine == .sqlite ? "exists" : "has tables"), "\(refused)")
            #expect(
                try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM people") } == before)
        }
    }

    @Test func `an audit checkpoint that is newer than the backup is moved aside`() async throws {
        try await withTestApp(.sqlite) { app in
            let target = "\(app.app.configuration.dataFolder)/backups"
            #expect(try await AuditCommandTests.run(["backup", target], on: app).status == 0)
            _ = try await app.register()
            _ = try #require(try await app.app.audit.checkpoints.sign())
            try await Self.withTarget(of: app) { folder, place in
                try FileManager.default.copyItem(
                    atPath: "\(app.app.configuration.dataFolder)/audit-checkpoint.json",
                    toPath: "\(folder)/audit-checkpoint.json")
                let restored = try await Self.restore(target, to: folder, place, on: app)
                #expect(restored.status == 0 && restored.output.contains("was moved to"), "\(restored)")
            }
        }
    }

    // MARK: Targets

    /// Runs `body` with a data folder that has the key of `app`, and with an empty database.
    static func withTarget(of app: TestApp, _ body: (String, TestDatabaseLocation) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "gatehouse-restored-\(Hex.encode(Runtime.system.randomBytes(6)))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            atPath: "\(app.app.configuration.dataFolder)/secret.key", toPath: "\(folder.path)/secret.key")
        try await withDatabasePlace(app.engine) { place in try await body(folder.path, place) }
    }

    private static func restore(
        _ source: String, to folder: String, _ place: TestDatabaseLocation, on app: TestApp
    ) async throws -> AuditCommandTests.Outcome {
        try await AuditCommandTests.run(
            ["restore", source, "--to", folder, "--database", place.configurationURL], on: app)
    }

    private static func withRestored(
        _ app: TestApp, _ folder: String, _ place: TestDatabaseLocation, _ body: (TestApp) async throws -> Void
    ) async throws {
        var configuration = app.app.configuration
        configuration.dataFolder = folder
        configuration.databaseURL = place.configurationURL
        let (clock, log) = (app.clock, LogOutput(keepsLines: true))
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        let restored = try await buildApp(
            configuration, in: AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: log))
        try await attempt {
            try await body(TestApp(app: restored, clock: clock, engine: app.engine, log: log))
        } finally: {
            await restored.close()
        }
    }

    /// - Returns: the path of the file's address.
    private static func upload(_ text: String, by person: TestPerson, on app: TestApp) async throws -> String {
        let response = await app.call(
            "POST", "/v1/integrations/upload-file", body: multipart([], file: ("file", "a.csv", Array(text.utf8))),
            token: person.token)
        return try #require(response["file_url"]?.string, "\(response)")
    }

    /// The paths of the contents of files in a folder of backups.
    private static func contents(of target: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: "\(target)/files").filter { $0.contains("/") }.map {
            "\(target)/files/\($0)"
        }
    }
}
