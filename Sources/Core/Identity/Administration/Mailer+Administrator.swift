package import Mail
package import Modules

extension Mailer {
    /// Notifies an administrator of what was done with their account, in case it was another person.
    /// - Parameter action: a clause without a full stop.
    package func notify(_ administrator: Person, of action: String, by scope: Scope, in transaction: Transaction) throws
    {
        let values = [
            "name": administrator.callingName, "action": action, "when": transaction.now.description,
            "address": scope.address,
        ]
        try send(
            Email("administrator-action", to: administrator.email, values: values), ifVerified: administrator,
            in: transaction)
    }
}
