package import Base

/// What a request to delete an object answers: its type is the one of the object.
package struct StripeDeletion: Sendable, Hashable {
    package let id: String

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = StripeReader(unnamed: value, "deletion")
        guard reader.flag("deleted") else { throw reader.fault("deleted") }
        id = try reader.string("id")
    }
}
