package import Foundation

/// Generates datasets from series: for each reference time a row of inputs and a row of outputs, written to disk as a
/// stream.
///
/// The memory in use does not depend on the length of the series: each step of each channel has a cursor that advances
/// through its series.
package struct DatasetGenerator: Sendable {
    /// The phase of a generation: the rows, or the split and the scalers.
    package enum Phase: String, Sendable {
        case datasets, scaling
    }

    /// The validated recipe.
    package let recipe: DatasetRecipe
    /// The largest total size of the arrays, in bytes.
    package var bytesMax = Int(StorageBound.arrayBytesMax)
    /// The largest number of reference times.
    package var referencesMax = 5_000_000

    /// The numbers that are computed, and the most reference times that are tried, between two reports of progress and
    /// checks of cancellation: a fraction of a second.
    private static let numbersPerReport = 1 << 21
    private static let rowsPerReportMax = 4096

    private static func rowsPerReport(numbersPerRow: Int) -> Int {
        max(1, min(rowsPerReportMax, numbersPerReport / max(1, numbersPerRow)))
    }
    /// The seed of the samples from which the distributions are estimated.
    private static let sampleSeed: UInt64 = 42

    /// Throws `DatasetFault.invalidRecipe`.
    package init(_ recipe: DatasetRecipe) throws(DatasetFault) {
        try recipe.validate()
        self.recipe = recipe
    }

    /// Writes `inputs.npy`, `outputs.npy`, `references.npy` (unscaled), `parts.npy` and then `manifest.json` into an
    /// existing folder and replaces earlier datasets.
    ///
    /// Throws `DatasetFault` where no or too many datasets would result, `SeriesFault` and `FileFault` for the files,
    /// and the errors of `progress` and `checkCancellation`, which are called several times a second. After an
    /// error the folder has no arrays.
    package func run(
        into folder: URL,
        progress: (_ fraction: Double, _ phase: Phase) throws -> Void = { _, _ in },
        checkCancellation: () throws -> Void = {}
    ) throws -> DatasetManifest {
        let files = DatasetFiles(folder)
        var generation = try Generation(self, files: files)
        files.remove()
        do {
            try generation.write(progress: progress, checkCancellation: checkCancellation)
            let manifest = try generation.manifest(progress: progress, checkCancellation: checkCancellation)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            let output = try OutputFile(files.manifest)
            try output.append(encoder.encode(manifest))
            try output.finish()
            return manifest
        } catch {
            files.remove()
            throw error
        }
    }

    /// The state of one generation.
    private struct Generation {
        let recipe: DatasetRecipe
        let files: DatasetFiles
        let times: ReferenceTimes
        var inputs: [ChannelReader]
        var outputs: [ChannelReader]
        var clock: TimeFeatureClock
        let inputWidth: Int
        let outputWidth: Int
        var dropped: [ChannelReader.Drop: Int] = [:]
        /// The reference times that each channel drops: the inputs, then the outputs.
        var drops: [[ChannelReader.Drop: (count: Int, first: Int64, last: Int64)]]
        var samplers: [DistributionSampler]
        var first: Int64 = 0
        var last: Int64 = 0
        var count = 0

        init(_ generator: DatasetGenerator, files: DatasetFiles) throws {
            recipe = generator.recipe
            self.files = files
            let bound = recipe.maximumGapMinutes
            // A file that is both input and output is opened once.
            var open: [URL: (series: Series, gap: Int64?)] = [:]
            func reader(_ channel: DatasetRecipe.Channel, steps: Int) throws -> ChannelReader {
                if open[channel.series] == nil {
                    let series = try Series(channel.series)
                    let gap = bound.map { $0 < 0 ? nil : Int64(($0 * 60e6).rounded()) } ?? series.usualStep * 3 / 2
                    open[channel.series] = (series, gap)
                }
                let (series, gap) = try open[channel.series] ?? (Series(channel.series), nil)
                return ChannelReader(series, channel: channel, steps: steps, maximumGap: gap)
            }
            let steps = recipe.steps
            inputs = try recipe.inputs.map { try reader($0, steps: steps.inputSteps) }
            outputs = try recipe.outputs.map { try reader($0, steps: steps.outputSteps) }
            clock = TimeFeatureClock(recipe.timeFeatures, steps: steps.inputSteps)
            inputWidth = inputs.count + recipe.timeFeatures.columns.count
            outputWidth = outputs.count
            drops = Array(repeating: [:], count: inputs.count + outputs.count)
            samplers = Array(
                repeating: DistributionSampler(seed: DatasetGenerator.sampleSeed), count: inputWidth + outputWidth)
            times = ReferenceTimes(inputs.map(\.series), steps: steps)
            guard times.count > 0 else {
                throw DatasetFault(
                    .nothingLeft,
                    "The input series do not overlap in time: one ends before another begins. "
                        + "Check the first and last times of the files."
                )
            }
            guard times.count <= generator.referencesMax else {
                throw DatasetFault(
                    .tooLarge,
                    "A step of \(steps.stepMinutes) minutes gives \(times.count) reference times; "
                        + "the limit is \(generator.referencesMax). Use a longer step.",
                    field: "/steps/stepMinutes"
                )
            }
            let bytes = times.count * (steps.inputSteps * inputWidth + steps.outputSteps * outputWidth + 2) * 8
            guard bytes <= generator.bytesMax else {
                let format = ByteCountFormatStyle(style: .binary)
                throw DatasetFault(
                    .tooLarge,
                    "The datasets would take up to \(format.format(Int64(bytes))); "
                        + "the limit is \(format.format(Int64(generator.bytesMax))). "
                        + "Use a longer step, fewer steps or fewer inputs."
                )
            }
        }

        /// The first pass: all reference times.
        mutating func write(progress: (Double, Phase) throws -> Void, checkCancellation: () throws -> Void) throws {
            let steps = recipe.steps
            let inputFile = try NumPyFile.Writer(
                files.inputs, element: .double, rowShape: [steps.inputSteps, inputWidth])
            let outputFile = try NumPyFile.Writer(
                files.outputs, element: .double, rowShape: [steps.outputSteps, outputWidth])
            let referenceFile = try NumPyFile.Writer(files.references, element: .integer, rowShape: [])
            let input = UnsafeMutableBufferPointer<Double>.allocate(capacity: steps.inputSteps * inputWidth)
            let output = UnsafeMutableBufferPointer<Double>.allocate(capacity: steps.outputSteps * outputWidth)
            input.initialize(repeating: 0)
            output.initialize(repeating: 0)
            defer {
                input.deallocate()
                output.deallocate()
            }
            let rowsPerReport = DatasetGenerator.rowsPerReport(numbersPerRow: input.count + output.count)
            for index in 0..<times.count {
                if index % rowsPerReport == 0 {
                    try checkCancellation()
                    try progress(0.8 * Double(index) / Double(times.count), .datasets)
                }
                let reference = times[index]
                if let (drop, channel) = fill(reference, input: input, output: output) {
                    dropped[drop, default: 0] += 1
                    let earlier = drops[channel][drop] ?? (0, reference, reference)
                    drops[channel][drop] = (earlier.count + 1, earlier.first, reference)
                    continue
                }
                try inputFile.append(UnsafeRawBufferPointer(input))
                try outputFile.append(UnsafeRawBufferPointer(output))
                try withUnsafeBytes(of: reference) { try referenceFile.append($0) }
                observe(input, width: inputWidth, from: 0)
                observe(output, width: outputWidth, from: inputWidth)
                if count == 0 { first = reference }
                last = reference
                count += 1
            }
            guard count > 0 else { throw nothingLeft() }
            try inputFile.finish()
            try outputFile.finish()
            try referenceFile.finish()
        }

        private mutating func fill(
            _ reference: Int64,
            input: UnsafeMutableBufferPointer<Double>,
            output: UnsafeMutableBufferPointer<Double>
        ) -> (ChannelReader.Drop, channel: Int)? {
            guard let inputRow = input.baseAddress, let outputRow = output.baseAddress else { return nil }
            for index in inputs.indices {
                if let drop = inputs[index].fill(reference, row: inputRow + index, stride: inputWidth) {
                    return (drop, index)
                }
            }
            for index in outputs.indices {
                if let drop = outputs[index].fill(reference, row: outputRow + index, stride: outputWidth) {
                    return (drop, inputs.count + index)
                }
            }
            clock.fill(reference, row: inputRow, stride: inputWidth, column: inputs.count)
            return nil
        }

        private mutating func observe(_ row: UnsafeMutableBufferPointer<Double>, width: Int, from sampler: Int) {
            var index = 0
            while index < row.count {
                for column in 0..<width { samplers[sampler + column].add(row[index + column]) }
                index += width
            }
        }

        private func nothingLeft() -> DatasetFault {
            let reasons = dropped.sorted { $0.value > $1.value }.map { "\($0.value) \($0.key.sentence)" }.joined(
                separator: ", ")
            return DatasetFault(
                .nothingLeft,
                "None of the \(times.count) reference times gives a dataset: \(reasons). "
                    + "Check the horizons against the first and last times of the files, and the gaps of the files "
                    + "against the longest gap that is interpolated (max_gap_minutes)."
            )
        }

        /// The second pass: splits the datasets and fits the scalers on the training part.
        func manifest(progress: (Double, Phase) throws -> Void, checkCancellation: () throws -> Void) throws
            -> DatasetManifest
        {
            try checkCancellation()
            try progress(0.8, .scaling)
            let references = try NumPyFile.Reader(files.references, element: .integer, dimensions: 1)
            let span = Self.span(recipe.inputs + recipe.outputs)
            let outputSpan = Self.span(recipe.outputs)
            let parts = try recipe.split.parts(count, span: span, outputSpan: outputSpan) {
                references.integers(row: $0)[0]
            }
            guard !parts.train.isEmpty else {
                throw DatasetFault(
                    .nothingLeft,
                    "None of the \(count) datasets is in the training part. Use a shorter step or more data.",
                    field: "/split")
            }
            let partFile = try NumPyFile.Writer(files.parts, element: .integer, rowShape: [])
            for number in parts.numbers(count) { try withUnsafeBytes(of: number) { try partFile.append($0) } }
            try partFile.finish()
            let inputScaler = try Self.fit(
                files.inputs,
                rows: parts.train,
                targets: recipe.inputs.map(\.scaling)
                    + recipe.timeFeatures.features.flatMap {
                        Array(repeating: $0.scaling, count: $0.component.columns.count)
                    },
                checkCancellation: checkCancellation
            )
            try progress(0.9, .scaling)
            let outputScaler = try Self.fit(
                files.outputs, rows: parts.train, targets: recipe.outputs.map(\.scaling),
                checkCancellation: checkCancellation)
            let inputColumns =
                recipe.inputs.enumerated().map {
                    DatasetManifest.Column(
                        kind: .input, label: "IN\($0.offset + 1)", name: $0.element.name, horizon: $0.element.horizon,
                        averaging: $0.element.averaging)
                }
                + recipe.timeFeatures.features.flatMap { feature in
                    feature.component.columns.map { (feature, $0) }
                }.enumerated().map { index, column in
                    DatasetManifest.Column(
                        kind: .time, label: "TIME\(index + 1)", name: column.1,
                        horizon: column.0.form == .current ? .init(0, 0) : column.0.horizon, averaging: false)
                }
            let outputColumns = recipe.outputs.enumerated().map {
                DatasetManifest.Column(
                    kind: .output, label: "OUT\($0.offset + 1)", name: $0.element.name, horizon: $0.element.horizon,
                    averaging: $0.element.averaging)
            }
            for (column, sampler) in zip(inputColumns + outputColumns, samplers) where !sampler.isFinite {
                throw DatasetFault(
                    .notFinite,
                    "The values of \(column.label), \"\(column.name)\", or the distance of two of them, are not finite "
                        + "numbers. Upload the series in a larger unit.")
            }
            let manifest = DatasetManifest(
                count: count,
                inputSteps: recipe.steps.inputSteps,
                outputSteps: recipe.steps.outputSteps,
                stepMinutes: recipe.steps.stepMinutes,
                inputColumns: inputColumns,
                outputColumns: outputColumns,
                references: .init(tried: times.count, first: first, last: last),
                dropped: Dictionary(uniqueKeysWithValues: dropped.map { ($0.key.rawValue, $0.value) }),
                drops: zip(inputColumns.filter { $0.kind == .input } + outputColumns, drops).flatMap { column, drops in
                    drops.sorted { $0.key.rawValue < $1.key.rawValue }.map { drop, times in
                        DatasetManifest.Drop(
                            reason: drop.rawValue, kind: column.kind, series: column.name, count: times.count,
                            first: times.first, last: times.last)
                    }
                },
                warnings: recipe.warnings,
                split: .init(
                    requested: recipe.split,
                    train: parts.train.count,
                    validation: parts.validation.count,
                    test: parts.test.count,
                    purged: parts.purged,
                    windowSpan: span,
                    outputSpan: outputSpan
                ),
                inputScaler: inputScaler,
                outputScaler: outputScaler,
                persistence: recipe.outputs.map(recipe.persistentInput),
                distributions: zip(samplers, inputColumns + outputColumns).map { $0.distribution($1.name) }
            )
            try progress(1, .scaling)
            return manifest
        }

        /// The time from the earliest value of channels to the latest, in microseconds.
        private static func span(_ channels: [DatasetRecipe.Channel]) -> Int64 {
            let start = channels.map(\.horizon.startHours).min() ?? 0
            let end = channels.map(\.horizon.endHours).max() ?? 0
            return Int64(((end - start) * Double(CivilTime.microsecondsPerHour)).rounded())
        }

        private static func fit(
            _ url: URL, rows: [Int32], targets: [DatasetRecipe.Scaling?], checkCancellation: () throws -> Void
        ) throws -> Scaler {
            let array = try NumPyFile.Reader(url, element: .double, dimensions: 3)
            var columns = targets.map { Scaler.Column(dataMinimum: .infinity, dataMaximum: -.infinity, target: $0) }
            var released = 0
            let rowsPerReport = DatasetGenerator.rowsPerReport(numbersPerRow: array.rowCount)
            for (position, row) in rows.enumerated() {
                if position % rowsPerReport == 0 {
                    try checkCancellation()
                    array.release(rows: released..<Int(row))
                    released = Int(row)
                }
                let values = array.doubles(row: Int(row))
                columns.withUnsafeMutableBufferPointer { columns in
                    var index = 0
                    while index < values.count {
                        var column = 0
                        while column < columns.count {
                            let value = values[index]
                            if value < columns[column].dataMinimum { columns[column].dataMinimum = value }
                            if value > columns[column].dataMaximum { columns[column].dataMaximum = value }
                            index &+= 1
                            column &+= 1
                        }
                    }
                }
            }
            return Scaler(columns: columns)
        }
    }
}
