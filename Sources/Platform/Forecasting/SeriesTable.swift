import Foundation

/// The first lines of a file, split by one delimiter, and the columns with the time and the value in them.
struct SeriesTable {
    static let noNumbers = SeriesFault(
        .noNumbers, "The file has no numbers. A series needs rows with a time and a number each.")

    /// A line with its fields.
    private struct Row {
        let line: Int
        let fields: [[UInt8]]

        /// A field; empty where the row is too short.
        subscript(_ column: Int) -> [UInt8] { column < fields.count ? fields[column] : [] }
    }

    /// The share of its fields that a column of times parses.
    private static let timeShare = 0.95
    /// The headers, in lower case, of columns that tell series apart.
    private static let seriesNames: Set<String> = [
        "id", "entity_id", "entity", "station", "stations_id", "station_id", "sensor", "sensor_id", "meter",
        "meter_id", "device", "device_id", "channel", "location", "site", "name", "variable", "parameter", "metric",
        "series", "unit", "units", "unit_of_measurement", "obis", "area", "region", "country", "zähler", "zaehler",
        "zählpunkt", "zaehlpunkt", "zählernummer", "zählpunktbezeichnung", "gerät", "geraet", "messstelle", "messpunkt",
        "standort", "kanal", "einheit", "reihe", "anlage", "kennung",
    ]
    /// The headers, in lower case, of columns that count rows, or that repeat a part of the time.
    private static let indexNames: Set<String> = [
        "", "index", "idx", "id", "nr", "nr.", "no", "no.", "#", "row", "zeile", "lfd. nr.", "lfd.nr.", "year", "month",
        "day", "hour", "minute", "weekday", "jahr", "monat", "tag", "stunde", "wochentag",
    ]
    private static let hourNames: Set<String> = ["hour", "hr", "stunde", "std", "uhrzeit", "time", "zeit"]
    private static let timeNames = ["time", "date", "datum", "zeit", "stamp", "utc"]
    private static let units: Set<String> = [
        "°c", "c", "k", "°f", "m/s", "km/h", "kw", "kwh", "mw", "mwh", "gw", "gwh", "w", "wh", "%", "hpa", "pa", "bar",
        "mm", "cm", "m", "v", "a", "hz", "w/m²", "w/m2", "m³", "m3", "m³/h", "l", "€/mwh", "eur/mwh", "utc", "cet", "h",
        "s", "min", "°", "-",
    ]

    let delimiter: SeriesReport.Delimiter
    private let text: TextLines
    /// With `column 3` as an index where no column has that name.
    private var options: SeriesImport
    private var rows: [Row] = []
    private var columns = 0
    private var header: Int?
    private var time: Int?
    private var clock: Int?
    private var form = TimeForm.calendar(.dayMonth)
    private var value: Int?
    private var otherTimes: [Int] = []
    private var otherValues: [Int] = []
    /// The name of a column that does not exist.
    private var unknown: SeriesImport.Column?
    /// A given name that several columns have.
    private var repeated: (name: String, columns: [Int], line: Int, setting: String)?
    /// The number of lines with a time and a number.
    private(set) var score = 0

    init(
        _ delimiter: SeriesReport.Delimiter, sample: [(number: Int, bytes: [UInt8])], options: SeriesImport,
        text: TextLines
    ) throws(SeriesFault) {
        self.delimiter = delimiter
        self.text = text
        self.options = options
        let splitter = FieldSplitter(delimiter)
        for line in sample {
            let fields = try line.bytes.withUnsafeBufferPointer { bytes in
                Result { () throws(SeriesFault) in
                    try splitter.split(bytes, number: line.number)
                    return (0..<splitter.count).map { Array(splitter.field($0, of: bytes)) }
                }
            }.get()
            rows.append(Row(line: line.number, fields: fields))
            columns = max(columns, fields.count)
        }
        self.options.timeColumn = numbered(options.timeColumn)
        self.options.valueColumn = numbered(options.valueColumn)
        choose(self.options)
    }

    /// Of two tables without a readable line, the one with more columns gives the more useful error message.
    func isBetter(than other: SeriesTable) -> Bool {
        score > other.score || (other.score == 0 && score == 0 && columns > other.columns)
    }

    /// Calls `visit` with the time and the value of each row after the header.
    func forEachRow(
        of layout: SeriesLayout,
        _ visit: (_ time: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, _ line: Int) -> Void
    ) {
        for row in body(after: layout.headerLine) {
            row[layout.timeColumn].withUnsafeBufferPointer { time in
                row[layout.valueColumn].withUnsafeBufferPointer { visit(time, $0, row.line) }
            }
        }
    }

