import Forecasting
import Modules

/// The report of an import: what was read, what was skipped, and the settings that would change it.
struct ImportView: Payload {
    var encoding: String
    var delimiter: String
    var hadHeader: Bool
    /// The number of the header's line, from 1.
    var headerLine: Int?
    var timeColumn: String
    /// The column of the time of day, where the time column has dates alone.
    var clockColumn: String?
    var valueColumn: String
    var timeFormat: String
    var timeZone: String
    var decimalMark: DecimalMark
    var rowsRead: Int
    var rowsSkipped: Int
    var skippedByReason: [String: Int]
    /// The first skipped rows.
    var skippedRows: [SkippedRow]
    /// The first and the last rows of the file, as they are understood.
    var firstRows: [ImportedRow]
    var lastRows: [ImportedRow]
    var duplicates: Int
    var wasSorted: Bool
    var missingSteps: Int
    var largestGapMinutes: Double
    var largestGapAfter: Instant?
    /// The settings that would change the result.
    var settings: [ImportSetting]

    static let naming = Naming.asDeclared

    init(_ report: SeriesReport) {
        encoding = report.encoding.rawValue
        delimiter = report.delimiter.rawValue
        hadHeader = report.hadHeader
        headerLine = report.headerLine
        timeColumn = Self.name(report.timeColumn)
        clockColumn = report.clockColumn.map(Self.name)
        valueColumn = Self.name(report.valueColumn)
        timeFormat = report.timeFormat
        timeZone = report.timeZone
        decimalMark = report.decimalMark
        rowsRead = report.rowsRead
        rowsSkipped = report.rowsSkipped
        skippedByReason = report.skippedByReason
        skippedRows = report.skippedExamples.map(SkippedRow.init)
        firstRows = report.firstRows.map(ImportedRow.init)
        lastRows = report.lastRows.map(ImportedRow.init)
        duplicates = report.duplicates
        wasSorted = report.wasSorted
        missingSteps = report.statistics.missingSteps
        largestGapMinutes = report.statistics.largestGapMinutes
        largestGapAfter = report.statistics.largestGapAfter.map { Instant(microseconds: $0) }
        settings = Self.settings(report)
    }

    private static func settings(_ report: SeriesReport) -> [ImportSetting] {
        var settings = [
            ImportSetting(
                name: "timeColumn", value: name(report.timeColumn), alternatives: report.otherTimeColumns.map(name)),
            ImportSetting(
                name: "valueColumn", value: name(report.valueColumn), alternatives: report.otherValueColumns.map(name)),
            ImportSetting(
                name: "decimalMark", value: report.decimalMark.rawValue,
                alternatives: DecimalMark.allCases.filter { $0 != report.decimalMark }.map(\.rawValue)),
        ]
        if report.usesTimeZone {
            settings.append(ImportSetting(name: "zeitzone", value: report.timeZone, alternatives: []))
        }
        if let order = report.dateOrder {
            settings.append(
                ImportSetting(
                    name: "dateOrder", value: order.rawValue,
                    alternatives: DateOrder.allCases.filter { $0 != order }.map(\.rawValue)))
        }
        return settings
    }

    private static func name(_ column: SeriesReport.Column) -> String {
        if let name = column.name, !name.isEmpty { return name }
        return "column \(column.index + 1)"
    }
}

/// A row as it is understood.
struct ImportedRow: Payload {
    /// The number of the line, from 1, with the header.
    var line: Int
    var time: Instant
    var value: Double

    static let naming = Naming.asDeclared

    init(_ row: SeriesReport.Row) {
        line = row.line
        time = Instant(microseconds: row.stamp)
        value = row.value
    }
}

/// A row that is skipped.
struct SkippedRow: Payload {
    /// The number of the line, from 1, with the header.
    var line: Int
    var reason: String
    /// The beginning of the row.
    var text: String

    static let naming = Naming.asDeclared

    init(_ row: SeriesReport.SkippedRow) {
        line = row.line
        reason = row.reason.rawValue
        text = row.text
    }
}

/// A setting of the import: its value, given or detected, and other values that the file admits.
struct ImportSetting: Payload {
    var name: String
    var value: String
    var alternatives: [String]

    static let naming = Naming.asDeclared
}
