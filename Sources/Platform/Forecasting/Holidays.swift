/// The nationwide public holidays of a country, computed for any year from fixed dates and from Easter.
///
/// Regional holidays are left out: a series does not say in which region it was measured.
package struct Holidays: Sendable {
    /// The supported countries, by ISO 3166 code.
    package enum Country: String, Codable, Sendable, CaseIterable {
        case austria = "AT"
        case germany = "DE"
        case switzerland = "CH"
    }

    private let country: Country
    /// A direct-mapped cache by year.
    private var cache: [(year: Int, days: [Int])]

    /// The holidays of one country.
    package init(_ country: Country) {
        self.country = country
        cache = Array(repeating: (Int.min, []), count: 16)
    }

    /// Whether a day, in days since 1970-01-01, is a holiday.
    package mutating func contains(day: Int) -> Bool {
        let year = CivilTime.date(days: day).year
        let slot = year & 15
        if cache[slot].year != year { cache[slot] = (year, Self.days(of: year, in: country)) }
        return cache[slot].days.contains(day)
    }

    /// The holidays of a year in days since 1970-01-01, ascending.
    package static func days(of year: Int, in country: Country) -> [Int] {
        let easter = easterSunday(of: year)
        func on(_ month: Int, _ day: Int) -> Int { CivilTime.days(year: year, month: month, day: day) }
        var days: [Int]
        switch country {
        case .austria:
            days = [
                on(1, 1), on(1, 6), easter + 1, on(5, 1), easter + 39, easter + 50, easter + 60,
                on(8, 15), on(10, 26), on(11, 1), on(12, 8), on(12, 25), on(12, 26),
            ]
        case .germany:
            days = [on(1, 1), easter - 2, easter + 1, on(5, 1), easter + 39, easter + 50, on(12, 25), on(12, 26)]
            if year >= 1990 { days.append(on(10, 3)) }
            // The 500th anniversary of the Reformation was a holiday in all of Germany, in 2017 only.
            if year == 2017 { days.append(on(10, 31)) }
        case .switzerland:
            days = [on(1, 1), easter + 39, on(8, 1), on(12, 25)]
        }
        return Set(days).sorted()
    }

    /// Easter Sunday in days since 1970-01-01, by the anonymous Gregorian algorithm (Meeus, Jones, Butcher).
    static func easterSunday(of year: Int) -> Int {
        let a = year % 19
        let b = year / 100
        let c = year % 100
        let d = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30
        let e = (32 + 2 * (b % 4) + 2 * (c / 4) - d - c % 4) % 7
        let f = d + e - 7 * ((a + 11 * d + 22 * e) / 451) + 114
        return CivilTime.days(year: year, month: f / 31, day: f % 31 + 1)
    }
}
