package import App
import Base
import Foundation
import Modules

/// Runs the requests of a user's guide against a ``TestApp`` and compares the responses with those that the guide
/// shows.
///
/// A guide is a Markdown file. Its fenced `http` blocks are run in order; all other text is ignored.
///
/// ````
/// ```http
/// POST /v1/training/init-session
/// Authorization: Bearer {token}
/// Content-Type: application/json
///
/// {"sessionId": "first"}
///
/// → 200
/// {"success": true, "sessionUuid": "{session}", …}
/// ```
/// ````
///
/// - The first line is the method and the path. Header lines follow up to a blank line, then the body.
/// - With `Content-Type: multipart/form-data` each line of the body is a part, as with curl's `-F`: `name=text`, or
///   `name=@path` for a file, relative to the root of the repository.
/// - A line `→ status` ends the request. A media type after the status must equal that of the response. The JSON value
///   on the following lines, if any, is compared with the body (``GuidePattern``).
/// - `{name}` in a path, header or body is replaced by a variable: one of the initial ones, or a value that an earlier
///   response has set. `{code}` is the code of the newest e-mail that has one.
/// - A block `http poll` is repeated until the response matches, at most for ``pollTimeout``.
package struct GuideRunner: Sendable {
    private let file: URL
    private let app: TestApp
    private let initial: [String: String]
    private let replacements: [String: String]
    private let meanwhile: @Sendable () async throws -> Void

    /// How long a `poll` block is repeated.
    package static let pollTimeout: Duration = .seconds(120)
    private static let pollInterval: Duration = .milliseconds(20)

    /// Runs a guide on a new server with an administrator.
    /// - Parameters:
    ///   - name: of the file in `docs/guides`.
    ///   - administrator: the variable with the access token of the administrator, which the reader of the guide has.
    ///   - change: changes the settings that all tests have in common.
    ///   - replacements: texts of the guide that stand for others of the test, such as the URL of a receiver.
    ///   - meanwhile: what others do before each request, such as a customer on the page of the payment provider.
    ///   - afterwards: is called with the variables, before the server is stopped.
    /// - Returns: the number of blocks that were run.
    /// - Throws: as ``run()``.
    package static func run(
        _ name: String, _ engine: Engine, administrator: String, clock: TestClock = TestClock(),
        change: (inout Configuration) -> Void = { _ in }, replacing replacements: [String: String] = [:],
        meanwhile: @escaping @Sendable () async throws -> Void = {},
        afterwards: (TestApp, [String: String]) async throws -> Void = { _, _ in }
    ) async throws -> Int {
        var count = 0
        try await withTestApp(engine, clock: clock, runsJobs: true, change: change) { app in
            let guide = GuideRunner(
                Repository.url("docs/guides/\(name)"), app: app,
                variables: [administrator: try await app.administrator().token], replacements, meanwhile)
            let run = try await guide.run()
            count = run.count
            try await afterwards(app, run.variables)
        }
        return count
    }

    private init(
        _ file: URL, app: TestApp, variables: [String: String], _ replacements: [String: String],
        _ meanwhile: @escaping @Sendable () async throws -> Void
    ) {
        self.file = file
        self.app = app
        initial = variables
        self.replacements = replacements
        self.meanwhile = meanwhile
    }

    /// - Returns: the number of blocks that were run, and the variables after the last one.
    /// - Throws: ``GuideFailure`` for the first block that is malformed or whose response differs.
    private func run() async throws -> (count: Int, variables: [String: String]) {
        let text = try replacements.reduce(into: String(contentsOf: file, encoding: .utf8)) { text, replacement in
            text = text.replacing(replacement.key, with: replacement.value)
        }
        let blocks = try GuideBlock.all(in: text)
        var variables = initial
        for block in blocks {
            if block.body.contains("{code}") { variables["code"] = try await newestCode() }
            let deadline = ContinuousClock.now + Self.pollTimeout
            while true {
                try await meanwhile()
                let response = try await send(block, variables)
                guard let difference = difference(response, block, &variables) else { break }
                guard block.isPolled, ContinuousClock.now < deadline else {
                    throw GuideFailure(
                        line: block.line, "\(block.method) \(block.path): \(difference), got \(response)")
                }
                try await Task.sleep(for: Self.pollInterval)
            }
            // Rows that two requests insert are ordered by time, as with a real clock.
            app.clock.advance(by: .seconds(1))
        }
        return (blocks.count, variables)
    }

    private func newestCode() async throws -> String? {
        // A job of the server may be sending it at this moment.
        _ = try await eventually {
            try await app.app.database.read {
                try $0.count(
                    "SELECT COUNT(*) AS count FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL")
            } == 0
        }
        return try app.mailbox().compactMap(\.code).last
    }

    private func send(_ block: GuideBlock, _ variables: [String: String]) async throws -> TestResponse {
        func filled(_ text: String) throws -> String { try block.filled(text, variables) }
        var headers: [String: String] = [:]
        for (name, value) in block.headers { headers[name] = try filled(value) }
        let type = headers.removeValue(forKey: "content-type")
        var body: (contentType: String, bytes: [UInt8])?
        if type == "multipart/form-data" {
            body = try form(block, filled)
        } else if let type {
            body = (type, Array(try filled(block.body).utf8))
        }
        return await app.call(block.method, try filled(block.path), body: body, headers: headers)
    }

    private func form(
        _ block: GuideBlock, _ filled: (String) throws -> String
    ) throws -> (contentType: String, bytes: [UInt8]) {
        var texts: [(name: String, value: String)] = []
        var upload: (name: String, fileName: String, bytes: [UInt8])?
        for line in block.body.split(separator: "\n") {
            let part = line.split(separator: "=", maxSplits: 1).map(String.init)
            guard part.count == 2 else { throw GuideFailure(line: block.line, "a part of a form is name=value") }
            if part[1].hasPrefix("@") {
                let file = Repository.url(String(part[1].dropFirst()))
                upload = (part[0], file.lastPathComponent, Array(try Data(contentsOf: file)))
            } else {
                texts.append((part[0], try filled(part[1])))
            }
        }
        return multipart(texts, file: upload)
    }

    private func difference(
        _ response: TestResponse, _ block: GuideBlock, _ variables: inout [String: String]
    ) -> String? {
        guard response.status == block.status else { return "expected status \(block.status)" }
        if let mediaType = block.mediaType {
            let type = response.headers["content-type"]?.prefix { $0 != ";" }
            guard type.map(String.init) == mediaType else { return "expected \(mediaType), not \(type ?? "no type")" }
        }
        guard let pattern = block.pattern else { return nil }
        var captured = variables
        if let difference = pattern.difference(from: response.json, &captured) { return difference }
        variables = captured
        return nil
    }
}

