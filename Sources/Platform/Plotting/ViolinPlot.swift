/// The distributions of columns of numbers side by side: the outline is the density, the box spans the quartiles.
package struct ViolinPlot: Sendable {
    /// The largest legible number of violins; the plot states how many are shown.
    package static let violinsMax = 60

    /// A column. Numbers that are not finite are omitted.
    package struct Violin: Sendable {
        package let label: String
        /// The positions of the density, and the densities on any scale: all violins have the same width.
        package let values: [Double]
        package let densities: [Double]
        package let minimum: Double
        package let lowerQuartile: Double
        package let median: Double
        package let upperQuartile: Double
        package let maximum: Double

        package init(
            label: String,
            values: [Double],
            densities: [Double],
            minimum: Double,
            lowerQuartile: Double,
            median: Double,
            upperQuartile: Double,
            maximum: Double
        ) {
            self.label = label
            self.values = values
            self.densities = densities
            self.minimum = minimum
            self.lowerQuartile = lowerQuartile
            self.median = median
            self.upperQuartile = upperQuartile
            self.maximum = maximum
        }
    }

    package var title: String
    package var yTitle: String
    package var violins: [Violin]
    package var size: Canvas.Size

    /// - Parameter size: by default wide enough for all violins.
    package init(title: String = "", yTitle: String = "", violins: [Violin], size: Canvas.Size? = nil) {
        self.title = title
        self.yTitle = yTitle
        self.violins = violins
        let count = Double(min(violins.count, Self.violinsMax))
        self.size = size ?? Canvas.Size(width: min(max(520, 120 + 90 * count), 1_800), height: 400)
    }

    /// - Parameter scale: pixels per point of a PNG.
    package func image(as format: PlotImage.Format = .png, scale: Double = 2) throws(PlottingError) -> PlotImage {
        let canvas = try Canvas(size: size, format: format, scale: scale)
        draw(on: canvas)
        return try canvas.image(title: title, description: [yTitle, shownNote] + shown.map(\.label))
    }

    private func draw(on canvas: borrowing Canvas) {
        let shapes = shown.map(ViolinShape.init)
        let extent = Extent(of: shapes.lazy.flatMap(\.extremes), margin: 0.06)
        var frame = ChartFrame(size: size, title: title, on: canvas)
        var names = CategoryLabels(shown.map(\.label), note: shownNote)
        let ticks = extent.map { Ticks.numbers(in: $0, about: frame.tickCountOfY) } ?? .none
        frame.reserveY(ticks, title: yTitle, on: canvas)
        names.reserve(in: &frame, on: canvas)

        let y = Scale(extent: extent ?? Extent(0, 1), start: frame.plot.bottom, end: frame.plot.top)
        frame.drawY(ticks, title: yTitle, scale: y, on: canvas)
        frame.drawBaseline(on: canvas)
        names.draw(in: frame, on: canvas)
        guard extent != nil else { return frame.drawNoData(on: canvas) }
        let slot = frame.plot.width / Double(shapes.count)
        for (index, shape) in shapes.enumerated() {
            let center = frame.plot.left + (Double(index) + 0.5) * slot
            shape.draw(at: center, halfWidth: min(slot * 0.42, 70), color: Self.color(index), y: y, on: canvas)
        }
        if shapes.count == 1, let shape = shapes.first {
            ViolinStatistics(shape).draw(
                rightOf: frame.plot.left + slot / 2 + min(slot * 0.42, 70), in: frame.plot, y: y, on: canvas)
        }
    }

    private var shown: ArraySlice<Violin> { violins.prefix(Self.violinsMax) }

    private var shownNote: String {
        violins.count > Self.violinsMax ? "\(Self.violinsMax) of \(violins.count) shown" : ""
    }

    /// The palette without black, which would hide the box.
    private static func color(_ index: Int) -> Color { Color.palette[index % (Color.palette.count - 1)] }
}
