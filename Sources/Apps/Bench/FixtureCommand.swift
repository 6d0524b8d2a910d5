import ArgumentParser
import Foundation
import TestKit

/// Writes an installation of this version with data in every module, which later versions have to open.
struct FixtureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fixture",
        abstract: "Write an installation of this version, which later versions have to open.",
        discussion: "GATEHOUSE_TEST_POSTGRES names a server of PostgreSQL. `scripts/fixture` starts one."
    )

    @Argument(help: "The new folder, such as Tests/Cases/upgrades/001.")
    var folder: String

    func run() async throws {
        let folder = URL(filePath: folder)
        guard !FileManager.default.fileExists(atPath: folder.path()) else {
            throw ValidationError("\(folder.path()) exists: fixtures that were merged are never written again.")
        }
        guard Engine.available == Engine.allCases else {
            throw ValidationError("Name a server of PostgreSQL: GATEHOUSE_TEST_POSTGRES=postgresql://…")
        }
        try await UpgradeFixture.write(to: folder)
    }
}
