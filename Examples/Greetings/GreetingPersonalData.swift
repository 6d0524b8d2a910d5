import Identity
import Modules

/// The personal data of greetings: exported, and deleted with the organisation.
enum GreetingPersonalData {
    static let tables = [
        PersonalDataTable(
            "greetings", in: "greetings", where: { "organisation_id IN \(list: $0.organisations)" },
            showing: ["id", "name", "state", "text", "created_at"]
        )
    ]
}
