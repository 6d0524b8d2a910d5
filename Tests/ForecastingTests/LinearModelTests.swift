import Forecasting
import Foundation
import Testing

struct LinearModelTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    /// Two random inputs, and outputs that are an exact linear function of them.
    private func exact(_ split: DatasetSplit = .init(), inputSteps: Int = 3) throws -> Dataset {
        var generator = SeededGenerator(seed: 1)
        let a = (0..<200).map { _ in generator.fraction() * 10 }
        let b = (0..<200).map { _ in generator.fraction() * 100 - 50 }
        let first = zip(a, b).map { 3 * $0 - 0.5 * $1 + 7 }
        let second = zip(a, b).map { -$0 + 0.25 * $1 - 1 }
        let recipe = DatasetRecipe(
            inputs: [
                .init(
                    name: "a", series: try fixture.hourly("a", a), horizon: .init(0, Double(inputSteps - 1)),
                    scaling: nil),
                .init(
                    name: "b", series: try fixture.hourly("b", b), horizon: .init(0, Double(inputSteps - 1)),
                    scaling: nil),
            ],
            outputs: [
                .init(name: "x", series: try fixture.hourly("x", first), horizon: .init(0, 2), scaling: nil),
                .init(name: "y", series: try fixture.hourly("y", second), horizon: .init(0, 2), scaling: nil),
            ],
            steps: .init(inputSteps: inputSteps, outputSteps: 3, stepMinutes: 60),
            split: split
        )
        return try fixture.datasets(recipe)
    }

    @Test func `the coefficients of exact data are found`() throws {
        let dataset = try exact()
        let model = try #require(ForecastParameters(.linear).train(on: dataset) as? LinearModel)
        for (weight, expected) in zip(model.weights + model.intercepts, [3.0, -1, -0.5, 0.25, 7, -1]) {
            #expect(abs(weight - expected) < 1e-12)
        }
        let forecast = try model.predict(dataset.scaledInputs([5]))
        for (value, truth) in zip(forecast, dataset.outputs(5)) { #expect(abs(value - truth) < 1e-10) }
        #expect(try #require(Evaluation(of: model, on: dataset).model.value(.mae, output: "x")) < 1e-10)
    }

    @Test func `equal columns get equal weights`() throws {
        let values = (0..<50).map { Double($0 * $0 % 17) }
        let a = try fixture.hourly("a", values)
        let b = try fixture.hourly("b", values.map { 2 * $0 + 1 })
        let constant = try fixture.hourly("c", values.map { _ in 3 })
        var recipe = plainRecipe(a, input: .init(0, 0), output: .init(0, 0), steps: 1)
        recipe.inputs.append(.init(name: "twin", series: a, horizon: .init(0, 0)))
        recipe.inputs.append(.init(name: "constant", series: constant, horizon: .init(0, 0)))
        recipe.outputs[0] = .init(name: "out", series: b, horizon: .init(0, 0), scaling: nil)
        let model = try #require(ForecastParameters(.linear).train(on: fixture.datasets(recipe)) as? LinearModel)
        // 2 × value + 1 with the value scaled from 0…16: 32 in two equal halves, by the minimum norm; the constant
        // column is all 0.
        for (weight, expected) in zip(model.weights + model.intercepts, [16.0, 16, 0, 1]) {
            #expect(abs(weight - expected) < 1e-9)
        }
    }

    @Test func `fewer rows than columns give the minimum-norm weights`() throws {
        let dataset = try exact(DatasetSplit(train: 3, validation: 0, test: 3, unit: .count), inputSteps: 3)
        let model = try ForecastParameters(.linear).train(on: dataset)
        let forecast = try model.predict(dataset.scaledInputs([0]))
        for (value, truth) in zip(forecast, dataset.outputs(0)) { #expect(abs(value - truth) < 1e-9) }
    }

    @Test func `different numbers of steps are refused`() throws {
        let dataset = try exact(inputSteps: 4)
        let fault = #expect(throws: ModelFault.self) { _ = try ForecastParameters(.linear).train(on: dataset) }
        #expect(fault?.code == .stepsDiffer && fault?.message.contains("input steps (4) as output steps (3)") == true)
    }

    @Test func `training can be cancelled`() throws {
        let dataset = try exact()
        #expect(throws: CancellationError.self) {
            _ = try ForecastParameters(.linear).train(on: dataset, checkCancellation: { throw CancellationError() })
        }
    }

    @Test func `a saved model is loaded unchanged`() throws {
        let dataset = try exact()
        let model = try #require(ForecastParameters(.linear).train(on: dataset) as? LinearModel)
        try model.save(to: fixture.file("model.safetensors"))
        let loaded = try #require(ForecastMode.load(from: fixture.file("model.safetensors")) as? LinearModel)
        #expect(loaded.weights == model.weights && loaded.intercepts == model.intercepts && loaded.shape == model.shape)
    }

    @Test func `inputs that are not whole rows are refused`() throws {
        let model = try ForecastParameters(.linear).train(on: exact())
        #expect(throws: ModelFault.self) { _ = try model.predict([1, 2, 3, 4, 5]) }
        #expect(try model.predict([]).isEmpty)
    }
}
