import Identity
import Modules

/// What an export is about.
struct UsageSelection: Sendable {
    let organisation: ID<Organisation>
    let meter: String?
    let from: Instant
    /// The first moment that is not part of it.
    let to: Instant

    /// How long a stretch of time may be exported at once.
    static let spanMax: Duration = .days(400)
    static let spanUsual: Duration = .days(35)
}

/// How far an export has come.
struct ExportPlace: Sendable {
    let occurredAt: Instant
    let key: String
}

/// A line of an export.
struct ExportedUsage: Sendable {
    let place: ExportPlace
    let fields: [CSV.Field]

    static let head = CSV.line(
        ["occurred_at", "meter", "amount", "kind", "period_start", "adjusts_period_start", "id", "source", "subject"]
            .map { .text($0) })

    init(row: Row) throws {
        let adjusts: Instant? = try row["adjusts_start"]
        let key: String = try row["operation_key"]
        place = ExportPlace(occurredAt: try row["occurred_at"], key: key)
        let kind = try row.read("is_overrun", as: Bool.self) ? "overrun" : adjusts == nil ? "usage" : "adjustment"
        fields = [
            .text(place.occurredAt.description), .text(try row["meter"]), .number(try row["amount"]), .text(kind),
            .text(try row.read("period_start", as: Instant.self).description), .text(adjusts?.description ?? ""),
            .text(try row.read("event_id", as: String?.self) ?? key),
            .text(try row.read("source", as: String?.self) ?? ""),
            .text(try row.read("subject", as: String?.self) ?? ""),
        ]
    }
}

extension UsageService {
    /// How many lines are in memory at once.
    static let linesMax = 500

    /// Everything that was counted in a stretch of time, as CSV (RFC 4180). A page is read when the client has taken the one before.
    /// - Throws: `validation-failed` for an unknown meter, or a range that is empty or too long.
    func export(meter name: String?, from: Instant?, to: Instant?, scope: Scope) async throws(Problem) -> StreamedText {
        if let name, meter(named: name) == nil { throw Problem.invalid("/query/meter", "is no known meter") }
        let now = try await database.read { $0.now }
        // What was reported by a clock that is ahead is part of it.
        let end = to ?? now + Self.skewMax + .microseconds(1)
        let selection = UsageSelection(
            organisation: scope.organisation, meter: name, from: from ?? end - UsageSelection.spanUsual, to: end)
        guard selection.from < end else { throw Problem.invalid("/query/to", "must be later than from") }
        guard end - selection.from <= UsageSelection.spanMax else {
            throw Problem.invalid(
                "/query/from",
                "is more than \(UsageSelection.spanMax.microseconds / Duration.days(1).microseconds) days before to")
        }
        return StreamedText("usage.csv", mediaType: "text/csv; charset=utf-8; header=present") { [database] in
            // No key is empty: everything of the first moment comes behind this place.
            var place: ExportPlace? = ExportPlace(occurredAt: selection.from, key: "")
            var text = ExportedUsage.head
            return {
                guard let reached = place else { return nil }
                let page = try await database.read {
                    try $0.exportedUsage(selection, after: reached, limit: Self.linesMax)
                }
                place = page.count < Self.linesMax ? nil : page.last?.place
                for line in page { text += CSV.line(line.fields) }
                defer { text = "" }
                return text
            }
        }
    }
}

/// Comma-separated values (RFC 4180) that a spreadsheet takes for nothing else.
enum CSV {
    enum Field: Sendable {
        case text(String)
        case number(Int64)
    }

    static func line(_ fields: [Field]) -> String { fields.map(written).joined(separator: ",") + "\r\n" }

    private static func written(_ field: Field) -> String {
        switch field {
        case .number(let number): "\(number)"
        case .text(let text):
            isFormula(text)
                ? quoted("'" + text)
                : text.unicodeScalars.contains { "\",\r\n".unicodeScalars.contains($0) } ? quoted(text) : text
        }
    }

    /// Whether a spreadsheet would compute the text: also in the wide forms of the signs, and behind white space, which some take away.
    private static func isFormula(_ text: String) -> Bool {
        if let first = text.unicodeScalars.first, "\t\r\n".unicodeScalars.contains(first) { return true }
        return text.unicodeScalars.first { !$0.properties.isWhitespace }.map { "=+-@＝＋－＠".unicodeScalars.contains($0) }
            ?? false
    }

    private static func quoted(_ text: String) -> String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }
}
