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

    enum CodingKeys: String, CodingKey {
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
    }

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = [
        "bezeichnung": .length(1...255), "zeithorizontStart": .numbers(-87_660...87_660),
        "zeithorizontEnd": .numbers(-87_660...87_660),
        "timeColumn": .length(1...255), "valueColumn": .length(1...255), "zeitzone": .length(1...64),
    ]

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
            timeZone: other.timeZone ?? timeZone
        )
    }

    /// Settings of the import cannot change after it.
    /// - Throws: `validation-failed` where settings of the import differ from those that the file was imported with.
    func checkSameImport(as imported: SeriesSettings) throws(Problem) {
        let pairs = [
            ("timeColumn", timeColumn, imported.timeColumn), ("valueColumn", valueColumn, imported.valueColumn),
            ("zeitzone", timeZone, imported.timeZone),
        ]
        for (name, wanted, present) in pairs where wanted != present {
            throw Problem.invalid("/\(name)", "cannot be changed after the upload: delete the file and upload it again")
        }
    }

    /// - Throws: `validation-failed` where two settings contradict each other.
    func check() throws(Problem) {
        if let start = horizonStart, let end = horizonEnd, start > end {
            throw Problem.invalid("/zeithorizontEnd", "must not lie before zeithorizontStart")
        }
        if let low = scalingMinimum, let high = scalingMaximum, low >= high {
            throw Problem.invalid("/skalierungMax", "must be larger than skalierungMin")
        }
    }
}
