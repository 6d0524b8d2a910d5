package import Base

/// An object of Stripe's API, with the members that Gatehouse reads.
package protocol StripeObject: Sendable {
    /// Stripe's name of the type, the value of the member `object`.
    static var object: String { get }

    /// - Throws: ``StripeObjectFault`` where a member is missing or has another type.
    init(_ value: JSONValue) throws(StripeObjectFault)
}