    /// The marks of the columns that are neither the time nor the value.
    func marks(except: [Int]) -> NumberMarks {
        var sum = NumberMarks()
        for column in 0..<columns where !except.contains(column) {
            var marks = NumberMarks()
            for row in rows where row[column].withUnsafeBufferPointer({ NumberParser.isNumber($0) }) {
                row[column].withUnsafeBufferPointer { marks.add($0, line: row.line) }
            }
            sum.add(marks)
        }
        return sum
    }

    // MARK: The choice of the columns

    private mutating func choose(_ options: SeriesImport) {
        // A column that is named is that of the first line with all names; otherwise the header is found by the times.
        let wanted = [options.timeColumn, options.valueColumn].compactMap { column -> String? in
            if case .name(let name) = column { name } else { nil }
        }
        if !wanted.isEmpty {
            header = rows.firstIndex { row in wanted.allSatisfy { index(of: $0, in: row) != nil } }
        }
        if header == nil, options.hasHeader == true { header = rows.isEmpty ? nil : 0 }
        let named = header
        func position(_ column: SeriesImport.Column) -> Int? {
            switch column {
            case .automatic: nil
            case .index(let index): index >= 0 && index < columns ? index : nil
            case .name(let name): named.flatMap { self.index(of: name, in: rows[$0]) }
            }
        }
        let givenTime = position(options.timeColumn)
        value = position(options.valueColumn)
        for column in [options.timeColumn, options.valueColumn] where column != .automatic && position(column) == nil {
            unknown = unknown ?? column
        }
        guard unknown == nil else { return }
        if let named {
            for (column, setting) in [(options.timeColumn, "timeColumn"), (options.valueColumn, "valueColumn")] {
                guard case .name(let name) = column else { continue }
                let found = columns(named: name, in: rows[named])
                if found.count > 1 { repeated = repeated ?? (name, found, rows[named].line, setting) }
            }
        }
        chooseTime(given: givenTime, isAutomatic: options.timeColumn == .automatic)
        guard let time else { return }
        let isData = rows.map { hasTime($0, in: time) }
        if header == nil, options.hasHeader != false { header = headerIndex(before: isData) }
        let data = rows.indices.filter { isData[$0] && $0 > header ?? -1 }
        chooseClock(data)
        chooseValue(data, isAutomatic: options.valueColumn == .automatic)
        guard let value else { return }
        score = data.filter { isNumber(rows[$0][value]) }.count
    }

    private mutating func chooseTime(given: Int?, isAutomatic: Bool) {
        guard given != nil || isAutomatic else { return }
        let body = rows.indices.filter { $0 > header ?? -1 }
        var best: (column: Int, form: TimeForm, rank: (Int, Int, Int))?
        for column in given.map({ [$0] }) ?? Array(0..<columns) where column != value || given != nil {
            guard let found = timeForm(of: column, in: body, isGiven: given != nil) else { continue }
            otherTimes.append(column)
            if best.map({ found.rank > $0.rank }) ?? true { best = (column, found.form, found.rank) }
        }
        guard let best else { return }
        (time, form) = (best.column, best.form)
        otherTimes.removeAll { $0 == best.column }
    }

