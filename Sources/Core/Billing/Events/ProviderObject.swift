package import Modules

/// The present state of an object, as an event's handler gets it.
package struct ProviderObject: Sendable {
    package let kind: ProviderObjectKind
    package let id: String
    /// The connected account that it belongs to; nil for the platform's own.
    package let account: String?
    /// The type of the event, such as `invoice.paid`: a hint of what may have changed. What is true is in ``value``.
    /// Empty for an object that was fetched without one.
    package let eventType: String
    /// Also those of the events that end with it, because their object was fetched after they came.
    package let eventTypes: Set<String>
    /// The event's own time at the provider.
    package let eventCreatedAt: Instant
    /// The whole object. Fetched after the event; as delivered where it cannot be fetched.
    package let value: JSONValue
    /// Whether the object has been deleted at the provider: ``value`` is its last state.
    package let isDeleted: Bool
}
