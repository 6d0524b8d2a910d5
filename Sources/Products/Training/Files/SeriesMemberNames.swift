import Modules

/// The names under which clients send the members of a file's record. The page has two spellings of its own, that of
/// its forms and that of its tables.
enum SeriesMemberNames {
    /// The setting that a name stands for; nil for other names.
    static func setting(_ name: String) -> SeriesSettings.CodingKeys? {
        SeriesSettings.CodingKeys(rawValue: name) ?? spellings[name]
    }

    /// Every name of a member of a record, in alphabetical order.
    static let all = Set(SeriesSettings.CodingKeys.allCases.map(\.rawValue)).union(spellings.keys).union(computed)
        .sorted()

    static func isNumber(_ key: SeriesSettings.CodingKeys) -> Bool {
        [.horizonStart, .horizonEnd, .scalingMinimum, .scalingMaximum].contains(key)
    }

    private static let spellings: [String: SeriesSettings.CodingKeys] = [
        "zeithorizont_start": .horizonStart, "zeithorizont_end": .horizonEnd,
        "mittelwertbildungÜberDenZeithorizont": .averaging, "mittelwertbildung_uber_den_zeithorizont": .averaging,
        "skalierung_min": .scalingMinimum, "skalierung_max": .scalingMaximum, "time_column": .timeColumn,
        "value_column": .valueColumn, "decimal_mark": .decimalMark, "date_order": .dateOrder,
        "skip_unreadable": .skipUnreadable,
    ]

    /// Members of a record that the server computes from the file or the settings. What clients send is not read.
    static let computed: Set<String> = [
        "id", "fileName", "file_name", "utcMin", "utc_min", "utcMax", "utc_max", "min", "max", "offset", "offsett",
        "datenpunkte",
        "numerischeDatenpunkte", "numerische_datenpunkte", "numerischerAnteil", "numerischer_anteil", "datenform",
        "datenanpassung", "zeitschrittweite", "zeitschrittweiteMean", "zeitschrittweite_mean", "zeitschrittweiteMin",
        "zeitschrittweite_min", "zeitschrittweiteMittelwert", "zeitschrittweite_mittelwert",
        "zeitschrittweiteMinValue",
        "zeitschrittweiteAvgValue", "zeitschrittweiteTransferiertenDaten", "zeitschrittweite_transferierten_daten",
        "offsetTransferiertenDaten", "offset_transferierten_daten", "storagePath", "storage_path", "createdAt",
        "created_at", "updatedAt", "updated_at", "sessionId", "session_id",
    ]

    /// Members that describe the transfer. The parts of the form tell the same.
    static let ofTransport: Set<String> = [
        "fileSize", "fileType", "mimeType", "lastModified", "chunkSize", "uploadId",
    ]
}
