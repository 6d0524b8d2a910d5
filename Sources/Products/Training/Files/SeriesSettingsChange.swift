import Modules

/// The body of a change of a file's settings: its members under every name that an upload reads.
struct SeriesSettingsChange: Payload, SchemaProviding {
    let members: [String: JSONValue]

    static let naming = Naming.asDeclared
    static let sample = SeriesSettingsChange(members: [:])

    /// Every name that is read, and those of members that the server computes. ``NamedSettings`` checks the values.
    static let schema = Schema.object(
        Schema.Object(
            properties: SeriesMemberNames.all.map { Schema.Object.Property(name: $0, schema: .any, isRequired: false) })
    )

    init(members: [String: JSONValue]) { self.members = members }
    init(from decoder: any Decoder) throws {
        members = try decoder.singleValueContainer().decode([String: JSONValue].self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(members)
    }

    /// - Throws: `validation-failed` with the faults of all members.
    func settings() throws(Problem) -> NamedSettings {
        var faults: [Problem.Fault] = []
        let named = NamedSettings(members, at: "", &faults)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return named
    }
}
