package import Base
package import NIOCore

/// Decodes bodies into one type of payload. The schema is derived at the first body.
package struct PayloadDecoder: Sendable {
    private struct Expectation: Sendable {
        let schema: Schema
        let components: [String: Schema]
    }

    private let expectation: OnDemand<Expectation>
    private let naming: Naming

    package init(for payload: any Payload.Type) {
        self.init(payload.naming) { $0.schema(of: payload) }
    }

    /// For lists of up to `countMax` payloads.
    package init(forListOf payload: any Payload.Type, upTo countMax: Int) {
        self.init(payload.naming) { .array($0.schema(of: payload), maxItems: countMax) }
    }

    private init(_ naming: Naming, _ schema: @escaping @Sendable (SchemaReader) -> Schema) {
        self.naming = naming
        expectation = OnDemand {
            let reader = SchemaReader()
            return Expectation(schema: schema(reader), components: reader.components)
        }
    }

    /// Decodes a JSON body.
    /// - Throws: `invalid-payload` (400) for malformed JSON; `validation-failed` (422) with every fault where it does
    ///   not fit the schema.
    package func decode<Value: Payload>(_ type: Value.Type, from body: ByteBuffer) throws(Problem) -> Value {
        try decode(type, from: try Self.json(body))
    }

    /// - Throws: `invalid-payload` (400) for malformed JSON.
    static func json(_ body: ByteBuffer) throws(Problem) -> JSONValue {
        guard body.readableBytes > 0 else {
            throw Problem(.invalidPayload, detail: "The body is empty; JSON is expected.")
        }
        do {
            return try JSONValue(parsing: body.readableBytesView)
        } catch {
            throw Problem(.invalidPayload, detail: "The body is not valid JSON: \(error).", cause: error)
        }
    }

    /// Decodes a value from another format, such as a form.
    package func decode<Value: Payload>(_ type: Value.Type, from value: JSONValue) throws(Problem) -> Value {
        try checked(type, value)
    }

    /// Decodes a list. The decoder must have been made for lists.
    func decodeList<Element: Payload>(of _: Element.Type, from value: JSONValue) throws(Problem) -> [Element] {
        try checked([Element].self, value)
    }

    private func checked<Value: Decodable>(_ type: Value.Type, _ value: JSONValue) throws(Problem) -> Value {
        let expectation = expectation.value
        let faults = expectation.schema.faults(in: value, components: expectation.components)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        do {
            return try type.init(from: ValueDecoder(value: value, naming: naming))
        } catch let error as DecodingError {
            throw Problem.invalid(error.pointer(naming), error.reason)
        } catch {
            throw Problem.wrapping(error)
        }
    }
}

extension Payload {
    /// The payload as a JSON body.
    package func encoded() throws(Problem) -> ByteBuffer {
        do { return try PayloadWriter.json(self, naming: Self.naming) } catch { throw Problem.wrapping(error) }
    }
}

extension DecodingError {
    fileprivate func pointer(_ naming: Naming) -> String {
        let context: Context? =
            switch self {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
                .dataCorrupted(let context):
                context
            @unknown default: nil
            }
        return (context?.codingPath ?? []).map {
            "/" + ($0.intValue.map(String.init) ?? naming.written($0.stringValue))
        }.joined()
    }

    fileprivate var reason: String {
        switch self {
        case .typeMismatch: "has the wrong type"
        case .valueNotFound: "must not be null"
        case .keyNotFound(let key, _): "lacks \(key.stringValue)"
        case .dataCorrupted(let context): "is \(context.debugDescription)"
        @unknown default: "could not be read"
        }
    }
}
