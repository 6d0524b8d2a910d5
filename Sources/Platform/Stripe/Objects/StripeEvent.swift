package import Base

/// A change of an object, as webhooks and lists of events tell it. Its object may be older than the one that a request
/// for it answers.
package struct StripeEvent: StripeObject {
    package static let object = "event"

    package let id: String
    /// Such as `invoice.paid`.
    package let type: String
    /// The connected account of the object; nil for the platform's own.
    package let account: String?
    /// The version of the API that the object is written in.
    package let apiVersion: String?
    package let created: Instant
    package let isLive: Bool
    /// The object as it was.
    package let data: JSONValue
    /// The key of the request that caused it; nil where there is none.
    package let idempotencyKey: String?

    /// Such as `payment_intent`.
    package var objectType: String? { data["object"]?.string }
    /// Nil for objects without one, such as a balance.
    package var objectID: String? { data["id"]?.string }

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        type = try reader.string("type")
        account = reader.text("account")
        apiVersion = reader.text("api_version")
        created = try reader.instant("created")
        isLive = try reader.bool("livemode")
        let data = try reader.require(reader["data"]?["object"], "data")
        guard data.object != nil else { throw reader.fault("data") }
        self.data = data
        idempotencyKey = reader["request"]?["idempotency_key"]?.string
    }
}
