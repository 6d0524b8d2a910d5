import Foundation
import Modules

/// A day of the Gregorian calendar, as `YYYY-MM-DD` (RFC 3339). Texts sort as days do.
struct CalendarDate: Hashable, Sendable, SQLBindable, SQLReadable {
    let text: String

    /// - Returns: nil for text of another form, and for a day that does not exist.
    init?(_ text: String) {
        guard Instant("\(text)T00:00:00Z") != nil, text.utf8.count == 10 else { return nil }
        self.text = text
    }

    /// The day of a time, in UTC.
    init(_ instant: Instant) { text = String(instant.description.prefix(10)) }

    var sqlValue: SQL.Value { .text(text) }

    init?(sqlValue: SQL.Value) {
        guard case .text(let text) = sqlValue else { return nil }
        self.text = text
    }

    /// Such as `2026-03`.
    var month: String { String(text.prefix(7)) }
}
