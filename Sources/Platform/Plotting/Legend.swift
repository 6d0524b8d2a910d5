/// The legend of a chart: samples of the lines with their names, in rows above the plot.
struct Legend {
    private static let sampleWidth = 32.0
    private static let gap = 18.0
    private static let rowHeight = 17.0
    private static let nameWidthMax = 240.0

    private var rows: [[Entry]] = []

    private struct Entry {
        let name: String
        let stroke: Canvas.Stroke?
        let width: Double
    }

    /// - Parameter entries: entries without a name are omitted; an entry without a stroke is a remark.
    init(_ entries: [(name: String, stroke: Canvas.Stroke?)], within maxWidth: Double, on canvas: borrowing Canvas) {
        let nameWidthLimit = min(Self.nameWidthMax, maxWidth - Self.sampleWidth)
        var taken = Double.infinity
        for (name, stroke) in entries where !name.isEmpty {
            let name = canvas.shortened(name, to: nameWidthLimit, ChartFrame.label)
            let width = (stroke == nil ? 0 : Self.sampleWidth) + canvas.width(of: name, ChartFrame.label)
            if taken + Self.gap + width > maxWidth {
                rows.append([])
                taken = -Self.gap
            }
            rows[rows.count - 1].append(Entry(name: name, stroke: stroke, width: width))
            taken += Self.gap + width
        }
    }

    var height: Double { rows.isEmpty ? 0 : Double(rows.count) * Self.rowHeight + 6 }

    func draw(centeredAt center: Double, top: Double, on canvas: borrowing Canvas) {
        for (row, entries) in rows.enumerated() {
            let width = entries.reduce(-Self.gap) { $0 + $1.width + Self.gap }
            let baseline = top + Double(row) * Self.rowHeight + 11
            var x = center - width / 2
            for entry in entries {
                if let stroke = entry.stroke {
                    let end = Canvas.Point(x: x + Self.sampleWidth - 6, y: baseline - 4)
                    canvas.line([Canvas.Point(x: x, y: baseline - 4), end], stroke)
                }
                let name = Canvas.Point(x: x + (entry.stroke == nil ? 0 : Self.sampleWidth), y: baseline)
                canvas.write(entry.name, at: name, ChartFrame.label, color: entry.stroke == nil ? .faded : .ink)
                x += entry.width + Self.gap
            }
        }
    }
}
