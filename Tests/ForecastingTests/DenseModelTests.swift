import Forecasting
import Foundation
import Testing

struct DenseModelTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    /// The square of a random input, which no linear model fits.
    private func parabola(split: DatasetSplit = .init(shuffle: true)) throws -> Dataset {
        var generator = SeededGenerator(seed: 3)
        let x = (0..<1500).map { _ in 2 * generator.fraction() - 1 }
        var recipe = plainRecipe(try fixture.hourly("x", x), input: .init(0, 0), output: .init(0, 0), steps: 1)
        recipe.inputs[0].scaling = .init(-1, 1)
        recipe.outputs[0] = .init(
            name: "out", series: try fixture.hourly("y", x.map { $0 * $0 }), horizon: .init(0, 0))
        recipe.split = split
        return try fixture.datasets(recipe)
    }

    private let small = ForecastParameters(.dense, layers: 2, neurons: 32, epochs: 30, activation: .relu, seed: 5)

    @Test func `a nonlinear function is learned`() throws {
        let dataset = try parabola()
        let line = try Evaluation(of: ForecastParameters(.linear).train(on: dataset), on: dataset)
        let dense = try Evaluation(of: small.train(on: dataset), on: dataset)
        let (lineError, denseError) = try (
            #require(line.model.value(.rmse, output: "out")), #require(dense.model.value(.rmse, output: "out"))
        )
        #expect(denseError < lineError / 5, "\(denseError) against \(lineError)")
        #expect(line.persistence == nil, "the output's series is not among the inputs")
    }

    @Test func `the same seed gives the same weights`() throws {
        let dataset = try parabola()
        var parameters = small
        parameters.epochs = 3
        let one = try #require(parameters.train(on: dataset) as? DenseModel)
        let again = try #require(parameters.train(on: dataset) as? DenseModel)
        parameters.seed += 1
        let other = try #require(parameters.train(on: dataset) as? DenseModel)
        #expect(one.weights == again.weights && one.weights != other.weights)
    }

    @Test(arguments: ForecastParameters.Activation.allCases)
    func `every activation learns`(activation: ForecastParameters.Activation) throws {
        let dataset = try parabola()
        var losses: [Double] = []
        let parameters = ForecastParameters(.dense, layers: 1, neurons: 8, epochs: 4, activation: activation)
        let model = try parameters.train(on: dataset, epochEnded: { losses.append($0.loss) })
        #expect(losses.count > 1 && losses[losses.count - 1] < losses[0])
        #expect(try model.predict([0.1, 0.2, 0.3]).allSatisfy(\.isFinite))
    }

    @Test func `the gradient is the derivative of the loss`() throws {
        // A step of Adam changes every weight by the rate, in the direction given by the sign of its gradient. After
        // one step from the same weights the loss must have fallen for every activation, which a wrong derivative does
        // not achieve.
        let dataset = try parabola(split: .init(train: 32, validation: 32, test: 0, unit: .count))
        for activation in ForecastParameters.Activation.allCases {
            var losses: [Double] = []
            let parameters = ForecastParameters(.dense, layers: 3, neurons: 8, epochs: 12, activation: activation)
            _ = try parameters.train(on: dataset, epochEnded: { losses.append($0.loss) })
            #expect(zip(losses.dropFirst(), losses).allSatisfy { $0 < $1 }, "\(activation): \(losses)")
        }
    }

    @Test func `training stops two epochs after the best and keeps the best weights`() throws {
        // The validation part follows another function than the training part, so the validation loss soon rises.
        let x = (0..<400).map { sin(Double($0)) }
        var recipe = plainRecipe(try fixture.hourly("x", x), input: .init(0, 0), output: .init(0, 0), steps: 1)
        let y = x.enumerated().map { $0.offset < 280 ? $0.element : -$0.element }
        recipe.outputs[0] = .init(name: "out", series: try fixture.hourly("y", y), horizon: .init(0, 0))
        recipe.split = DatasetSplit()
        let dataset = try fixture.datasets(recipe)
        var reports: [EpochReport] = []
        let model = try ForecastParameters(.dense, layers: 1, neurons: 16, epochs: 200).train(
            on: dataset, epochEnded: { reports.append($0) })
        let best = try #require(reports.min { $0.validationLoss ?? .infinity < $1.validationLoss ?? .infinity })
        #expect(reports.count < 200 && best.epoch == reports.count - 2)
        let rows = dataset.rows(of: .validation)
        let errors = zip(try model.predict(dataset.scaledInputs(rows)), dataset.scaledOutputs(rows)).map {
            ($0 - $1) * ($0 - $1)
        }
        #expect(abs(errors.reduce(0, +) / Double(errors.count) - (best.validationLoss ?? 0)) < 1e-6)
    }

    @Test func `every epoch is run without a validation part`() throws {
        let dataset = try parabola(split: .init(train: 0.9, validation: 0, test: 0.1))
        var reports: [EpochReport] = []
        _ = try ForecastParameters(.dense, layers: 1, neurons: 4, epochs: 5).train(
            on: dataset, epochEnded: { reports.append($0) })
        #expect(
            reports.map(\.epoch) == [1, 2, 3, 4, 5]
                && reports.allSatisfy { $0.validationLoss == nil && $0.validationRMSE == nil })
        #expect(
            reports.last?.secondsLeft == 0
                && reports.allSatisfy { abs($0.rmse * $0.rmse - $0.loss) < 1e-12 && $0.durationSeconds > 0 })
    }

    @Test func `training can be cancelled`() throws {
        let dataset = try parabola()
        var epochs = 0
        #expect(throws: CancellationError.self) {
            _ = try small.train(
                on: dataset,
                epochEnded: { report in
                    epochs = report.epoch
                    if epochs == 2 { throw CancellationError() }
                }
            )
        }
        #expect(epochs == 2)
        var calls = 0
        #expect(throws: CancellationError.self) {
            _ = try small.train(
                on: dataset,
                checkCancellation: {
                    calls += 1
                    if calls == 5 { throw CancellationError() }
                }
            )
        }
    }

    @Test func `cancellation is checked before every batch, and progress is reported within an epoch`() throws {
        let dataset = try parabola()
        var checks = 0
        var reports: [Double] = []
        _ = try ForecastParameters(.dense, layers: 1, neurons: 4, epochs: 2).train(
            on: dataset, progress: { epoch, fraction in reports.append(Double(epoch - 1) + fraction) },
            checkCancellation: { checks += 1 })
        // 1050 training and 300 validation datasets in batches of 32.
        #expect(checks == 2 * (33 + 10))
        #expect(reports.count == 2 * 3 && reports == reports.sorted() && reports.contains { $0 > 0 && $0 < 1 })
    }

    @Test func `denormals are zero while a model is trained, and not after`() {
        // A divisor that the compiler does not know.
        let divisor = Float(CommandLine.arguments.count + 1)
        func quotient() -> Float { Float.leastNormalMagnitude / divisor }
        #if arch(x86_64) || arch(arm64)
            #expect(Processor.flushingDenormals(quotient) == 0)
        #endif
        #expect(quotient() > 0)
    }

    @Test func `kernels are chosen where OpenBLAS does not know a processor`() {
        #expect(Processor.kernels(for: "Prescott", vectorLevel: 512) == "SkylakeX")
        #expect(Processor.kernels(for: "Prescott", vectorLevel: 2) == "Haswell")
        #expect(Processor.kernels(for: "Prescott", vectorLevel: 0) == nil)
        #expect(Processor.kernels(for: "Zen", vectorLevel: 2) == nil)
    }

    @Test func `diverging training is an error`() throws {
        let x = (0..<200).map { Double($0) * 1e30 }
        var recipe = plainRecipe(try fixture.hourly("x", x), input: .init(0, 0), output: .init(0, 0), steps: 1)
        recipe.inputs[0].scaling = nil
        recipe.outputs[0].scaling = nil
        let dataset = try fixture.datasets(recipe)
        let fault = #expect(throws: ModelFault.self) {
            _ = try ForecastParameters(.dense, layers: 1, neurons: 4, activation: .relu).train(on: dataset)
        }
        #expect(fault?.code == .diverged)
    }

    @Test func `a saved model is loaded unchanged`() throws {
        let dataset = try parabola()
        let model = try #require(small.train(on: dataset) as? DenseModel)
        try model.save(to: fixture.file("model.safetensors"))
        let loaded = try #require(ForecastMode.load(from: fixture.file("model.safetensors")) as? DenseModel)
        #expect(loaded.weights == model.weights && loaded.parameters == model.parameters && loaded.shape == model.shape)
        let rows = dataset.rows(of: .test)
        #expect(try loaded.predict(dataset.scaledInputs(rows)) == model.predict(dataset.scaledInputs(rows)))
    }

    @Test func `parameters out of bounds are refused with their field`() throws {
        let shape = ForecastShape(inputSteps: 6, inputFeatures: 4, outputSteps: 6, outputFeatures: 1)
        func fault(_ parameters: ForecastParameters) -> ModelFault? {
            #expect(throws: ModelFault.self) { try parameters.validate(for: shape) }
        }
        #expect(
            fault(.init(.dense, layers: 0))?.field == "/layers" && fault(.init(.dense, layers: 17))?.field == "/layers")
        #expect(
            fault(.init(.dense, neurons: 0))?.field == "/neurons"
                && fault(.init(.dense, neurons: 4097))?.field == "/neurons")
        #expect(
            fault(.init(.dense, epochs: 0))?.field == "/epochs"
                && fault(.init(.dense, epochs: 2001))?.field == "/epochs")
        #expect(fault(.init(.dense, layers: 4, neurons: 4096))?.code == .tooManyParameters)
        #expect(throws: Never.self) { try ForecastParameters(.dense, layers: 1, neurons: 4096).validate(for: shape) }
    }

    @Test(arguments: [
        ForecastMode.convolution, .recurrent, .autoregressiveRecurrent, .supportVectorDirect, .supportVectorMultiple,
        .boostedTrees,
    ])
    func `unavailable modes are refused with the available ones`(mode: ForecastMode) throws {
        let shape = ForecastShape(inputSteps: 6, inputFeatures: 4, outputSteps: 6, outputFeatures: 1)
        let fault = #expect(throws: ModelFault.self) { try ForecastParameters(mode).validate(for: shape) }
        #expect(
            fault?.code == .modeNotAvailable
                && fault?.message == "\(mode.rawValue) is not available. Use one of LIN, Dense.")
        #expect(ForecastMode.all.count == 8 && !mode.isAvailable)
    }
}
