/// Requests that a plan limits together, such as expensive ones. Products declare theirs.
package struct RateClass: Sendable, Hashable {
    /// As in plans and header fields, such as `generate`.
    package let name: String
    package init(_ name: String) { self.name = name }

    /// All requests that belong to no other class.
    package static let `default` = RateClass("default")
    /// Entitlement checks, reservations and usage reports of products that run elsewhere: frequent requests of one
    /// organisation.
    package static let checks = RateClass("checks")
    /// Unsafe requests of one account to one endpoint. Its rates are counted besides those of the other classes.
    package static let writes = RateClass("writes")
}
