import Foundation

/// The layout of a file, detected from its first lines and from the given options.
struct SeriesLayout {
    var delimiter: SeriesReport.Delimiter
    /// The line number of the header; nil without one. The lines before it are skipped.
    var headerLine: Int?
    /// The columns of the header; nil without one.
    var names: [String]?
    var timeColumn: Int
    /// The column of the time of day, where the time column has dates alone.
    var clockColumn: Int?
    var timeForm: TimeForm
    var valueColumn: Int
    /// The decimal mark of the value column.
    var decimal = NumberMarks.point
    /// Columns whose text or number may tell several series apart.
    var seriesColumns: [Int]
    /// Other columns that have times, or numbers that change.
    var otherTimeColumns: [Int]
    var otherValueColumns: [Int]

    /// The name of a column; without one that tells it apart, its number, as in `column 3`.
    func name(of column: Int) -> String { uniqueName(of: column) ?? "column \(column + 1)" }

    /// The name of a column in the header; nil without one, or where another column has the same.
    func uniqueName(of column: Int) -> String? {
        guard let names, column < names.count, !names[column].isEmpty,
            names.count(where: { $0.caseInsensitiveCompare(names[column]) == .orderedSame }) == 1
        else { return nil }
        return names[column]
    }

    /// The number of lines examined, and their largest total size in bytes.
    private static let sampleLines = 1000
    private static let sampleBytes = 512 * 1024

    /// Tries each delimiter and takes the one with which most lines have a time and a number.
    static func detect(in source: URL, for options: SeriesImport) throws -> SeriesLayout {
        let lines = try TextLines(source)
        var sample: [(number: Int, bytes: [UInt8])] = []
        var size = 0
        var isWhole = false
        var delimiter = options.delimiter
        while sample.count < sampleLines, size < sampleBytes {
            guard let line = try lines.next() else {
                isWhole = true
                break
            }
            size += line.count + 1
            if sample.isEmpty, let told = SeriesReport.Delimiter(toldBy: line) {
                delimiter = delimiter ?? told
            } else if line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) {
                sample.append((lines.number, Array(line)))
            }
        }
        if sample.isEmpty, isWhole {
            throw SeriesFault(
                .empty, "The file is empty. A series needs at least two rows, each with a time and a number.")
        }
        var best: SeriesTable?
        var tooWide: SeriesFault?
        for delimiter in delimiter.map({ [$0] }) ?? SeriesReport.Delimiter.allCases {
            do throws(SeriesFault) {
                let table = try SeriesTable(delimiter, sample: sample, options: options, text: lines)
                if best.map({ table.isBetter(than: $0) }) ?? true { best = table }
            } catch {
                tooWide = tooWide ?? error
            }
        }
        guard let best, best.score > 0 || tooWide == nil else { throw tooWide ?? SeriesTable.noNumbers }
        var layout = try best.layout()
        try layout.decide(from: best, isWhole: isWhole, source: source, options: options)
        return layout
    }

    /// Decides the order of dates and the decimal mark. Where the sample does not tell, the whole file is read.
    private mutating func decide(from table: SeriesTable, isWhole: Bool, source: URL, options: SeriesImport) throws {
        var survey = SeriesSurvey(layout: self)
        table.forEachRow(of: self) { survey.add(time: $0, value: $1, line: $2) }
        let isOpen =
            (options.decimal == nil && (survey.marks.decision() == .unmarked || survey.marks.decision() == .ambiguous))
            || (options.dateOrder == nil && survey.order.decision == .ambiguous)
        if isOpen, !isWhole {
            survey = SeriesSurvey(layout: self)
            try survey.read(source)
        }
        if let order = options.dateOrder {
            timeForm = timeForm.with(order)
        } else {
            switch survey.order.decision {
            case .independent: break
            case .order(let order): timeForm = timeForm.with(order)
            case .ambiguous: throw ambiguousDates(survey.order.example)
            }
        }
        if let decimal = options.decimal {
            self.decimal = decimal == .comma ? NumberMarks.comma : NumberMarks.point
            return
        }
        switch survey.marks.decision(others: table.marks(except: [timeColumn, valueColumn, clockColumn ?? timeColumn]))
        {
        case .decimal(let mark): decimal = mark
        case .unmarked: decimal = NumberMarks.point
        case .ambiguous: throw ambiguousNumbers(survey.marks.example)
        }
    }

    private func ambiguousNumbers(_ example: NumberMarks.Example?) -> SeriesFault {
        let name = name(of: valueColumn)
        guard let example else {
            return SeriesFault(
                .ambiguousNumbers,
                "The numbers of column \"\(name)\" have a comma as decimal mark in as many rows as a point. "
                    + "Set decimalMark to \".\" or \",\".",
                column: name, settings: ["decimalMark"])
        }
        let asDecimal = example.text.replacing(",", with: ".")
        let asThousands = example.text.replacing(",", with: "").replacing(".", with: "")
        return SeriesFault(
            .ambiguousNumbers,
            "Line \(example.line): \"\(example.text)\" in column \"\(name)\" is \(asDecimal) or \(asThousands), and no "
                + "other number of the column tells which. Set decimalMark to \".\" or \",\".",
            line: example.line, column: name, readings: [asDecimal, asThousands], settings: ["decimalMark"])
    }

    private func ambiguousDates(_ example: NumberMarks.Example?) -> SeriesFault {
        let name = name(of: timeColumn)
        guard let example else {
            return SeriesFault(
                .ambiguousDates,
                "The dates of column \"\(name)\" have the day before the month in as many rows as after it. "
                    + "Set dateOrder to \"day-month\" or \"month-day\".",
                column: name, settings: ["dateOrder"])
        }
        let text = example.text
        let readings = [DateOrder.dayMonth, .monthDay].map { order in
            Array(text.utf8).withUnsafeBufferPointer { TimestampParser.calendar($0, order: order) }
                .map { stamp in
                    let date = CivilTime.date(days: CivilTime.floorDivide(stamp.wall, CivilTime.secondsPerDay))
                    let digits = [date.month, date.day].map { ($0 < 10 ? "-0" : "-") + "\($0)" }
                    return "\(date.year)" + digits.joined()
                } ?? text
        }
        return SeriesFault(
            .ambiguousDates,
            "Line \(example.line): \"\(text)\" in column \"\(name)\" is \(readings[0]) or \(readings[1]), and no "
                + "other date of the column tells which. Set dateOrder to \"day-month\" or \"month-day\".",
            line: example.line, column: name, readings: readings, settings: ["dateOrder"])
    }
}

