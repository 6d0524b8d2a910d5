import Modules
import NIOCore

/// JSON values as the columns of tables hold them: text in one line, members sorted by name.
enum StoredJSON {
    private struct Body: Payload {
        let value: JSONValue

        init(_ value: JSONValue) { self.value = value }
        init(from decoder: any Decoder) throws { value = try JSONValue(from: decoder) }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }
    }

    static func text(_ value: JSONValue) throws(Problem) -> String { String(buffer: try Body(value).encoded()) }

    static func text(_ texts: [String]) throws(Problem) -> String { try text(.array(texts.map { .string($0) })) }

    /// - Throws: `internal-error` for text that is not JSON.
    static func value(_ text: String) throws(Problem) -> JSONValue {
        do { return try JSONValue(parsing: Array(text.utf8)) } catch { throw Problem.wrapping(error) }
    }

    static func texts(_ text: String) throws(Problem) -> [String] { try value(text).array?.compactMap(\.string) ?? [] }
}
