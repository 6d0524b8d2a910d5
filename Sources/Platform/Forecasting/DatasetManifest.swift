import Foundation

/// What was generated: shapes, columns, counts, the split and the scalers. It lies beside the arrays as `manifest.json`.
package struct DatasetManifest: Codable, Sendable, Equatable {
    /// Where a column comes from: a series as input, the calendar, a series as output.
    package enum Kind: String, Codable, Sendable {
        case input, time, output
    }

    /// A column of the arrays.
    package struct Column: Codable, Sendable, Equatable {
        /// Where the column comes from.
        package var kind: Kind
        /// `IN1`, `TIME1`, `OUT1` …
        package var label: String
        /// The channel's name, or such as `day sin`.
        package var name: String
    }

    /// The reference times: one for each dataset that was kept.
    package struct References: Codable, Sendable, Equatable {
        /// How many reference times were tried.
        package var tried: Int
        /// The first and the last that were kept, in microseconds since 1970.
        package var first: Int64
        /// The last that was kept, in microseconds since 1970.
        package var last: Int64
    }

    /// How many datasets ended up in each part.
    package struct Split: Codable, Sendable, Equatable {
        /// The split as the recipe has it.
        package var asked: DatasetSplit
        /// Datasets to train on.
        package var train: Int
        /// Datasets that say when to stop.
        package var validation: Int
        /// Datasets that only judge.
        package var test: Int
        /// Datasets left out because their windows overlap another part's; only where blocks are drawn.
        package var purged: Int
        /// How long a dataset's window is, in microseconds: from the first value it needs to the last.
        package var windowSpan: Int64
    }

    /// n_dat
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
    /// How the datasets are divided.
    package var split: Split
    /// For the input columns, fitted on the training part alone.
    package var inputScaler: Scaler
    /// For the output columns, fitted on the training part alone.
    package var outputScaler: Scaler
    /// For each output the input column with the same series, which persistence carries on; null where there is none.
    package var persistence: [Int?]
    /// One for each input column and then each output column, over all datasets.
    package var distributions: [Distribution]

    /// (n_dat, I_N, F)
    package var inputShape: [Int] { [count, inputSteps, inputColumns.count] }
    /// (n_dat, O_N, G)
    package var outputShape: [Int] { [count, outputSteps, outputColumns.count] }
    /// How many reference times gave no dataset.
    package var droppedCount: Int { dropped.values.reduce(0, +) }
}
