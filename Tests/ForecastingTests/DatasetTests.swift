import Forecasting
import Foundation
import Testing

struct DatasetTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    private func hours(_ dataset: Dataset) -> [Double] {
        (0..<dataset.manifest.count).map { Double(dataset.reference($0)) / 3600e6 }
    }

    private func fault(_ recipe: DatasetRecipe) -> DatasetFault? {
        #expect(throws: DatasetFault.self) { _ = try fixture.datasets(recipe) }
    }

    // MARK: Values

    @Test func `each reference time gives a window of inputs and a window of outputs`() throws {
        let series = try fixture.hourly("s", [0, 10, 20, 30, 40, 50])
        let dataset = try fixture.datasets(plainRecipe(series))
        #expect(hours(dataset) == [1, 2, 3])
        #expect((0..<3).map { dataset.inputs($0) } == [[0, 10], [10, 20], [20, 30]])
        #expect((0..<3).map { dataset.outputs($0) } == [[20, 30], [30, 40], [40, 50]])
        #expect(dataset.manifest.inputShape == [3, 2, 1] && dataset.manifest.outputShape == [3, 2, 1])
        #expect(dataset.manifest.references.tried == 6 && dataset.manifest.dropped == ["outside-series": 3])
        #expect(
            Double(dataset.manifest.references.first) == 3600e6
                && Double(dataset.manifest.references.last) == 3 * 3600e6)
    }

    @Test func `values between samples are interpolated linearly`() throws {
        let series = try fixture.series("s", [(0, 0), (60, 60), (180, 0), (240, 60)])
        var recipe = plainRecipe(series, input: .init(0, 1.5), output: .init(0, 0), steps: 4)
        recipe.steps.offsetMinutes = 30
        let dataset = try fixture.datasets(recipe)
        #expect(hours(dataset) == [0.5, 1.5, 2.5])
        #expect(dataset.inputs(0) == [30, 60, 45, 30] && dataset.inputs(1) == [45, 30, 15, 0])
        #expect(dataset.inputs(2) == [15, 0, 30, 60])
        #expect(dataset.outputs(1) == [45, 45, 45, 45])
    }

    @Test func `a single step is at the end of its horizon`() throws {
        let series = try fixture.hourly("s", [0, 10, 20, 30, 40, 50])
        let dataset = try fixture.datasets(plainRecipe(series, steps: 1))
        #expect(hours(dataset) == [0, 1, 2, 3] && dataset.inputs(0) == [0] && dataset.outputs(0) == [20])
    }

    @Test func `averaging gives the mean within the horizon at every step`() throws {
        let series = try fixture.series("s", [(0, 1), (20, 2), (40, 3), (60, 10), (80, 20), (120, 30), (180, 0)])
        var recipe = plainRecipe(series, input: .init(-1, 0), output: .init(0, 0), steps: 3)
        recipe.inputs[0].averaging = true
        let dataset = try fixture.datasets(recipe)
        #expect(hours(dataset) == [1, 2, 3])
        #expect((0..<3).map { dataset.inputs($0) } == [[4, 4, 4], [20, 20, 20], [15, 15, 15]])
    }

    @Test func `averaging without a sample drops the dataset`() throws {
        let series = try fixture.series("s", [(0, 1), (60, 2), (420, 3), (480, 4)])
        var recipe = plainRecipe(series, input: .init(-1, 0), output: .init(0, 0))
        recipe.inputs[0].averaging = true
        let dataset = try fixture.datasets(recipe)
        #expect(hours(dataset) == [1, 2, 7, 8] && dataset.manifest.dropped == ["outside-series": 1, "no-sample": 4])
    }

    @Test func `channels keep their horizons and columns`() throws {
        let a = try fixture.hourly("a", (0..<10).map { Double($0) })
        let b = try fixture.hourly("b", (0..<10).map { Double($0) * 100 })
        var recipe = plainRecipe(a)
        recipe.inputs.append(.init(name: "b", series: b, horizon: .init(-3, -2)))
        recipe.outputs.append(.init(name: "b", series: b, horizon: .init(0, 1)))
        let dataset = try fixture.datasets(recipe)
        #expect(dataset.inputs(0) == [2, 0, 3, 100] && dataset.outputs(0) == [4, 300, 5, 400])
        #expect(
            dataset.manifest.inputColumns.map(\.label) == ["IN1", "IN2"]
                && dataset.manifest.outputColumns.map(\.name) == ["out", "b"])
        #expect(dataset.manifest.persistence == [0, 1])
    }

    // MARK: Reference times

    @Test func `reference times begin at the hour, shifted by the offset`() throws {
        let series = try fixture.series("s", (0..<20).map { (70 + Double($0) * 10, Double($0)) })
        var recipe = plainRecipe(series, input: .init(0, 0), output: .init(0, 0), steps: 1)
        recipe.steps.stepMinutes = 40
        #expect(try hours(fixture.datasets(recipe)).map { ($0 * 60).rounded() } == [80, 120, 160, 200, 240])
        recipe.steps.offsetMinutes = 15
        #expect(try hours(fixture.datasets(recipe)).map { ($0 * 60).rounded() } == [95, 135, 175, 215, 255])
        recipe.steps.offsetMinutes = 90
        #expect(try hours(fixture.datasets(recipe)).map { ($0 * 60).rounded() } == [90, 130, 170, 210, 250])
    }

    @Test func `reference times are within the overlap of all inputs`() throws {
        let early = try fixture.hourly("early", Array(repeating: 1, count: 10))
        let late = try fixture.hourly("late", Array(repeating: 1, count: 10), startHour: 5)
        var recipe = plainRecipe(early, input: .init(0, 0), output: .init(0, 0), steps: 1)
        recipe.inputs.append(.init(name: "late", series: late, horizon: .init(0, 0)))
        #expect(try hours(fixture.datasets(recipe)) == [5, 6, 7, 8, 9])
        recipe.inputs[1].series = try fixture.hourly("later", Array(repeating: 1, count: 10), startHour: 50)
        let fault = fault(recipe)
        #expect(fault?.code == .nothingLeft && fault?.message.contains("do not overlap in time") == true)
    }

    // MARK: Gaps

    @Test func `a value that is not a number drops the datasets that need it`() throws {
        let series = try fixture.hourly("s", [0, 1, 2, .nan, 4, 5, 6, 7, 8])
        let dataset = try fixture.datasets(plainRecipe(series, output: .init(1, 1)))
        #expect(
            hours(dataset) == [1, 5, 6, 7] && dataset.manifest.dropped == ["outside-series": 2, "not-a-number": 3])
    }

    @Test func `a gap is interpolated unless it is longer than allowed`() throws {
        let series = try fixture.series("s", [(0, 0), (60, 1), (240, 4), (300, 5)])
        var recipe = plainRecipe(series, input: .init(0, 0), output: .init(0, 0), steps: 1)
        #expect(try hours(fixture.datasets(recipe)) == [0, 1, 2, 3, 4, 5])
        recipe.maximumGapMinutes = 180
        #expect(try hours(fixture.datasets(recipe)) == [0, 1, 2, 3, 4, 5])
        recipe.maximumGapMinutes = 120
        let dataset = try fixture.datasets(recipe)
        #expect(hours(dataset) == [0, 1, 4, 5] && dataset.manifest.dropped == ["gap": 2])
        recipe.inputs[0].averaging = true
        recipe.inputs[0].horizon = .init(-1, 0)
        #expect(try hours(fixture.datasets(recipe)) == [1, 5], "a mean does not reach over a gap either")
    }

    @Test func `an empty result has an error with the reasons`() throws {
        let series = try fixture.hourly("s", [1, 2, 3])
        let fault = fault(plainRecipe(series, input: .init(-10, 0)))
        #expect(
            fault?.code == .nothingLeft
                && fault?.message.contains("3 reach before the start or after the end of a series") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.file("datasets").path).isEmpty)
    }

    // MARK: Parts and scaling

    private func numbered(_ split: DatasetSplit, count: Int = 100, output: DatasetRecipe.Horizon = .init(0, 0)) throws
        -> Dataset
    {
        let series = try fixture.hourly("s", (0..<count).map { Double($0) })
        var recipe = plainRecipe(series, input: .init(0, 0), output: output, steps: 1)
        recipe.split = split
        return try fixture.datasets(recipe)
    }

    private func sizes(_ dataset: Dataset) -> [Int] {
        let split = dataset.manifest.split
        return [split.train, split.validation, split.test]
    }

    @Test func `parts follow each other in time`() throws {
        let dataset = try numbered(DatasetSplit())
        #expect(
            dataset.rows(of: .train) == Array(0..<70) && dataset.rows(of: .validation) == Array(70..<90)
                && dataset.rows(of: .test) == Array(90..<100))
        #expect(sizes(dataset) == [70, 20, 10])
    }

    @Test func `parts have the requested sizes`() throws {
        let half = try numbered(DatasetSplit(train: 0.5, validation: 0.25, test: 0.25))
        #expect(sizes(half) == [50, 25, 25])
        let counted = try numbered(DatasetSplit(train: 10, validation: 5, test: 3, unit: .count))
        #expect(counted.rows(of: .train) == Array(0..<10) && counted.rows(of: .test) == [15, 16, 17])
        let rounded = try numbered(DatasetSplit(), count: 15)
        #expect(sizes(rounded) == [10, 3, 2], "half to even")
        #expect(throws: DatasetFault.self) {
            try numbered(DatasetSplit(train: 90, validation: 10, test: 1, unit: .count))
        }
    }

    @Test func `shuffled parts follow from the seed and have each dataset once`() throws {
        let one = try numbered(DatasetSplit(shuffle: true, seed: 1))
        let again = try numbered(DatasetSplit(shuffle: true, seed: 1))
        let other = try numbered(DatasetSplit(shuffle: true, seed: 2))
        #expect(one.rows(of: .train) == again.rows(of: .train) && one.rows(of: .train) != other.rows(of: .train))
        #expect(one.rows(of: .train) != Array(0..<70) && one.rows(of: .train) == one.rows(of: .train).sorted())
        #expect((one.rows(of: .train) + one.rows(of: .validation) + one.rows(of: .test)).sorted() == Array(0..<100))
    }

    @Test func `shuffled blocks stay together and do not overlap another part`() throws {
        let dataset = try numbered(DatasetSplit(shuffle: true, blockLength: 10), output: .init(3, 3))
        let parts = DatasetSplit.Part.allCases.map { dataset.rows(of: $0) }
        let purged = dataset.manifest.split.purged
        #expect(purged > 0 && parts.map(\.count).reduce(0, +) + purged == dataset.manifest.count)
        #expect(parts.allSatisfy { !$0.isEmpty })
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let nearest = parts[one].flatMap { a in parts[other].map { abs($0 - a) } }.min()
            #expect(nearest ?? 0 > 3, "windows of three hours must not touch")
        }
    }

    @Test func `scalers are fitted on the training part alone`() throws {
        let dataset = try numbered(DatasetSplit())
        #expect(dataset.manifest.inputScaler.columns == [.init(dataMinimum: 0, dataMaximum: 69, target: .init(0, 1))])
        #expect(dataset.scaledInputs([0, 69, 99]) == [0, 1, 99.0 / 69])
        let shuffled = try numbered(DatasetSplit(shuffle: true))
        let train = shuffled.rows(of: .train).map { shuffled.inputs(Int($0))[0] }
        #expect(
            shuffled.manifest.inputScaler.columns[0].dataMinimum == train.min()
                && shuffled.manifest.inputScaler.columns[0].dataMaximum == train.max())
    }

    @Test func `each channel is scaled to its own range or not at all`() throws {
        let series = try fixture.hourly("s", [0, 10, 20, 30])
        var recipe = plainRecipe(series, input: .init(0, 0), output: .init(0, 0), steps: 1)
        recipe.inputs[0].scaling = .init(-1, 3)
        recipe.outputs[0].scaling = nil
        recipe.timeFeatures = TimeFeatures([.init(.day, scaling: .init(5, 6)), .init(.week)])
        let dataset = try fixture.datasets(recipe)
        let scaled = dataset.scaledInputs([0, 3])
        #expect(scaled[0] == -1 && scaled[5] == 3)
        #expect(scaled[1] == 5 && scaled[6] == 6, "the sine of the day rises from midnight")
        #expect(scaled[3] == dataset.inputs(0)[3] && dataset.scaledOutputs([3]) == [30])
    }

    @Test func `distributions describe the values of each column`() throws {
        let dataset = try numbered(DatasetSplit())
        let distribution = try #require(dataset.manifest.distributions.first)
        #expect(
            distribution.name == "in" && distribution.count == 100 && distribution.minimum == 0
                && distribution.maximum == 99)
        #expect(
            distribution.firstQuartile == 24.75 && distribution.median == 49.5 && distribution.thirdQuartile == 74.25)
        #expect(distribution.positions.count == 100 && distribution.density.count == 100)
        let area = distribution.density.reduce(0, +) * 1
        #expect(area > 0.8 && area < 1, "the rest lies beyond the extremes")
    }

    @Test func `a distribution of many values is that of a sample`() throws {
        let values = (0..<30_000).map { Double($0 % 1000) }
        let series = try fixture.hourly("s", values)
        let recipe = plainRecipe(series, input: .init(0, 0), output: .init(0, 0), steps: 1)
        let distribution = try #require(fixture.datasets(recipe).manifest.distributions.first)
        #expect(distribution.count == 30_000 && distribution.minimum == 0 && distribution.maximum == 999)
        #expect(abs(distribution.median - 499.5) < 15 && abs(distribution.firstQuartile - 249.75) < 15)
    }

    @Test func `a constant has no density`() throws {
        let series = try fixture.hourly("s", [5, 5, 5, 5])
        let dataset = try fixture.datasets(plainRecipe(series, input: .init(0, 0), output: .init(0, 0), steps: 1))
        #expect(dataset.manifest.distributions[0].median == 5 && dataset.manifest.distributions[0].density.isEmpty)
    }

    // MARK: Bounds

    @Test func `settings out of bounds are refused with their field`() throws {
        let series = try fixture.hourly("s", [1, 2, 3])
        func field(_ change: (inout DatasetRecipe) -> Void) -> String? {
            var recipe = plainRecipe(series)
            change(&recipe)
            let fault = fault(recipe)
            #expect(fault?.code == .invalidRecipe)
            return fault?.field
        }
        #expect(field { $0.inputs = [] } == "/inputs")
        #expect(field { $0.outputs = [] } == "/outputs")
        #expect(field { $0.inputs.append($0.inputs[0]) } == "/inputs/1/name")
        #expect(field { $0.inputs[0].horizon = .init(0, -1) } == "/inputs/0/horizon")
        #expect(field { $0.inputs[0].horizon = .init(.nan, 0) } == "/inputs/0/horizon")
        #expect(field { $0.outputs[0].scaling = .init(1, 1) } == "/outputs/0/scaling")
        #expect(field { $0.steps.inputSteps = 0 } == "/steps/inputSteps")
        #expect(field { $0.steps.outputSteps = 4097 } == "/steps/outputSteps")
        #expect(field { $0.steps.stepMinutes = 0 } == "/steps/stepMinutes")
        #expect(field { $0.steps.stepMinutes = .nan } == "/steps/stepMinutes")
        #expect(field { $0.steps.offsetMinutes = .infinity } == "/steps/offsetMinutes")
        #expect(field { $0.maximumGapMinutes = -1 } == "/maximumGapMinutes")
        #expect(
            field { $0.timeFeatures = TimeFeatures([.init(.day), .init(.day)]) } == "/timeFeatures/features/1/component"
        )
        #expect(field { $0.timeFeatures.timeZone = "Mars/Olympus" } == "/timeFeatures/timeZone")
        #expect(field { $0.split.train = 0.5 } == "/split")
        #expect(field { $0.split.train = -1 } == "/split")
    }

    @Test func `arrays larger than allowed are refused before any is written`() throws {
        let series = try fixture.hourly("s", Array(repeating: 1, count: 1000))
        var generator = try DatasetGenerator(plainRecipe(series))
        generator.bytesMax = 10_000
        let fault = #expect(throws: DatasetFault.self) { _ = try generator.run(into: fixture.folder) }
        #expect(fault?.code == .tooLarge && fault?.message.contains("39 kB") == true)
        generator.bytesMax = 8 << 30
        generator.referencesMax = 999
        #expect(throws: DatasetFault.self) { _ = try generator.run(into: fixture.folder) }
    }

    @Test func `a cancelled generation leaves no files`() throws {
        let series = try fixture.hourly("s", Array(repeating: 1, count: 10_000))
        var calls = 0
        #expect(throws: CancellationError.self) {
            let generator = try DatasetGenerator(plainRecipe(series))
            _ = try generator.run(
                into: fixture.folder,
                checkCancellation: {
                    calls += 1
                    if calls == 3 { throw CancellationError() }
                }
            )
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path) == ["s"])
    }

    @Test func `progress is reported`() throws {
        let series = try fixture.hourly("s", Array(repeating: 1, count: 10_000))
        var fractions: [Double] = []
        _ = try DatasetGenerator(plainRecipe(series)).run(
            into: fixture.folder, progress: { fraction, _ in fractions.append(fraction) })
        #expect(fractions.first == 0 && fractions.last == 1 && fractions == fractions.sorted() && fractions.count > 4)
    }

    @Test func `cancellation is checked more often where datasets are large`() throws {
        let series = try fixture.hourly("s", Array(repeating: 1, count: 1_000))
        func checks(steps: Int) throws -> Int {
            var count = 0
            _ = try DatasetGenerator(plainRecipe(series, steps: steps)).run(
                into: fixture.folder, checkCancellation: { count += 1 })
            return count
        }
        #expect(try checks(steps: 4_096) >= checks(steps: 2) + 3)
    }

    @Test func `arrays that contradict their manifest are refused`() throws {
        let series = try fixture.hourly("s", [0, 10, 20, 30, 40, 50])
        _ = try fixture.datasets(plainRecipe(series))
        let inputs = fixture.file("datasets/inputs.npy")
        let whole = try Data(contentsOf: inputs)
        for damaged in [Data(), whole.dropLast(8), whole + Data(count: 8), Data(whole.reversed()), whole.prefix(9)] {
            try damaged.write(to: inputs)
            let fault = #expect(throws: DatasetFault.self) { _ = try Dataset(fixture.file("datasets")) }
            #expect(fault?.code == .damaged)
        }
        try whole.write(to: inputs)
        try Data("{}".utf8).write(to: fixture.file("datasets/manifest.json"))
        #expect(throws: DatasetFault.self) { _ = try Dataset(fixture.file("datasets")) }
    }
}