    /// The form in which a column has times throughout, with a rank among columns: the form, the rows, times of day.
    private func timeForm(of column: Int, in body: [Int], isGiven: Bool) -> (form: TimeForm, rank: (Int, Int, Int))? {
        /// The number of fields that parse, and whether nearly all between the first and the last of them do.
        func parsed(_ parses: ([UInt8]) -> Bool) -> (hits: Int, isThroughout: Bool) {
            let hits = body.filter { parses(rows[$0][column]) }
            guard let first = hits.first, let last = hits.last else { return (0, false) }
            let filled = body.filter { $0 >= first && $0 <= last && !rows[$0][column].isEmpty }.count
            return (hits.count, Double(hits.count) >= Double(filled) * Self.timeShare || filled - hits.count <= 1)
        }
        let calendar = { (field: [UInt8]) -> Bool in
            field.withUnsafeBufferPointer {
                TimestampParser.calendar($0, order: .dayMonth) != nil
                    || TimestampParser.calendar($0, order: .monthDay) != nil
            }
        }
        let (hits, isThroughout) = parsed(calendar)
        // Rows with another text are refused later with their line, unless another column has times throughout.
        if hits > 0, isThroughout || isGiven || hits * 2 >= body.count {
            let hasTime = body.contains { index in
                rows[index][column].withUnsafeBufferPointer {
                    (TimestampParser.calendar($0, order: .dayMonth) ?? TimestampParser.calendar($0, order: .monthDay))?
                        .layout.hasTime == true
                }
            }
            let changes = Set(body.map { rows[$0][column] }.filter(calendar)).count > 1
            let rank = hits * 2 < body.count || !isThroughout ? 1 : changes ? 4 : 2
            return (.calendar(.dayMonth), (rank, hits, hasTime ? 1 : 0))
        }
        let isNamed = isGiven || isTimeName(column)
        let count = body.count
        func plausible(_ form: TimeForm) -> Int? {
            var previous: Int?
            var isAscending = true
            var isDescending = true
            let (hits, isThroughout) = parsed { field in field.withUnsafeBufferPointer { form.stamp($0) } != nil }
            guard hits > 0, isThroughout || isGiven, hits * 2 >= count || isGiven else { return nil }
            for index in body {
                guard let wall = rows[index][column].withUnsafeBufferPointer({ form.stamp($0)?.wall }) else { continue }
                if let previous {
                    if wall < previous { isAscending = false }
                    if wall > previous { isDescending = false }
                }
                previous = wall
            }
            guard isNamed || (isAscending != isDescending) else { return nil }
            return hits
        }
        guard columns > 1 else { return nil }
        if let hits = plausible(.compact) { return (.compact, (3, hits, 0)) }
        for unit in TimeForm.epochUnits {
            if let hits = plausible(.epoch(perSecond: unit)) { return (.epoch(perSecond: unit), (3, hits, 0)) }
        }
        if isNamed, let hits = plausible(.serial) { return (.serial, (3, hits, 0)) }
        return nil
    }

    /// Whether the header names a time. Without a header found so far, the first line is asked.
    private func isTimeName(_ column: Int) -> Bool {
        guard let row = header.map({ rows[$0] }) ?? rows.first else { return false }
        let name = text.string(row[column]).lowercased()
        return Self.timeNames.contains { name.contains($0) }
    }

    private func hasTime(_ row: Row, in column: Int) -> Bool {
        row[column].withUnsafeBufferPointer { field in
            form.stamp(field) != nil || (form.order != nil && form.with(.monthDay).stamp(field) != nil)
        }
    }

    /// Dates without a time of day, beside a column of times of day, are one time.
    private mutating func chooseClock(_ data: [Int]) {
        guard let time, case .calendar(let order) = form, !data.isEmpty,
            data.allSatisfy({ index in
                rows[index][time].withUnsafeBufferPointer {
                    (TimestampParser.calendar($0, order: .dayMonth) ?? TimestampParser.calendar($0, order: .monthDay))?
                        .layout.hasTime != true
                }
            })
        else { return }
        let free = (0..<columns).filter { $0 != time && $0 != value }
        let enough = max(1, Int((Double(data.count) * Self.timeShare).rounded(.up)) - 1)
        for column in free {
            let hits = data.filter { rows[$0][column].withUnsafeBufferPointer { TimestampParser.clock($0) } != nil }
            if hits.count >= enough {
                (clock, form) = (column, .calendarAndClock(order))
                return
            }
        }
        // The name decides whether whole numbers are hours, as many other columns have small numbers.
        for column in free where header.map({ Self.hourNames.contains(headerName(column, $0)) }) ?? false {
            let hits = data.filter { index in
                let hour = rows[index][column].withUnsafeBufferPointer { NumberParser.plain($0) }
                return hour.map { $0.rounded() == $0 && (0...24).contains($0) } ?? false
            }
            if hits.count >= enough {
                (clock, form) = (column, .calendarAndHour(order))
                return
            }
        }
    }

    /// The first column of numbers that change, unless they count rows or repeat a part of the time; where there is
    /// none, the first constant one.
    private mutating func chooseValue(_ data: [Int], isAutomatic: Bool) {
        guard value != nil || isAutomatic else { return }
        var ranked: [(column: Int, tier: Int, hits: Int)] = []
        for column in 0..<columns where column != time && column != clock {
            let hits = data.filter { isNumber(rows[$0][column]) }
            guard !hits.isEmpty else { continue }
            ranked.append((column, tier(of: column, hits), hits.count))
        }
        if value == nil {
            for tier in 0...2 {
                let candidates = ranked.filter { $0.tier <= tier && $0.hits * 2 >= data.count }
                guard let most = candidates.map(\.hits).max() else { continue }
                value = candidates.first { Double($0.hits) >= Double(most) * Self.timeShare }?.column
                break
            }
            value = value ?? ranked.max { ($0.hits, -$0.column) < ($1.hits, -$1.column) }?.column
        }
        otherValues = ranked.filter { $0.column != value && $0.tier == 0 }.map(\.column)
    }

