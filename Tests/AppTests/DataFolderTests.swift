import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@Suite struct DataFolderTests {
    @Test func `a generated secret has mode 0600 and is kept by the next start`() async throws {
        try await withTestApp(.sqlite) { app in
            let folder = app.app.configuration.dataFolder
            func mode(_ path: String) throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            }
            #expect(try mode(folder) == 0o700)
            #expect(try mode("\(folder)/secret.key") == 0o600)
            let secret = try String(contentsOfFile: "\(folder)/secret.key", encoding: .utf8)
            #expect(Hex.decode(secret)?.count == 32)
            let second = try await buildApp(
                app.app.configuration, in: AppDependencies(logOutput: LogOutput(keepsLines: true)))
            await second.database.close()
            #expect(try String(contentsOfFile: "\(folder)/secret.key", encoding: .utf8) == secret)
        }
    }

    @Test func `a truncated secret stops the start with the path of its file`() async throws {
        try await withTestApp(.sqlite) { app in
            let file = "\(app.app.configuration.dataFolder)/secret.key"
            try "cut".write(toFile: file, atomically: false, encoding: .utf8)
            do {
                let second = try await buildApp(
                    app.app.configuration, in: AppDependencies(logOutput: LogOutput(keepsLines: true)))
                await second.database.close()
                Issue.record("it started")
            } catch {
                #expect("\(error)".contains(file))
                #expect("\(error)".contains("backup"))
            }
        }
    }
}
