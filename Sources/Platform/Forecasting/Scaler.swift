/// Scales each column to its target range by the minimum and maximum of the data it was fitted on, and back.
package struct Scaler: Codable, Sendable, Equatable {
    /// The scaling of one column.
    package struct Column: Codable, Sendable, Equatable {
        /// The smallest value of the fitted data.
        package var dataMinimum: Double
        /// The largest value of the fitted data.
        package var dataMaximum: Double
        /// The target range; nil leaves the column unchanged.
        package var target: DatasetRecipe.Scaling?

        /// A column fitted on values from minimum to maximum.
        package init(dataMinimum: Double, dataMaximum: Double, target: DatasetRecipe.Scaling?) {
            self.dataMinimum = dataMinimum
            self.dataMaximum = dataMaximum
            self.target = target
        }

        /// `scaled = (value - origin) * factor + shift`
        var origin: Double { target == nil ? 0 : dataMinimum }
        var shift: Double { target?.minimum ?? 0 }

        /// A width below this share of the values is rounding noise.
        private static let noise = 1e-9

        /// Whether the fitted data differ by no more than rounding noise.
        var isConstant: Bool {
            let width = dataMaximum - dataMinimum
            return !(width > Self.noise * max(abs(dataMinimum), abs(dataMaximum)))
        }

        /// A constant column counts as one unit wide, as in scikit-learn: it is scaled to the minimum of the range.
        var factor: Double {
            guard let target else { return 1 }
            let width = dataMaximum - dataMinimum
            let factor = (target.maximum - target.minimum) / (!isConstant && width.isFinite ? width : 1)
            return factor.isFinite && factor > 0 ? factor : 1
        }
    }

    /// In the order of the last axis of the array.
    package var columns: [Column]

    /// One column for each of the array's last axis.
    package init(columns: [Column]) {
        self.columns = columns
    }

    /// Scales rows of `columns.count` values in place.
    package func transform(_ values: inout [Double]) { values.withUnsafeMutableBufferPointer { transform($0) } }

    /// Restores scaled rows of `columns.count` values in place.
    package func inverse(_ values: inout [Double]) { values.withUnsafeMutableBufferPointer { inverse($0) } }

    func transform(_ values: UnsafeMutableBufferPointer<Double>) {
        for (index, column) in columns.enumerated() where column.target != nil && column.isConstant {
            level(values, column: index, column)
        }
        apply(values, columns.map { ($0.origin, $0.factor, $0.shift) })
    }

    /// Replaces the fitted values of a constant column by their minimum, so that they are equal after the scaling too.
    private func level(_ values: UnsafeMutableBufferPointer<Double>, column first: Int, _ column: Column) {
        var index = first
        while index < values.count {
            if values[index] >= column.dataMinimum, values[index] <= column.dataMaximum {
                values[index] = column.dataMinimum
            }
            index &+= columns.count
        }
    }

    func inverse(_ values: UnsafeMutableBufferPointer<Double>) {
        apply(values, columns.map { ($0.shift, 1 / $0.factor, $0.origin) })
    }

    private func apply(
        _ values: UnsafeMutableBufferPointer<Double>, _ steps: [(origin: Double, factor: Double, shift: Double)]
    ) {
        precondition(
            steps.isEmpty ? values.isEmpty : values.count % steps.count == 0,
            "A scaler takes whole rows of its columns.")
        guard columns.contains(where: { $0.target != nil }), let start = values.baseAddress else { return }
        steps.withUnsafeBufferPointer { steps in
            var index = 0
            while index < values.count {
                var column = 0
                while column < steps.count {
                    start[index] = (start[index] - steps[column].origin) * steps[column].factor + steps[column].shift
                    index &+= 1
                    column &+= 1
                }
            }
        }
    }
}
