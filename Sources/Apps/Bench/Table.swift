import Foundation

/// Figures in columns, written as Markdown that is also readable as it is.
struct Table: CustomStringConvertible {
    let title: String
    let columns: [String]
    var rows: [[String]] = []
    /// A sentence under the table.
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
    /// The middle one; of an even number the mean of the two in the middle.
    var median: Double {
        let ordered = sorted()
        guard let last = ordered.last else { return .nan }
        let middle = ordered.count / 2
        return ordered.count == 1
            ? last : ordered.count.isMultiple(of: 2) ? (ordered[middle - 1] + ordered[middle]) / 2 : ordered[middle]
    }

    /// The smallest one that at least `share` of all do not exceed.
    func percentile(_ share: Double) -> Double {
        let ordered = sorted()
        return ordered.isEmpty ? .nan : ordered[Swift.min(ordered.count - 1, Int(share * Double(ordered.count)))]
    }
}

extension Double {
    /// With so many decimals, and thousands apart.
    func shown(_ decimals: Int = 0) -> String {
        guard isFinite else { return "–" }
        return formatted(
            .number.precision(.fractionLength(decimals)).grouping(.automatic).locale(.init(identifier: "en_GB"))
        ).replacing(",", with: " ")
    }

    /// As a multiple: "0.83 ×".
    var asRatio: String { isFinite ? shown(2) + " ×" : "–" }
}
