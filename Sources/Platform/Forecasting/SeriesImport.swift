package import Foundation

/// Converts a CSV file to a series file in one pass, in bounded memory, and reports what it did.
///
/// Delimiter, header, columns, encoding and time format are detected from the beginning of the file, unless they are
/// given. Rows without a time or a number are skipped and counted. Rows in order are written as a stream; rows out of
/// order are sorted at the end (16 bytes a sample), and of rows with equal timestamps the first is kept.
package struct SeriesImport: Sendable {
    /// The column to read.
    package enum Column: Sendable, Equatable {
        /// Detected.
        case automatic
        /// By index, from 0.
        case index(Int)
        /// By name in the header, case-insensitive.
        case name(String)
    }

    /// The column of the time.
    package var timeColumn = Column.automatic
    /// The column of the value.
    package var valueColumn = Column.automatic
    /// Nil: detected.
    package var delimiter: SeriesReport.Delimiter?
    /// Nil: detected.
    package var hasHeader: Bool?
    /// The IANA time zone of timestamps without an offset.
    package var timeZone = "UTC"
    /// The largest number of rows.
    package var rowsMax = 5_000_000

    /// Detects everything; timestamps without an offset are in UTC.
    package init() {}

    /// Reads `source` and writes the series to `destination`, atomically.
    ///
    /// `progress` is called with the fraction read; its errors end the import. Throws `SeriesFault` for a file that is
    /// not a series, `FileFault` for I/O errors.
    package func run(_ source: URL, to destination: URL, progress: (Double) throws -> Void = { _ in }) throws
        -> SeriesReport
    {
        guard let zone = TimeZone(identifier: timeZone) else {
            throw SeriesFault(
                .unknownTimeZone,
                "There is no time zone named \"\(timeZone)\". Use a name such as Europe/Vienna or UTC.")
        }
        let layout = try SeriesLayout.detect(in: source, for: self)
        var rows = try Rows(source: source, destination: destination, layout: layout, zone: zone)
        try rows.read(max: rowsMax, progress: progress)
        return try rows.finish(destination: destination, timeZone: timeZone)
    }

    /// The pass over the rows.
    private struct Rows {
        /// The number of rows between two calls of `progress`.
        private static let rowsPerReport = 16_384
        private static let examplesMax = 5

        let layout: SeriesLayout
        let lines: TextLines
        let splitter: FieldSplitter
        let writer: SeriesWriter
        var offsets: ZoneOffsets
        var rowsRead = 0
        var skipped: [SeriesReport.SkipReason: Int] = [:]
        var examples: [SeriesReport.SkippedRow] = []
        var numericCount = 0
        var duplicates = 0
        var isOutOfOrder = false
        var previous: Int64?
        var timeFormat: String?

        init(source: URL, destination: URL, layout: SeriesLayout, zone: TimeZone) throws {
            self.layout = layout
            lines = try TextLines(source)
            splitter = FieldSplitter(layout.delimiter)
            writer = try SeriesWriter(destination)
            offsets = ZoneOffsets(zone)
        }

        mutating func read(max: Int, progress: (Double) throws -> Void) throws {
            var headerIsAhead = layout.hasHeader
            while let line = try lines.next() {
                if headerIsAhead, !Self.isBlank(line) {
                    headerIsAhead = false
                    continue
                }
                rowsRead += 1
                guard rowsRead <= max else {
                    throw SeriesFault(
                        .tooManyRows,
                        "The file has more than \(max) rows. Split it, or reduce it to a longer time step.",
                        line: lines.number)
                }
                if let reason = try importRow(line) { skip(line, reason) }
                if rowsRead % Self.rowsPerReport == 0 {
                    try progress(Double(lines.bytesRead) / Double(Swift.max(lines.bytesTotal, 1)))
                }
            }
            try progress(1)
        }

        /// Writes a row as a sample, or returns why it is skipped.
        private mutating func importRow(_ line: UnsafeBufferPointer<UInt8>) throws -> SeriesReport.SkipReason? {
            try splitter.split(line, number: lines.number)
            guard splitter.count > 1 || !Self.isBlank(line) else { return .blank }
            let time = splitter.field(layout.timeColumn, of: line)
            guard
                let value = NumberParser.parse(
                    splitter.field(layout.valueColumn, of: line), decimalComma: layout.hasDecimalComma)
            else {
                return .noNumber
            }
            guard let stamp = stamp(time) else { return .noTime }
            numericCount += 1
            if let previous {
                if stamp == previous, !isOutOfOrder {
                    duplicates += 1
                    return nil
                }
                if stamp < previous { isOutOfOrder = true }
            }
            previous = stamp
            try writer.append(stamp: stamp, value: value)
            return nil
        }

        private mutating func stamp(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
            if layout.timeIsEpoch {
                guard let seconds = NumberParser.parse(text, decimalComma: layout.hasDecimalComma) else { return nil }
                if timeFormat == nil { timeFormat = "seconds since 1970" }
                return TimestampParser.epoch(seconds)
            }
            guard let read = TimestampParser.calendar(text) else { return nil }
            if timeFormat == nil { timeFormat = read.layout.description }
            let seconds: Int
            if let offset = read.offset {
                seconds = read.wall - offset
            } else {
                seconds = offsets.instant(
                    wall: read.wall, after: previous.map { CivilTime.floorDivide(Int($0), 1_000_000) })
            }
            return Int64(seconds) * CivilTime.microsecondsPerSecond + Int64(read.microseconds)
        }

        private mutating func skip(_ line: UnsafeBufferPointer<UInt8>, _ reason: SeriesReport.SkipReason) {
            skipped[reason, default: 0] += 1
            guard examples.count < Self.examplesMax, reason != .blank else { return }
            examples.append(
                .init(line: lines.number, reason: reason, text: String(lines.string(line.prefix(240)).prefix(80))))
        }

        private static func isBlank(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
            line.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        }

        consuming func finish(destination: URL, timeZone: String) throws -> SeriesReport {
            guard numericCount > 0 else {
                let reason =
                    (skipped[.noTime] ?? 0) > 0 ? "readable time beside a number" : "number in its value column"
                throw SeriesFault(
                    .noNumbers,
                    "None of the \(rowsRead) rows has a \(reason). Name the columns with the time and the value.")
            }
            if isOutOfOrder { duplicates += try writer.sort() }
            guard writer.count > 1 else {
                throw SeriesFault(.singleRow, "The file has a single time with a number. A series needs at least two.")
            }
            try writer.finish()
            let rowsSkipped = skipped.values.reduce(0, +)
            return SeriesReport(
                encoding: lines.encoding,
                delimiter: layout.delimiter,
                hadHeader: layout.hasHeader,
                timeColumn: .init(index: layout.timeColumn, name: layout.names?[layout.timeColumn]),
                valueColumn: .init(index: layout.valueColumn, name: layout.names?[layout.valueColumn]),
                timeFormat: timeFormat ?? "",
                timeZone: timeZone,
                rowsRead: rowsRead,
                rowsSkipped: rowsSkipped,
                skippedByReason: Dictionary(uniqueKeysWithValues: skipped.map { ($0.key.rawValue, $0.value) }),
                skippedExamples: examples,
                duplicates: duplicates,
                wasSorted: isOutOfOrder,
                numericCount: numericCount,
                numericShare: 100 * Double(numericCount) / Double(max(1, rowsRead - (skipped[.blank] ?? 0))),
                statistics: try Series(destination).statistics()
            )
        }
    }
}
