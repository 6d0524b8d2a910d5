/// The report of an import: the detected layout, the skipped rows and the statistics of the series.
package struct SeriesReport: Codable, Sendable, Equatable {
    /// The character encoding.
    package enum Encoding: String, Codable, Sendable {
        case utf8 = "UTF-8"
        case utf8WithMark = "UTF-8 with byte order mark"
        case utf16LittleEndian = "UTF-16LE"
        case utf16BigEndian = "UTF-16BE"
        /// Latin-1 is read as Windows-1252, which differs only in control characters.
        case windows1252 = "windows-1252"
    }

    /// The column delimiter.
    package enum Delimiter: String, Codable, Sendable, CaseIterable {
        case semicolon = ";"
        case tab = "\t"
        case comma = ","

        var byte: UInt8 {
            switch self {
            case .semicolon: UInt8(ascii: ";")
            case .tab: UInt8(ascii: "\t")
            case .comma: UInt8(ascii: ",")
            }
        }
    }

    /// A column of the file.
    package struct Column: Codable, Sendable, Equatable {
        /// The index, from 0.
        package var index: Int
        /// The name in the header; nil without one, or where another column has the same.
        package var name: String?
    }

    /// The reason why a row is skipped.
    package enum SkipReason: String, Codable, Sendable, CaseIterable {
        /// A line before the header.
        case beforeHeader = "before-header"
        case blank
        case noTime = "no-time"
        /// No value: an empty field, a marker of a missing value, or a number that is not finite.
        case noNumber = "no-number"
        /// A text instead of a number.
        case text
    }

    /// A row as it is understood.
    package struct Row: Codable, Sendable, Equatable {
        /// The number of the line, from 1, with the header.
        package var line: Int
        /// Microseconds since 1970 in UTC.
        package var stamp: Int64
        /// The value.
        package var value: Double
    }

    /// A skipped row.
    package struct SkippedRow: Codable, Sendable, Equatable {
        /// The number of the line, from 1, with the header.
        package var line: Int
        /// The reason.
        package var reason: SkipReason
        /// The beginning of the row, at most 80 characters.
        package var text: String
    }

    /// The character encoding.
    package var encoding: Encoding
    /// The column delimiter.
    package var delimiter: Delimiter
    /// Whether a line names the columns.
    package var hadHeader: Bool
    /// The number of that line, from 1; nil without one.
    package var headerLine: Int?
    /// The column of the time.
    package var timeColumn: Column
    /// The column of the time of day, where the time column has dates alone.
    package var clockColumn: Column?
    /// The column of the value.
    package var valueColumn: Column
    /// Other columns that have times.
    package var otherTimeColumns: [Column]
    /// Other columns that have numbers.
    package var otherValueColumns: [Column]
    /// The decimal mark, `.` or `,`.
    package var decimalMark: DecimalMark
    /// The order of day and month in the dates; nil where they do not depend on it.
    package var dateOrder: DateOrder?
    /// Whether the time zone of the file is that of some timestamps.
    package var usesTimeZone: Bool
    /// The format of the first timestamp, such as `YYYY/MM/DD hh:mm`, or `seconds since 1970`.
    package var timeFormat: String
    /// The time zone of timestamps without an offset.
    package var timeZone: String
    /// The number of rows, without the header, with blank ones and the lines before the header.
    package var rowsRead: Int
    /// The number of skipped rows, without duplicates.
    package var rowsSkipped: Int
    /// The number of skipped rows by reason: the raw values of `SkipReason`.
    package var skippedByReason: [String: Int]
    /// The first skipped rows.
    package var skippedExamples: [SkippedRow]
    /// The first rows that are not skipped.
    package var firstRows: [Row]
    /// The last rows that are not skipped.
    package var lastRows: [Row]
    /// The number of rows whose timestamp an earlier row has; they are dropped.
    package var duplicates: Int
    /// Whether the rows were out of order and have been sorted.
    package var wasSorted: Bool
    /// The number of rows with a time and a number, with duplicates.
    package var numericCount: Int
    /// `numericCount` as a percentage of the rows that are neither blank nor before the header.
    package var numericShare: Double
    /// The statistics of the series.
    package var statistics: SeriesStatistics
}
