/// The drawable part of a violin: its finite numbers in order.
struct ViolinShape {
    /// Ascending in value, with densities as fractions of the largest; empty without a density.
    let outline: [(value: Double, share: Double)]
    let minimum: Double?
    let lowerQuartile: Double?
    let median: Double?
    let upperQuartile: Double?
    let maximum: Double?

    init(_ violin: ViolinPlot.Violin) {
        func finite(_ value: Double) -> Double? { value.isFinite ? Extent.bounded(value) : nil }
        minimum = finite(violin.minimum)
        lowerQuartile = finite(violin.lowerQuartile)
        median = finite(violin.median)
        upperQuartile = finite(violin.upperQuartile)
        maximum = finite(violin.maximum)

        let usable = zip(violin.values, violin.densities).filter { $0.isFinite && $1.isFinite && $1 >= 0 }
        let curve = Array(Polyline(x: usable.map(\.0), y: usable.map(\.1)).points)
        let greatest = curve.reduce(0) { max($0, $1.y) }
        let hasArea = greatest > 0 && curve.first?.x != curve.last?.x
        outline = hasArea ? curve.map { (value: $0.x, share: $0.y / greatest) } : []
    }

    /// The values that the axis includes.
    var extremes: [Double] {
        [minimum, lowerQuartile, median, upperQuartile, maximum, outline.first?.value, outline.last?.value].compactMap(
            \.self)
    }

    func draw(at center: Double, halfWidth: Double, color: Color, y: Scale, on canvas: borrowing Canvas) {
        guard !extremes.isEmpty else {
            let position = Canvas.Point(x: center, y: (y.start + y.end) / 2)
            return canvas.write("No data", at: position, ChartFrame.tick, color: .faded, anchor: .middle)
        }
        drawOutline(at: center, halfWidth: halfWidth, color: color, y: y, on: canvas)
        let box = min(max(halfWidth * 0.09, 2.5), 5)
        func level(_ value: Double, _ half: Double, _ stroke: Canvas.Stroke) {
            canvas.line(
                [Canvas.Point(x: center - half, y: y(value)), Canvas.Point(x: center + half, y: y(value))], stroke)
        }
        if let minimum, let maximum {
            canvas.line([Canvas.Point(x: center, y: y(minimum)), Canvas.Point(x: center, y: y(maximum))], .init(.ink))
            // A column with a single value has no outline; a longer mark makes the value visible.
            let cap = outline.isEmpty ? halfWidth / 2 : box
            level(minimum, cap, .init(.ink))
            level(maximum, cap, .init(.ink))
        }
        if let lowerQuartile, let upperQuartile {
            let sides = Canvas.Rect(
                left: center - box, top: y(upperQuartile), right: center + box, bottom: y(lowerQuartile))
            canvas.fill(sides, with: .ink)
        }
        if let median {
            canvas.dot(at: Canvas.Point(x: center, y: y(median)), radius: box + 0.5, color: .ink)
            canvas.dot(at: Canvas.Point(x: center, y: y(median)), radius: box - 0.7, color: .white)
        }
    }

    private func drawOutline(at center: Double, halfWidth: Double, color: Color, y: Scale, on canvas: borrowing Canvas)
    {
        let right = outline.map { Canvas.Point(x: center + $0.share * halfWidth, y: y($0.value)) }
        let left = outline.map { Canvas.Point(x: center - $0.share * halfWidth, y: y($0.value)) }
        let shape = right + left.reversed()
        canvas.fill(shape, with: color.tint(0.28))
        if !shape.isEmpty { canvas.line(shape, closed: true, .init(color, width: 1.3)) }
    }
}
