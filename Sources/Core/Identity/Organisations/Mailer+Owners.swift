package import Mail
package import Modules

extension Mailer {
    /// Sends an e-mail to the owners of an organisation whose addresses are verified.
    /// - Parameter values: those of the template besides `name`, which is the owner's.
    package func send(
        _ template: String, toOwnersOf organisation: ID<Organisation>, _ values: [String: String],
        in transaction: Transaction
    ) throws {
        for owner in try Contact.owners(of: organisation, in: transaction) where owner.isEmailVerified {
            let all = values.merging(["name": owner.name]) { $1 }
            try send(Email(template, to: owner.email, values: all), in: transaction)
        }
    }

    /// Notifies the owners of the scope's organisation, whose addresses are verified, that a person was given access to
    /// it or was invited.
    /// - Parameter address: of that person.
    func notifyOwners(
        ofAccessFor address: String, as role: OrganisationRole, by scope: Scope, in transaction: Transaction
    ) throws {
        guard let organisation = try transaction.nameOfOrganisation(scope.organisation) else { return }
        try send(
            "organisation-access", toOwnersOf: scope.organisation,
            [
                "person": address, "role": role.rawValue, "organisation": organisation,
                "when": transaction.now.description, "address": scope.address,
            ],
            in: transaction)
    }
}