extension SeriesReport.Delimiter {
    /// The delimiter that a line such as `sep=;` tells; spreadsheets write it before the header.
    init?(toldBy line: UnsafeBufferPointer<UInt8>) {
        let text = Array(line)
        guard text.count == 5, String(decoding: text.prefix(4), as: UTF8.self).lowercased() == "sep=",
            let delimiter = Self.allCases.first(where: { $0.byte == text[4] })
        else { return nil }
        self = delimiter
    }
}

/// What the rows tell about the decimal mark and the order of dates.
struct SeriesSurvey {
    private let layout: SeriesLayout
    private(set) var marks = NumberMarks()
    private(set) var order = DateOrderEvidence()

    init(layout: SeriesLayout) { self.layout = layout }

    /// Adds a row; a row without a time tells nothing.
    mutating func add(time: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, line: Int) {
        if layout.timeForm.order != nil {
            guard
                TimestampParser.calendar(time, order: .dayMonth) != nil
                    || TimestampParser.calendar(time, order: .monthDay) != nil
            else { return }
            order.add(time, line: line)
        } else if layout.timeForm.stamp(time) == nil {
            return
        }
        marks.add(value, line: line)
    }

    /// Adds all rows of a file.
    mutating func read(_ source: URL) throws {
        let lines = try TextLines(source)
        let splitter = FieldSplitter(layout.delimiter)
        while let line = try lines.next() {
            guard lines.number > layout.headerLine ?? 0 else { continue }
            try splitter.split(line, number: lines.number)
            add(
                time: splitter.field(layout.timeColumn, of: line), value: splitter.field(layout.valueColumn, of: line),
                line: lines.number)
        }
    }
}
