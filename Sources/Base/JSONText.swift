extension [UInt8] {
    /// Appends a value as JSON text.
    /// - Parameter sortsMembers: whether the members of objects are in the order of the bytes of their names; otherwise
    ///   it is any.
    package mutating func append(json value: JSONValue, sortsMembers: Bool = false) {
        switch value {
        case .null: append(contentsOf: "null".utf8)
        case .bool(let value): append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): append(decimal: value)
        case .decimal(let text): append(contentsOf: text.utf8)
        case .number(let value): append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
        case .string(let value): append(jsonString: value)
        case .array(let elements):
            append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { append(UInt8(ascii: ",")) }
                append(json: element, sortsMembers: sortsMembers)
            }
            append(UInt8(ascii: "]"))
        case .object(let members):
            append(UInt8(ascii: "{"))
            var isFirst = true
            func appendMember(_ name: String, _ member: JSONValue) {
                if !isFirst { append(UInt8(ascii: ",")) }
                isFirst = false
                append(jsonString: name)
                append(UInt8(ascii: ":"))
                append(json: member, sortsMembers: sortsMembers)
            }
            if sortsMembers {
                for (name, member) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                    appendMember(name, member)
                }
            } else {
                for (name, member) in members { appendMember(name, member) }
            }
            append(UInt8(ascii: "}"))
        }
    }
}
