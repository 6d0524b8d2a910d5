import Forecasting
import Modules

/// The settings of a file; the German member names are part of the API.
struct SeriesSettings: Payload, Hashable {
    var kind: SeriesFile.Kind?
    var label: String?
    /// In hours from the reference time.
    var horizonStart: Double?
    var horizonEnd: Double?
    var averaging: YesNo?
    var scaling: YesNo?
    var scalingMinimum: Double?
    var scalingMaximum: Double?
    /// The names of the columns with the time and the value; detected by the import where nil.
    var timeColumn: String?
    var valueColumn: String?
    /// The time zone of timestamps without an offset; UTC where nil.
    var timeZone: String?
    /// The decimal mark of the values; detected by the import where nil.
    var decimalMark: DecimalMark?
    /// The order of day and month in dates such as 03/04/2024; detected by the import where nil.
    var dateOrder: DateOrder?
    /// Whether more than 5 % of the rows may have a text instead of a time or a number.
    var skipUnreadable: Bool?

    enum CodingKeys: String, CodingKey, CaseIterable, Sendable {
        case kind = "type"
        case label = "bezeichnung"
        case horizonStart = "zeithorizontStart"
        case horizonEnd = "zeithorizontEnd"
        case averaging = "mittelwertbildungUberDenZeithorizont"
        case scaling = "skalierung"
        case scalingMinimum = "skalierungMin"
        case scalingMaximum = "skalierungMax"
        case timeColumn, valueColumn
        case timeZone = "zeitzone"
        case decimalMark, dateOrder, skipUnreadable
    }

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = [
        "bezeichnung": .length(1...255), "zeithorizontStart": .numbers(-87_660...87_660),
        "zeithorizontEnd": .numbers(-87_660...87_660),
        "timeColumn": .length(1...255), "valueColumn": .length(1...255), "zeitzone": .length(1...64),
    ]

    /// The horizon of a file without one, in hours.
    static func defaultHorizon(_ kind: SeriesFile.Kind) -> (start: Double, end: Double) {
        kind == .input ? (-1, 0) : (0, 1)
    }

    /// The settings of `other`, and those of `self` where `other` has nil.
    func changed(by other: SeriesSettings) -> SeriesSettings {
        SeriesSettings(
            kind: other.kind ?? kind,
            label: other.label ?? label,
            horizonStart: other.horizonStart ?? horizonStart,
            horizonEnd: other.horizonEnd ?? horizonEnd,
            averaging: other.averaging ?? averaging,
            scaling: other.scaling ?? scaling,
            scalingMinimum: other.scalingMinimum ?? scalingMinimum,
            scalingMaximum: other.scalingMaximum ?? scalingMaximum,
            timeColumn: other.timeColumn ?? timeColumn,
            valueColumn: other.valueColumn ?? valueColumn,
            timeZone: other.timeZone ?? timeZone,
            decimalMark: other.decimalMark ?? decimalMark,
            dateOrder: other.dateOrder ?? dateOrder,
            skipUnreadable: other.skipUnreadable ?? skipUnreadable
        )
    }

    /// Whether both read the same series from the same file.
    func importsAs(_ other: SeriesSettings) -> Bool { importSettings.map(\.text) == other.importSettings.map(\.text) }

    /// Settings of the import cannot change after it.
    /// - Parameter pointer: as in ``check(kind:at:)``.
    /// - Throws: `validation-failed` where settings of the import differ from those that the file was imported with.
    func checkSameImport(as imported: SeriesSettings, at pointer: (CodingKeys) -> String) throws(Problem) {
        for (wanted, present) in zip(importSettings, imported.importSettings) where wanted != present {
            throw Problem.invalid(
                pointer(wanted.key), "cannot be changed after the upload: delete the file and upload it again")
        }
    }

    private var importSettings: [(key: CodingKeys, text: String?)] {
        [
            (.timeColumn, timeColumn), (.valueColumn, valueColumn), (.timeZone, timeZone),
            (.decimalMark, decimalMark?.rawValue), (.dateOrder, dateOrder?.rawValue),
            (.skipUnreadable, skipUnreadable.map { $0 ? "true" : "false" }),
        ]
    }

    /// Compares bounds, a missing one with its default.
    /// - Parameters:
    ///   - kind: the kind of the file where the settings have none.
    ///   - pointer: the JSON pointer of a member by its name in `CodingKeys`.
    /// - Throws: `validation-failed` where two settings contradict each other.
    func check(kind fallback: SeriesFile.Kind, at pointer: (CodingKeys) -> String = { "/\($0.rawValue)" })
        throws(Problem)
    {
        let horizon = Self.defaultHorizon(kind ?? fallback)
        if let horizonEnd, horizonStart ?? horizon.start > horizonEnd {
            throw Problem.invalid(pointer(.horizonEnd), "must not lie before zeithorizontStart")
        }
        if let horizonStart, horizonEnd == nil, horizonStart > horizon.end {
            throw Problem.invalid(
                pointer(.horizonStart), "must not lie after zeithorizontEnd, which is \(horizon.end) unless it is sent")
        }
        if let scalingMaximum, scalingMinimum ?? 0 >= scalingMaximum {
            throw Problem.invalid(pointer(.scalingMaximum), "must be larger than skalierungMin")
        }
        if let scalingMinimum, scalingMaximum == nil, scalingMinimum >= 1 {
            throw Problem.invalid(
                pointer(.scalingMinimum), "must be smaller than skalierungMax, which is 1 unless it is sent")
        }
    }
}