/// A block of a guide is malformed, or its response differs.
package struct GuideFailure: Error, CustomStringConvertible {
    /// The line of the block's fence, from 1.
    package let line: Int
    package let message: String

    init(line: Int, _ message: String) {
        self.line = line
        self.message = message
    }

    package var description: String { "line \(line) of the guide: \(message)" }
}

/// A fenced `http` block: a request and the expected response.
struct GuideBlock: Sendable {
    let line: Int
    let isPolled: Bool
    let method: String
    let path: String
    /// By name in lower case.
    let headers: [(name: String, value: String)]
    let body: String
    let status: Int
    let mediaType: String?
    let pattern: GuidePattern?

    /// All blocks of a guide, in order.
    /// - Throws: ``GuideFailure`` for a malformed block.
    static func all(in guide: String) throws -> [GuideBlock] {
        var blocks: [GuideBlock] = []
        var open: (line: Int, isPolled: Bool, lines: [String])?
        var isInOtherFence = false
        for (index, line) in guide.components(separatedBy: "\n").enumerated() {
            if let block = open {
                guard line == "```" else {
                    open?.lines.append(line)
                    continue
                }
                blocks.append(try GuideBlock(block.lines, line: block.line, isPolled: block.isPolled))
                open = nil
            } else if line.hasPrefix("```") {
                if isInOtherFence {
                    isInOtherFence = false
                } else if line == "```http" || line == "```http poll" {
                    open = (index + 1, line != "```http", [])
                } else {
                    isInOtherFence = true
                }
            }
        }
        if let open { throw GuideFailure(line: open.line, "the block has no end") }
        return blocks
    }

