import Forecasting
import Foundation
import Testing

struct EvaluationTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    /// Predicts the same values for every row.
    private struct ConstantForecaster: Forecaster {
        var shape: ForecastShape
        var values: [Double]

        func predict(_ inputs: [Double]) throws(ModelFault) -> [Double] {
            Array(repeatElement(values, count: inputs.count / shape.inputCount).joined())
        }
    }

    /// Evaluates a constant forecast on windows of a series: `steps` outputs an hour apart, at an interval of an hour.
    private func evaluate(_ values: [Double], forecast: [Double], steps: Int, stepMinutes: Double = 60) throws
        -> Evaluation
    {
        // The training datasets whose outputs overlap those of the first test dataset are left out.
        let earlier = steps - 1
        let series = try fixture.hourly("s", Array(repeating: values[0], count: earlier) + values)
        var recipe = plainRecipe(series, input: .init(0, 0), output: .init(0, Double(steps - 1)), steps: steps)
        recipe.inputs[0].scaling = nil
        recipe.outputs[0].scaling = nil
        recipe.steps.stepMinutes = stepMinutes
        let count = values.count - steps + 1
        recipe.split = DatasetSplit(
            train: Double(1 + earlier), validation: 0, test: Double(count - 1), unit: .count)
        let dataset = try fixture.datasets(recipe)
        return try Evaluation(of: ConstantForecaster(shape: dataset.shape, values: forecast), on: dataset)
    }

    private func expect(
        _ tables: Evaluation.Tables,
        _ metric: Evaluation.Metric,
        _ expected: Double?,
        level: Int = 1,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let value = tables.value(metric, output: "out", level: level)
        #expect(
            (value == nil) == (expected == nil) && abs((value ?? 0) - (expected ?? 0)) < 1e-9, "\(metric)",
            sourceLocation: sourceLocation)
    }

    @Test func `metrics equal a calculation by hand`() throws {
        // The first dataset is the training part; truth is 2, 4, 8 and the forecast 5.
        let evaluation = try evaluate([0, 2, 4, 8], forecast: [5], steps: 1)
        #expect(evaluation.datasets == 3)
        expect(evaluation.model, .mae, 7.0 / 3)
        expect(evaluation.model, .mape, 100 * (1.5 + 0.25 + 0.375) / 3)
        expect(evaluation.model, .mse, 19.0 / 3)
        expect(evaluation.model, .rmse, (19.0 / 3).squareRoot())
        expect(evaluation.model, .nrmse, (19.0 / 3).squareRoot() / (14.0 / 3))
        expect(evaluation.model, .wape, 50)
        expect(evaluation.model, .smape, 100 * (3 / 3.5 + 1 / 4.5 + 3 / 6.5) / 3)
        expect(evaluation.model, .mase, (7.0 / 3) / 3)
    }

    @Test func `an undefined metric does not affect the others`() throws {
        let zeros = try evaluate([1, 0, 0, 0], forecast: [0], steps: 1).model
        for metric in [Evaluation.Metric.mape, .nrmse, .wape, .mase] { expect(zeros, metric, nil) }
        for metric in [Evaluation.Metric.mae, .mse, .rmse, .smape] { expect(zeros, metric, 0) }
        let some = try evaluate([1, 0, 1, -1], forecast: [0], steps: 1).model
        expect(some, .mape, nil)
        expect(some, .nrmse, nil)
        expect(some, .wape, 100)
        expect(some, .mae, 2.0 / 3)
        expect(some, .mase, (2.0 / 3) / 1.5)
        let single = try evaluate([1, 5], forecast: [4], steps: 1).model
        expect(single, .mase, nil)
        expect(single, .mae, 1)
    }

    @Test func `levels average truth and forecast over whole blocks`() throws {
        let evaluation = try evaluate([9, 1, 3, 5, 7, 9], forecast: [0, 4, 2, 2, 0], steps: 5)
        // One dataset: truth 1 3 5 7 9, forecast 0 4 2 2 0.
        let table = try #require(evaluation.model.overall["out"])
        #expect(table[Evaluation.delta] == [60, 120, 180, 240, 300])
        expect(evaluation.model, .mae, (1 + 1 + 3 + 5 + 9) / 5, level: 1)
        expect(evaluation.model, .mae, (0 + 4) / 2, level: 2)
        expect(evaluation.model, .mae, 1, level: 3)
        expect(evaluation.model, .mae, 2, level: 4)
        expect(evaluation.model, .mae, 5 - 8.0 / 5, level: 5)
        let steps = try #require(evaluation.model.bySteps["out"])
        #expect(Set(steps.keys) == ["60", "120", "180", "240", "300"])
        #expect(
            steps["60"]?["MAE"] == [1, 1, 3, 5, 9] && steps["120"]?["MAE"] == [0, 4] && steps["180"]?["MAE"] == [1])
        #expect(steps["60"]?["MASE"] == [nil, nil, nil, nil, nil])
    }

    @Test func `there are at most twelve levels`() throws {
        let evaluation = try evaluate(
            (0..<20).map { Double($0) }, forecast: Array(repeating: 1, count: 15), steps: 15, stepMinutes: 60)
        #expect(evaluation.model.overall["out"]?["MAE"]?.count == 12 && evaluation.model.bySteps["out"]?.count == 12)
        #expect(
            evaluation.model.bySteps["out"]?["720"]?["MAE"]?.count == 1
                && evaluation.model.bySteps["out"]?["420"]?["MAE"]?.count == 2)
        #expect(Evaluation.deltaName(7.5) == "7.5")
    }

    @Test func `persistence repeats the last known value`() throws {
        let series = try fixture.hourly("s", [0, 0, 1, 3, 6, 10, 15, 21])
        var recipe = plainRecipe(series)
        recipe.outputs[0].scaling = .init(-5, 5)
        recipe.split = DatasetSplit(train: 2, validation: 0, test: 3, unit: .count)
        let dataset = try fixture.datasets(recipe)
        let persistence = try #require(Persistence(dataset.manifest))
        let (truth, forecast) = try dataset.forecasts(by: persistence, rows: [2, 3])
        #expect(truth == [6, 10, 10, 15])
        for (value, expected) in zip(forecast, [3.0, 3, 6, 6]) { #expect(abs(value - expected) < 1e-12) }
        let evaluation = try Evaluation(of: persistence, on: dataset)
        #expect(evaluation.model == evaluation.persistence)
        expect(evaluation.model, .mae, (3 + 7 + 4 + 9 + 5 + 11) / 6)
    }

    @Test func `seasonal naive repeats the value of the day and of the week before`() throws {
        // The value is the number of the hour: a day earlier it is 24 less, a week earlier 168 less.
        let series = try fixture.hourly("s", (0..<400).map { Double($0) })
        var recipe = plainRecipe(series, output: .init(23, 25), steps: 3)
        recipe.inputs[0].horizon = .init(-2, 0)
        recipe.split = DatasetSplit()
        let dataset = try fixture.datasets(recipe)
        let model = try ForecastParameters(.linear).train(on: dataset)
        let seasonal = try Evaluation(of: model, on: dataset).seasonal
        #expect(Set(seasonal.keys) == ["24", "168"])
        let day = try #require(seasonal["24"])
        // The value a day before the third step is not known at the reference time: two days before it is.
        #expect(day.tables.bySteps["out"]?["60"]?["MAE"] == [24, 24, 48])
        #expect(day.datasets == dataset.manifest.split.test)
        expect(day.tables, .mae, 32)
        expect(try #require(seasonal["168"]).tables, .mae, 168)
        // A series of three days has no value a week before.
        let short = try fixture.hourly("short", (0..<72).map { Double($0) })
        recipe.inputs[0].series = short
        recipe.outputs[0].series = short
        recipe.outputs[0].horizon = .init(1, 3)
        let few = try fixture.datasets(recipe)
        let evaluation = try Evaluation(of: ForecastParameters(.linear).train(on: few), on: few)
        #expect(Set(evaluation.seasonal.keys) == ["24"])
    }

    @Test func `metrics that are not finite are an error`() throws {
        for forecast in [1e200, .infinity, .nan] {
            let fault = #expect(throws: ModelFault.self) {
                _ = try evaluate([1, 2, 3, 4], forecast: [forecast], steps: 1)
            }
            #expect(fault?.code == .notFinite)
        }
    }

    @Test func `tables have the shape of the API, with null for undefined values`() throws {
        let evaluation = try evaluate([1, 0, 1], forecast: [0], steps: 1)
        let json = try #require(
            JSONSerialization.jsonObject(with: JSONEncoder().encode(evaluation.model)) as? [String: Any])
        let table = try #require((json["df_eval"] as? [String: [String: [Any]]])?["out"])
        #expect(
            table["delta [min]"] as? [Double] == [60] && table["MAE"] as? [Double] == [0.5]
                && table["MAPE"]?.first is NSNull)
        let steps = try #require(json["df_eval_ts"] as? [String: [String: [String: [Any]]]])
        #expect(steps["out"]?["60"]?["MAE"] as? [Double] == [0.5])
        #expect(try JSONDecoder().decode(Evaluation.self, from: JSONEncoder().encode(evaluation)) == evaluation)
    }

    @Test func `an empty test part is an error`() throws {
        let series = try fixture.hourly("s", [0, 1, 3, 6, 10])
        let dataset = try fixture.datasets(plainRecipe(series))
        let fault = #expect(throws: ModelFault.self) {
            _ = try Evaluation(of: ConstantForecaster(shape: dataset.shape, values: [0, 0]), on: dataset)
        }
        #expect(fault?.code == .emptyPart)
    }
}
