import Forecasting
import Foundation
import Plotting

/// Renders a violin plot of the distribution of each column.
enum ViolinPlots {
    static func draw(_ manifest: DatasetManifest, into folder: URL, checkCancellation: () throws -> Void) throws
        -> [Plot]
    {
        let columns = manifest.inputColumns + manifest.outputColumns
        return try zip(columns, manifest.distributions).enumerated().map { index, pair in
            try checkCancellation()
            let (column, distribution) = pair
            let violin = ViolinPlot.Violin(
                label: column.name,
                values: distribution.positions,
                densities: distribution.density,
                minimum: distribution.minimum,
                lowerQuartile: distribution.firstQuartile,
                median: distribution.median,
                upperQuartile: distribution.thirdQuartile,
                maximum: distribution.maximum
            )
            let fileName = "violin-\(index).png"
            let image = try ViolinPlot(title: "\(column.label): \(column.name)", violins: [violin]).image(
                as: .png, scale: 1)
            try Data(image.bytes).write(to: folder.appending(path: fileName))
            return Plot(
                name: "\(column.label) \(column.name)", kind: column.kind.rawValue, label: column.label,
                fileName: fileName)
        }
    }
}
