/// The labels beside a single violin, each at the height of its value where they do not overlap.
struct ViolinStatistics {
    private static let lineHeight = 13.0

    private let statistics: [(name: String, value: Double)]

    init(_ shape: ViolinShape) {
        if let value = shape.median, shape.minimum == value, shape.maximum == value {
            statistics = [(name: "all values", value: value)]
            return
        }
        let all = [
            ("max", shape.maximum), ("upper quartile", shape.upperQuartile), ("median", shape.median),
            ("lower quartile", shape.lowerQuartile), ("min", shape.minimum),
        ]
        statistics = all.compactMap { name, value in value.map { (name: name, value: $0) } }
    }

    func draw(rightOf x: Double, in plot: Canvas.Rect, y: Scale, on canvas: borrowing Canvas) {
        let texts = statistics.map { "\($0.name) \(NumberText.short($0.value))" }
        let start = x + 24
        let widest = texts.map { canvas.width(of: $0, ChartFrame.tick) }.max() ?? 0
        guard start + widest <= plot.right, Double(texts.count) * Self.lineHeight <= plot.height else { return }
        let wanted = statistics.map { y($0.value) }
        for (text, (wanted, moved)) in zip(texts, zip(wanted, Self.apart(wanted, within: plot))) {
            canvas.line(
                [Canvas.Point(x: x + 6, y: wanted), Canvas.Point(x: start - 4, y: moved)], .init(.faded, width: 0.6))
            let end = start + canvas.width(of: text, ChartFrame.tick)
            canvas.fill(Canvas.Rect(left: start - 3, top: moved - 6, right: end + 3, bottom: moved + 6), with: .white)
            canvas.write(text, at: Canvas.Point(x: start, y: moved + 3.6), ChartFrame.tick, color: .faded)
        }
    }

    /// Moves overlapping labels down until they are a line apart, then back up from the bottom edge.
    private static func apart(_ wanted: [Double], within plot: Canvas.Rect) -> [Double] {
        var places = wanted
        for index in places.indices {
            places[index] = max(places[index], index == 0 ? plot.top + lineHeight / 2 : places[index - 1] + lineHeight)
        }
        for index in places.indices.reversed() {
            let floor = index == places.count - 1 ? plot.bottom - lineHeight / 2 : places[index + 1] - lineHeight
            places[index] = min(places[index], floor)
        }
        return places
    }
}
