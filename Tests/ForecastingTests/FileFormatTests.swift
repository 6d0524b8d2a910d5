import Forecasting
import Foundation
import Testing

/// How files are written, beside the cases that `CaseFileTests` uploads.
struct FileFormatTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    private static func rows(_ header: String?, _ count: Int = 48, _ row: (Int) -> String) -> String {
        ((header.map { [$0] } ?? []) + (0..<count).map(row)).joined(separator: "\n")
    }
    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    private static func day(_ index: Int) -> String { two(1 + index / 24) }
    private static func hour(_ index: Int) -> String { two(index % 24) }
    private static func stamp(_ index: Int) -> String { "2024-02-\(day(index)) \(hour(index)):00" }

    private func fault(_ text: String) throws -> SeriesFault? {
        let source = try fixture.write(text)
        return #expect(throws: SeriesFault.self) {
            _ = try SeriesImport().run(source, to: fixture.file("series.bin"))
        }
    }

    struct Format: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        let start: String
        let format: String
        var testDescription: String { name }
    }

    static let formats = [
        Format(
            name: "a date and a time of day in two columns",
            text: rows("Datum;Uhrzeit;Wert") { "\(day($0)).02.2024;\(hour($0)):00;\($0),5" },
            start: "2024-02-01T00:00:00Z", format: "DD.MM.YYYY hh:mm"),
        Format(
            name: "a time of day before its date",
            text: rows("time,date,value") { "\(hour($0)):00:00,2024-02-\(day($0)),\($0).5" },
            start: "2024-02-01T00:00:00Z", format: "YYYY-MM-DD hh:mm:ss"),
        Format(
            name: "a date and a half-day clock",
            text: rows("date,time,value") {
                "2024-02-\(day($0)),\($0 % 12 == 0 ? 12 : $0 % 12):00 \($0 % 24 < 12 ? "AM" : "PM"),\($0).5"
            },
            start: "2024-02-01T00:00:00Z", format: "YYYY-MM-DD hh:mm AM/PM"),
        Format(
            name: "a date and the number of its hour",
            text: rows("Datum;Stunde;Wert") { "\(day($0)).02.2024;\($0 % 24 + 1);\($0),5" },
            start: "2024-02-01T01:00:00Z", format: "DD.MM.YYYY hh:mm"),
        Format(
            name: "digits with a time", text: rows("time,value") { "202402\(day($0)):\(hour($0))00,\($0).5" },
            start: "2024-02-01T00:00:00Z", format: "YYYYMMDD hh:mm"),
        Format(
            name: "fourteen digits", text: rows("a;b") { "202402\(day($0))\(hour($0))0000;\($0),5" },
            start: "2024-02-01T00:00:00Z", format: "YYYYMMDDhhmmss"),
        Format(
            name: "seconds of an epoch", text: rows("a,b") { "\(1_706_745_600 + $0 * 3_600),\($0).5" },
            start: "2024-02-01T00:00:00Z", format: "seconds since 1970"),
        Format(
            name: "nanoseconds of an epoch",
            text: rows("a,b") { "\((1_706_745_600 + $0 * 3_600) * 1_000_000_000),\($0).5" },
            start: "2024-02-01T00:00:00Z", format: "nanoseconds since 1970"),
        Format(
            name: "consecutive days in either order", text: rows("a;b", 12) { "\(two($0 + 1))/02/2024;\($0),5" },
            start: "2024-02-01T00:00:00Z", format: "DD/MM/YYYY"),
        Format(
            name: "consecutive days, the month first", text: rows("a;b", 12) { "02/\(two($0 + 1))/2024;\($0),5" },
            start: "2024-02-01T00:00:00Z", format: "MM/DD/YYYY"),
    ]

    @Test(arguments: formats)
    func `times of many formats are read`(one: Format) throws {
        let (report, samples) = try fixture.read(one.text)
        let step = one.text.contains("/02/2024") || one.text.contains("02/0") ? 24.0 * 60 : 60
        let start = try minutes(one.start)
        #expect(report.timeFormat == one.format && report.duplicates == 0 && report.rowsSkipped == 0)
        #expect(samples.map(\.minutes) == samples.indices.map { start + Double($0) * step })
        #expect(samples.map(\.value) == samples.indices.map { Double($0) + 0.5 })
    }

    @Test func `the order of dates is taken from a row beyond the first thousand`() throws {
        let text = Self.rows("time;value", 6_000) {
            "\(Self.two(1 + $0 / 480))/01/2024 \(Self.two($0 / 20 % 24)):\(Self.two($0 % 20 * 3));\($0),5"
        }
        let (report, samples) = try fixture.read(text)
        #expect(report.dateOrder == .dayMonth && samples.count == 6_000)
        #expect(samples.last?.minutes == (try minutes("2024-01-13T11:57:00Z")))
    }

    @Test func `the decimal mark is taken from a row beyond the first thousand`() throws {
        func text(_ late: String) -> String {
            Self.rows("time;value", 3_000) { "\(1_706_745_600 + $0 * 60);\($0 == 2_500 ? late : "\($0 % 900)")" }
        }
        #expect(try fixture.read(text("1,5")).samples[2_500].value == 1.5)
        #expect(try fixture.read(text("1.234.567")).samples[2_500].value == 1_234_567)
        let fault = try fault(text("1.234"))
        #expect(fault?.code == .ambiguousNumbers && fault?.line == 2_502 && fault?.readings == ["1.234", "1234"])
    }

    @Test(arguments: [
        ("1.234", "12345", 1.234), ("1,234", "12345", 1.234), ("1,234", "0.5", 1_234), ("1.234", "0,5", 1_234),
        ("1.234", "1.234.567", 1_234), ("1,234", "12,345.5", 1_234), ("1 234", "0,5", 1_234), ("1'234", "0.5", 1_234),
        ("-1.234", "0,5", -1_234), ("\u{2212}1.234", "1.25", -1.234), ("1\u{a0}234,5", "1", 1_234.5),
    ])
    func `a number is read as the others of its column tell`(text: String, other: String, value: Double) throws {
        let (_, samples) = try fixture.read("time;value\n2024-01-01 00:00;\(text)\n2024-01-01 01:00;\(other)\n")
        #expect(samples.first?.value == value)
    }

    @Test func `the other columns of a file decide where a column has thousandths alone`() throws {
        let text = Self.rows("time,value,wind") { "\(Self.stamp($0)),2\($0 % 7).125,\($0 % 5).5" }
        #expect(try fixture.read(text).samples.first?.value == 20.125)
    }

    @Test func `grouping marks of Windows-1252 are read`() throws {
        let head = Data("time;value\n2024-01-01 00:00;1".utf8)
        for mark: UInt8 in [0xa0, 0x92] {
            let (report, samples) = try fixture.read(head + Data([mark]) + Data("000,5\n2024-01-01 01:00;2".utf8))
            #expect(samples.map(\.value) == [1_000.5, 2] && report.encoding == .windows1252)
        }
    }

    @Test func `columns of a quality, of a phase, of rows and of parts of the time are not the value`() throws {
        let header = "id;time;year;hour;QN;value;status;phase;value 2"
        let text = Self.rows(header) {
            "\($0 + 500);\(Self.stamp($0));2024;\($0 % 24);3;\($0 % 7),5;\($0 % 5 == 0 ? "EST" : "VAL");"
                + "\($0 % 24 < 8 ? "night" : "day");\($0 % 11),5"
        }
        let report = try fixture.read(text).report
        #expect(report.valueColumn.name == "value" && report.otherValueColumns.map(\.name) == ["value 2"])
    }

    @Test func `lines before the header are skipped and counted`() throws {
        let text = "Export;01.02.2024\nLatitude:;47.0\n\n" + Self.rows("Zeit;kW") { "\(Self.stamp($0));\($0),5" }
        let (report, samples) = try fixture.read(text)
        #expect(samples.count == 48 && report.headerLine == 4)
        #expect(report.skippedByReason == ["before-header": 2, "blank": 1] && report.valueColumn.name == "kW")
    }

    @Test func `totals at the end are skipped, a change of the format of times is refused`() throws {
        let table = Self.rows("time;value", 12) { "\(Self.stamp($0));\($0),5" }
        let (report, samples) = try fixture.read(table + "\nSumme;12,5\nMittel;3,5\nMaximum;11,5\n")
        #expect(samples.count == 12 && report.skippedByReason == ["no-time": 3])
        #expect(report.skippedExamples.map(\.line) == [14, 15, 16])
        try FileManager.default.removeItem(at: fixture.file("series.bin"))
        let change = Self.rows(nil, 12) { "2. Feb. 2024 \(Self.hour($0)):00;\($0),5" }
        let fault = try fault(table + "\n" + change)
        #expect(fault?.code == .unreadableRows && fault?.line == 14 && fault?.column == "time")
    }

    @Test func `the first and the last rows are reported as they are understood`() throws {
        let report = try fixture.read(Self.rows("time;value", 10) { "\(Self.stamp(9 - $0));\($0),5" }).report
        #expect(report.firstRows.map(\.line) == [2, 3, 4] && report.firstRows.map(\.value) == [0.5, 1.5, 2.5])
        #expect(report.lastRows.map(\.line) == [9, 10, 11] && report.lastRows.map(\.value) == [7.5, 8.5, 9.5])
        #expect(report.lastRows.last.map { Double($0.stamp) / 60e6 } == (try minutes("2024-02-01T00:00:00Z")))
    }

    @Test func `a row with more fields than the header is refused, unless they are empty`() throws {
        #expect(try fixture.read(Self.rows("time,value") { "\(Self.stamp($0)),\($0).5," }).samples.count == 48)
        let fault = try fault(Self.rows("time,value") { "\(Self.stamp($0)),20,\($0 % 9)" })
        #expect(fault?.code == .unevenColumns && fault?.line == 2)
    }

    @Test func `a name that occurs with several words tells series apart, a count of rows does not`() throws {
        let fault = try fault(Self.rows("entity_id,state,time") { "\($0 < 40 ? "a" : "b"),\($0).5,\(Self.stamp($0))" })
        #expect(fault?.code == .severalSeries && fault?.column == "entity_id")
        let (report, _) = try fixture.read(Self.rows("id,state,time") { "\($0 + 7),\($0).5,\(Self.stamp($0))" })
        #expect(report.valueColumn.name == "state")
    }
}
