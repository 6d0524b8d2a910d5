import Base

/// Reads members of an object. Members that Gatehouse does not know are no fault: Stripe adds some without a new
/// version of its API.
struct StripeReader {
    private let value: JSONValue
    private let object: String

    /// - Throws: where `value` is another object.
    init(_ value: JSONValue, _ object: String) throws(StripeObjectFault) {
        self.init(unnamed: value, object)
        guard value["object"]?.string == object else { throw fault("object") }
    }

    /// A part of an object.
    init(unnamed value: JSONValue, _ object: String) {
        self.value = value
        self.object = object
    }

    func fault(_ member: String) -> StripeObjectFault { StripeObjectFault(object: object, member: member) }

    func require<Value>(_ value: Value?, _ member: String) throws(StripeObjectFault) -> Value {
        guard let value else { throw fault(member) }
        return value
    }

    subscript(member: String) -> JSONValue? {
        guard let member = value[member], member != .null else { return nil }
        return member
    }

    func string(_ member: String) throws(StripeObjectFault) -> String { try require(text(member), member) }
    func text(_ member: String) -> String? { self[member]?.string }

    func integer(_ member: String) throws(StripeObjectFault) -> Int64 { try require(self[member]?.integer, member) }

    func bool(_ member: String) throws(StripeObjectFault) -> Bool { try require(self[member]?.bool, member) }

    /// - Returns: false where the member is missing or null.
    func flag(_ member: String) -> Bool { self[member]?.bool ?? false }

    func instant(_ member: String) throws(StripeObjectFault) -> Instant { try require(time(member), member) }

    /// - Returns: nil where the member is missing or null, or outside of the years that `Instant` has.
    func time(_ member: String) -> Instant? {
        guard let seconds = self[member]?.integer, abs(seconds) < 1 << 40 else { return nil }
        return Instant(seconds: seconds)
    }

    /// The id of an object, which is expanded or not.
    func id(_ member: String) throws(StripeObjectFault) -> String { try require(reference(member), member) }

    /// - Returns: nil where the member is missing or null.
    func reference(_ member: String) -> String? { self[member].flatMap { $0.string ?? $0["id"]?.string } }

    /// - Returns: nil where the member is missing, null, or an id alone.
    func expanded<Object: StripeObject>(_ member: String, as _: Object.Type) throws(StripeObjectFault) -> Object? {
        guard let value = self[member], value.object != nil else { return nil }
        return try Object(value)
    }

    func currency(_ member: String = "currency") throws(StripeObjectFault) -> Currency {
        try require(text(member).flatMap { Currency($0) }, member)
    }

    /// An amount in the currency of the object.
    func money(_ member: String = "amount") throws(StripeObjectFault) -> Money {
        try require(StripeAmount.money(integer(member), currency()), member)
    }

    /// Members whose value is not a string are left out.
    func metadata(_ member: String = "metadata") -> [String: String] {
        self[member]?.object?.compactMapValues(\.string) ?? [:]
    }

    /// The state of an object.
    func state<State: RawRepresentable<String>>(_ member: String = "status") throws(StripeObjectFault)
        -> StripeState<State>
    {
        StripeState(try string(member))
    }

    /// The elements of a list object; empty where the member is missing or null.
    func list<Object: StripeObject>(_ member: String, of _: Object.Type) throws(StripeObjectFault) -> [Object] {
        var objects: [Object] = []
        for value in self[member]?["data"]?.array ?? [] { objects.append(try Object(value)) }
        return objects
    }
}
