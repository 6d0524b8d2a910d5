import Base

/// What is sent of a span, in the JSON of OTLP 1 (protobuf's JSON mapping, with ids in hexadecimal).
struct SpanRecord: Sendable {
    /// The numbers of `SpanKind` in OTLP.
    enum Kind: Int64, Sendable {
        case part = 1
        case server, client, producer, consumer
    }

    enum Value: Sendable {
        case text(String)
        case integer(Int64)
        case number(Double)
        case boolean(Bool)
    }

    /// Of one span; further ones are left out.
    private static let attributesMax = 32
    /// Of a name or a text, in characters; longer ones are cut.
    private static let charactersMax = 256

    let context: TraceContext
    /// The id of the parent; nil for the root of a trace.
    let parent: UInt64?
    let kind: Kind
    var name: String
    /// Nanoseconds since 1970.
    let start: UInt64
    var end: UInt64
    var attributes: [(name: String, value: Value)] = []
    var hasFailed = false

    mutating func set(_ name: String, _ value: Value) {
        if let index = attributes.firstIndex(where: { $0.name == name }) {
            attributes[index].value = value
        } else if attributes.count < Self.attributesMax {
            attributes.append((name, value))
        }
    }

    func append(to bytes: inout [UInt8]) {
        bytes.append(#"{"traceId":"\#(context.traceID)","spanId":"\#(context.spanID)""#)
        if let parent { bytes.append(#","parentSpanId":"\#(TraceContext.hex(parent))""#) }
        bytes.append(#","name":"#)
        bytes.append(jsonString: String(name.prefix(Self.charactersMax)))
        // 64-bit numbers are strings in this mapping.
        bytes.append(#","kind":\#(kind.rawValue),"startTimeUnixNano":"\#(start)","endTimeUnixNano":"\#(end)""#)
        bytes.append(#","attributes":"#)
        Self.append(attributes, to: &bytes)
        // STATUS_CODE_ERROR; otherwise the status is unset.
        bytes.append(hasFailed ? #","status":{"code":2}}"# : #","status":{}}"#)
    }

    static func append(_ attributes: [(name: String, value: Value)], to bytes: inout [UInt8]) {
        bytes.append("[")
        for (index, (name, value)) in attributes.enumerated() {
            bytes.append(index == 0 ? #"{"key":"# : #",{"key":"#)
            bytes.append(jsonString: name)
            bytes.append(#","value":{"#)
            switch value {
            case .text(let text):
                bytes.append(#""stringValue":"#)
                bytes.append(jsonString: String(text.prefix(charactersMax)))
            case .integer(let number): bytes.append(#""intValue":"\#(number)""#)
            case .number(let number) where number.isFinite: bytes.append(#""doubleValue":\#(number)"#)
            case .number(let number): bytes.append(#""stringValue":"\#(number)""#)
            case .boolean(let value): bytes.append(#""boolValue":\#(value)"#)
            }
            bytes.append("}}")
        }
        bytes.append("]")
    }
}

extension [UInt8] {
    /// Text that is part of a JSON document.
    mutating func append(_ text: String) { append(contentsOf: text.utf8) }
}
