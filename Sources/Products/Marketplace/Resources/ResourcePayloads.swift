import Modules

/// The body that creates a row: the fields that clients set.
struct NewResource<R: Resource>: Payload, SchemaProviding {
    let members: [String: JSONValue]

    init(from decoder: any Decoder) throws {
        members = try decoder.singleValueContainer().decode(JSONValue.self).object ?? [:]
    }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(JSONValue.object(members))
    }
    private init() { members = [:] }

    static var sample: Self { Self() }
    static var schema: Schema {
        .object(
            Schema.Object(
                properties: R.fields.filter(\.isSetByClients).map {
                    .init(
                        name: $0.name, schema: $0.isRequired ? $0.schema : .nullable($0.schema),
                        isRequired: $0.isRequired)
                }))
    }
}

/// The body that changes a row: any of the fields that clients change. Null removes an optional one.
struct ResourceChanges<R: Resource>: Payload, SchemaProviding {
    let members: [String: JSONValue]

    init(from decoder: any Decoder) throws {
        members = try decoder.singleValueContainer().decode(JSONValue.self).object ?? [:]
    }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(JSONValue.object(members))
    }
    private init() { members = [:] }

    static var sample: Self { Self() }
    static var schema: Schema {
        .object(
            Schema.Object(
                properties: R.fields.filter(\.isChangedByClients).map {
                    .init(
                        name: $0.name, schema: $0.isRequired ? $0.schema : .nullable($0.schema), isRequired: false)
                }))
    }
}

/// A row as clients read it.
struct ResourceView<R: Resource>: Codable, Sendable, SchemaProviding {
    let value: JSONValue

    init(_ row: ResourceRow<R>, isOwn: Bool) throws { value = try row.value(isOwn: isOwn) }
    init(from decoder: any Decoder) throws { value = try decoder.singleValueContainer().decode(JSONValue.self) }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
    private init() { value = [:] }

    static var sample: Self { Self() }
    static var schema: Schema {
        func property(_ name: String, _ schema: Schema, isRequired: Bool) -> Schema.Object.Property {
            .init(name: name, schema: schema, isRequired: isRequired)
        }
        let own = [
            property("id", .string(format: "uuid"), isRequired: true), property("is_own", .boolean, isRequired: true),
            property("organisation_id", .string(format: "uuid"), isRequired: false),
            property("user_id", .string(format: "uuid"), isRequired: false),
            property("created_at", Instant.schema, isRequired: true),
            property("updated_at", Instant.schema, isRequired: true),
        ]
        let fields = R.fields.flatMap { field -> [Schema.Object.Property] in
            let one = property(field.name, field.schema, isRequired: false)
            guard case .amount = field.form else { return [one] }
            return [one, property("\(field.name)_minor", .integer(minimum: 0), isRequired: false)]
        }
        // A field replaces what every row has under its name: the user of a collaborator is not who added it.
        let declared = Set(fields.map(\.name))
        return .object(Schema.Object(properties: own.filter { !declared.contains($0.name) } + fields))
    }
}

struct ResourceResult<R: Resource>: Payload {
    var success: Bool
    var data: ResourceView<R>

    init(_ data: ResourceView<R>) {
        success = true
        self.data = data
    }
}

struct ResourceList<R: Resource>: Payload {
    var success: Bool
    var data: [ResourceView<R>]
    /// Of all pages.
    var total: Int64
    var limit: Int
    var offset: Int

    init(_ data: [ResourceView<R>], total: Int64, limit: Int, offset: Int) {
        success = true
        self.data = data
        self.total = total
        self.limit = limit
        self.offset = offset
    }

    var listTotal: Int64? { total }
}

struct ResourceDeleted: Payload {
    var success: Bool
    var deletedId: String

    init(_ id: String) {
        success = true
        deletedId = id
    }
}
