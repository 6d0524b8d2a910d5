import Foundation

/// The layout of a file, detected from its first lines and from the given options.
struct SeriesLayout {
    var delimiter: SeriesReport.Delimiter
    var hasHeader: Bool
    var timeColumn: Int
    var valueColumn: Int
    var timeIsEpoch: Bool
    var hasDecimalComma: Bool { delimiter != .comma }
    /// The names of the columns in the header, by index.
    var names: [Int: String]?

    /// The number of lines examined, and their largest total size in bytes.
    private static let sampleLines = 1000
    private static let sampleBytes = 512 * 1024
    /// Seconds since 1970, from 1973 to 2128: a column with such numbers may be the time.
    private static let epochRange = 1e8..<5e9

    /// Tries each delimiter and takes the one with which most lines have a time and a number.
    static func detect(in source: URL, for options: SeriesImport) throws -> SeriesLayout {
        let lines = try TextLines(source)
        var sample: [(number: Int, bytes: [UInt8])] = []
        var size = 0
        while sample.count < sampleLines, size < sampleBytes, let line = try lines.next() {
            size += line.count + 1
            if line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) {
                sample.append((lines.number, Array(line)))
            }
        }
        if sample.isEmpty, try lines.next() == nil {
            throw SeriesFault(
                .empty, "The file is empty. A series needs at least two rows, each with a time and a number.")
        }
        var best: Candidate?
        var tooWide: SeriesFault?
        for delimiter in options.delimiter.map({ [$0] }) ?? SeriesReport.Delimiter.allCases {
            do throws(SeriesFault) {
                let candidate = try Candidate(delimiter, sample: sample, options: options, text: lines)
                if best.map({ candidate.isBetter(than: $0) }) ?? true { best = candidate }
            } catch {
                tooWide = tooWide ?? error
            }
        }
        guard let best, best.score > 0 || tooWide == nil else { throw tooWide ?? Candidate.noNumbers }
        return try best.layout(options)
    }

    /// The sampled lines under one delimiter.
    private struct Candidate {
        static let noNumbers = SeriesFault(
            .noNumbers, "The file has no numbers. A series needs rows with a time and a number each.")

        let delimiter: SeriesReport.Delimiter
        var header: [String] = []
        var columns = 0
        var calendarHits: [Int]
        var epochHits: [Int]
        var numberHits: [Int]
        var firstLineHasStamp: [Bool]
        var firstLineHasNumber: [Bool]
        var time: Int?
        var value: Int?
        var timeIsEpoch = false
        /// The number of lines with a time and a number.
        var score = 0

        init(
            _ delimiter: SeriesReport.Delimiter, sample: [(number: Int, bytes: [UInt8])], options: SeriesImport,
            text: TextLines
        ) throws(SeriesFault) {
            self.delimiter = delimiter
            let splitter = FieldSplitter(delimiter)
            let wide = FieldSplitter.columnsMax
            calendarHits = Array(repeating: 0, count: wide)
            epochHits = calendarHits
            numberHits = calendarHits
            firstLineHasStamp = Array(repeating: false, count: wide)
            firstLineHasNumber = firstLineHasStamp
            for (index, line) in sample.enumerated() {
                try Self.reading(line.bytes) { bytes throws(SeriesFault) in
                    try splitter.split(bytes, number: line.number)
                    columns = max(columns, splitter.count)
                    for column in 0..<splitter.count {
                        let field = splitter.field(column, of: bytes)
                        if index == 0 { header.append(text.string(field)) }
                        if TimestampParser.calendar(field) != nil {
                            calendarHits[column] += 1
                            if index == 0 { firstLineHasStamp[column] = true }
                        } else if let number = NumberParser.parse(field, decimalComma: delimiter != .comma) {
                            numberHits[column] += 1
                            if epochRange.contains(number) { epochHits[column] += 1 }
                            if index == 0 { firstLineHasNumber[column] = true }
                        }
                    }
                }
            }
            try choose(options, sample: sample, splitter: splitter)
        }

        /// `withUnsafeBufferPointer` does not pass typed errors on.
        private static func reading(_ bytes: [UInt8], _ body: (UnsafeBufferPointer<UInt8>) throws(SeriesFault) -> Void)
            throws(SeriesFault)
        {
            try bytes.withUnsafeBufferPointer { buffer in Result { () throws(SeriesFault) in try body(buffer) } }.get()
        }

        private mutating func choose(
            _ options: SeriesImport, sample: [(number: Int, bytes: [UInt8])], splitter: FieldSplitter
        ) throws(SeriesFault) {
            time = named(options.timeColumn)
            value = named(options.valueColumn)
            let free = (0..<columns).filter { $0 != value }
            if let time {
                timeIsEpoch = calendarHits[safe: time] == 0 && (numberHits[safe: time] ?? 0) > 0
            } else if options.timeColumn == .automatic {
                // Of equal columns the first is taken.
                if let column = free.max(by: { (calendarHits[$0], -$0) < (calendarHits[$1], -$1) }),
                    calendarHits[column] > 0
                {
                    time = column
                } else if let column = free.first(where: { epochHits[$0] * 2 >= max(2, sample.count) })
                    ?? free.first(where: { epochHits[$0] > 0 }), columns > 1
                {
                    time = column
                    timeIsEpoch = true
                }
            }
            guard let time else { return }
            if value == nil, options.valueColumn == .automatic {
                let others = (0..<columns).filter { $0 != time }
                value = others.max { (numberHits[$0], -$0) < (numberHits[$1], -$1) }
            }
            guard let value else { return }
            for line in sample {
                try Self.reading(line.bytes) { bytes throws(SeriesFault) in
                    try splitter.split(bytes, number: line.number)
                    let field = splitter.field(time, of: bytes)
                    let hasTime =
                        timeIsEpoch
                        ? NumberParser.parse(field, decimalComma: delimiter != .comma) != nil
                        : TimestampParser.calendar(field) != nil
                    if hasTime,
                        NumberParser.parse(splitter.field(value, of: bytes), decimalComma: delimiter != .comma) != nil
                    {
                        score += 1
                    }
                }
            }
        }

        private func named(_ column: SeriesImport.Column) -> Int? {
            switch column {
            case .automatic: nil
            case .index(let index): index >= 0 && index < columns ? index : nil
            case .name(let name): header.firstIndex { $0.caseInsensitiveCompare(name) == .orderedSame }
            }
        }

        /// Of two candidates without a readable line, the one with more columns gives the more useful error message.
        func isBetter(than other: Candidate) -> Bool {
            score > other.score || (other.score == 0 && score == 0 && columns > other.columns)
        }

        func layout(_ options: SeriesImport) throws(SeriesFault) -> SeriesLayout {
            for choice in [options.timeColumn, options.valueColumn] where choice != .automatic && named(choice) == nil {
                let wanted = if case .name(let name) = choice { "named \"\(name)\"" } else { "with that index" }
                let found = header.map { "\"\($0.prefix(40))\"" }.prefix(20).joined(separator: ", ")
                throw SeriesFault(.unknownColumn, "There is no column \(wanted); the first line has \(found).")
            }
            guard let time else {
                guard numberHits.contains(where: { $0 > 0 }) else { throw Self.noNumbers }
                throw SeriesFault(
                    .noTimeColumn,
                    "No column has times. Supported formats are 2010-01-31 13:45, 2010/01/31 13:45:00, "
                        + "31.01.2010 13:45, ISO 8601 and seconds since 1970."
                )
            }
            guard let value else { throw Self.noNumbers }
            guard value != time else {
                throw SeriesFault(.unknownColumn, "The time and the value cannot both be in column \(time + 1).")
            }
            let isNamed =
                if case .name = options.timeColumn { true } else if case .name = options.valueColumn { true } else {
                    false
                }
            let firstLineHasTime = timeIsEpoch ? firstLineHasNumber[time] : firstLineHasStamp[time]
            let hasHeader = options.hasHeader ?? (isNamed || !firstLineHasTime)
            return SeriesLayout(
                delimiter: delimiter,
                hasHeader: hasHeader,
                timeColumn: time,
                valueColumn: value,
                timeIsEpoch: timeIsEpoch,
                names: hasHeader
                    ? Dictionary(uniqueKeysWithValues: header.enumerated().map { ($0.offset, $0.element) }) : nil
            )
        }
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
