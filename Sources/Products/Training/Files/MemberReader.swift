import Modules

/// Decodes a payload from the members of an object.
struct MemberReader<Value: Payload>: Sendable {
    /// The names of the payload's members.
    let names: Set<String>
    private let schema: Schema
    private let components: [String: Schema]
    private let decoder = PayloadDecoder(for: Value.self)

    init() {
        let reader = SchemaReader()
        schema = reader.schema(of: Value.self)
        components = reader.components
        var names: Set<String> = []
        if case .reference(let name) = schema, case .object(let shape)? = components[name] {
            names = Set(shape.properties.map(\.name))
        }
        self.names = names
    }

    func faults(_ members: [String: JSONValue], at pointer: String) -> [Problem.Fault] {
        schema.faults(in: .object(members), components: components, at: pointer)
    }

    /// - Returns: nil where faults were appended to `faults`.
    func read(_ members: [String: JSONValue], at pointer: String, _ faults: inout [Problem.Fault]) -> Value? {
        let found = self.faults(members, at: pointer)
        faults += found
        guard found.isEmpty else { return nil }
        do {
            return try decoder.decode(Value.self, from: .object(members))
        } catch {
            faults.append(.init(pointer, error.detail ?? error.title))
            return nil
        }
    }
}
