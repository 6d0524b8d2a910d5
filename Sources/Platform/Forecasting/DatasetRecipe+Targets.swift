import Foundation

/// What the inputs say about the outputs of the same series.
extension DatasetRecipe {
    /// The index of the input with the newest known value of an output's series, whatever the order of the inputs; nil
    /// where no input of that series ends at or before the reference time. A value is newer than a mean that ends with
    /// it.
    func persistentInput(_ output: Channel) -> Int? {
        inputs.indices.filter { isSame(inputs[$0], output) && inputs[$0].horizon.endHours <= 0 }.max { a, b in
            let (a, b) = (inputs[a], inputs[b])
            return (a.horizon.endHours, a.averaging ? 0 : 1) < (b.horizon.endHours, b.averaging ? 0 : 1)
        }
    }

    /// A sentence for each output whose values are, in part, among the inputs.
    var warnings: [String] {
        outputs.flatMap { output in
            let targets = offsets(output, steps.outputSteps)
            return inputs.filter { isSame($0, output) }.compactMap { input -> String? in
                let known = offsets(input, steps.inputSteps)
                guard let first = known.first, let last = known.last else { return nil }
                let count = targets.count { $0 >= first && $0 <= last }
                guard count > 0 else { return nil }
                return "\(count) of the \(targets.count) steps of the output \"\(output.name)\" "
                    + "(\(output.horizon.startHours) to \(output.horizon.endHours) h) are among the values of the "
                    + "input "
                    + "\"\(input.name)\" (\(input.horizon.startHours) to \(input.horizon.endHours) h): they are known "
                    + "and not forecast, and the metrics are better than those of a forecast."
            }
        }
    }

    private func isSame(_ one: Channel, _ other: Channel) -> Bool {
        one.series.standardizedFileURL == other.series.standardizedFileURL
    }

    /// The times of a channel's values: the steps, or both ends of a mean.
    private func offsets(_ channel: Channel, _ count: Int) -> [Int64] {
        channel.averaging ? channel.horizon.stamps(2) : channel.horizon.stamps(count)
    }
}

extension DatasetRecipe.Steps {
    /// The number of reference times of input series, each with its first and last time in microseconds since 1970: an
    /// upper bound of the number of datasets.
    package func referenceCount(_ inputs: [(first: Int64, last: Int64)]) -> Int {
        ReferenceTimes(from: inputs.map(\.first).max() ?? 0, to: inputs.map(\.last).min() ?? 0, steps: self).count
    }
}
