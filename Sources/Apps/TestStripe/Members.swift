import Base

/// The members of an object as the server keeps and returns it.
typealias Members = [String: JSONValue]

extension Members {
    /// - Precondition: the member is a text: objects that the server made have it.
    func string(_ member: String) -> String {
        guard let text = text(member) else { preconditionFailure("\(member) is not a text") }
        return text
    }

    func text(_ member: String) -> String? { self[member]?.string }

    func integer(_ member: String) -> Int64 { self[member]?.integer ?? 0 }

    func flag(_ member: String) -> Bool { self[member]?.bool ?? false }

    func time(_ member: String) -> Instant? { self[member]?.integer.map { Instant(seconds: $0) } }

    var id: String { string("id") }
    var currency: String { string("currency") }

    mutating func set(_ member: String, _ value: String?) { self[member] = .text(value) }

    mutating func set(_ member: String, _ value: Int64) { self[member] = .integer(value) }

    mutating func set(_ member: String, _ value: Instant?) { self[member] = .time(value) }

    /// The elements of a list object.
    var items: [Members] {
        get { self["items"]?["data"]?.array?.compactMap(\.object) ?? [] }
        set { self["items"] = .list(newValue.map { .object($0) }, url: "/v1/subscription_items") }
    }
}

extension JSONValue {
    static func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }

    static func time(_ value: Instant?) -> JSONValue { value.map { .integer($0.seconds) } ?? .null }

    static func list(_ data: [JSONValue], url: String, hasMore: Bool = false) -> JSONValue {
        ["object": "list", "data": .array(data), "has_more": .bool(hasMore), "url": .string(url)]
    }

    static func metadata(_ members: [String: String]) -> JSONValue { .object(members.mapValues { .string($0) }) }
}
