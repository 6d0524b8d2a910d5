import Foundation

extension Ticks {
    /// Round numbers at a distance of one, two or five times a power of ten; at least two of them.
    ///
    /// - Parameter count: the approximate number of ticks that fit.
    static func numbers(in extent: Extent, about count: Int) -> Ticks {
        var count = max(2, count)
        while true {
            let step = Step(extent.width / Double(count))
            let indices = step.indices(in: extent)
            // Of two ticks at most one may fall within the extent; with four, at least two do.
            if indices.count >= 2 || count > 4 {
                return labelled(indices.map(step.value), step: step)
            }
            count += 1
        }
    }

    private static func labelled(_ values: [Double], step: Step) -> Ticks {
        let largest = values.reduce(0) { max($0, abs($1)) }
        var exponent = 0
        if largest >= 1e6 || largest < 1e-3 { exponent = Int(floor(log10(largest) + 1e-9)) }
        let decimals = max(0, exponent - step.exponent)
        let marks = values.map {
            Mark(value: $0, label: NumberText.fixed(NumberText.shifted($0, by: -exponent), decimals: decimals))
        }
        return Ticks(marks: marks, factor: exponent == 0 ? nil : "×" + NumberText.power(exponent))
    }

    /// One, two or five times a power of ten.
    struct Step: Hashable {
        let digit: Int
        let exponent: Int

        /// The step nearest to `width`, by ratio.
        init(_ width: Double) {
            let floor = Int(log10(width).rounded(.down))
            switch NumberText.shifted(width, by: -floor) {
            case ..<2.0.squareRoot(): (digit, exponent) = (1, floor)
            case ..<10.0.squareRoot(): (digit, exponent) = (2, floor)
            case ..<50.0.squareRoot(): (digit, exponent) = (5, floor)
            default: (digit, exponent) = (1, floor + 1)
            }
        }

        /// Dividing by a power of ten gives the double nearest to the decimal number; multiplying by the inverse does
        /// not.
        func value(_ index: Int) -> Double { NumberText.shifted(Double(index * digit), by: exponent) }

        func indices(in extent: Extent) -> [Int] {
            // A tick that rounding has moved just outside of the extent is included.
            let first = (NumberText.shifted(extent.lower, by: -exponent) / Double(digit) - 1e-6).rounded(.up)
            let last = (NumberText.shifted(extent.upper, by: -exponent) / Double(digit) + 1e-6).rounded(.down)
            return first <= last ? Array(Int(first)...Int(last)) : []
        }
    }
}
