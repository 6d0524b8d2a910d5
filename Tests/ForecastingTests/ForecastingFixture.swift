import Forecasting
import Foundation
import TestKit
import Testing

/// A temporary folder, which is removed when the object is released.
final class ForecastingFixture: Sendable {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "forecasting-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func file(_ name: String) -> URL { folder.appending(path: name) }

    func write(_ text: String, _ name: String = "source.csv") throws -> URL { try write(Data(text.utf8), name) }

    func write(_ data: Data, _ name: String = "source.csv") throws -> URL {
        try data.write(to: file(name))
        return file(name)
    }

    /// Imports a text as a series.
    func read(_ text: String, _ settings: SeriesImport = SeriesImport()) throws -> (
        report: SeriesReport, samples: [Sample]
    ) {
        try read(Data(text.utf8), settings)
    }

    func read(_ data: Data, _ settings: SeriesImport = SeriesImport()) throws -> (
        report: SeriesReport, samples: [Sample]
    ) {
        let report = try settings.run(write(data), to: file("series.bin"))
        let series = try Series(file("series.bin"))
        return (
            report, (0..<series.count).map { Sample(minutes: Double(series.stamp($0)) / 60e6, value: series.value($0)) }
        )
    }

    /// A series with timestamps in minutes since 1970.
    func series(_ name: String, _ samples: [(minutes: Double, value: Double)]) throws -> URL {
        let writer = try SeriesWriter(file(name))
        for sample in samples { try writer.append(stamp: Int64(sample.minutes * 60e6), value: sample.value) }
        try writer.finish()
        return file(name)
    }

    /// An hourly series from 1970.
    func hourly(_ name: String, _ values: [Double], startHour: Int = 0) throws -> URL {
        try series(name, values.enumerated().map { (Double(startHour + $0.offset) * 60, $0.element) })
    }

    /// Generates and opens datasets.
    func datasets(_ recipe: DatasetRecipe, _ name: String = "datasets") throws -> Dataset {
        let folder = file(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        _ = try DatasetGenerator(recipe).run(into: folder)
        return try Dataset(folder)
    }

    static let examples = Repository.url("Examples")
}

/// A sample with its timestamp in minutes.
struct Sample: Equatable {
    var minutes: Double
    var value: Double
}

/// Minutes since 1970 of a time in UTC.
func minutes(_ text: String) throws -> Double { try Date(text, strategy: .iso8601).timeIntervalSince1970 / 60 }

/// A recipe over an hourly series with a step of an hour and only a training part.
func plainRecipe(
    _ series: URL, input: DatasetRecipe.Horizon = .init(-1, 0), output: DatasetRecipe.Horizon = .init(1, 2),
    steps: Int = 2
) -> DatasetRecipe {
    DatasetRecipe(
        inputs: [.init(name: "in", series: series, horizon: input)],
        outputs: [.init(name: "out", series: series, horizon: output)],
        steps: .init(inputSteps: steps, outputSteps: steps, stepMinutes: 60),
        split: .init(train: 1, validation: 0, test: 0)
    )
}
