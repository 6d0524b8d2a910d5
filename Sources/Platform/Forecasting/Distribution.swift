import Foundation

/// The distribution of a column's values, as a violin plot shows it.
package struct Distribution: Codable, Sendable, Equatable {
    /// The column's name.
    package var name: String
    /// The number of values.
    package var count: Int
    /// The smallest of all values. The quartiles and the density are from a sample of at most 10 000 values.
    package var minimum: Double
    /// The largest of all values.
    package var maximum: Double
    /// The first quartile of the sample, interpolated linearly as in NumPy; likewise the other two.
    package var firstQuartile: Double
    /// The median of the sample.
    package var median: Double
    /// The third quartile of the sample.
    package var thirdQuartile: Double
    /// The positions of the density, from the minimum to the maximum; empty where all values are equal.
    package var positions: [Double]
    /// The Gaussian kernel density at the positions, with Silverman's bandwidth.
    package var density: [Double]
}
