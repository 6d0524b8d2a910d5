import Forecasting
import Foundation
import Testing

struct SeriesImportTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    private func fault(_ text: String, _ settings: SeriesImport = SeriesImport()) throws -> SeriesFault? {
        try fault(Data(text.utf8), settings)
    }

    private func fault(_ data: Data, _ settings: SeriesImport = SeriesImport()) throws -> SeriesFault? {
        let source = try fixture.write(data)
        let fault = #expect(throws: SeriesFault.self) { _ = try settings.run(source, to: fixture.file("series.bin")) }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path) == ["source.csv"],
            "nothing half written")
        return fault
    }

    // MARK: Real files

    @Test func `Seattle's file is read unchanged`() throws {
        let report = try SeriesImport().run(
            ForecastingFixture.examples.appending(path: "seattle-temps.csv"), to: fixture.file("seattle"))
        #expect(report.hadHeader && report.delimiter == .comma && report.encoding == .utf8)
        #expect(
            [report.timeColumn, report.valueColumn].map(\.index) == [0, 1]
                && [report.timeColumn, report.valueColumn].map(\.name) == ["date", "temp"])
        #expect(report.timeFormat == "YYYY/MM/DD hh:mm")
        #expect(report.rowsRead == 8759 && report.rowsSkipped == 0 && report.duplicates == 0 && !report.wasSorted)
        #expect(report.numericCount == 8759 && report.numericShare == 100)
        let statistics = report.statistics
        #expect(statistics.count == 8759 && statistics.missingSteps == 1 && statistics.largestGapMinutes == 120)
        #expect(statistics.largestGapAfter.map { Double($0) / 60e6 } == (try minutes("2010-03-14T02:00:00Z")))
        #expect(
            statistics.minimumStepMinutes == 60 && statistics.typicalStepMinutes == 60 && statistics.offsetMinutes == 0)
        #expect(abs(statistics.meanStepMinutes - 8759.0 / 8758 * 60) < 1e-9)
        #expect(Double(statistics.last) / 60e6 == (try minutes("2010-12-31T23:00:00Z")))
    }

    @Test func `San Francisco's file, with its columns in the other order, is read`() throws {
        let report = try SeriesImport().run(
            ForecastingFixture.examples.appending(path: "sf-temps.csv"), to: fixture.file("sf"))
        #expect(
            [report.timeColumn, report.valueColumn].map(\.index) == [1, 0]
                && [report.timeColumn, report.valueColumn].map(\.name) == ["date", "temp"])
        #expect(report.timeFormat == "YYYY/MM/DD hh:mm:ss" && report.numericCount == 8759)
        #expect(try Series(fixture.file("sf")).value(0) == 47.8)
    }

    // MARK: Formats

    @Test(arguments: [
        ("2010/01/01 00:00", "YYYY/MM/DD hh:mm"),
        ("2010/01/01 00:00:00", "YYYY/MM/DD hh:mm:ss"),
        ("2010-01-01 00:00:00", "YYYY-MM-DD hh:mm:ss"),
        ("2010-01-01T00:00:00Z", "YYYY-MM-DDThh:mm:ss±hh:mm"),
        ("2010-01-01T01:00:00+01:00", "YYYY-MM-DDThh:mm:ss±hh:mm"),
        ("2009-12-31 19:00-0500", "YYYY-MM-DD hh:mm±hh:mm"),
        ("2010-01-01T00:00:00.000Z", "YYYY-MM-DDThh:mm:ss.s±hh:mm"),
        ("01.01.2010 00:00", "DD.MM.YYYY hh:mm"),
        ("1.1.2010 0:00", "DD.MM.YYYY hh:mm"),
        ("2010-01-01", "YYYY-MM-DD"),
        ("2009-12-31 24:00", "YYYY-MM-DD hh:mm"),
        ("1262304000", "seconds since 1970"),
        ("1262304000.0", "seconds since 1970"),
    ])
    func `times of every supported format are read`(text: String, format: String) throws {
        let later = format == "seconds since 1970" ? "1262307600" : "2010-01-01 01:00:00"
        let (report, samples) = try fixture.read("time;value\n\(text);1\n\(later);2\n")
        #expect(report.timeFormat == format)
        let start = try minutes("2010-01-01T00:00:00Z")
        #expect(samples == [Sample(minutes: start, value: 1), Sample(minutes: start + 60, value: 2)])
    }

    @Test(arguments: [
        "2010-02-30 00:00", "2010-13-01 00:00", "2010-01-01 25:00", "2010-01-01 00:60", "0010-01-01 00:00",
        "2010-01-01 00:00 nonsense", "32.01.2010 00:00",
    ])
    func `a row with an invalid time is skipped`(text: String) throws {
        let (report, samples) = try fixture.read("2010-01-01 00:00,1\n\(text),2\n2010-01-01 02:00,3\n")
        #expect(
            samples.count == 2 && report.skippedByReason == ["no-time": 1] && report.skippedExamples.map(\.line) == [2])
    }

    @Test(arguments: [
        (";", "39,4", 39.4), (";", "39.4", 39.4), ("\t", "-1,5", -1.5), (";", "1.234,56", 1234.56),
        (";", "1,234.56", 1234.56), (";", "1e3", 1000),
        (",", "\"39.4\"", 39.4), (",", "+.5", 0.5), (",", "5.", 5),
        (",", "0.1234567890123456789", 0.1234567890123456789),
        (",", "123456789012345678", 123_456_789_012_345_680),
    ])
    func `numbers of every supported format are read`(delimiter: String, text: String, value: Double) throws {
        let (report, samples) = try fixture.read(
            "2010-01-01 00:00\(delimiter)\(text)\n2010-01-01 01:00\(delimiter)1\n")
        #expect(samples.first?.value == value && report.delimiter.rawValue == delimiter && !report.hadHeader)
    }

    @Test(arguments: ["", "nan", "inf", "n/a", "NULL", "1e999", "-", "–", "unavailable", "#N/A"])
    func `a row without a number is skipped and counted`(text: String) throws {
        let (report, samples) = try fixture.read(
            "time,value\n2010-01-01 00:00,1\n2010-01-01 01:00,\(text)\n2010-01-01 02:00,3\n")
        #expect(samples.map(\.value) == [1, 3])
        #expect(report.rowsRead == 3 && report.rowsSkipped == 1 && report.skippedByReason == ["no-number": 1])
        #expect(abs(report.numericShare - 200.0 / 3) < 1e-9)
        let example = try #require(report.skippedExamples.first)
        #expect(example.line == 3 && example.reason == .noNumber && example.text == "2010-01-01 01:00,\(text)")
    }

    @Test(arguments: ["12 °C", "1.2.3", "--1", "0x1F", "1,2,3", "1 00", "e5", "5e"])
    func `text instead of numbers is skipped and counted up to 5 per cent`(text: String) throws {
        func file(_ rows: Int) -> String {
            (["time;value"] + (0..<rows).map { "2010-01-\($0 < 9 ? "0" : "")\($0 + 1);\($0 == 1 ? text : "1.5")" })
                .joined(separator: "\n")
        }
        let refused = try fault(file(19))
        #expect(refused?.code == .unreadableRows && refused?.line == 3 && refused?.column == "value")
        #expect(
            refused?.message.contains("\"\(text)\"") == true && refused?.settings.contains("skipUnreadable") == true)
        let (report, samples) = try fixture.read(file(20))
        #expect(samples.count == 19 && report.skippedByReason == ["text": 1])
        #expect(report.skippedExamples.map(\.line) == [3] && report.skippedExamples.first?.reason == .text)
        var settings = SeriesImport()
        settings.skipsUnreadable = true
        #expect(try fixture.read(file(19), settings).samples.count == 18)
    }

    @Test func `blank rows are counted and do not lower the share of numbers`() throws {
        let (report, samples) = try fixture.read("\n2010-01-01 00:00,1\r\n\r\n  \r\n2010-01-01 01:00,2\r\n")
        #expect(samples.count == 2 && report.skippedByReason == ["blank": 3] && report.numericShare == 100)
    }

    @Test func `CR line breaks are read`() throws {
        #expect(
            try fixture.read("time,value\r2010-01-01 00:00,1\r2010-01-01 01:00,2\r").samples.map(\.value) == [1, 2])
    }

    // MARK: Encodings

    @Test(arguments: [
        (String.Encoding.utf8, [UInt8](), SeriesReport.Encoding.utf8),
        (.utf8, [0xef, 0xbb, 0xbf], .utf8WithMark),
        (.utf16LittleEndian, [0xff, 0xfe], .utf16LittleEndian),
        (.utf16LittleEndian, [], .utf16LittleEndian),
        (.utf16BigEndian, [0xfe, 0xff], .utf16BigEndian),
        (.utf16BigEndian, [], .utf16BigEndian),
        (.isoLatin1, [], .windows1252),
    ])
    func `every supported encoding is read`(encoding: String.Encoding, mark: [UInt8], expected: SeriesReport.Encoding)
        throws
    {
        let text = try #require(
            "Zeit;Außentemperatur °C\n01.02.2010 13:45;39,4\n01.02.2010 14:00;40,5\n".data(using: encoding))
        let (report, samples) = try fixture.read(Data(mark) + text)
        #expect(report.encoding == expected && report.valueColumn.name == "Außentemperatur °C")
        #expect(samples.map(\.value) == [39.4, 40.5])
        #expect(samples.first?.minutes == (try minutes("2010-02-01T13:45:00Z")))
    }

    @Test func `a long UTF-16 file is read across buffers`() throws {
        let rows = (0..<30_000).map { "\(1_262_304_000 + $0 * 60);\($0),5 𝄞;x" }.joined(separator: "\n")
            .replacingOccurrences(of: " 𝄞", with: "")
        let text = try #require("Zeit 𝄞 €;Wert;x\n\(rows)".data(using: .utf16LittleEndian))
        let (report, samples) = try fixture.read(text)
        #expect(samples.count == 30_000 && samples.last?.value == 29_999.5 && report.timeColumn.name == "Zeit 𝄞 €")
    }

    @Test func `the euro sign of Windows-1252 is read`() throws {
        let (report, _) = try fixture.read(
            Data("time;".utf8) + Data([0x80]) + Data("\n2010-01-01 00:00;1\n2010-01-01 01:00;2".utf8))
        #expect(report.valueColumn.name == "€")
    }

    // MARK: Columns

    @Test func `columns are selected by name`() throws {
        var settings = SeriesImport()
        settings.timeColumn = .name("read at")
        settings.valueColumn = .name("POWER")
        let (report, samples) = try fixture.read(
            "Written at,Read at,id,Power\n2010-01-01,2010-02-01,7,1\n2010-01-01,2010-02-02,8,2\n", settings)
        #expect(samples.map(\.value) == [1, 2] && report.timeColumn.index == 1 && report.valueColumn.index == 3)
        #expect(samples.first?.minutes == (try minutes("2010-02-01T00:00:00Z")))
    }

    @Test func `columns are selected by index`() throws {
        var settings = SeriesImport()
        settings.valueColumn = .index(2)
        #expect(try fixture.read("2010-01-01;1;10\n2010-01-02;2;20\n", settings).samples.map(\.value) == [10, 20])
    }

    @Test func `an unknown column is refused with the names of the columns`() throws {
        var settings = SeriesImport()
        settings.valueColumn = .name("power")
        let fault = try fault("date,temp\n2010-01-01,1\n2010-01-02,2\n", settings)
        #expect(fault?.code == .unknownColumn && fault?.message.contains("\"date\", \"temp\"") == true)
    }

    // MARK: Order and zones

    @Test func `unsorted rows are sorted, and of equal times the first is kept`() throws {
        let (report, samples) = try fixture.read(
            "2010-01-01 02:00,3\n2010-01-01 00:00,1\n2010-01-01 01:00,2\n2010-01-01 00:00,9\n2010-01-01 02:00,8\n")
        #expect(report.wasSorted && report.duplicates == 2 && report.numericCount == 5)
        #expect(samples.map(\.value) == [1, 2, 3])
    }

    @Test func `of equal neighbouring times the first is kept without sorting`() throws {
        let (report, samples) = try fixture.read("2010-01-01 00:00,1\n2010-01-01 00:00,9\n2010-01-01 01:00,2\n")
        #expect(!report.wasSorted && report.duplicates == 1 && samples.map(\.value) == [1, 2])
    }

    @Test func `local times are read in the given time zone`() throws {
        var settings = SeriesImport()
        settings.timeZone = "Europe/Vienna"
        let (report, samples) = try fixture.read(
            "2010-01-01 00:00,1\n2010-07-01 00:00,2\n2010-07-01T00:00:00Z,3\n", settings)
        #expect(
            try samples.map(\.minutes) == [
                minutes("2009-12-31T23:00:00Z"), minutes("2010-06-30T22:00:00Z"), minutes("2010-07-01T00:00:00Z"),
            ])
        #expect(report.timeZone == "Europe/Vienna")
    }

    @Test func `the repeated hour in autumn is resolved by the order of the rows`() throws {
        var settings = SeriesImport()
        settings.timeZone = "Europe/Vienna"
        let rows = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"].enumerated().map {
            "2010-10-31 \($0.element),\($0.offset)"
        }
        let (report, samples) = try fixture.read(rows.joined(separator: "\n"), settings)
        let first = try minutes("2010-10-30T23:30:00Z")
        #expect(samples.map(\.minutes) == (0..<6).map { first + Double($0) * 30 } && report.duplicates == 0)
    }

    @Test func `an unknown time zone is refused`() throws {
        var settings = SeriesImport()
        settings.timeZone = "Europe/Atlantis"
        #expect(try fault("2010-01-01,1\n2010-01-02,2\n", settings)?.code == .unknownTimeZone)
    }

    @Test func `the offset is reported only where every hour has the same`() throws {
        #expect(
            try fixture.read("2010-01-01 00:07,1\n2010-01-01 00:22,2\n2010-01-01 00:37,2\n").report.statistics
                .offsetMinutes == 7)
        #expect(
            try fixture.read("2010-01-01 00:07,1\n2010-01-01 00:14,2\n2010-01-01 00:21,2\n").report.statistics
                .offsetMinutes == nil)
    }

    // MARK: Faults

    @Test(arguments: ["", "\n\n", "  \r\n", "\u{feff}"])
    func `an empty file is refused`(text: String) throws { #expect(try fault(text)?.code == .empty) }

    @Test(arguments: [
        "date,temp\n", "once upon a time\nthere was a file\n", "date,temp\n2010-01-01,n/a\n2010-01-02,none\n",
        "2010-01-01\n2010-01-02\n",
    ])
    func `a file without numbers is refused`(text: String) throws { #expect(try fault(text)?.code == .noNumbers) }

    @Test(arguments: ["date,temp\n2010/01/01 00:00,39.4\n", "2010/01/01 00:00,39.4", "2010-01-01,1\n2010-01-01,2\n"])
    func `a file with a single time is refused`(text: String) throws { #expect(try fault(text)?.code == .singleRow) }

    @Test func `a file without times is refused`() throws {
        #expect(try fault("a,b\n1,2\n3,4\n")?.code == .noTimeColumn)
        #expect(try fault("31st of December,2\n1st of January,4\n")?.code == .noTimeColumn)
    }

    @Test func `a NUL byte is refused with its line`() throws {
        let fault = try fault(Data("date,temp\n2010-01-01,1\n2010-01-02,".utf8) + Data([0]) + Data("2\n".utf8))
        #expect(fault?.code == .notText && fault?.line == 3)
        #expect(
            try self.fault(Data([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d]))?.code == .notText)
    }

    @Test func `a NUL byte at the end is refused`() throws {
        let rows = (0..<40_000).map { "\(1_262_304_000 + $0 * 60),1" }.joined(separator: "\n")
        let fault = try fault(Data(rows.utf8) + Data([0]))
        #expect(fault?.code == .notText && fault?.line == 40_000)
    }

    @Test func `a billion columns are refused early`() throws {
        let source = fixture.file("source.csv")
        let handle = try #require(fopen(source.path, "w"))
        let commas = [UInt8](repeating: UInt8(ascii: ","), count: 1 << 20)
        for _ in 0..<64 { fwrite(commas, 1, commas.count, handle) }
        fclose(handle)
        let fault = #expect(throws: SeriesFault.self) {
            _ = try SeriesImport().run(source, to: fixture.file("series.bin"))
        }
        #expect(fault?.code == .tooManyColumns && fault?.line == 1)
    }

    @Test func `a row with too many columns is refused`() throws {
        let rows = (0..<2000).map { "\(1_262_304_000 + $0 * 60),1" }.joined(separator: "\n")
        let fault = try fault(rows + "\n" + String(repeating: "1,", count: 100) + "1\n")
        #expect(fault?.code == .tooManyColumns && fault?.line == 2001)
    }

    @Test func `a hundred columns are read`() throws {
        let tail = String(repeating: ",1", count: 98)
        #expect(try fixture.read("2010-01-01,5\(tail)\n2010-01-02,6\(tail)\n").samples.map(\.value) == [5, 6])
    }

    @Test func `an endless line is refused`() throws {
        #expect(try fault(String(repeating: "x", count: 70_000))?.code == .lineTooLong)
        #expect(try fault("2010-01-01,1\n2010-01-02,2\n" + String(repeating: "x", count: 70_000) + "\n")?.line == 3)
    }

    @Test func `more rows than allowed are refused`() throws {
        var settings = SeriesImport()
        settings.rowsMax = 2
        #expect(try fault("t,v\n2010-01-01,1\n2010-01-02,2\n2010-01-03,3\n", settings)?.code == .tooManyRows)
        settings.rowsMax = 3
        #expect(try fixture.read("t,v\n2010-01-01,1\n2010-01-02,2\n2010-01-03,3\n", settings).samples.count == 3)
    }

    @Test func `a cancelled import leaves no files`() throws {
        let source = try fixture.write("2010-01-01,1\n2010-01-02,2\n")
        #expect(throws: CancellationError.self) {
            _ = try SeriesImport().run(source, to: fixture.file("series.bin")) { _ in throw CancellationError() }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path) == ["source.csv"])
    }

    @Test func `a missing file is an error`() throws {
        #expect(throws: FileFault.self) {
            _ = try SeriesImport().run(fixture.file("nowhere.csv"), to: fixture.file("series.bin"))
        }
    }
}

