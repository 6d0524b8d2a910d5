import Forecasting
import Foundation
import Modules

/// The time features of a session's datasets; the German member names are part of the API.
struct TimeInfo: Payload, Hashable {
    struct Category: Payload, Hashable {
        /// Whether the feature is computed in local time.
        var usesLocalTime: Bool?
        var form: Form?
        /// In hours from the reference time.
        var horizonStart: Double?
        var horizonEnd: Double?
        var scaling: YesNo?
        var scalingMinimum: Double?
        var scalingMaximum: Double?
        /// AT, DE or CH: the country whose public holidays count.
        var country: String?

        enum CodingKeys: String, CodingKey {
            case usesLocalTime = "detaillierteBerechnung"
            case form = "datenform"
            case horizonStart = "zeithorizontStart"
            case horizonEnd = "zeithorizontEnd"
            case scaling = "skalierung"
            case scalingMinimum = "skalierungMin"
            case scalingMaximum = "skalierungMax"
            case country = "land"
        }

        static let naming = Naming.asDeclared
        static let rules: [String: Rule] = [
            "land": .oneOf(["AT", "DE", "CH"]), "zeithorizontStart": .numbers(-87_660...87_660),
            "zeithorizontEnd": .numbers(-87_660...87_660),
        ]
    }

    enum Form: String, Codable, Sendable, CaseIterable {
        case horizon = "Zeithorizont"
        case present = "Aktuelle Zeit"
    }

    var year: Bool?
    var month: Bool?
    var week: Bool?
    var day: Bool?
    var holiday: Bool?
    var timeZone: String?
    var categories: [String: Category]?

    enum CodingKeys: String, CodingKey {
        case year = "jahr"
        case month = "monat"
        case week = "woche"
        case day = "tag"
        case holiday = "feiertag"
        case timeZone = "zeitzone"
        case categories = "category_data"
    }

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["zeitzone": .length(1...64)]

    /// Compares bounds, a missing one with its default.
    /// - Throws: `validation-failed` with pointers below `/timeInfo`.
    func check() throws(Problem) {
        if let timeZone, TimeZone(identifier: timeZone) == nil {
            throw Problem.invalid("/timeInfo/zeitzone", "is not a time zone; use a name such as Europe/Vienna")
        }
        for (name, category) in (categories ?? [:]).sorted(by: { $0.key < $1.key }) {
            let pointer = "/timeInfo/category_data/\(name)"
            guard Self.names.contains(name) else {
                throw Problem.invalid(pointer, "must be one of \(Self.names.joined(separator: ", "))")
            }
            if category.horizonStart ?? -1 > category.horizonEnd ?? 0 {
                throw Problem.invalid(
                    pointer + (category.horizonEnd == nil ? "/zeithorizontStart" : "/zeithorizontEnd"),
                    "the horizon must not end (0 unless it is sent) before it starts (-1 unless it is sent)")
            }
            if category.scalingMinimum ?? 0 >= category.scalingMaximum ?? 1 {
                throw Problem.invalid(
                    pointer + (category.scalingMaximum == nil ? "/skalierungMin" : "/skalierungMax"),
                    "skalierungMax (1 unless it is sent) must be larger than skalierungMin (0 unless it is sent)")
            }
        }
    }

    private static let names = ["jahr", "monat", "woche", "tag", "feiertag"]

    /// The time features of a dataset recipe.
    var features: TimeFeatures {
        let chosen: [(Bool?, String, TimeFeatures.Component)] = [
            (year, "jahr", .year), (month, "monat", .month), (week, "woche", .week), (day, "tag", .day),
            (holiday, "feiertag", .holiday),
        ]
        let features = chosen.filter { $0.0 == true }.map { _, name, component in
            let category = categories?[name] ?? Category()
            return TimeFeatures.Feature(
                component,
                form: category.form == .present ? .current : .horizon,
                horizon: DatasetRecipe.Horizon(category.horizonStart ?? -1, category.horizonEnd ?? 0),
                isLocal: category.usesLocalTime ?? false,
                scaling: category.scaling == .no
                    ? nil : DatasetRecipe.Scaling(category.scalingMinimum ?? 0, category.scalingMaximum ?? 1)
            )
        }
        let country = categories?["feiertag"]?.country.flatMap(Holidays.Country.init) ?? .austria
        return TimeFeatures(features, timeZone: timeZone ?? "Europe/Vienna", country: country)
    }
}
