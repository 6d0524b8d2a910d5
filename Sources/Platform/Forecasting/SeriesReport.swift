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
        /// The name in the header; nil without a header.
        package var name: String?
    }

    /// The reason why a row is skipped.
    package enum SkipReason: String, Codable, Sendable, CaseIterable {
        case blank
        case noTime = "no-time"
        case noNumber = "no-number"
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
    /// The column delimiter. Unless it is the comma, a comma may be the decimal mark.
    package var delimiter: Delimiter
    /// Whether the first line with text names the columns.
    package var hadHeader: Bool
    /// The column of the time.
    package var timeColumn: Column
    /// The column of the value.
    package var valueColumn: Column
    /// The format of the first timestamp, such as `YYYY/MM/DD hh:mm`, or `seconds since 1970`.
    package var timeFormat: String
    /// The time zone of timestamps without an offset.
    package var timeZone: String
    /// The number of rows, without the header, with blank ones.
    package var rowsRead: Int
    /// The number of skipped rows, without duplicates.
    package var rowsSkipped: Int
    /// The number of skipped rows by reason: `blank`, `no-time`, `no-number`.
    package var skippedByReason: [String: Int]
    /// The first skipped rows.
    package var skippedExamples: [SkippedRow]
    /// The number of rows whose timestamp an earlier row has; they are dropped.
    package var duplicates: Int
    /// Whether the rows were out of order and have been sorted.
    package var wasSorted: Bool
    /// The number of rows with a time and a number, with duplicates.
    package var numericCount: Int
    /// `numericCount` as a percentage of the rows that are not blank.
    package var numericShare: Double
    /// The statistics of the series.
    package var statistics: SeriesStatistics
}
