import Modules

/// A kind of form that visitors send without an account.
enum SubmissionKind: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
    case contactSubmissions = "contact-submissions"
    case dfyLeads = "dfy-leads"
    case waitlistSubscribers = "waitlist-subscribers"
    case demoRequests = "demo-requests"

    /// The limit of all visitors together, a day.
    static let dailyMax: Int64 = 2_000
    /// Deleted after a year.
    static let retention = Duration.days(365)

    var words: String { rawValue.replacing("-", with: " ") }
}
