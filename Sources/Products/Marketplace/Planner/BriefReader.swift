import Foundation
import Modules

/// Reads what a sentence says of an event, by fixed rules: numbers of guests, budgets, days and kinds of events.
enum BriefReader {
    private static let kinds = [
        "wedding", "birthday", "conference", "anniversary", "engagement", "graduation", "gala", "workshop", "concert",
        "party",
    ]

    /// The brief with what the sentence adds.
    static func brief(_ brief: DraftBrief, with text: String) -> DraftBrief {
        var brief = brief
        let lower = text.lowercased()
        if brief.eventType?.isEmpty ?? true { brief.eventType = kinds.first { lower.contains($0) } ?? brief.eventType }
        if let match = lower.firstMatch(of: /([0-9]{1,6}) ?(?:guests|people|persons|attendees)/),
            let count = Int64(match.output.1)
        {
            brief.guestCount = min(count, MarketplaceLimits.guestsMax)
        }
        if let match = lower.firstMatch(of: /(?:budget[^0-9]{0,20}|[$€£₹] ?)([0-9][0-9,]{0,14}(?:\.[0-9]{1,2})?)/),
            let amount = DecimalNumber(match.output.1.filter { $0 != "," })
        {
            brief.budget = amount
        }
        if let match = lower.firstMatch(of: /[0-9]{4}-[0-9]{2}-[0-9]{2}/), CalendarDate(String(match.output)) != nil {
            brief.dateRange = .string(String(match.output))
        }
        return brief
    }

    /// The question for the first member that is missing.
    static func question(for brief: DraftBrief) -> String {
        switch brief.missing.first {
        case "eventType": "What kind of event are you planning?"
        case "guestCount": "How many guests do you expect?"
        case "budget": "What is your budget?"
        case "city": "In which city should it take place?"
        case "dateRange": "On which day, such as 2026-06-20?"
        default: "That is all I need: the plan can be made now."
        }
    }
}
