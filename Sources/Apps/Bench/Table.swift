import Foundation

/// A table in Markdown with aligned columns.
struct Table: CustomStringConvertible {
    let title: String
    let columns: [String]
    var rows: [[String]] = []
    /// The text below the table.
    var note = ""

    init(_ title: String, _ columns: [String]) {
        self.title = title
        self.columns = columns
    }

    var description: String {
        let widths = columns.indices.map { column in ([columns] + rows).map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            "| "
                + cells.enumerated().map {
                    $0 == 0 ? $1 + spaces(widths[$0] - $1.count) : spaces(widths[$0] - $1.count) + $1
                }.joined(separator: " | ") + " |"
        }
        let rule =
            "|"
            + widths.enumerated().map { String(repeating: "-", count: $1 + 1) + ($0 == 0 ? "-" : ":") }.joined(
                separator: "|") + "|"
        return (["## \(title)", "", line(columns), rule] + rows.map(line) + (note.isEmpty ? [] : ["", note])).joined(
            separator: "\n")
    }

    private func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
}

extension Collection<Double> {
    /// The mean of the two middle values where their number is even; NaN of no values.
    var median: Double {
        let ordered = sorted()
        guard let last = ordered.last else { return .nan }
        let middle = ordered.count / 2
        return ordered.count == 1
            ? last : ordered.count.isMultiple(of: 2) ? (ordered[middle - 1] + ordered[middle]) / 2 : ordered[middle]
    }
}

extension Double {
    /// With this number of decimals, and thousands separated by a space.
    func shown(_ decimals: Int = 0) -> String {
        guard isFinite else { return "–" }
        return formatted(
            .number.precision(.fractionLength(decimals)).grouping(.automatic).locale(.init(identifier: "en_GB"))
        ).replacing(",", with: " ")
    }

    /// As a ratio: "0.83 ×".
    var asRatio: String { isFinite ? shown(2) + " ×" : "–" }
}
