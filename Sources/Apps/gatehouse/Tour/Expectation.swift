import Client
import Modules

/// The expected status and body of a response.
struct Expectation: Sendable {
    var status: Int
    /// Members of the JSON body with exactly these values.
    var members: [String: JSONValue] = [:]
    /// Whether the body has no other members except `detail` and `request_id`.
    var isExact = false

    static let ok = Expectation(status: 200)
    static let created = Expectation(status: 201)
    static let accepted = Expectation(status: 202)

    static func ok(_ members: [String: JSONValue]) -> Expectation { Expectation(status: 200, members: members) }

    /// A problem response (RFC 9457) with exactly these members beside the usual ones.
    static func refused(
        _ status: Int, _ code: String, _ error: String, _ extra: [String: JSONValue] = [:], andMore: Bool = false
    ) -> Expectation {
        let usual: [String: JSONValue] = [
            "type": .string("/problems/\(code)"), "title": .string(error), "error": .string(error),
            "code": .string(code), "status": .integer(Int64(status)),
        ]
        return Expectation(status: status, members: usual.merging(extra) { $1 }, isExact: !andMore)
    }

    private static let unspecified: Set = ["detail", "request_id"]

    /// - Throws: ``Difference``.
    func check(_ response: ClientResponse, _ body: JSONValue) throws {
        guard response.status == status else {
            throw Difference(expected: "status \(status)", got: "\(response.status) \(response.text.prefix(600))")
        }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) where body[name] != value {
            let got = body[name].map { "\(name) = \($0.text)" } ?? "no \(name) in \(response.text.prefix(600))"
            throw Difference(expected: "\(name) = \(value.text)", got: got)
        }
        guard isExact else { return }
        let others = Set((body.object ?? [:]).keys).subtracting(members.keys).subtracting(Self.unspecified)
        guard others.isEmpty else {
            let known = members.keys.sorted().joined(separator: ", ")
            throw Difference(expected: "only \(known)", got: "also \(others.sorted().joined(separator: ", "))")
        }
    }
}

/// A difference between the expected and the actual response.
struct Difference: Error {
    let expected: String
    let got: String
}

extension JSONValue {
    /// The value at a path of members.
    /// - Throws: ``Difference`` where a member is missing.
    func at(_ path: String...) throws -> JSONValue {
        var value = self
        for name in path {
            guard let next = value[name] else {
                throw Difference(expected: path.joined(separator: "."), got: "no \(name) in \(text.prefix(600))")
            }
            value = next
        }
        return value
    }

    func text(at path: String) throws -> String {
        guard let text = try at(path).string else { throw Difference(expected: "\(path) as text", got: text) }
        return text
    }

    func number(at path: String) throws -> Double {
        guard let number = try at(path).number else { throw Difference(expected: "\(path) as a number", got: text) }
        return number
    }

    /// Compact JSON.
    var text: String { (try? encoded()).map { String(decoding: $0, as: UTF8.self) } ?? "\(self)" }
}
