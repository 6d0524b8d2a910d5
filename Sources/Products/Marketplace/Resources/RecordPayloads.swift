import Modules

/// The body of a free-form record: an object of up to 100 members, 16 KiB and 12 levels.
struct RecordBody: Payload, SchemaProviding {
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
    static var schema: Schema { .object(Schema.Object(properties: [], isOpen: true)) }
}

/// A record as clients read it.
struct RecordView: Codable, Sendable, SchemaProviding {
    let value: JSONValue

    init(_ record: MarketplaceRecord) { value = record.value }
    init(from decoder: any Decoder) throws { value = try decoder.singleValueContainer().decode(JSONValue.self) }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
    private init() { value = [:] }

    static var sample: Self { Self() }
    static var schema: Schema {
        let own = ["id", "organisation_id", "user_id"].map {
            Schema.Object.Property(name: $0, schema: .string(format: "uuid"), isRequired: true)
        }
        let times = ["created_at", "updated_at"].map {
            Schema.Object.Property(name: $0, schema: Instant.schema, isRequired: true)
        }
        return .object(Schema.Object(properties: own + times, isOpen: true))
    }
}

struct RecordResult: Payload {
    var success: Bool
    var data: RecordView

    init(_ record: MarketplaceRecord) {
        success = true
        data = RecordView(record)
    }
}

struct RecordList: Payload {
    var success: Bool
    var data: [RecordView]
    /// Of all pages.
    var total: Int64
    var limit: Int
    var offset: Int

    init(_ records: [MarketplaceRecord], total: Int64, limit: Int, offset: Int) {
        success = true
        data = records.map { RecordView($0) }
        self.total = total
        self.limit = limit
        self.offset = offset
    }

    var listTotal: Int64? { total }
}
