import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// The command `gatehouse risk train`, run as a process.
@Suite struct RiskCommandTests {
    /// Real prices of six pools.
    private static let prices = Repository.url("Tests/Cases/spot/prices.csv").path()

    @Test func `train writes a model with its report and plot, and prints how good it is`() async throws {
        try await withTestApp(.sqlite) { app in
            let trained = try await AuditCommandTests.run(
                [
                    "risk", "train", Self.prices, "--until", "2021-05-01", "--setup", "shallow", "--output", "models",
                ], on: app)
            #expect(trained.status == 0 && trained.output.contains("best single feature"), "\(trained)")
            let folder = URL(filePath: app.app.configuration.dataFolder).appending(path: "models")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted()
            #expect(names.count == 3)
            let model = try JSONValue(
                parsing: Data(contentsOf: folder.appending(path: try #require(names.first))))
            let version = try #require(model["version"]?.string)
            #expect(
                names == ["risk-model-\(version).json", "risk-plot-\(version).svg", "risk-report-\(version).json"])
            #expect(model["digest"]?.string?.hasPrefix(version) == true)
            let report = try JSONValue(parsing: Data(contentsOf: folder.appending(path: names[2])))
            #expect(report["digest"] == model["digest"] && report["pools"] == 6)
        }
    }

    @Test func `prices with a fault and wrong arguments are refused, and nothing is written`() async throws {
        try await withTestApp(.sqlite) { app in
            let folder = URL(filePath: app.app.configuration.dataFolder)
            try Data("date,temperature\n2021-03-01,7\n".utf8).write(to: folder.appending(path: "other.csv"))
            func train(_ arguments: String...) async throws -> (status: Int32, errors: String) {
                let outcome = try await AuditCommandTests.run(
                    ["risk", "train"] + arguments + ["--output", "refused"], on: app)
                return (outcome.status, outcome.errors)
            }
            let other = try await train("other.csv", "--until", "2021-05-01")
            #expect(other.status == 1 && other.errors.contains("This is no list of prices"), "\(other)")
            let missing = try await train("missing.csv", "--until", "2021-05-01")
            #expect(missing.status == 1 && missing.errors.contains("missing.csv does not exist"), "\(missing)")
            let device = try await train("/dev/zero", "--until", "2021-05-01")
            #expect(device.status == 1 && device.errors.contains("/dev/zero is not a regular file"), "\(device)")
            let late = try await train(Self.prices, "--until", "2022-01-01")
            #expect(late.status == 1 && late.errors.contains("is not within the prices"), "\(late)")
            let noDate = try await train(Self.prices, "--until", "yesterday")
            #expect(noDate.status == 64 && noDate.errors.contains("--until is a date or time"), "\(noDate)")
            let noSetup = try await train(Self.prices, "--until", "2021-05-01", "--setup", "best")
            #expect(noSetup.status == 64 && noSetup.errors.contains("--setup is one of described"), "\(noSetup)")
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "refused").path()))
        }
    }
}
