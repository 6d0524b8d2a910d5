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

struct ModelFileTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    private let metadata =
        #""__metadata__":{"format":"gatehouse-forecast-1","mode":"LIN","input_steps":"1","input_features":"1","#
        + #""output_steps":"1","output_features":"1"}"#

    private func fault(_ header: String, data: Int, length: UInt64? = nil) throws -> ModelFault? {
        var file = Data()
        withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { file.append(contentsOf: $0) }
        file.append(Data(header.utf8))
        file.append(Data(count: data))
        let url = try fixture.write(file, "model.safetensors")
        do {
            _ = try ForecastMode.load(from: url)
            return nil
        } catch let fault as ModelFault {
            return fault
        }
    }

    private func header(_ tensors: String) -> String { "{\(metadata),\(tensors)}" }

    private let weights = #""weights":{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]}"#
    private let intercepts = #""intercepts":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}"#

    @Test func `a valid file is read`() throws {
        #expect(try fault(header("\(weights),\(intercepts)"), data: 16) == nil)
    }

    @Test(arguments: [0, 1, 1 << 20, 1 << 40, .max] as [UInt64])
    func `a header of invalid length is refused`(length: UInt64) throws {
        #expect(try fault(header("\(weights),\(intercepts)"), data: 16, length: length)?.code == .damagedFile)
    }

    @Test(arguments: [
        #""data_offsets":[0,16]"#, #""data_offsets":[8,0]"#, #""data_offsets":[-8,0]"#, #""data_offsets":[0]"#,
        #""data_offsets":[0,8,9]"#,
        #""data_offsets":[0,9223372036854775807]"#, #""data_offsets":[0,9223372036854775808]"#,
        #""data_offsets":[0,1e300]"#, #""data_offsets":"0,8""#,
        #""data_offsets":[1,9]"#, #""data_offsets":[0,4]"#, #""shape":[2,1]"#, #""shape":[-1,-1]"#,
        #""shape":[4294967296,4294967296]"#, #""shape":[0]"#,
        #""shape":[1,1,1]"#, #""shape":[1.5]"#, #""dtype":"F32""#, #""dtype":"I64""#, #""dtype":7"#, #""dtype":null"#,
    ])
    func `a tensor that contradicts the file is refused`(change: String) throws {
        let key = try #require(change.split(separator: ":").first)
        let fields = [#""dtype":"F64""#, #""shape":[1,1]"#, #""data_offsets":[0,8]"#].map {
            $0.hasPrefix(key) ? change : $0
        }
        #expect(
            try fault(header("\"weights\":{\(fields.joined(separator: ","))},\(intercepts)"), data: 16)?.code
                == .damagedFile)
    }

    @Test(arguments: [
        "", "[]", "null", "{", "{}", "nonsense", #"{"a":{"b":{"c":1}}}"#, String(repeating: "[", count: 10_000),
    ])
    func `an invalid header is refused`(header: String) throws {
        #expect(try fault(header, data: 16)?.code == .damagedFile)
    }

    @Test func `gaps, overlaps and undescribed bytes are refused`() throws {
        let late = #""intercepts":{"dtype":"F64","shape":[1],"data_offsets":[16,24]}"#
        #expect(try fault(header("\(weights),\(late)"), data: 24)?.code == .damagedFile)
        let twice = #""intercepts":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}"#
        #expect(try fault(header("\(weights),\(twice)"), data: 8)?.code == .damagedFile)
        #expect(try fault(header("\(weights),\(intercepts)"), data: 17)?.code == .damagedFile)
        #expect(try fault(header("\(weights),\(intercepts)"), data: 15)?.code == .damagedFile)
        #expect(try fault(header(weights), data: 8)?.code == .damagedFile)
    }

    @Test(arguments: [
        "output_steps\":\"2", "input_steps\":\"0", "input_steps\":\"99999999999999999999", "input_features\":\"-1",
        "input_features\":\"2", "mode\":\"LSTM",
        "mode\":\"Dense", "mode\":\"\\u0000", "format\":\"pickle",
    ])
    func `invalid metadata are refused`(change: String) throws {
        let key = try #require(change.split(separator: "\"").first)
        let pattern = try Regex("\(key)\":\"[^\"]*")
        let changed = header("\(weights),\(intercepts)").replacing(pattern, with: change)
        #expect(try fault(changed, data: 16) != nil)
    }

    @Test func `numbers that are not finite are refused`() throws {
        let model = header("\(weights),\(intercepts)")
        var file = Data()
        withUnsafeBytes(of: UInt64(model.utf8.count)) { file.append(contentsOf: $0) }
        file.append(Data(model.utf8))
        for value in [1.0, Double.nan] { withUnsafeBytes(of: value) { file.append(contentsOf: $0) } }
        let url = try fixture.write(file, "model.safetensors")
        let fault = #expect(throws: ModelFault.self) { _ = try ForecastMode.load(from: url) }
        #expect(fault?.code == .damagedFile)
    }

    @Test func `a truncated or missing file is refused`() throws {
        let short = try fixture.write(Data([1, 2, 3]), "short")
        #expect(throws: ModelFault.self) { _ = try ForecastMode.load(from: short) }
        #expect(throws: FileFault.self) { _ = try ForecastMode.load(from: fixture.file("nowhere")) }
    }
}
