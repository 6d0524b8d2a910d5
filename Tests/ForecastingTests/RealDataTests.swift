import Forecasting
import Foundation
import Testing

/// Forecasts of Seattle six hours ahead, from the last hours of both cities and the time of day.
struct RealDataTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    static func recipe(_ fixture: ForecastingFixture, split: DatasetSplit) throws -> DatasetRecipe {
        let cities = ["seattle", "sf"].map { (name: $0, file: fixture.file($0)) }
        for city in cities where !FileManager.default.fileExists(atPath: city.file.path) {
            _ = try SeriesImport().run(
                ForecastingFixture.examples.appending(path: "\(city.name)-temps.csv"), to: city.file)
        }
        return DatasetRecipe(
            inputs: cities.map { .init(name: $0.name, series: $0.file, horizon: .init(-5, 0)) },
            outputs: [.init(name: "seattle", series: cities[0].file, horizon: .init(1, 6))],
            steps: .init(inputSteps: 6, outputSteps: 6, stepMinutes: 60),
            timeFeatures: TimeFeatures([.init(.day, horizon: .init(1, 6), scaling: .init())]),
            split: split
        )
    }

    /// The mean absolute error in °F of persistence, LIN and Dense on the test part.
    private func errors(_ split: DatasetSplit) throws -> (persistence: Double, linear: Double, dense: Double) {
        let dataset = try fixture.datasets(Self.recipe(fixture, split: split))
        let linear = try Evaluation(of: ForecastParameters(.linear).train(on: dataset), on: dataset)
        let parameters = ForecastParameters(.dense, layers: 2, neurons: 32, epochs: 12, activation: .relu)
        let dense = try Evaluation(of: parameters.train(on: dataset), on: dataset)
        let errors = try (
            persistence: #require(linear.persistence?.value(.mae, output: "seattle")),
            linear: #require(linear.model.value(.mae, output: "seattle")),
            dense: #require(dense.model.value(.mae, output: "seattle"))
        )
        print(
            "Seattle six hours ahead, \(split): persistence \(errors.persistence), "
                + "LIN \(errors.linear), Dense \(errors.dense) °F"
        )
        return errors
    }

    @Test func `LIN and Dense beat persistence on unseen weeks, and the better one halves its error`() throws {
        // Whole weeks are assigned at random, and overlapping datasets are left out of training: the test part shares
        // no value with it.
        let errors = try errors(DatasetSplit(shuffle: true, blockLength: 168))
        #expect(errors.linear < errors.persistence && errors.dense < errors.persistence)
        #expect(min(errors.linear, errors.dense) <= errors.persistence / 2)
    }

    @Test func `LIN and Dense beat persistence with single datasets assigned at random`() throws {
        let errors = try errors(DatasetSplit(shuffle: true))
        #expect(errors.linear < errors.persistence && errors.dense < errors.persistence)
        #expect(min(errors.linear, errors.dense) <= errors.persistence / 2)
    }

    @Test func `every dataset that both files allow is generated`() throws {
        let dataset = try fixture.datasets(Self.recipe(fixture, split: .init()))
        #expect(dataset.manifest.count == 8737 && dataset.manifest.references.tried == 8760)
        #expect(
            dataset.manifest.dropped == ["outside-series": 11, "gap": 12],
            "the hour missing in March is not made up")
        #expect(dataset.manifest.inputColumns.map(\.name) == ["seattle", "sf", "day sin", "day cos"])
    }
}
