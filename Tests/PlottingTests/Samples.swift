import Foundation
import Plotting

extension ViolinPlot.Violin {
    /// A bell curve around `center`.
    static func bell(_ label: String, center: Double = 0, width: Double = 1) -> ViolinPlot.Violin {
        let steps = (-30...30).map { Double($0) / 10 }
        return ViolinPlot.Violin(
            label: label,
            values: steps.map { center + $0 * width },
            densities: steps.map { exp(-$0 * $0 / 2) },
            minimum: center - 2.5 * width,
            lowerQuartile: center - 0.67 * width,
            median: center,
            upperQuartile: center + 0.67 * width,
            maximum: center + 2.5 * width
        )
    }

    /// A violin whose statistics are all equal, as of a column with a single value.
    static func flat(_ label: String, _ value: Double, values: [Double] = [], densities: [Double] = [])
        -> ViolinPlot.Violin
    {
        ViolinPlot.Violin(
            label: label,
            values: values,
            densities: densities,
            minimum: value,
            lowerQuartile: value,
            median: value,
            upperQuartile: value,
            maximum: value
        )
    }
}

extension LineChart.Series {
    static func wave(_ name: String, count: Int = 200, from start: Double = 0, step: Double = 1) -> LineChart.Series {
        let indices = (0..<count).map(Double.init)
        return LineChart.Series(name: name, x: indices.map { start + $0 * step }, y: indices.map { sin($0 / 12) })
    }
}

extension PlotImage {
    var isPNG: Bool { bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) }

    /// The width and height in the first chunk of a PNG.
    var pixels: [Int] {
        guard bytes.count >= 24 else { return [] }
        return [16, 20].map { start in bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) } }
    }
}
