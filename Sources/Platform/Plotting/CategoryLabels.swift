import Foundation

/// The labels below the columns of a plot: horizontal in up to two lines where they fit, otherwise slanted and
/// shortened.
struct CategoryLabels {
    private static let slant = 35.0
    private static let slantedWidthMax = 150.0
    /// The smallest distance of slanted labels, in points.
    private static let pitchMin = 20.0

    private let names: [String]
    private let note: String
    private var levelLines: [[String]]?
    private var slanted: [String] = []

    init(_ names: [String], note: String) {
        self.names = names
        self.note = note
    }

    /// Chooses between the two layouts and reserves space for it below the plot.
    mutating func reserve(in frame: inout ChartFrame, on canvas: borrowing Canvas) {
        let font = ChartFrame.label
        let maxWidth = frame.plot.width / Double(max(1, names.count)) - 8
        let noteHeight = note.isEmpty ? 0 : ChartFrame.lineHeight
        let words = names.flatMap { $0.split(separator: " ") }.map { canvas.width(of: String($0), font) }
        let isLevel =
            names.count < 2
            || names.allSatisfy { canvas.width(of: $0, font) <= 2 * maxWidth - 10 } && (words.max() ?? 0) <= maxWidth
        if isLevel {
            var lines: [[String]] = []
            for name in names { lines.append(canvas.lines(of: name, within: maxWidth, linesMax: 2, font)) }
            frame.reserveX(
                noteHeight + ChartFrame.tickLength + 4 + Double(lines.map(\.count).max() ?? 0) * ChartFrame.lineHeight)
            levelLines = lines
        } else {
            for name in names { slanted.append(canvas.shortened(name, to: Self.slantedWidthMax, font)) }
            let longest = slanted.map { canvas.width(of: $0, font) }.max() ?? 0
            frame.reserveX(noteHeight + ChartFrame.tickLength + 9 + longest * sin(Self.slant * .pi / 180))
            // The first label begins left of its column, possibly left of the axis.
            let reach = canvas.width(of: slanted[0], font) * cos(Self.slant * .pi / 180) - maxWidth / 2
            frame.plot.left = max(
                frame.plot.left, min(ChartFrame.margin + reach, frame.plot.right - ChartFrame.plotSideMin))
        }
    }

    func draw(in frame: ChartFrame, on canvas: borrowing Canvas) {
        let (plot, font) = (frame.plot, ChartFrame.label)
        let slot = plot.width / Double(max(1, names.count))
        for (column, lines) in (levelLines ?? []).enumerated() {
            for (row, line) in lines.enumerated() {
                let y = plot.bottom + ChartFrame.tickLength + 12 + Double(row) * ChartFrame.lineHeight
                canvas.write(
                    line, at: Canvas.Point(x: plot.left + (Double(column) + 0.5) * slot, y: y), font, anchor: .middle)
            }
        }
        let stride = max(1, Int((Self.pitchMin / slot).rounded(.up)))
        for (column, name) in slanted.enumerated() where column.isMultiple(of: stride) {
            let position = Canvas.Point(
                x: plot.left + (Double(column) + 0.5) * slot + 4, y: plot.bottom + ChartFrame.tickLength + 6)
            canvas.write(name, at: position, font, anchor: .end, degrees: Self.slant)
        }
        let end = Canvas.Point(x: plot.right, y: frame.size.height - ChartFrame.margin + 4)
        canvas.write(note, at: end, ChartFrame.tick, color: .faded, anchor: .end)
    }
}
