/// Several series over one axis of numbers or times, such as forecasts and measured values, or losses over epochs.
package struct LineChart: Sendable {
    /// The largest number of series that are distinguishable; the chart states how many are shown.
    package static let seriesMax = 24

    package struct Series: Sendable {
        package let name: String
        package let x: [Double]
        package let y: [Double]

        /// - Parameters:
        ///   - x: positions, in any order; on a time axis, seconds since 1970.
        ///   - y: one value for each position; a value that is not finite is missing and breaks the line.
        package init(name: String, x: [Double], y: [Double]) {
            self.name = name
            self.x = x
            self.y = y
        }
    }

    /// The scale of the bottom axis.
    package enum Horizontal: Sendable {
        case number
        /// Seconds since 1970, labelled in UTC.
        case time
    }

    package var title: String
    package var xTitle: String
    package var yTitle: String
    package var horizontal: Horizontal
    package var series: [Series]
    package var size: Canvas.Size

    package init(
        title: String = "",
        xTitle: String = "",
        yTitle: String = "",
        horizontal: Horizontal = .number,
        series: [Series],
        size: Canvas.Size = Canvas.Size(width: 760, height: 400)
    ) {
        self.title = title
        self.xTitle = xTitle
        self.yTitle = yTitle
        self.horizontal = horizontal
        self.series = series
        self.size = size
    }

    /// - Parameter scale: pixels per point of a PNG.
    package func image(as format: PlotImage.Format = .png, scale: Double = 2) throws(PlottingError) -> PlotImage {
        let canvas = try Canvas(size: size, format: format, scale: scale)
        draw(on: canvas)
        return try canvas.image(title: title, description: [xTitle, yTitle, shownNote] + shown.map(\.name))
    }

    private func draw(on canvas: borrowing Canvas) {
        let lines = shown.map { Polyline(x: $0.x, y: $0.y) }
        let xExtent = Extent(of: lines.lazy.flatMap(\.points).map(\.x), margin: 0.01)
        let yExtent = Extent(of: lines.lazy.flatMap(\.points).map(\.y), margin: 0.05)

        var frame = ChartFrame(size: size, title: title, on: canvas)
        var entries: [(name: String, stroke: Canvas.Stroke?)] = shown.enumerated().map { ($1.name, Self.stroke($0)) }
        entries.append((shownNote, nil))
        let legend = Legend(entries, within: frame.plot.width, on: canvas)
        legend.draw(centeredAt: frame.size.width / 2, top: frame.plot.top, on: canvas)
        frame.plot.top += legend.height
        frame.reserveX(HorizontalAxis.height(horizontal, title: xTitle))

        let yTicks = yExtent.map { Ticks.numbers(in: $0, about: frame.tickCountOfY) } ?? .none
        frame.reserveY(yTicks, title: yTitle, on: canvas)
        frame.plot.right -= 10
        let y = Scale(extent: yExtent ?? Extent(0, 1), start: frame.plot.bottom, end: frame.plot.top)
        frame.drawY(yTicks, title: yTitle, scale: y, on: canvas)
        guard let xExtent else {
            frame.drawBaseline(on: canvas)
            frame.drawX(title: xTitle, on: canvas)
            return frame.drawNoData(on: canvas)
        }
        let axis = HorizontalAxis(horizontal, extent: xExtent, plot: frame.plot, title: xTitle, on: canvas)
        axis.draw(in: frame, on: canvas)
        frame.drawBaseline(on: canvas)
        canvas.clipped(to: frame.plot) { canvas in
            for (index, line) in lines.enumerated() {
                draw(line, Self.stroke(index), x: axis.scale, y: y, on: canvas)
            }
        }
    }

    private func draw(_ line: Polyline, _ stroke: Canvas.Stroke, x: Scale, y: Scale, on canvas: borrowing Canvas) {
        for segment in line.segments {
            let points = segment.map { Canvas.Point(x: x($0.x), y: y($0.y)) }
            // A single value between missing ones has no line and is drawn as a point.
            if points.count == 1 {
                canvas.dot(at: points[0], radius: 1.8, color: stroke.color)
            } else {
                canvas.line(points, stroke)
            }
        }
    }

    private var shown: ArraySlice<Series> { series.prefix(Self.seriesMax) }

    private var shownNote: String {
        series.count > Self.seriesMax ? "\(Self.seriesMax) of \(series.count) series shown" : ""
    }

    /// Colours repeat after 7 and dashes after 5, so 35 lines are distinguishable, and neighbouring ones also without
    /// colour.
    static func stroke(_ index: Int) -> Canvas.Stroke {
        let dashes: [[Double]] = [[], [7, 3], [2, 2], [9, 3, 2, 3], [4, 2]]
        return Canvas.Stroke(Color.palette[index % Color.palette.count], width: 1.6, dash: dashes[index % dashes.count])
    }
}