    private init(_ lines: [String], line: Int, isPolled: Bool) throws {
        self.line = line
        self.isPolled = isPolled
        guard let arrow = lines.firstIndex(where: { $0.hasPrefix("→ ") }), let first = lines.first else {
            throw GuideFailure(line: line, "the block has no line that begins with →")
        }
        let request = first.split(separator: " ").map(String.init)
        guard request.count == 2 else { throw GuideFailure(line: line, "the first line is a method and a path") }
        (method, path) = (request[0], request[1])
        let head = lines[1..<arrow].prefix { !$0.isEmpty }
        headers = try head.map { header in
            let parts = header.split(separator: ":", maxSplits: 1).map {
                $0.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            guard parts.count == 2 else { throw GuideFailure(line: line, "'\(header)' is not a header") }
            return (parts[0].lowercased(), parts[1])
        }
        body = Self.trimmed(lines[(head.endIndex)..<arrow])
        let expected = lines[arrow].dropFirst(2).split(separator: " ").map(String.init)
        guard let status = expected.first.flatMap({ Int($0) }), expected.count <= 2 else {
            throw GuideFailure(line: line, "→ is followed by a status and at most a media type")
        }
        self.status = status
        mediaType = expected.count == 2 ? expected[1] : nil
        let text = Self.trimmed(lines[(arrow + 1)...])
        do { pattern = text.isEmpty ? nil : try GuidePattern(text) } catch {
            throw GuideFailure(line: line, "the expected response is not JSON: \(error)")
        }
    }

    /// Replaces each `{name}` by the value of the variable.
    func filled(_ text: String, _ variables: [String: String]) throws -> String {
        var result = ""
        var rest = text[...]
        while let match = rest.firstMatch(of: /\{([a-z][a-z_]*)\}/) {
            guard let value = variables[String(match.output.1)] else {
                throw GuideFailure(line: line, "no earlier response has set {\(match.output.1)}")
            }
            result += rest[..<match.range.lowerBound] + value
            rest = rest[match.range.upperBound...]
        }
        return result + rest
    }

    private static func trimmed(_ lines: ArraySlice<String>) -> String {
        lines.joined(separator: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// An expected JSON value, in which `…` stands for what is not shown.
///
/// - `…` as a value matches any value; within a string it matches any characters.
/// - `…` at the end of an object or an array matches further members or elements; without it there must be none.
/// - `"{name}"` matches any string or number and sets the variable; where the variable has a value, it matches that
///   value, also within a longer string.
struct GuidePattern: Sendable {
    private let value: JSONValue

    init(_ text: String) throws {
        value = try JSONDecoder().decode(JSONValue.self, from: Data(Self.quotingEllipses(text).utf8))
    }

    /// - Returns: the first difference, or nil where `json` matches.
    func difference(from json: JSONValue, _ variables: inout [String: String]) -> String? {
        Self.difference(value, json, at: "", &variables)
    }

    private static let ellipsis = "…"

    /// Makes JSON of a pattern: a bare `…` becomes the string `"…"`, or the member `"…": "…"` of an object.
    private static func quotingEllipses(_ text: String) -> String {
        var result = ""
        var containers: [Character] = []
        var isInString = false
        var previous: Character = " "
        var isEscaped = false
        for character in text {
            if isInString {
                isInString = character != "\"" || isEscaped
                isEscaped = character == "\\" && !isEscaped
                result.append(character)
            } else if character == "…" {
                let isMember = containers.last == "{" && (previous == "{" || previous == ",")
                result += isMember ? "\"…\": \"…\"" : "\"…\""
            } else {
                if character == "{" || character == "[" { containers.append(character) }
                if character == "}" || character == "]" { containers.removeLast() }
                isInString = character == "\""
                result.append(character)
            }
            if !character.isWhitespace { previous = character }
        }
        return result
    }

    private static func difference(
        _ pattern: JSONValue, _ json: JSONValue, at path: String, _ variables: inout [String: String]
    ) -> String? {
        func expected(_ text: String) -> String { "expected \(path.isEmpty ? "the body" : path) to be \(text)" }
        switch (pattern, json) {
        case (.string(let text), _):
            return matches(text, json, &variables) ? nil : expected(text)
        case (.object(var members), .object(let actual)):
            let isOpen = members.removeValue(forKey: ellipsis) != nil
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                guard let value = actual[name] else { return "expected a member \(path).\(name)" }
                if let difference = difference(member, value, at: "\(path).\(name)", &variables) { return difference }
            }
            let others = actual.keys.filter { members[$0] == nil }.sorted()
            return isOpen || others.isEmpty ? nil : "expected no members \(others) of \(path)"
        case (.array(var elements), .array(let actual)):
            let isOpen = elements.last == .string(ellipsis)
            if isOpen { elements.removeLast() }
            guard isOpen ? actual.count >= elements.count : actual.count == elements.count else {
                return expected("an array of \(elements.count)")
            }
            for (index, element) in elements.enumerated() {
                if let difference = difference(element, actual[index], at: "\(path)[\(index)]", &variables) {
                    return difference
                }
            }
            return nil
        case (.integer, _), (.number, _):
            return pattern.number == json.number ? nil : expected("\(pattern.number ?? .nan)")
        default:
            return pattern == json ? nil : expected("\(pattern)")
        }
    }

    private static func matches(_ pattern: String, _ json: JSONValue, _ variables: inout [String: String]) -> Bool {
        if pattern == ellipsis { return true }
        let text: String? =
            switch json {
            case .string(let text): text
            case .integer(let number): "\(number)"
            case .number(let number): "\(number)"
            default: nil
            }
        guard let text else { return false }
        if let match = pattern.wholeMatch(of: /\{([a-z][a-z_]*)\}/) {
            let name = String(match.output.1)
            guard let value = variables[name] else {
                variables[name] = text
                return true
            }
            return value == text
        }
        guard json.string != nil else { return false }
        let filled = pattern.replacing(/\{([a-z][a-z_]*)\}/) { variables[String($0.output.1)] ?? String($0.output.0) }
        var parts = filled.components(separatedBy: ellipsis)[...]
        guard parts.count > 1, let first = parts.popFirst(), let last = parts.popLast() else { return filled == text }
        guard text.count >= first.count + last.count, text.hasPrefix(first), text.hasSuffix(last) else { return false }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        for part in parts {
            guard let range = rest.firstRange(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }
}
