package import Foundation

/// Converts a CSV file to a series file in bounded memory, and reports what it did.
///
/// Delimiter, header, columns, encoding, time format and decimal mark are detected from the beginning of the file, and
/// from all of it where the beginning fits two readings, unless they are given. A file that still fits two readings is
/// refused. Rows without a time or a number are skipped and counted; with more than 5 % of them the file is refused,
/// unless the fields are empty or known markers of missing values. Of a row without a number the time is kept as a gap
/// (NaN). Rows in order are written as a stream; rows out of
/// order are sorted at the end (16 bytes a sample), and of rows with equal timestamps the first is kept.
package struct SeriesImport: Sendable {
    /// The column to read.
    package enum Column: Sendable, Equatable {
        /// Detected.
        case automatic
        /// By index, from 0.
        case index(Int)
        /// By name in the header, case-insensitive; `column 3` is the third one where none has that name.
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
    /// Nil: detected.
    package var decimal: DecimalMark?
    /// The order of day and month in dates such as `03/04/2024`. Nil: detected.
    package var dateOrder: DateOrder?
    /// Whether any number of rows may have a text instead of a time or a number.
    package var skipsUnreadable = false
    /// The IANA time zone of timestamps without an offset.
    package var timeZone = "UTC"
    /// The largest number of rows.
    package var rowsMax = 5_000_000

    /// Detects everything; timestamps without an offset are in UTC.
    package init() {}

    /// Reads `source` and writes the series to `destination`, atomically. `progress` is called with the fraction read;
    /// its errors end the import. Throws `SeriesFault` for a file that is not a series, `FileFault` for I/O errors.
    package func run(_ source: URL, to destination: URL, progress: (Double) throws -> Void = { _ in }) throws
        -> SeriesReport
    {
        guard let zone = TimeZone(identifier: timeZone) else {
            throw SeriesFault.unknownTimeZone(timeZone)
        }
        let layout = try SeriesLayout.detect(in: source, for: self)
        var rows = try Rows(
            source: source, destination: destination, layout: layout, zone: zone, skipsUnreadable: skipsUnreadable)
        try rows.read(max: rowsMax, progress: progress)
        return try rows.finish(destination: destination, timeZone: timeZone)
    }

    /// The pass over the rows.
    private struct Rows {
        /// The number of rows between two calls of `progress`.
        private static let rowsPerReport = 16_384
        private static let examplesMax = 5
        private static let shownRows = 3
        /// Of this many rows one may be unreadable, be wider than the header, or repeat a time with another value.
        private static let rowsPerFault = 20
        /// The number of rows without a time at the end, such as a total, that are no fault.
        private static let footerRowsMax = 5
        /// The number of words of a column that tells series apart; a column with more numbers the rows.
        private static let seriesMax = 64

        let layout: SeriesLayout
        let lines: TextLines
        let splitter: FieldSplitter
        let writer: SeriesWriter
        let skipsUnreadable: Bool
        var offsets: ZoneOffsets
        var rowsRead = 0
        var skipped: [SeriesReport.SkipReason: Int] = [:]
        var examples: [SeriesReport.SkippedRow] = []
        var numericCount = 0
        var duplicates = 0
        var isOutOfOrder = false
        var previous: Int64?
        var isDescending = false
        var timeFormat: String?
        /// The time of the last row without a number, until it is written as a gap.
        var gap: Int64?
        var dependsOnOrder = false
        var usesTimeZone = false
        var firstRows: [SeriesReport.Row] = []
        /// The last rows, each at its number modulo `shownRows`.
        var lastRows: [SeriesReport.Row] = []
        /// Rows with a time, and those of them with a text instead of a number.
        var timed = 0
        var texts = Faults()
        /// Rows with a number, and a text that is no time.
        var timeless = Faults()
        /// Those of them since the last row with a time.
        var footer = Faults()
        /// Rows with more fields than the header.
        var uneven = Faults()
        /// Rows whose time an earlier row has with another value.
        var conflicts = Faults()
        var previousValue = 0.0
        /// The words of the columns that may tell series apart, with the number of their rows.
        var words: [Int: [[UInt8]: Int]] = [:]

        /// Rows with a fault: their number, and the first one.
        struct Faults {
            var count = 0
            var line = 0
            var text = ""

            /// `text` is kept for the first row alone.
            mutating func add(line: Int, text: String) {
                if count == 0 { (self.line, self.text) = (line, text) }
                count += 1
            }

            mutating func add(_ later: Faults) {
                if count == 0 { (line, text) = (later.line, later.text) }
                count += later.count
            }
        }

        init(source: URL, destination: URL, layout: SeriesLayout, zone: TimeZone, skipsUnreadable: Bool) throws {
            self.layout = layout
            self.skipsUnreadable = skipsUnreadable
            lines = try TextLines(source)
            splitter = FieldSplitter(layout.delimiter)
            writer = try SeriesWriter(destination)
            offsets = ZoneOffsets(zone)
            for column in layout.seriesColumns { words[column] = [:] }
        }

        mutating func read(max: Int, progress: (Double) throws -> Void) throws {
            while let line = try lines.next() {
                if lines.number == layout.headerLine { continue }
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
            if footer.count > Self.footerRowsMax { endFooter() }
            try progress(1)
        }

        /// Writes a row as a sample, or returns why it is skipped.
        private mutating func importRow(_ line: UnsafeBufferPointer<UInt8>) throws -> SeriesReport.SkipReason? {
            try splitter.split(line, number: lines.number)
            guard splitter.count > 1 || !Self.isBlank(line) else { return .blank }
            if let header = layout.headerLine, lines.number < header { return .beforeHeader }
            if rowsRead == 1, layout.headerLine == nil, SeriesReport.Delimiter(toldBy: line) != nil {
                return .beforeHeader
            }
            let number = lines.number
            if let names = layout.names, splitter.count > names.count,
                (names.count..<splitter.count).contains(where: { !splitter.field($0, of: line).isEmpty })
            {
                uneven.add(line: number, text: uneven.count == 0 ? "\(splitter.count)" : "")
            }
            let time = splitter.field(layout.timeColumn, of: line)
            let field = splitter.field(layout.valueColumn, of: line)
            let stamp = stamp(time, clock: layout.clockColumn.map { splitter.field($0, of: line) })
            if stamp != nil { timed += 1 }
            let value: Double
            switch NumberParser.read(field, decimal: layout.decimal) {
            case .number(let number): value = number
            case .missing:
                try keepGap(at: stamp)
                return .noNumber
            case .text:
                if stamp != nil { texts.add(line: number, text: shown(field, texts)) }
                try keepGap(at: stamp)
                return .text
            }
            guard let stamp else {
                if !time.isEmpty { footer.add(line: number, text: shown(time, footer)) }
                return .noTime
            }
            numericCount += 1
            try writeGap(before: stamp)
            if footer.count > 0 { endFooter() }
            count(line)
            let row = SeriesReport.Row(line: number, stamp: stamp, value: value)
            if firstRows.count < Self.shownRows { firstRows.append(row) }
            if lastRows.count < Self.shownRows {
                lastRows.append(row)
            } else {
                lastRows[(numericCount - 1) % Self.shownRows] = row
            }
            if let previous {
                if stamp == previous, !isOutOfOrder {
                    duplicates += 1
                    if value != previousValue { conflicts.add(line: number, text: shown(time, conflicts)) }
                    return nil
                }
                if stamp < previous { isOutOfOrder = true }
                isDescending = stamp < previous
            }
            previous = stamp
            previousValue = value
            try writer.append(stamp: stamp, value: value)
            return nil
        }

        /// Keeps the time of a row without a number. It is written with the next row, unless that has the same time.
        private mutating func keepGap(at stamp: Int64?) throws {
            // Before the first number and after the last there is nothing to interrupt.
            guard let stamp, let previous, stamp != previous else { return }
            try writeGap(before: stamp)
            gap = stamp
        }

        private mutating func writeGap(before next: Int64) throws {
            guard let stamp = gap else { return }
            gap = nil
            guard stamp != next else { return }
            if let previous {
                if stamp < previous { isOutOfOrder = true }
                isDescending = stamp < previous
            }
            previous = stamp
            try writer.append(stamp: stamp, value: .nan)
        }

        private mutating func stamp(_ text: UnsafeBufferPointer<UInt8>, clock: UnsafeBufferPointer<UInt8>?) -> Int64? {
            guard let read = layout.timeForm.stamp(text, clock: clock) else { return nil }
            if timeFormat == nil { timeFormat = layout.timeForm.format(read, text) }
            if read.layout.dependsOnOrder { dependsOnOrder = true }
            let seconds: Int
            if layout.timeForm.isUTC {
                seconds = read.wall
            } else if let offset = read.offset {
                seconds = read.wall - offset
            } else {
                usesTimeZone = true
                seconds = offsets.instant(
                    wall: read.wall, after: previous.map { CivilTime.floorDivide(Int($0), 1_000_000) },
                    isDescending: isDescending)
            }
            return Int64(seconds) * CivilTime.microsecondsPerSecond + Int64(read.microseconds)
        }

        private mutating func endFooter() {
            timeless.add(footer)
            footer = Faults()
        }

        /// The beginning of a field, for the first fault of its kind.
        private func shown(_ field: UnsafeBufferPointer<UInt8>, _ faults: Faults) -> String {
            faults.count == 0 ? lines.string(field.prefix(40)) : ""
        }

        /// Counts the words of the columns that may tell series apart.
        private mutating func count(_ line: UnsafeBufferPointer<UInt8>) {
            for column in layout.seriesColumns {
                let word = splitter.field(column, of: line)
                guard !word.isEmpty, let known = words[column], known.count <= Self.seriesMax else { continue }
                words[column]?[Array(word), default: 0] += 1
            }
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

        /// Throws for a file of which only a part is understood.
        private func refuseParts() throws(SeriesFault) {
            let (time, value) = (layout.name(of: layout.timeColumn), layout.name(of: layout.valueColumn))
            if let names = layout.names, uneven.count * Self.rowsPerFault > numericCount {
                throw SeriesFault(
                    .unevenColumns,
                    "Line \(uneven.line) has \(uneven.text) columns, and the header \(names.count). Put numbers with a "
                        + "decimal comma in quotation marks, or separate the columns by semicolons.",
                    line: uneven.line)
            }
            for (column, counts) in words.sorted(by: { $0.key < $1.key }) {
                let common = counts.values.filter { $0 * 100 >= numericCount }.count
                // As many words as rows are no series.
                guard common > 1, counts.count <= Self.seriesMax, counts.count * 3 <= numericCount else { continue }
                throw SeriesFault.severalSeries(
                    column: layout.name(of: column), words: counts.keys.map { lines.string($0) }.sorted(),
                    line: firstRows.first?.line)
            }
            guard !skipsUnreadable else { return }
            if texts.count * Self.rowsPerFault > timed {
                throw SeriesFault(
                    .unreadableRows,
                    "Line \(texts.line): \"\(texts.text)\" in column \"\(value)\" is no number, as in \(texts.count) "
                        + "of \(timed) rows. Set valueColumn to another column, or skipUnreadable to true to leave "
                        + "them out.",
                    line: texts.line, column: value, settings: ["valueColumn", "skipUnreadable"])
            }
            if timeless.count > 1, timeless.count * Self.rowsPerFault > numericCount + timeless.count {
                throw SeriesFault(
                    .unreadableRows,
                    "Line \(timeless.line): \"\(timeless.text)\" in column \"\(time)\" is no time in the format "
                        + "\(timeFormat ?? "of the others"), as in \(timeless.count) rows. Set timeColumn to another "
                        + "column, or skipUnreadable to true to leave them out.",
                    line: timeless.line, column: time, settings: ["timeColumn", "skipUnreadable"])
            }
        }

        /// Throws where many times occur with several values: the rows are of more than one series, or the times of a
        /// zone with daylight saving time.
        private func refuseConflicts(_ count: Int) throws(SeriesFault) {
            guard count > 2, count * Self.rowsPerFault > numericCount else { return }
            let place = conflicts.count > 0 ? ", such as \"\(conflicts.text)\" in line \(conflicts.line)" : ""
            let name = layout.name(of: layout.timeColumn)
            throw SeriesFault(
                .severalSeries,
                "\(count) rows have the time of an earlier row in column \"\(name)\" and another value\(place). "
                    + "Upload a file for each series, set timeColumn to the column with the whole time, or zeitzone to "
                    + "the zone of local times.",
                line: conflicts.count > 0 ? conflicts.line : nil, column: name, settings: ["timeColumn", "zeitzone"])
        }

        consuming func finish(destination: URL, timeZone: String) throws -> SeriesReport {
            guard numericCount > 0 else {
                let reason =
                    (skipped[.noTime] ?? 0) > 0 ? "readable time beside a number" : "number in its value column"
                throw SeriesFault(
                    .noNumbers,
                    "None of the \(rowsRead) rows has a \(reason). Name the columns with the time and the value.",
                    settings: ["timeColumn", "valueColumn"])
            }
            try refuseParts()
            var conflicting = conflicts.count
            if isOutOfOrder {
                let sorted = try writer.sort()
                duplicates += sorted.removed
                conflicting += sorted.conflicting
            }
            guard writer.numberCount > 1 else {
                throw SeriesFault(.singleRow, "The file has a single time with a number. A series needs at least two.")
            }
            try refuseConflicts(conflicting)
            try writer.finish()
            let unread = (skipped[.blank] ?? 0) + (skipped[.beforeHeader] ?? 0)
            return SeriesReport(
                encoding: lines.encoding,
                delimiter: layout.delimiter,
                hadHeader: layout.headerLine != nil,
                headerLine: layout.headerLine,
                timeColumn: column(layout.timeColumn),
                clockColumn: layout.clockColumn.map(column),
                valueColumn: column(layout.valueColumn),
                otherTimeColumns: layout.otherTimeColumns.map(column),
                otherValueColumns: layout.otherValueColumns.map(column),
                decimalMark: layout.decimal == NumberMarks.comma ? .comma : .point,
                dateOrder: dependsOnOrder ? layout.timeForm.order : nil,
                usesTimeZone: usesTimeZone,
                timeFormat: timeFormat ?? "",
                timeZone: timeZone,
                rowsRead: rowsRead,
                rowsSkipped: skipped.values.reduce(0, +),
                skippedByReason: Dictionary(uniqueKeysWithValues: skipped.map { ($0.key.rawValue, $0.value) }),
                skippedExamples: examples,
                firstRows: firstRows,
                lastRows: lastRows.sorted { $0.line < $1.line },
                duplicates: duplicates,
                wasSorted: isOutOfOrder,
                numericCount: numericCount,
                numericShare: 100 * Double(numericCount) / Double(max(1, rowsRead - unread)),
                statistics: try Series(destination).statistics()
            )
        }

        private func column(_ index: Int) -> SeriesReport.Column {
            SeriesReport.Column(index: index, name: layout.uniqueName(of: index))
        }
    }
}
