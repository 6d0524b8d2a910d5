import Forecasting
import Foundation
import Testing

struct HolidayTests {
    private func days(_ year: Int, _ country: Holidays.Country) -> [String] {
        Holidays.days(of: year, in: country).map {
            Date(timeIntervalSince1970: Double($0) * 86_400).formatted(.iso8601.month().day())
        }
    }

    @Test func `Austria has thirteen holidays`() {
        #expect(
            days(2024, .austria) == [
                "01-01", "01-06", "04-01", "05-01", "05-09", "05-20", "05-30", "08-15", "10-26", "11-01", "12-08",
                "12-25", "12-26",
            ]
        )
    }

    @Test func `Germany has nine nationwide holidays, and ten in 2017`() {
        #expect(
            days(2025, .germany) == ["01-01", "04-18", "04-21", "05-01", "05-29", "06-09", "10-03", "12-25", "12-26"])
        #expect(days(2017, .germany).contains("10-31") && !days(2018, .germany).contains("10-31"))
        #expect(!days(1989, .germany).contains("10-03"))
    }

    @Test func `Switzerland has four nationwide holidays`() {
        #expect(days(2024, .switzerland) == ["01-01", "05-09", "08-01", "12-25"])
    }

    @Test(arguments: [
        (1818, "03-22"), (1943, "04-25"), (2000, "04-23"), (2010, "04-04"), (2019, "04-21"), (2038, "04-25"),
        (2100, "03-28"),
    ])
    func `Easter Monday follows Easter Sunday in any year`(year: Int, sunday: String) throws {
        let easter = try Date("\(year)-\(sunday)T00:00:00Z", strategy: .iso8601).timeIntervalSince1970 / 86_400
        #expect(Holidays.days(of: year, in: .austria).contains(Int(easter) + 1))
    }

    @Test func `two holidays on the same day count once`() {
        // In 2008 Ascension was on the first of May.
        #expect(Holidays.days(of: 2008, in: .austria).count == 12)
    }
}

struct TimeFeaturesTests {
    let fixture: ForecastingFixture

    init() throws { fixture = try ForecastingFixture() }

    /// The values of one feature at a time, one column after the other, from a generated dataset.
    private func values(
        _ feature: TimeFeatures.Feature, at text: String, steps: Int = 1, zone: String = "Europe/Vienna"
    ) throws -> [[Double]] {
        let time = try minutes(text)
        let series = try fixture.series("s", [(time - 600, 1), (time + 600, 1)])
        var recipe = plainRecipe(series, input: .init(0, 0), output: .init(0, 0), steps: steps)
        recipe.steps.stepMinutes = 10_000
        recipe.steps.offsetMinutes = 660 + time.truncatingRemainder(dividingBy: 60)
        recipe.timeFeatures = TimeFeatures([feature], timeZone: zone)
        let dataset = try fixture.datasets(recipe)
        #expect(dataset.manifest.count == 1 && Double(dataset.reference(0)) / 60e6 == time)
        let columns = dataset.manifest.inputColumns.count
        let row = dataset.inputs(0)
        return (1..<columns).map { column in (0..<steps).map { row[$0 * columns + column] } }
    }

