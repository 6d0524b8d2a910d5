import ArgumentParser
import Base
import Forecasting
import Foundation

/// The import of a file of a million rows and the generation of datasets from it, each in a process of its own.
struct RowsMeasurement {
    let effort: Effort
    let scratch: URL

    func run() async throws -> Table {
        let csv = scratch.appending(path: "rows.csv")
        try writeRows(to: csv)
        let size = try FileManager.default.attributesOfItem(atPath: csv.path)[.size] as? Int ?? 0
        var table = Table(
            "\(Double(effort.rows).shown()) rows",
            ["operation", "seconds", "rows/s", "peak memory MiB", "of it mapped files MiB"])
        var imports: [StageMetrics] = []
        var generations: [StageMetrics] = []
        for _ in 0..<max(1, effort.rounds / 2 + 1) {
            imports.append(try Child.result(of: ["import", scratch.path]))
            generations.append(try Child.result(of: ["generate", scratch.path]))
        }
        for (name, all) in [
            ("import of CSV, \((Double(size) / 1_048_576).shown()) MiB", imports),
            ("datasets: 6 steps in, 6 out, time of day", generations),
        ] {
            let seconds = all.map(\.seconds).median
            table.rows.append([
                name, seconds.shown(2), (Double(effort.rows) / seconds).shown(), all.map(\.peakMiB).median.shown(1),
                all.map(\.mappedMiB).median.shown(1),
            ])
        }
        table.note = "Mapped files are pages of the input that the kernel can evict at any time."
        return table
    }

    /// One value a minute.
    private func writeRows(to csv: URL) throws {
        guard FileManager.default.createFile(atPath: csv.path, contents: nil) else {
            throw CocoaError(.fileWriteUnknown)
        }
        let file = try FileHandle(forWritingTo: csv)
        var text = "time,temperature\n"
        for row in 0..<effort.rows {
            let instant = Instant(seconds: 1_546_300_800 + Int64(row) * 60)
            text += "\(instant),\((Int(sin(Double(row) / 229.2) * 10_000) + row % 97)).25\n"
            if row % 10_000 == 0 {
                try file.write(contentsOf: Data(text.utf8))
                text = ""
            }
        }
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }
}

struct StageMetrics: Codable {
    var seconds: Double
    var peakMiB: Double
    var mappedMiB: Double

    /// Runs one stage and writes its metrics to standard output.
    static func measure(_ body: () throws -> Void) throws {
        let time = try ContinuousClock().measure(body)
        let metrics = StageMetrics(
            seconds: time / .seconds(1),
            peakMiB: Child.mebibytes("VmHWM", of: "self"),
            mappedMiB: Child.mebibytes("RssFile", of: "self")
        )
        FileHandle.standardOutput.write(try JSONEncoder().encode(metrics))
    }
}

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "import", shouldDisplay: false)

    @Argument var folder: String

    func run() throws {
        let folder = URL(filePath: folder)
        try StageMetrics.measure {
            _ = try SeriesImport().run(folder.appending(path: "rows.csv"), to: folder.appending(path: "rows.series"))
        }
    }
}

struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "generate", shouldDisplay: false)

    @Argument var folder: String

    func run() throws {
        let series = URL(filePath: folder).appending(path: "rows.series")
        let datasets = URL(filePath: folder).appending(path: "datasets")
        try? FileManager.default.removeItem(at: datasets)
        try FileManager.default.createDirectory(at: datasets, withIntermediateDirectories: true)
        let recipe = DatasetRecipe(
            inputs: [.init(name: "temperature", series: series, horizon: .init(-5, 0))],
            outputs: [.init(name: "temperature", series: series, horizon: .init(1, 6))],
            steps: .init(inputSteps: 6, outputSteps: 6, stepMinutes: 1),
            timeFeatures: TimeFeatures([.init(.day, horizon: .init(1, 6), scaling: .init())])
        )
        try StageMetrics.measure { _ = try DatasetGenerator(recipe).run(into: datasets) }
    }
}
