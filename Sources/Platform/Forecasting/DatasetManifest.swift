import Foundation

/// A description of generated datasets: shapes, columns, counts, split and scalers. Stored beside the arrays as
/// `manifest.json`.
package struct DatasetManifest: Codable, Sendable, Equatable {
    /// The origin of a column: an input series, the calendar, an output series.
    package enum Kind: String, Codable, Sendable {
        case input, time, output
    }

    /// A column of the arrays.
    package struct Column: Codable, Sendable, Equatable {
        /// The origin of the column.
        package var kind: Kind
        /// `IN1`, `TIME1`, `OUT1` …
        package var label: String
        /// The name of the channel, or of a time feature such as `day sin`.
        package var name: String
        /// The times of the values, relative to the reference time.
        package var horizon: DatasetRecipe.Horizon
        /// Whether every step has the mean over the horizon.
        package var averaging: Bool

        /// The times of the steps in microseconds from the reference time; of a mean, the end of its horizon.
        package func offsets(steps: Int) -> [Int64] {
            averaging
                ? Array(repeating: horizon.stamps(1)[0], count: steps) : horizon.stamps(steps)
        }
    }

    /// Dropped reference times with the same reason and the same series.
    package struct Drop: Codable, Sendable, Equatable {
        /// `outside-series`, `gap`, `not-a-number` or `no-sample`.
        package var reason: String
        /// Whether the series is an input or an output.
        package var kind: Kind
        /// The name of the channel.
        package var series: String
        /// The number of dropped reference times.
        package var count: Int
        /// The first of them, in microseconds since 1970.
        package var first: Int64
        /// The last of them, in microseconds since 1970.
        package var last: Int64
    }

    /// The reference times; each kept one gives a dataset.
    package struct References: Codable, Sendable, Equatable {
        /// The number of reference times before any was dropped.
        package var tried: Int
        /// The first that was kept, in microseconds since 1970.
        package var first: Int64
        /// The last that was kept, in microseconds since 1970.
        package var last: Int64
    }

    /// The number of datasets in each part.
    package struct Split: Codable, Sendable, Equatable {
        /// The split of the recipe.
        package var requested: DatasetSplit
        /// Datasets of the training part.
        package var train: Int
        /// Datasets of the validation part, which ends the training early.
        package var validation: Int
        /// Datasets of the test part.
        package var test: Int
        /// Datasets left out because they overlap those of another part: in the order of time where their outputs do,
        /// with blocks where their windows do.
        package var purged: Int
        /// The length of a dataset's window, from its first value to its last, in microseconds.
        package var windowSpan: Int64
        /// The time from the first output of a dataset to its last, in microseconds.
        package var outputSpan: Int64
    }

    /// The number of datasets (n_dat).
    package var count: Int
    /// I_N, the second axis of `inputs.npy`.
    package var inputSteps: Int
    /// O_N, the second axis of `outputs.npy`.
    package var outputSteps: Int
    /// DELT in minutes.
    package var stepMinutes: Double
    /// The last axis of `inputs.npy`.
    package var inputColumns: [Column]
    /// The last axis of `outputs.npy`.
    package var outputColumns: [Column]
    /// The reference times.
    package var references: References
    /// Reference times dropped, by reason: `outside-series`, `gap`, `not-a-number`, `no-sample`.
    package var dropped: [String: Int]
    /// The same by reason and series, in the order of the series.
    package var drops: [Drop]
    /// Sentences about settings that make the forecasts look better than they are.
    package var warnings: [String]
    /// The split of the datasets.
    package var split: Split
    /// The scaler of the input columns, fitted on the training part alone.
    package var inputScaler: Scaler
    /// The scaler of the output columns, fitted on the training part alone.
    package var outputScaler: Scaler
    /// For each output the index of the input column with the newest known value of the same series, which persistence
    /// repeats; null where there is none.
    package var persistence: [Int?]
    /// The distributions of the input columns and then the output columns, over all datasets.
    package var distributions: [Distribution]

    /// (n_dat, I_N, F)
    package var inputShape: [Int] { [count, inputSteps, inputColumns.count] }
    /// (n_dat, O_N, G)
    package var outputShape: [Int] { [count, outputSteps, outputColumns.count] }
    /// The number of dropped reference times.
    package var droppedCount: Int { dropped.values.reduce(0, +) }
}
