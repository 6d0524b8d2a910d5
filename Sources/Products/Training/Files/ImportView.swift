import Forecasting
import Modules

/// What import found in a file and did with it.
struct ImportView: Payload {
    var encoding: String
    var delimiter: String
    var hadHeader: Bool
    var timeColumn: String
    var valueColumn: String
    var timeFormat: String
    var timeZone: String
    var rowsRead: Int
    var rowsSkipped: Int
    var skippedByReason: [String: Int]
    var duplicates: Int
    var wasSorted: Bool
    var missingSteps: Int
    var largestGapMinutes: Double
    var largestGapAfter: Instant?

    static let naming = Naming.asDeclared

    init(_ report: SeriesReport) {
        encoding = report.encoding.rawValue
        delimiter = report.delimiter.rawValue
        hadHeader = report.hadHeader
        timeColumn = report.timeColumn.name ?? "column \(report.timeColumn.index + 1)"
        valueColumn = report.valueColumn.name ?? "column \(report.valueColumn.index + 1)"
        timeFormat = report.timeFormat
        timeZone = report.timeZone
        rowsRead = report.rowsRead
        rowsSkipped = report.rowsSkipped
        skippedByReason = report.skippedByReason
        duplicates = report.duplicates
        wasSorted = report.wasSorted
        missingSteps = report.statistics.missingSteps
        largestGapMinutes = report.statistics.largestGapMinutes
        largestGapAfter = report.statistics.largestGapAfter.map { Instant(microseconds: $0) }
    }
}
