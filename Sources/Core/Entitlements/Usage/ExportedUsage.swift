import Identity
import Modules

/// What an export contains.
struct UsageSelection: Sendable {
    let organisation: ID<Organisation>
    let meter: String?
    let from: Instant
    /// Exclusive.
    let to: Instant

    /// The longest time range of one export.
    static let spanMax: Duration = .days(400)
    static let spanDefault: Duration = .days(35)
}

/// The last entry of a page of an export.
struct ExportPosition: Sendable {
    let occurredAt: Instant
    let key: String
}

/// A line of an export.
struct ExportedUsage: Sendable {
    let position: ExportPosition
    let fields: [CSV.Field]

    /// Begins the operation keys of corrections.
    static let correctionPrefix = "correction/"

    static let header = CSV.line(
        ["occurred_at", "meter", "amount", "kind", "period_start", "adjusts_period_start", "id", "source", "subject"]
            .map { .text($0) })

    init(row: Row) throws {
        let adjusts: Instant? = try row["adjusts_start"]
        let key: String = try row["operation_key"]
        position = ExportPosition(occurredAt: try row["occurred_at"], key: key)
        let isOverrun: Bool = try row["is_overrun"]
        let kind =
            key.hasPrefix(Self.correctionPrefix)
            ? "correction" : isOverrun ? "overrun" : adjusts == nil ? "usage" : "adjustment"
        fields = [
            .text(position.occurredAt.description), .text(try row["meter"]), .number(try row["amount"]), .text(kind),
            .text(try row.read("period_start", as: Instant.self).description), .text(adjusts?.description ?? ""),
            .text(try row.read("event_id", as: String?.self) ?? key),
            .text(try row.read("source", as: String?.self) ?? ""),
            .text(try row.read("subject", as: String?.self) ?? ""),
        ]
    }
}