    private func expect(_ values: [[Double]], turns: Double, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            abs(values[0][0] - sin(2 * .pi * turns)) < 1e-8 && abs(values[1][0] - cos(2 * .pi * turns)) < 1e-8,
            sourceLocation: sourceLocation)
    }

    @Test func `in UTC the fraction is of seconds since 1970 and mean periods`() throws {
        let seconds = try minutes("2010-07-15T09:30:00Z") * 60
        expect(try values(.init(.year), at: "2010-07-15T09:30:00Z"), turns: seconds / 31_557_600)
        expect(try values(.init(.month), at: "2010-07-15T09:30:00Z"), turns: seconds / 2_629_800)
        expect(try values(.init(.week), at: "2010-07-15T09:30:00Z"), turns: seconds / 604_800)
        expect(try values(.init(.day), at: "2010-07-15T09:30:00Z"), turns: 9.5 / 24)
    }

    @Test func `in local time the fraction is of the local clock and actual periods`() throws {
        // 11:30 on a Thursday, the 15th of a month of 31 days, the 196th day of the year.
        expect(try values(.init(.day, isLocal: true), at: "2010-07-15T09:30:00Z"), turns: 11.5 / 24)
        expect(try values(.init(.week, isLocal: true), at: "2010-07-15T09:30:00Z"), turns: (3 + 11.5 / 24) / 7)
        expect(try values(.init(.month, isLocal: true), at: "2010-07-15T09:30:00Z"), turns: (14 + 11.5 / 24) / 31)
        expect(try values(.init(.year, isLocal: true), at: "2010-07-15T09:30:00Z"), turns: (195 + 11.5 / 24) / 365)
    }

    @Test func `a leap year has one more day`() throws {
        expect(try values(.init(.year, isLocal: true), at: "2012-12-31T11:00:00Z"), turns: 365.5 / 366)
        expect(try values(.init(.month, isLocal: true), at: "2012-02-29T11:00:00Z"), turns: 28.5 / 29)
    }

    @Test func `a week with a clock change has an hour less or more`() throws {
        expect(try values(.init(.day, isLocal: true), at: "2010-03-28T00:59:00Z"), turns: (1 + 59.0 / 60) / 24)
        expect(try values(.init(.day, isLocal: true), at: "2010-03-28T01:00:00Z"), turns: 3.0 / 24)
        expect(try values(.init(.day, isLocal: true), at: "2010-10-31T00:59:00Z"), turns: (2 + 59.0 / 60) / 24)
        expect(try values(.init(.day, isLocal: true), at: "2010-10-31T01:00:00Z"), turns: 2.0 / 24)
    }

    @Test func `a time zone may be in another day`() throws {
        expect(
            try values(.init(.day, isLocal: true), at: "2010-01-01T00:00:00Z", zone: "Asia/Kathmandu"), turns: 5.75 / 24
        )
        expect(
            try values(.init(.week, isLocal: true), at: "2010-01-04T02:00:00Z", zone: "America/New_York"),
            turns: (6 + 21.0 / 24) / 7)
    }

    @Test func `holidays are local days`() throws {
        let feature = TimeFeatures.Feature(.holiday, form: .current)
        #expect(try values(feature, at: "2010-12-24T22:59:00Z") == [[0]])
        #expect(try values(feature, at: "2010-12-24T23:00:00Z") == [[1]])
        #expect(try values(feature, at: "2010-12-26T22:59:00Z") == [[1]])
        #expect(try values(feature, at: "2010-12-26T23:00:00Z") == [[0]])
    }

    @Test func `a horizon has a value for each step, the current time one for all steps`() throws {
        let hours = TimeFeatures.Feature(.day, form: .horizon, horizon: .init(-6, 6))
        let horizon = try values(hours, at: "2010-01-01T12:00:00Z", steps: 3)
        for (value, expected) in zip(horizon[0] + horizon[1], [1.0, 0, -1, 0, -1, 0]) {
            #expect(abs(value - expected) < 1e-8)
        }
        let current = try values(.init(.day, form: .current), at: "2010-01-01T06:00:00Z", steps: 3)
        for value in current[0] { #expect(abs(value - 1) < 1e-8) }
        #expect(Set(current[0]).count == 1 && Set(current[1]).count == 1)
    }

    @Test func `columns are named in order`() {
        #expect(
            TimeFeatures([.init(.day), .init(.holiday), .init(.year)]).columns == [
                "day sin", "day cos", "holiday", "year sin", "year cos",
            ])
    }

    @Test func `the time of day at daily steps is one number to the last bit`() throws {
        // From 2010 on, where seconds since 1970 as multiples of a turn lose digits.
        let start = try minutes("2010-01-01T06:00:00Z")
        let series = try fixture.series("days", (0..<400).map { (start + Double($0) * 1440, Double($0)) })
        var recipe = plainRecipe(series, input: .init(0, 0), output: .init(0, 0), steps: 1)
        recipe.steps.stepMinutes = 1440
        recipe.steps.offsetMinutes = 60
        recipe.timeFeatures = TimeFeatures([.init(.day, scaling: .init())])
        let dataset = try fixture.datasets(recipe)
        let columns = dataset.manifest.inputScaler.columns.dropFirst()
        #expect(dataset.manifest.count == 400 && columns.count == 2)
        #expect(columns.allSatisfy { $0.dataMinimum == $0.dataMaximum })
    }
}
