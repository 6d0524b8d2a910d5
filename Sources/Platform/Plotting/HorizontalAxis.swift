/// The bottom axis of a line chart: numbers, or times in UTC.
struct HorizontalAxis {
    let ticks: Ticks
    let scale: Scale
    let title: String

    /// Chooses as many ticks as there is space for their labels.
    init(_ kind: LineChart.Horizontal, extent: Extent, plot: Canvas.Rect, title: String, on canvas: borrowing Canvas) {
        scale = Scale(extent: extent, start: plot.left, end: plot.right)
        self.title = title
        var count = max(2, Int(plot.width / 60))
        while true {
            let ticks = Self.ticks(kind, extent: extent, count: count)
            if count == 2 || Self.fits(ticks, scale: scale, on: canvas) {
                self.ticks = ticks
                return
            }
            count -= 1
        }
    }

    /// The height of the axis below the plot; it does not depend on the ticks.
    static func height(_ kind: LineChart.Horizontal, title: String) -> Double {
        let lines = (kind == .time ? 2.0 : 1) + (title.isEmpty ? 0 : 1)
        return ChartFrame.tickLength + 3 + lines * ChartFrame.lineHeight
    }

    func draw(in frame: ChartFrame, on canvas: borrowing Canvas) {
        let (plot, font) = (frame.plot, ChartFrame.tick)
        let baseline = plot.bottom + ChartFrame.tickLength + 11
        for mark in ticks.marks {
            let x = scale(mark.value)
            canvas.line(
                [Canvas.Point(x: x, y: plot.top), Canvas.Point(x: x, y: plot.bottom)], .init(.grid, width: 0.8))
            let end = plot.bottom + ChartFrame.tickLength
            canvas.line([Canvas.Point(x: x, y: plot.bottom), Canvas.Point(x: x, y: end)], .init(.ink, width: 0.8))
            canvas.write(mark.label, at: Canvas.Point(x: x, y: baseline), font, anchor: .middle)
            let below = Canvas.Point(x: x, y: baseline + ChartFrame.lineHeight)
            canvas.write(mark.context ?? "", at: below, font, color: .faded, anchor: .middle)
        }
        let name = [title, ticks.factor.map { "(\($0))" } ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
        frame.drawX(title: name, on: canvas)
    }

    private static func ticks(_ kind: LineChart.Horizontal, extent: Extent, count: Int) -> Ticks {
        switch kind {
        case .number: .numbers(in: extent, about: count)
        case .time: .times(in: extent, about: count) ?? .numbers(in: extent, about: count)
        }
    }

    private static func fits(_ ticks: Ticks, scale: Scale, on canvas: borrowing Canvas) -> Bool {
        for line in [
            ticks.marks.map { ($0.value, $0.label) },
            ticks.marks.compactMap { mark in mark.context.map { (mark.value, $0) } },
        ] {
            var end = -10.0
            for (value, label) in line {
                let half = canvas.width(of: label, ChartFrame.tick) / 2
                guard scale(value) - half >= end + 10, scale(value) + half <= canvas.size.width else { return false }
                end = scale(value) + half
            }
        }
        return true
    }
}
