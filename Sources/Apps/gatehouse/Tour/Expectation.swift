import Client
import Modules

/// What an answer has to be.
struct Expectation: Sendable {
    var status: Int
    /// Members of the JSON body with exactly these values.
    var members: [String: JSONValue] = [:]
    /// Whether the body may have no other members, but for those whose text is up to the server.
    var isWhole = false

    static let ok = Expectation(status: 200)
    static let created = Expectation(status: 201)
    static let accepted = Expectation(status: 202)

    static func ok(_ members: [String: JSONValue]) -> Expectation { Expectation(status: 200, members: members) }

    /// A problem answer (RFC 9457) with exactly these members beside the usual ones.
    static func refused(
        _ status: Int, _ code: String, _ error: String, _ extra: [String: JSONValue] = [:], andMore: Bool = false
    ) -> Expectation {
        let usual: [String: JSONValue] = [
            "type": .string("/problems/\(code)"), "title": .string(error), "error": .string(error),
            "code": .string(code), "status": .integer(Int64(status)),
        ]
        return Expectation(status: status, members: usual.merging(extra) { $1 }, isWhole: !andMore)
    }

    private static let freelyWorded: Set = ["detail", "request_id"]

    /// - Throws: ``Difference``.
    func check(_ response: ClientResponse, _ answer: JSONValue) throws {
        guard response.status == status else {
            throw Difference(expected: "status \(status)", got: "\(response.status) \(response.text.prefix(600))")
        }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) where answer[name] != value {
            let got = answer[name].map { "\(name) = \($0.text)" } ?? "no \(name) in \(response.text.prefix(600))"
            throw Difference(expected: "\(name) = \(value.text)", got: got)
        }
        guard isWhole else { return }
        let others = Set((answer.object ?? [:]).keys).subtracting(members.keys).subtracting(Self.freelyWorded)
        guard others.isEmpty else {
            let known = members.keys.sorted().joined(separator: ", ")
            throw Difference(expected: "nothing but \(known)", got: "also \(others.sorted().joined(separator: ", "))")
        }
    }
}

/// What was expected and what came instead.
struct Difference: Error {
    let expected: String
    let got: String
}

extension JSONValue {
    /// What lies at the end of a path of members.
    /// - Throws: ``Difference`` when there is nothing.
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
