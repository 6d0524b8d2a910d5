import Foundation

/// The calendar columns of the inputs: the elapsed fraction of the year, month, week and day, as sine and cosine, and
/// holidays.
package struct TimeFeatures: Codable, Sendable, Equatable {
    /// A calendar component.
    package enum Component: String, Codable, Sendable, CaseIterable {
        case year, month, week, day, holiday

        /// The names of the component's columns.
        var columns: [String] { self == .holiday ? ["holiday"] : ["\(rawValue) sin", "\(rawValue) cos"] }
    }

    /// The times of a feature's values.
    package enum Form: String, Codable, Sendable, CaseIterable {
        /// A value for each input step, over the feature's own horizon ("Zeithorizont").
        case horizon
        /// One value at the reference time, repeated for each step ("Aktuelle Zeit").
        case current
    }

    /// A component and its settings.
    package struct Feature: Codable, Sendable, Equatable {
        /// The component; unique among the features.
        package var component: Component
        /// The times of the values.
        package var form: Form
        /// The horizon of the form `horizon`.
        package var horizon: DatasetRecipe.Horizon
        /// Whether local time and the actual lengths of months and years are used, instead of seconds since 1970 and
        /// mean lengths. Holidays are always local days.
        package var isLocal: Bool
        /// Nil: the values are not scaled.
        package var scaling: DatasetRecipe.Scaling?

        /// By default over the hour before the reference time, in UTC and not scaled.
        package init(
            _ component: Component,
            form: Form = .horizon,
            horizon: DatasetRecipe.Horizon = .init(-1, 0),
            isLocal: Bool = false,
            scaling: DatasetRecipe.Scaling? = nil
        ) {
            self.component = component
            self.form = form
            self.horizon = horizon
            self.isLocal = isLocal
            self.scaling = scaling
        }
    }

    /// The features, in the order of their columns.
    package var features: [Feature]
    /// The IANA time zone of local time.
    package var timeZone: String
    /// The country of the holidays.
    package var country: Holidays.Country

    /// By default no features, with the time zone of Vienna and the holidays of Austria.
    package init(_ features: [Feature] = [], timeZone: String = "Europe/Vienna", country: Holidays.Country = .austria) {
        self.features = features
        self.timeZone = timeZone
        self.country = country
    }

    /// The names of all columns, in order.
    package var columns: [String] { features.flatMap(\.component.columns) }
}

extension DatasetRecipe.Horizon {
    /// N equally spaced offsets from start to end, in microseconds from the reference time.
    ///
    /// A single step is at the end: the latest value of an input, and the full distance of an output.
    func stamps(_ count: Int) -> [Int64] {
        let start = startHours * Double(CivilTime.microsecondsPerHour)
        let end = endHours * Double(CivilTime.microsecondsPerHour)
        guard count > 1 else { return [Int64(end.rounded())] }
        return (0..<count).map { Int64((start + (end - start) * Double($0) / Double(count - 1)).rounded()) }
    }
}