    /// 0: numbers that change; 1: constant ones; 2: a count of rows, another time, or a part of the time.
    private func tier(of column: Int, _ hits: [Int]) -> Int {
        let name = header.map { headerName(column, $0) }
        let isIndex = name.map { Self.indexNames.contains($0) || $0.hasPrefix("unnamed") } ?? false
        let numbers = hits.map { rows[$0][column].withUnsafeBufferPointer { NumberParser.plain($0) } ?? .nan }
        let counts =
            numbers.count > 2 && (numbers[0] == 0 || numbers[0] == 1)
            && zip(numbers, numbers.dropFirst()).allSatisfy { $1 - $0 == 1 }
        if isIndex || counts || otherTimes.contains(column) { return 2 }
        if let name, Self.seriesNames.contains(name) { return 2 }
        return Set(hits.map { rows[$0][column] }).count > 1 ? 0 : 1
    }

    /// The line that names the columns: of the lines just before the first time, the last one with a text for the time
    /// and without numbers. Lines of units below it are none.
    private func headerIndex(before isData: [Bool]) -> Int? {
        guard let time, let first = isData.firstIndex(of: true), first > 0 else { return rowsWithoutTimes(isData) }
        var candidates: [Int] = []
        var index = first - 1
        while index >= 0 {
            let row = rows[index]
            if index < first - 1 {
                let below = rows[index + 1]
                guard row.fields.count == below.fields.count, below.line == row.line + 1 else { break }
            }
            let isText = row.fields.allSatisfy { $0.isEmpty || !isNumber($0) }
            if isText, !row[time].isEmpty, row.fields.count > 1 || columns == 1 { candidates.append(index) }
            index -= 1
        }
        return candidates.first { !isUnits(rows[$0]) } ?? candidates.first
    }

    /// Without a time the first line is taken for the header, for the message.
    private func rowsWithoutTimes(_ isData: [Bool]) -> Int? { isData.contains(true) || rows.isEmpty ? nil : 0 }

    private func isUnits(_ row: Row) -> Bool {
        row.fields.allSatisfy { field in
            let name = text.string(field).lowercased()
            return name.isEmpty || Self.units.contains(name) || (name.hasPrefix("[") && name.hasSuffix("]"))
                || (name.hasPrefix("(") && name.hasSuffix(")"))
        }
    }

    // MARK: The layout

