/// What an import did with a file and what it found: for the people who wonder why a row is missing.
package struct SeriesReport: Codable, Sendable, Equatable {
    /// How characters were written.
    package enum Encoding: String, Codable, Sendable {
        case utf8 = "UTF-8"
        case utf8WithMark = "UTF-8 with byte order mark"
        case utf16LittleEndian = "UTF-16LE"
        case utf16BigEndian = "UTF-16BE"
        /// Also what Latin-1 is read as, which it contains but for control characters.
        case windows1252 = "windows-1252"
    }

    /// What stands between columns.
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
        /// Counted from 0.
        package var index: Int
        /// The header's name; nil without a header.
        package var name: String?
    }

    /// Why a row was left out.
    package enum SkipReason: String, Codable, Sendable, CaseIterable {
        case blank
        case noTime = "no-time"
        case noNumber = "no-number"
    }

    /// A row that was left out.
    package struct SkippedRow: Codable, Sendable, Equatable {
        /// Counted from 1, the header among them.
        package var line: Int
        /// Why.
        package var reason: SkipReason
        /// The row's beginning, at most 80 characters.
        package var text: String
    }

    /// How characters were written.
    package var encoding: Encoding
    /// What stands between columns. Unless it is the comma, a comma may be the decimal mark.
    package var delimiter: Delimiter
    /// Whether the first line with text names the columns.
    package var hadHeader: Bool
    /// Where the time was taken from.
    package var timeColumn: Column
    /// Where the value was taken from.
    package var valueColumn: Column
    /// How the first stamp was spelt, such as `YYYY/MM/DD hh:mm`, or `seconds since 1970`.
    package var timeFormat: String
    /// The zone of stamps that do not say theirs.
    package var timeZone: String
    /// Rows read, without the header, with blank ones.
    package var rowsRead: Int
    /// Rows left out, for any reason but being a duplicate.
    package var rowsSkipped: Int
    /// How many for each reason: `blank`, `no-time`, `no-number`.
    package var skippedByReason: [String: Int]
    /// The first few rows that were left out.
    package var skippedExamples: [SkippedRow]
    /// Rows with a stamp that an earlier row had, left out as well.
    package var duplicates: Int
    /// Whether the rows were out of order and had to be sorted.
    package var wasSorted: Bool
    /// Rows with a time and a number, duplicates among them.
    package var numericCount: Int
    /// Their share of the rows that are not blank, in %.
    package var numericShare: Double
    /// The figures of what was kept.
    package var statistics: SeriesStatistics
}

/// The figures of a series at a glance. Stamps are microseconds since 1970 in UTC.
package struct SeriesStatistics: Codable, Sendable, Equatable {
    /// Samples.
    package var count: Int
    /// The first stamp.
    package var first: Int64
    /// The last stamp.
    package var last: Int64
    /// The smallest value.
    package var minimum: Double
    /// The largest value.
    package var maximum: Double
    /// The mean of all values.
    package var mean: Double
    /// From the first to the last sample, divided by the steps between them.
    package var meanStepMinutes: Double
    /// Between the two samples that are closest.
    package var minimumStepMinutes: Double
    /// The distance that occurs most often: what gaps are measured against.
    package var typicalStepMinutes: Double
    /// Between the two neighbours that are furthest apart.
    package var largestGapMinutes: Double
    /// The stamp before the largest gap; nil where every step is the typical one.
    package var largestGapAfter: Int64?
    /// How many samples would fill the gaps at the typical step.
    package var missingSteps: Int
    /// Minutes of the first stamp within its hour, where an hour is a whole number of steps, so that every hour has the same; otherwise nil.
    package var offsetMinutes: Double?
}