struct ScalerTests {
    @Test func `values are scaled to the range and back`() {
        let scaler = Scaler(columns: [
            .init(dataMinimum: 10, dataMaximum: 30, target: .init(-1, 1)),
            .init(dataMinimum: 5, dataMaximum: 6, target: nil),
        ])
        var values = [10.0, 7, 20, 8, 30, 9]
        scaler.transform(&values)
        #expect(values == [-1, 7, 0, 8, 1, 9])
        scaler.inverse(&values)
        #expect(values == [10, 7, 20, 8, 30, 9])
    }

    @Test func `a constant column is scaled to the minimum and back`() {
        let scaler = Scaler(columns: [.init(dataMinimum: 4, dataMaximum: 4, target: .init(0, 1))])
        var values = [4.0, 6]
        scaler.transform(&values)
        #expect(values == [0, 2])
        scaler.inverse(&values)
        #expect(values == [4, 6])
    }

    @Test func `a scaler is encoded and decoded unchanged`() throws {
        let scaler = Scaler(columns: [
            .init(dataMinimum: 0.1, dataMaximum: 1.0 / 3, target: .init()),
            .init(dataMinimum: -1, dataMaximum: 1, target: nil),
        ])
        #expect(try JSONDecoder().decode(Scaler.self, from: JSONEncoder().encode(scaler)) == scaler)
    }
}

struct SeededGeneratorTests {
    @Test func `the numbers follow from the seed`() {
        var generator = SeededGenerator(seed: 42)
        // Reference: xoshiro256** by Blackman and Vigna, its state filled by splitmix64 from 42.
        #expect(
            (0..<3).map { _ in generator.next() } == [
                1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009,
            ])
    }

    @Test func `a shuffle is uniform and follows from the seed`() {
        var firsts = [Int](repeating: 0, count: 5)
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<5000 {
            var items = Array(0..<5)
            generator.shuffle(&items)
            firsts[items[0]] += 1
        }
        #expect(firsts.allSatisfy { (850...1150).contains($0) })
    }
}
