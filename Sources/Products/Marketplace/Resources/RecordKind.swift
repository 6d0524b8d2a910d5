import Modules

/// A kind of free-form records: their form is the client's. They belong to one organisation, and no other reads them.
enum RecordKind: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
    case plans, conversations
    case conversationParticipants = "conversation-participants"
    case messages, bookings, favorites, reminders
    case eventChecklists = "event-checklists"
    case marketingCampaigns = "marketing-campaigns"
    case insurancePolicies = "insurance-policies"
    case organizations

    /// Such as `event checklists`.
    var words: String { rawValue.replacing("-", with: " ") }
}