    func layout() throws(SeriesFault) -> SeriesLayout {
        if let unknown {
            let wanted =
                switch unknown {
                case .name(let name): "named \"\(name)\""
                case .index(let index): "\(index + 1)"
                case .automatic: ""
                }
            let shown = rows.first.map { $0.fields.map { "\"\(text.string($0).prefix(40))\"" } } ?? []
            let setting = unknown == options.timeColumn ? "timeColumn" : "valueColumn"
            throw SeriesFault(
                .unknownColumn,
                "There is no column \(wanted); the first line has \(shown.prefix(20).joined(separator: ", ")).",
                settings: [setting])
        }
        if let repeated {
            let numbers = repeated.columns.map { "column \($0 + 1)" }
            throw SeriesFault(
                .ambiguousColumn,
                "Line \(repeated.line): several columns are named \"\(repeated.name.prefix(40))\". Set "
                    + "\(repeated.setting) to the number of one: "
                    + "\(numbers.prefix(20).map { "\"\($0)\"" }.joined(separator: " or ")).",
                line: repeated.line, column: repeated.name, readings: Array(numbers.prefix(20)),
                settings: [repeated.setting])
        }
        guard let time else { throw noTime() }
        guard let value else { throw Self.noNumbers }
        guard value != time else {
            throw SeriesFault(
                .unknownColumn, "The time and the value cannot both be in column \(time + 1).",
                settings: ["timeColumn", "valueColumn"])
        }
        let names = header.map { rows[$0].fields.map { text.string($0) } }
        let layout = SeriesLayout(
            delimiter: delimiter,
            headerLine: header.map { rows[$0].line },
            names: names,
            timeColumn: time,
            clockColumn: clock,
            timeForm: form,
            valueColumn: value,
            seriesColumns: (0..<columns).filter { isSeriesColumn($0) },
            otherTimeColumns: otherTimes.filter { $0 != value && $0 != clock },
            otherValueColumns: otherValues
        )
        try refuseAlternation(layout)
        return layout
    }

    private func noTime() -> SeriesFault {
        guard rows.contains(where: { $0.fields.contains { isNumber($0) } }) else { return Self.noNumbers }
        let formats =
            "Supported formats are 2010-01-31 13:45, 2010/01/31 13:45:00, 31.01.2010 13:45, 01/31/2010 01:45 PM, "
            + "ISO 8601, 20100131, 2010013113 and seconds or milliseconds since 1970."
        if options.timeColumn != .automatic, case .name(let name) = options.timeColumn, let header,
            let column = index(of: name, in: rows[header]), let row = rows[(header + 1)...].first
        {
            return SeriesFault(
                .noTimeColumn,
                "Line \(row.line): \"\(text.string(row[column]).prefix(40))\" in column \"\(name)\" is no time. "
                    + "\(formats) Set timeColumn to the column with the time.",
                line: row.line, column: name, settings: ["timeColumn"])
        }
        return SeriesFault(
            .noTimeColumn, "No column has times throughout. \(formats) Set timeColumn to the column with the time.",
            settings: ["timeColumn"])
    }

    private func isSeriesColumn(_ column: Int) -> Bool {
        guard column != time, column != clock, column != value else { return false }
        if let header, Self.seriesNames.contains(headerName(column, header)) { return true }
        let body = rows.indices.filter { $0 > header ?? -1 && !rows[$0][column].isEmpty }
        return !body.isEmpty && body.allSatisfy { Self.units.contains(text.string(rows[$0][column]).lowercased()) }
    }

    /// Refuses a file in which neighbouring rows belong to different series: a text changes with nearly every row, and
    /// the numbers beside each of its words have a range of their own.
    private func refuseAlternation(_ layout: SeriesLayout) throws(SeriesFault) {
        let data = body(after: layout.headerLine).filter { hasTime($0, in: layout.timeColumn) }
        guard data.count >= 6 else { return }
        for column in 0..<columns where ![layout.timeColumn, layout.valueColumn, layout.clockColumn].contains(column) {
            var ranges: [[UInt8]: ClosedRange<Double>] = [:]
            var changes = 0
            var previous: [UInt8]?
            for row in data {
                let word = row[column]
                guard !word.isEmpty, !isNumber(word),
                    let number = row[layout.valueColumn].withUnsafeBufferPointer({ NumberParser.plain($0) })
                else { continue }
                if let previous, previous != word { changes += 1 }
                previous = word
                let range = ranges[word] ?? number...number
                ranges[word] = min(range.lowerBound, number)...max(range.upperBound, number)
                if ranges.count > 8 { break }
            }
            guard (2...8).contains(ranges.count), changes * 10 >= data.count * 8 else { continue }
            let sorted = ranges.values.sorted { $0.lowerBound < $1.lowerBound }
            guard zip(sorted, sorted.dropFirst()).allSatisfy({ $0.upperBound < $1.lowerBound }) else { continue }
            throw SeriesFault.severalSeries(
                column: layout.name(of: column), words: ranges.keys.map { text.string($0) }.sorted(),
                line: data.first?.line)
        }
    }

    // MARK: Fields

    private func body(after headerLine: Int?) -> [Row] { rows.filter { $0.line > headerLine ?? 0 } }

    private func isNumber(_ field: [UInt8]) -> Bool { field.withUnsafeBufferPointer { NumberParser.isNumber($0) } }

    private func headerName(_ column: Int, _ header: Int) -> String { text.string(rows[header][column]).lowercased() }

    private func index(of name: String, in row: Row) -> Int? {
        row.fields.firstIndex { text.string($0).caseInsensitiveCompare(name) == .orderedSame }
    }

    private func columns(named name: String, in row: Row) -> [Int] {
        row.fields.indices.filter { text.string(row.fields[$0]).caseInsensitiveCompare(name) == .orderedSame }
    }

    /// A column that is named by its number, as reports name those without a name of their own.
    private func numbered(_ column: SeriesImport.Column) -> SeriesImport.Column {
        guard case .name(let name) = column, name.lowercased().hasPrefix("column "),
            let number = Int(name.dropFirst("column ".count)), number > 0,
            !rows.contains(where: { index(of: name, in: $0) != nil })
        else { return column }
        return .index(number - 1)
    }
}
