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
        /// Datasets left out because their windows overlap those of another part; only with blocks.
        package var purged: Int
        /// The length of a dataset's window, from its first value to its last, in microseconds.
        package var windowSpan: Int64
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
    /// The split of the datasets.
    package var split: Split
    /// The scaler of the input columns, fitted on the training part alone.
    package var inputScaler: Scaler
    /// The scaler of the output columns, fitted on the training part alone.
    package var outputScaler: Scaler
    /// For each output the index of the input column with the same series, which persistence repeats; null where there
    /// is none.
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
