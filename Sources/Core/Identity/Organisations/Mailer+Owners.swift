import Mail
import Modules

extension Mailer {
    /// Notifies the owners of the scope's organisation, whose addresses are verified, that a person was given access to
    /// it or was invited.
    /// - Parameter address: of that person.
    func notifyOwners(
        ofAccessFor address: String, as role: OrganisationRole, by scope: Scope, in transaction: Transaction
    ) throws {
        guard let organisation = try transaction.nameOfOrganisation(scope.organisation) else { return }
        for owner in try Contact.owners(of: scope.organisation, in: transaction) where owner.isEmailVerified {
            let values = [
                "name": owner.name, "person": address, "role": role.rawValue, "organisation": organisation,
                "when": transaction.now.description, "address": scope.address,
            ]
            try send(Email("organisation-access", to: owner.email, values: values), in: transaction)
        }
    }
}
