import Base

/// The formats of strings that are validated; others are only documented.
enum StringFormat {
    /// - Returns: the reason why `text` is invalid, or nil.
    static func fault(of text: String, _ format: String) -> String? {
        switch format {
        case "uuid": UUIDText.isCanonical(text) ? nil : "must be a UUID"
        case "date-time": Instant(text) == nil ? "must be an ISO 8601 time in UTC, such as 2026-03-01T09:30:00Z" : nil
        default: nil
        }
    }
}