struct SeriesTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    @Test func `samples are found, interpolated and averaged`() throws {
        let series = try Series(fixture.series("s", [(0, 0), (10, 10), (30, 50), (40, .nan), (50, 5)]))
        func at(_ minutes: Double) -> Int64 { Int64(minutes * 60e6) }
        #expect(series.index(atOrBefore: at(-1)) == nil)
        #expect([0, 9, 10, 29, 30, 50, 99].map { series.index(atOrBefore: at($0)) } == [0, 0, 1, 1, 2, 4, 4])
        #expect(
            series.interpolated(at: at(5)) == 5 && series.interpolated(at: at(20)) == 30
                && series.interpolated(at: at(50)) == 5)
        #expect(series.interpolated(at: at(-1)) == nil && series.interpolated(at: at(51)) == nil)
        #expect(series.interpolated(at: at(45))?.isNaN == true)
        #expect(series.mean(from: at(0), through: at(30)) == 20 && series.mean(from: at(11), through: at(29)) == nil)
        #expect(series.mean(from: at(30), through: at(50)) == 27.5, "a NaN does not count")
    }

    @Test func `a file that is not whole samples is refused`() throws {
        let url = try fixture.write(Data(count: 17), "s")
        #expect(throws: SeriesFault.self) { _ = try Series(url) }
        let empty = try fixture.write(Data(), "empty")
        #expect(throws: SeriesFault.self) { _ = try Series(empty) }
    }
}
