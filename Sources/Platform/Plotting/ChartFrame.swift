/// The title, axes with ticks, and grid of a chart.
struct ChartFrame {
    static let title = Canvas.Font(size: 14, isBold: true)
    static let label = Canvas.Font(size: 11)
    static let tick = Canvas.Font(size: 10)

    static let margin = 14.0
    static let tickLength = 4.0
    static let lineHeight = 14.0
    /// The smallest side of the plot area, in points, even if labels are shortened for it.
    static let plotSideMin = 40.0

    /// The plot area.
    var plot: Canvas.Rect
    let size: Canvas.Size
    /// The width of the labels and the title of the left axis.
    private var widthOfY = 0.0

    /// - Returns: a frame that covers the whole page except its margins and the title at the top.
    init(size: Canvas.Size, title: String, on canvas: borrowing Canvas) {
        // On a smaller page the corner of a chart of this size is drawn.
        self.size = Canvas.Size(width: max(size.width, 140), height: max(size.height, 120))
        plot = Canvas.Rect(
            left: Self.margin, top: Self.margin, right: self.size.width - Self.margin,
            bottom: self.size.height - Self.margin)
        for line in canvas.lines(of: title, within: plot.width, linesMax: 2, Self.title) {
            canvas.write(line, at: Canvas.Point(x: self.size.width / 2, y: plot.top + 11), Self.title, anchor: .middle)
            plot.top += 18
        }
        plot.top += 6
    }

    /// The approximate number of ticks that fit on the left axis.
    var tickCountOfY: Int { min(max(Int(plot.height / 45), 2), 10) }

    /// Reserves space at the left for the labels and the title of the axis.
    mutating func reserveY(_ ticks: Ticks, title: String, on canvas: borrowing Canvas) {
        if ticks.factor != nil { plot.top += Self.lineHeight }
        let widest = ticks.marks.map { canvas.width(of: $0.label, Self.tick) }.max() ?? 0
        widthOfY = widest + Self.tickLength + 4 + (title.isEmpty ? 0 : Self.lineHeight + 4)
        plot.left = max(Self.margin, min(plot.left + widthOfY, plot.right - Self.plotSideMin))
    }

    mutating func reserveX(_ height: Double) {
        plot.bottom = max(plot.bottom - height, plot.top + Self.plotSideMin)
    }

    func drawY(_ ticks: Ticks, title: String, scale: Scale, on canvas: borrowing Canvas) {
        for mark in ticks.marks {
            let y = scale(mark.value)
            canvas.line(
                [Canvas.Point(x: plot.left, y: y), Canvas.Point(x: plot.right, y: y)], .init(.grid, width: 0.8))
            canvas.line(
                [Canvas.Point(x: plot.left - Self.tickLength, y: y), Canvas.Point(x: plot.left, y: y)],
                .init(.ink, width: 0.8))
            let position = Canvas.Point(x: plot.left - Self.tickLength - 4, y: y + 3.6)
            canvas.write(mark.label, at: position, Self.tick, anchor: .end)
        }
        canvas.line(
            [Canvas.Point(x: plot.left, y: plot.top), Canvas.Point(x: plot.left, y: plot.bottom)],
            .init(.ink, width: 0.8))
        if let factor = ticks.factor {
            canvas.write(factor, at: Canvas.Point(x: plot.left, y: plot.top - 6), Self.tick, anchor: .middle)
        }
        let name = canvas.shortened(title, to: plot.height, Self.label)
        let position = Canvas.Point(x: plot.left - widthOfY + 9, y: (plot.top + plot.bottom) / 2)
        canvas.write(name, at: position, Self.label, anchor: .middle, degrees: 90)
    }

    func drawX(title: String, on canvas: borrowing Canvas) {
        let position = Canvas.Point(x: (plot.left + plot.right) / 2, y: size.height - Self.margin)
        canvas.write(canvas.shortened(title, to: plot.width, Self.label), at: position, Self.label, anchor: .middle)
    }

    func drawBaseline(on canvas: borrowing Canvas) {
        canvas.line(
            [Canvas.Point(x: plot.left, y: plot.bottom), Canvas.Point(x: plot.right, y: plot.bottom)],
            .init(.ink, width: 0.8))
    }

    func drawNoData(on canvas: borrowing Canvas) {
        let middle = Canvas.Point(x: (plot.left + plot.right) / 2, y: (plot.top + plot.bottom) / 2)
        canvas.write("No data", at: middle, Self.label, color: .faded, anchor: .middle)
    }
}
