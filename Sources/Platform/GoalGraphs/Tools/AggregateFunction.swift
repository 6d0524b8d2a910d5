/// One number out of the values of a column.
package enum AggregateFunction: String, Hashable, Sendable, Codable, CaseIterable {
    case sum
    case average
    case minimum
    case maximum
    /// The number of rows; it needs no column.
    case count
}
