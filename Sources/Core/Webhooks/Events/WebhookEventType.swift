/// A kind of event that organisations can subscribe to. Modules declare theirs; the wiring gives the list of all to
/// ``WebhooksModule``.
package struct WebhookEventType: Sendable, Hashable {
    /// Words of letters, digits and `_`, joined by full stops, such as `invoice.issued`. Never changed once released.
    package let name: String
    /// When it is sent, in one sentence, for the list of types.
    package let summary: String

    package init(_ name: String, _ summary: String) {
        precondition(
            (1...64).contains(name.utf8.count) && name.wholeMatch(of: /[a-z0-9_]+(\.[a-z0-9_]+)*/) != nil,
            "'\(name)' is not the name of an event type")
        self.name = name
        self.summary = summary
    }

    /// Sent by the route that tests an endpoint, to that endpoint alone.
    package static let test = WebhookEventType("webhook.test", "An endpoint is tested by its organisation.")
    /// In the place of a name: every type.
    static let all = "*"
}
