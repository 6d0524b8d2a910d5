import Base
import Foundation
import Modules
import TestKit
import Testing

/// Files in the formats of public measurement portals, spreadsheets and home automation (`Tests/Cases`).
@Suite struct CaseFileTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var settings: [String: JSONValue] = [:]
        let count: Int64
        let first: String
        let last: String
        let minimum: Double
        let maximum: Double
        /// The time and the value column.
        let columns: [String]
        var skipped: [String: Int64] = [:]
        var testDescription: String { settings.isEmpty ? name : "\(name) with settings" }
    }

    private static let vienna: [String: JSONValue] = ["zeitzone": "Europe/Vienna"]

    static let cases = [
        Case(
            name: "01-compact-hours", count: 72, first: "2024-01-01T00:00:00Z", last: "2024-01-03T23:00:00Z",
            minimum: -1, maximum: 5, columns: ["MESS_DATUM", "TT_TU"]),
        Case(
            name: "01-compact-hours", settings: ["timeColumn": "MESS_DATUM", "valueColumn": "TT_TU"], count: 72,
            first: "2024-01-01T00:00:00Z", last: "2024-01-03T23:00:00Z", minimum: -1, maximum: 5,
            columns: ["MESS_DATUM", "TT_TU"]),
        Case(
            name: "03-row-number", count: 72, first: "2024-03-01T00:00:00Z", last: "2024-03-03T23:00:00Z",
            minimum: 200, maximum: 810, columns: ["timestamp", "load_mw"]),
        Case(
            name: "04-german-thousands", count: 24, first: "2024-02-01T00:00:00Z", last: "2024-02-01T23:00:00Z",
            minimum: 987.5, maximum: 2_500, columns: ["Zeit", "Leistung [kW]"]),
        Case(
            name: "06-quoted-decimal-comma", count: 24, first: "2024-05-05T00:00:00Z", last: "2024-05-05T23:00:00Z",
            minimum: 20, maximum: 25.75, columns: ["last_changed", "temperature"]),
        Case(
            name: "07-narrow-space", count: 24, first: "2024-02-01T00:00:00Z", last: "2024-02-01T23:00:00Z",
            minimum: 800, maximum: 1_720, columns: ["Zeit", "Leistung"]),
        Case(
            name: "07-apostrophe", count: 24, first: "2024-02-01T00:00:00Z", last: "2024-02-01T23:00:00Z",
            minimum: 800, maximum: 1_720, columns: ["Zeit", "Leistung"]),
        Case(
            name: "07-true-minus", count: 24, first: "2024-01-08T00:00:00Z", last: "2024-01-08T23:00:00Z",
            minimum: -5, maximum: 6.5, columns: ["time", "temp"]),
        Case(
            name: "08-fall-hourly", settings: vienna, count: 25, first: "2024-10-26T22:00:00Z",
            last: "2024-10-27T22:00:00Z", minimum: 206, maximum: 802, columns: ["Zeit", "kWh"]),
        Case(
            name: "08-fall-quarters", settings: vienna, count: 100, first: "2024-10-26T22:00:00Z",
            last: "2024-10-27T22:45:00Z", minimum: 200, maximum: 810, columns: ["Zeit", "kWh"]),
        Case(
            name: "08-fall-newest-first", settings: vienna, count: 25, first: "2024-10-26T22:00:00Z",
            last: "2024-10-27T22:00:00Z", minimum: 206, maximum: 802, columns: ["Zeit", "kWh"]),
        Case(
            name: "08-spring-hourly", settings: vienna, count: 23, first: "2024-03-30T23:00:00Z",
            last: "2024-03-31T21:00:00Z", minimum: 206, maximum: 802, columns: ["Zeit", "kWh"]),
        Case(
            name: "09-mixed-offsets", settings: ["zeitzone": "America/New_York"], count: 49,
            first: "2024-10-26T22:00:00Z", last: "2024-10-28T22:00:00Z", minimum: 203, maximum: 810,
            columns: ["time", "price"]),
        Case(
            name: "10-hour-24", count: 48, first: "2024-01-01T01:00:00Z", last: "2024-01-03T00:00:00Z", minimum: 203,
            maximum: 810, columns: ["Zeit", "Wert"]),
        Case(
            name: "10-hour-24-30", count: 48, first: "2024-01-01T01:00:00Z", last: "2024-01-03T00:00:00Z",
            minimum: 203, maximum: 810, columns: ["Zeit", "Wert"], skipped: ["no-time": 1]),
        Case(
            name: "11-sep-line", count: 24, first: "2024-06-01T00:00:00Z", last: "2024-06-01T23:00:00Z", minimum: 100,
            maximum: 123, columns: ["Datum", "Bezug"], skipped: ["before-header": 1]),
        Case(
            name: "11-sep-line", settings: ["valueColumn": "Einspeisung"], count: 24, first: "2024-06-01T00:00:00Z",
            last: "2024-06-01T23:00:00Z", minimum: 500, maximum: 523, columns: ["Datum", "Einspeisung"],
            skipped: ["before-header": 1]),
        Case(
            name: "12-preamble", count: 48, first: "2024-06-01T00:00:00Z", last: "2024-06-02T23:00:00Z", minimum: 10,
            maximum: 14.7, columns: ["time", "temperature_2m (°C)"], skipped: ["before-header": 2, "blank": 1]),
        Case(
            name: "12-preamble", settings: ["valueColumn": "relative_humidity_2m (%)"], count: 48,
            first: "2024-06-01T00:00:00Z", last: "2024-06-02T23:00:00Z", minimum: 50, maximum: 97,
            columns: ["time", "relative_humidity_2m (%)"], skipped: ["before-header": 2, "blank": 1]),
        Case(
            name: "12-units-row", settings: ["valueColumn": "Wind"], count: 24, first: "2024-06-01T00:00:00Z",
            last: "2024-06-01T23:00:00Z", minimum: 2, maximum: 4.3, columns: ["Zeit", "Wind"], skipped: ["text": 1]),
        Case(
            name: "13-day-first", count: 48, first: "2024-03-12T00:00:00Z", last: "2024-03-13T23:00:00Z",
            minimum: 203, maximum: 810, columns: ["date", "load"]),
        Case(
            name: "13-am-pm", count: 72, first: "2024-03-11T00:00:00Z", last: "2024-03-13T23:00:00Z", minimum: 200,
            maximum: 810, columns: ["date", "load"]),
        Case(
            name: "14-epoch-millis", count: 48, first: "2024-01-01T00:00:00Z", last: "2024-01-01T11:45:00Z",
            minimum: 203, maximum: 810, columns: ["Time", "Power Imported"]),
        Case(
            name: "14-epoch-millis", settings: ["timeColumn": "Time", "valueColumn": "Power Imported"], count: 48,
            first: "2024-01-01T00:00:00Z", last: "2024-01-01T11:45:00Z", minimum: 203, maximum: 810,
            columns: ["Time", "Power Imported"]),
        Case(
            name: "14-excel-serial", settings: ["timeColumn": "Datum", "valueColumn": "Wert"], count: 48,
            first: "2024-01-01T00:00:00Z", last: "2024-01-02T23:00:00Z", minimum: 203, maximum: 810,
            columns: ["Datum", "Wert"]),
        Case(
            name: "14-compact-days", settings: ["timeColumn": "Datum", "valueColumn": "Wert"], count: 40,
            first: "2024-01-01T00:00:00Z", last: "2024-02-09T00:00:00Z", minimum: 206, maximum: 810,
            columns: ["Datum", "Wert"]),
        Case(
            name: "16-markers", count: 36, first: "2024-04-01T00:00:00Z", last: "2024-04-02T22:00:00Z", minimum: 19,
            maximum: 23, columns: ["last_changed", "state"], skipped: ["no-number": 11, "text": 1]),
        Case(
            name: "16-trailing-and-total", settings: vienna, count: 48, first: "2023-12-31T23:00:00Z",
            last: "2024-01-01T10:45:00Z", minimum: 0.1, maximum: 0.147,
            columns: ["Messzeitpunkt", "Verbrauch (kWh)"], skipped: ["no-time": 1]),
        Case(
            name: "16-carriage-return", count: 24, first: "2024-01-01T00:00:00Z", last: "2024-01-01T23:00:00Z",
            minimum: 10, maximum: 33, columns: ["Zeit", "Wert"]),
        Case(
            name: "16-utf16-be-no-mark", count: 24, first: "2024-01-01T00:00:00Z", last: "2024-01-01T23:00:00Z",
            minimum: 10, maximum: 33, columns: ["Zeit", "Wert"]),
    ]

    private static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: Samples.cases.appending(path: "\(name).csv")))
    }

    @Test(arguments: Engine.available)
    func `every file of the cases is understood as it was meant`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: nil)
            for (number, one) in Self.cases.enumerated() {
                let bytes = try Self.bytes(one.name)
                let response = await fixture.upload(bytes, "\(number)-\(one.name).csv", settings: one.settings)
                #expect(response.status == 201, "\(one): \(response)")
                let file = response["file"]
                #expect(file?["datenpunkte"]?.integer == one.count, "\(one): \(response)")
                #expect(file?["numerischeDatenpunkte"]?.integer == one.count, "\(one)")
                #expect(file?["utcMin"]?.string == one.first && file?["utcMax"]?.string == one.last, "\(one)")
                #expect(file?["min"]?.number == one.minimum && file?["max"]?.number == one.maximum, "\(one)")
                let report = file?["import"]
                #expect([report?["timeColumn"]?.string, report?["valueColumn"]?.string] == one.columns, "\(one)")
                let skipped = report?["skippedByReason"]?.object?.compactMapValues(\.integer)
                #expect(skipped == one.skipped, "\(one): \(response)")
                #expect(report?["missingSteps"]?.integer == (one.name == "16-markers" ? 11 : 0), "\(one): \(response)")
            }
            #expect(await fixture.level("uploads") == [Int64(Self.cases.count), 0])
            #expect(await fixture.get("csv-files/s")["files"]?.array?.count == Self.cases.count)
        }
    }

    @Test(arguments: Engine.available)
    func `the repeated hour of autumn has the same values whether the oldest or the newest row is first`(
        engine: Engine
    ) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: nil)
            var rows: [[String: Double]] = []
            for name in ["08-fall-hourly", "08-fall-newest-first"] {
                // The first rows of both files before the change, in either order.
                let lines = String(decoding: try Self.bytes(name), as: UTF8.self).split(separator: "\n")
                let night = lines.dropFirst().filter { $0.hasPrefix("27.10.2024 02") || $0.hasPrefix("27.10.2024 03") }
                let text = ([lines[0]] + night).joined(separator: "\n")
                let file = await fixture.upload(Array(text.utf8), "\(name).csv", settings: Self.vienna)["file"]
                let report = file?["import"]
                let shown = (report?["firstRows"]?.array ?? []) + (report?["lastRows"]?.array ?? [])
                rows.append(
                    Dictionary(
                        shown.compactMap { row in
                            row["time"]?.string.flatMap { time in row["value"]?.number.map { (time, $0) } }
                        }, uniquingKeysWith: { $1 }))
            }
            let values = [
                "2024-10-27T00:00:00Z": 658.0, "2024-10-27T01:00:00Z": 713.1, "2024-10-27T02:00:00Z": 764.8,
            ]
            #expect(rows == [values, values])
        }
    }

    @Test(arguments: Engine.available)
    func `a constant output can be learned`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: nil)
            try await fixture.require(201, await fixture.upload(try Self.bytes("17-input"), "x.csv"))
            try await fixture.require(
                201, await fixture.upload(try Self.bytes("17-constant-zero"), "y.csv", kind: "output"))
            try await fixture.generate()
            for parameters in [Samples.linear, Samples.dense] {
                try await fixture.train("s", parameters)
                let tables = await fixture.get("evaluation-tables/s")
                #expect(tables["df_eval"]?["y.csv"]?["MAE"]?[0]?.number != nil, "\(tables)")
            }
        }
    }

    // MARK: Refusals

    struct Refusal: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        let reason: String
        var column: String?
        var readings: [String]?
        /// A setting with which the file is read, and the values of the first and the last row then.
        var remedy: [String: JSONValue]?
        var values: [Double] = []
        var testDescription: String { name }
    }

    private static func rows(_ header: String?, _ count: Int = 24, _ row: (Int) -> String) -> String {
        ((header.map { [$0] } ?? []) + (0..<count).map(row)).joined(separator: "\n")
    }
    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    private static func hour(_ index: Int) -> String { "2024-02-\(two(1 + index / 24)) \(two(index % 24)):00" }

    static let refusals = [
        Refusal(
            name: "thousands or thousandths",
            text: rows("Zeit;Leistung") { "\(hour($0));\($0 % 3 == 0 ? "987" : "1.\(two($0 % 24))2")" },
            reason: "ambiguous-numbers", column: "Leistung", readings: ["1.012", "1012"],
            remedy: ["decimalMark": ","], values: [987, 1_232]),
        Refusal(
            name: "thousandths in a file with commas", text: rows("time,value") { "\(hour($0)),2\($0 % 7).125" },
            reason: "ambiguous-numbers", column: "value", readings: ["20.125", "20125"],
            remedy: ["decimalMark": "."], values: [20.125, 22.125]),
        Refusal(
            name: "day or month", text: rows("date,load") { "03/04/2024 \(two($0)):00,\($0)" },
            reason: "ambiguous-dates", column: "date", readings: ["2024-04-03", "2024-03-04"],
            remedy: ["dateOrder": "day-month"], values: [0, 23]),
        Refusal(
            name: "two sensors by turns",
            text: rows("time,sensor,value", 48) {
                "\(hour($0 / 2)),\($0 % 2 == 0 ? "a" : "b"),\($0 % 2 == 0 ? 20 + $0 % 5 : 50 + $0 % 7)"
            },
            reason: "several-series", column: "sensor"),
        Refusal(
            name: "two units by turns",
            text: rows("last_changed,state,x", 48) {
                "\(hour($0)),\($0 % 2 == 0 ? 20 + $0 % 5 : 50 + $0 % 7),\($0 % 2 == 0 ? "°C" : "%")"
            },
            reason: "several-series", column: "x"),
        Refusal(
            name: "two stations one after the other",
            text: rows("station;time;value", 48) {
                "\($0 < 24 ? 9901 : 9902);\(hour($0 % 24));\($0 % 9)"
            },
            reason: "several-series", column: "station"),
        Refusal(
            name: "two series without a column that tells",
            text: rows("time;value", 48) {
                "\(hour($0 / 2));\($0 % 2 == 0 ? 1 : 100)"
            },
            reason: "several-series", column: "time"),
        Refusal(
            name: "text among numbers",
            text: rows("time;value", 20) { "\(hour($0));\($0 % 10 == 5 ? "low" : "\($0)")" },
            reason: "unreadable-rows", column: "value", remedy: ["skipUnreadable": true], values: [0, 19]),
        Refusal(
            name: "hexadecimal numbers",
            text: rows("time;value", 20) { "\(hour($0));\($0 % 9 == 5 ? "0x1F" : "\($0)")" },
            reason: "unreadable-rows", column: "value", remedy: ["skipUnreadable": true], values: [0, 19]),
        Refusal(
            name: "times in two formats",
            text: rows("time;value", 40) {
                "\($0 % 10 == 5 ? "1. Feb. 2024" : hour($0));\($0)"
            },
            reason: "unreadable-rows", column: "time", remedy: ["skipUnreadable": true], values: [0, 39]),
        Refusal(
            name: "an unquoted decimal comma", text: rows("time,value") { "\(hour($0)),20,\($0)" },
            reason: "uneven-columns"),
        Refusal(
            name: "numbers that are no time", text: rows("count;value") { "\($0);\($0 % 7)" },
            reason: "no-time-column"),
    ]

    @Test(arguments: Engine.available)
    func `a file with two readings is refused with both, costs nothing, and is read with the named setting`(
        engine: Engine
    ) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: nil)
            var used: Int64 = 0
            for one in Self.refusals {
                for path in ["instant-upload", "instant-upload?preview=true"] {
                    let refused = await fixture.upload(Array(one.text.utf8), path: path)
                    #expect(refused.status == 422 && refused.code == "unusable-file", "\(one.name): \(refused)")
                    #expect(refused["reason"]?.string == one.reason, "\(one.name): \(refused)")
                    if let column = one.column {
                        #expect(refused["column"]?.string == column, "\(one.name): \(refused)")
                    }
                    if let readings = one.readings {
                        #expect(refused["readings"]?.array?.compactMap(\.string) == readings, "\(one.name): \(refused)")
                        #expect(readings.allSatisfy { refused["detail"]?.string?.contains($0) == true }, "\(one.name)")
                    }
                    for name in one.remedy?.keys.map(\.self) ?? [] {
                        #expect(
                            refused["settings"]?.array?.contains(.string(name)) == true
                                && refused["detail"]?.string?.contains(name) == true, "\(one.name): \(refused)")
                    }
                }
                #expect(await fixture.level("uploads") == [used, 0], "\(one.name)")
                #expect(fixture.filesOnDisk().count == 2 * Int(used), "\(one.name)")
                guard let remedy = one.remedy else { continue }
                let read = await fixture.upload(Array(one.text.utf8), "\(one.name).csv", settings: remedy)
                #expect(read.status == 201, "\(one.name): \(read)")
                let report = read["file"]?["import"]
                #expect(
                    [report?["firstRows"]?[0]?["value"]?.number, report?["lastRows"]?[2]?["value"]?.number]
                        == one.values,
                    "\(one.name): \(read)")
                used += 1
            }
        }
    }

    // MARK: The report, and the preview

    @Test(arguments: Engine.available)
    func `a preview gives the report of the import without a unit, a file or storage`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let bytes = try Self.bytes("12-units-row")
            let preview = await fixture.upload(bytes, path: "instant-upload?preview=true")
            #expect(preview.status == 200 && preview["success"]?.bool == true, "\(preview)")
            #expect(preview["file"]?["id"] == nil && preview["file"]?["datenpunkte"]?.integer == 24)
            let report = try #require(preview["file"]?["import"])
            #expect(report["headerLine"]?.integer == 1 && report["decimalMark"]?.string == ",")
            #expect(
                report["firstRows"]?[0] == ["line": 3, "time": "2024-06-01T00:00:00Z", "value": 10.5], "\(report)")
            #expect(
                report["lastRows"]?[2] == ["line": 26, "time": "2024-06-01T23:00:00Z", "value": 33.5], "\(report)")
            #expect(report["skippedRows"]?[0]?["line"]?.integer == 2, "\(report)")
            let settings = report["settings"]?.array ?? []
            #expect(settings.contains(["name": "valueColumn", "value": "Temperatur", "alternatives": ["Wind"]]))
            #expect(settings.contains(["name": "zeitzone", "value": "UTC", "alternatives": []]))
            #expect(await fixture.level("uploads") == [0, 0])
            #expect(await fixture.storage() == 0)
            #expect(fixture.filesOnDisk() == [])
            #expect(try await fixture.count("training_files") == 0)
            #expect(try await fixture.count("training_uploads") == 0)
            #expect(try await fixture.audited("series-file.uploaded") == 0)
            // The upload has the same report.
            let stored = await fixture.upload(bytes)
            #expect(stored.status == 201 && stored["file"]?["import"] == report, "\(stored)")
            #expect(await fixture.level("uploads") == [1, 0])
            #expect(await fixture.upload(bytes, path: "instant-upload?preview=maybe").status == 422)
            #expect(await fixture.upload(bytes, to: "nowhere", path: "instant-upload?preview=true").status == 404)
            // A preview needs a unit that is left.
            for number in 2...5 { _ = await fixture.upload(Samples.hourly(20), "\(number).csv") }
            let refused = await fixture.upload(bytes, path: "instant-upload?preview=true")
            #expect(refused.status == 403 && refused.code == "quota-exceeded", "\(refused)")
        }
    }

    // MARK: Names of settings

    @Test(arguments: Engine.available)
    func `the page's own names of settings are read, and unknown ones are refused`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let record: [String: JSONValue] = [
                "zeithorizont_start": "-3", "zeithorizont_end": -1, "mittelwertbildung_uber_den_zeithorizont": "ja",
                "skalierung": "ja", "skalierung_min": "", "skalierung_max": "2,5", "datenpunkte": "24",
            ]
            let comma = await fixture.upload(Samples.hourly(30), settings: record)
            #expect(comma.status == 422 && comma.pointers == ["/metadata/skalierung_max"], "\(comma)")
            let read = await fixture.upload(
                Samples.hourly(30), "a.csv", settings: record.merging(["skalierung_max": "2.5"]) { $1 })
            #expect(read.status == 201, "\(read)")
            let settings = read["file"]?["settings"]
            #expect(settings?["zeithorizontStart"]?.number == -3 && settings?["zeithorizontEnd"]?.number == -1)
            #expect(settings?["mittelwertbildungUberDenZeithorizont"]?.string == "ja")
            #expect(settings?["skalierungMax"]?.number == 2.5 && settings?["skalierungMin"]?.number == nil)
            let forms = await fixture.upload(
                Samples.hourly(30), "b.csv", settings: ["mittelwertbildungÜberDenZeithorizont": "ja"])
            #expect(forms["file"]?["settings"]?["mittelwertbildungUberDenZeithorizont"]?.string == "ja", "\(forms)")
            for (change, pointer) in [
                (["zeithorizont_anfang": 1], "/metadata/zeithorizont_anfang"),
                (
                    ["mittelwertbildung_uber_den_zeithorizont": "vielleicht"],
                    "/metadata/mittelwertbildung_uber_den_zeithorizont"
                ),
                (["zeithorizont_start": 2, "zeithorizont_end": 1], "/metadata/zeithorizont_end"),
                (["zeithorizont_start": 2], "/metadata/zeithorizont_start"),
                (["skalierung_min": 3], "/metadata/skalierung_min"),
                (["zeithorizont_start": -2, "zeithorizontStart": -4], "/metadata/zeithorizont_start"),
                (["additionalData": ["x": 1]], "/metadata/additionalData/x"),
                (
                    ["additionalData": ["fileMetadata": ["colour": "blue"]]],
                    "/metadata/additionalData/fileMetadata/colour"
                ),
            ] as [([String: JSONValue], String)] {
                let refused = await fixture.upload(Samples.hourly(30), "c.csv", settings: change)
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(change) \(refused)")
            }
            #expect(await fixture.level("uploads") == [2, 0])
            #expect(fixture.filesOnDisk().count == 4)
        }
    }
}
