import Identity
import Modules

/// Which payments a list has.
struct PaymentFilter: Sendable {
    /// Nil for all.
    var organisation: ID<Organisation>?
    var person: ID<Person>?
    var purpose: String?
    var status: PaymentView.Status?

    /// - Throws: `validation-failed` for a text that is no id.
    init(organisation: String?, person: String?, purpose: String?, status: PaymentView.Status?) throws(Problem) {
        self.organisation = try organisation.map { text throws(Problem) in
            guard let id = ID<Organisation>(text) else { throw Problem.invalid("/organisation_id", "is not an id") }
            return id
        }
        self.person = try person.map { text throws(Problem) in
            guard let id = ID<Person>(text) else { throw Problem.invalid("/user_id", "is not an id") }
            return id
        }
        self.purpose = purpose
        self.status = status
    }

    var condition: SQL {
        var condition: SQL = .always
        if let organisation { condition = "\(condition) AND organisation_id = \(organisation)" }
        if let person { condition = "\(condition) AND person_id = \(person)" }
        if let purpose { condition = "\(condition) AND purpose = \(purpose)" }
        if let status { condition = "\(condition) AND status = \(status.rawValue)" }
        return condition
    }
}
