/// The statistics of a series. Timestamps are microseconds since 1970 in UTC.
package struct SeriesStatistics: Codable, Sendable, Equatable {
    /// The number of samples.
    package var count: Int
    /// The first timestamp.
    package var first: Int64
    /// The last timestamp.
    package var last: Int64
    /// The smallest value.
    package var minimum: Double
    /// The largest value.
    package var maximum: Double
    /// The mean of all values.
    package var mean: Double
    /// The mean distance of neighbouring samples.
    package var meanStepMinutes: Double
    /// The smallest distance of neighbouring samples.
    package var minimumStepMinutes: Double
    /// The most frequent distance of neighbouring samples; longer ones are gaps.
    package var typicalStepMinutes: Double
    /// The largest distance of neighbouring samples.
    package var largestGapMinutes: Double
    /// The timestamp before the largest gap; nil where all distances are equal.
    package var largestGapAfter: Int64?
    /// The number of samples that would fill the gaps at the typical step.
    package var missingSteps: Int
    /// Minutes of the first timestamp past the hour; nil where an hour is not a whole number of steps.
    package var offsetMinutes: Double?
}
