import Client
import Foundation
import Modules

/// Sends the requests of the tour, prints each with its response, and fails at the first unexpected response.
struct TourRunner: Sendable {
    let isVerbose: Bool

    func begin(_ title: String, _ address: String) { Terminal.print("\(Style.bold(title)), \(address)") }

    func section(_ title: String) { Terminal.print("\n\(Style.bold(title))") }

    func end(_ text: String) { Terminal.print("\n\(Style.green(text))") }

    /// Prints a line below a step.
    func note(_ text: String) { Terminal.print(Self.indent + text) }

    /// Sends a request, checks the response and prints both on one line.
    /// - Parameters:
    ///   - client: sends the request.
    ///   - description: the end of the line, made of the response's body; it may throw ``Difference``.
    /// - Throws: ``Failure`` where the response differs from `expectation`.
    @discardableResult
    func step(
        _ method: ClientMethod,
        _ path: String,
        by client: Client,
        headers: [String: String] = [:],
        body: ClientBody = .none,
        expect expectation: Expectation,
        _ description: (JSONValue) throws -> String
    ) async throws -> JSONValue {
        let response = try await client.request(method, path, headers: headers, body: body)
        let json = response.json ?? .null
        do {
            try expectation.check(response, json)
            Terminal.print(line(method, path, response.status, try description(json)))
        } catch let difference as Difference {
            Terminal.print(line(method, path, response.status, Style.red("unexpected response")))
            throw Failure("\(method.name) \(path)\n  expected  \(difference.expected)\n  got       \(difference.got)")
        }
        if isVerbose { show(json) }
        return json
    }

    @discardableResult
    func step(
        _ method: ClientMethod,
        _ path: String,
        by client: Client,
        headers: [String: String] = [:],
        body: ClientBody = .none,
        expect expectation: Expectation,
        _ description: String
    ) async throws -> JSONValue {
        try await step(method, path, by: client, headers: headers, body: body, expect: expectation) { _ in description }
    }

    /// Polls the status of a run until it has ended, and prints its progress.
    /// - Returns: the last status response.
    /// - Throws: ``Failure`` where the run does not complete within ``timeout``.
    @discardableResult
    func follow(_ path: String, by client: Client) async throws -> JSONValue {
        var printed = -1.0
        let deadline = ContinuousClock.now + Self.timeout
        while ContinuousClock.now < deadline {
            let response = try await client.get(path)
            guard response.status == 200, let json = response.json, let status = json["status"]?.string else {
                throw Failure(
                    "GET \(path)\n  expected  the status of the run\n  got       \(response.status) \(response.text)")
            }
            let progress = json["progress"]?.number ?? 0
            guard ["queued", "running"].contains(status) else {
                Terminal.redraw(nil)
                Terminal.print(line(.get, path, response.status, Self.progress(json, status, progress)))
                guard status == "completed" else {
                    throw Failure("GET \(path)\n  expected  completed\n  got       \(response.text)")
                }
                return json
            }
            let text = line(.get, path, response.status, Self.progress(json, status, progress))
            if !Terminal.redraw(text), progress - printed >= Self.progressStep {
                Terminal.print(text)
                printed = progress
            }
            try await Task.sleep(for: Self.pollEvery)
        }
        throw Failure("GET \(path)\n  expected  an end within \(Self.timeout)\n  got       none")
    }

    private static let timeout: Duration = .seconds(120)
    private static let pollEvery: Duration = .milliseconds(50)
    /// The percentage between two lines of progress where standard output is no terminal.
    private static let progressStep = 10.0

    private static func progress(_ json: JSONValue, _ status: String, _ percentage: Double) -> String {
        let parts = [
            status == "running" ? json["current_step"]?.string ?? status : status,
            status == "running" ? json["message"]?.string : nil,
        ]
        return "\(Text.rightAligned(String(Int(percentage)), to: 3)) %  "
            + parts.compactMap(\.self).joined(separator: ": ")
    }

    // MARK: Layout

    private static let pathWidth = 46
    private static let indent = String(repeating: " ", count: 9)

    private func line(_ method: ClientMethod, _ path: String, _ status: Int, _ description: String) -> String {
        let shown = Text.padded(Self.shortened(path), to: Self.pathWidth)
        let code = status < 300 ? Style.green("\(status)") : Style.yellow("\(status)")
        return "  \(Text.padded(method.name, to: 6)) \(shown) \(code)  \(description)"
    }

    /// Long ids are shortened to their first and last characters.
    private static func shortened(_ path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.count > 24 ? "\($0.prefix(4))…\($0.suffix(6))" : $0 }
            .joined(separator: "/")
    }

    private func show(_ json: JSONValue) {
        guard let text = try? json.abridged.formatted() else { return }
        text.split(separator: "\n").forEach {
            Terminal.print("      " + Style.dim(String($0)))
        }
    }
}

extension JSONValue {
    /// The value without the ends of long strings and arrays, such as images and tokens.
    fileprivate var abridged: JSONValue {
        switch self {
        case .string(let text) where text.count > 160: .string("\(text.prefix(40))… (\(text.count) characters)")
        case .array(let elements) where elements.count > 12:
            .array(elements.prefix(12).map(\.abridged) + [.string("… (\(elements.count) elements)")])
        case .array(let elements): .array(elements.map(\.abridged))
        case .object(let members): .object(members.mapValues(\.abridged))
        default: self
        }
    }
}
