import Client
import Foundation
import Modules

/// Takes one step after another, says each as it happens, and stops at the first that differs from what is expected.
struct Guide: Sendable {
    let isVerbose: Bool

    func open(_ title: String, _ place: String) { Terminal.say("\(Style.bold(title)), \(place)") }

    func chapter(_ title: String) { Terminal.say("\n\(Style.bold(title))") }

    func close(_ sentence: String) { Terminal.say("\n\(Style.green(sentence))") }

    /// A line below a step.
    func remark(_ text: String) { Terminal.say(Self.indent + text) }

    /// Sends a request, holds the answer against what is expected and prints both in one line.
    /// - Parameter meaning: what the answer tells; it may find more that differs.
    @discardableResult
    func step(
        _ method: ClientMethod,
        _ path: String,
        by client: Client,
        headers: [String: String] = [:],
        body: ClientBody = .none,
        expect expectation: Expectation,
        _ meaning: (JSONValue) throws -> String
    ) async throws -> JSONValue {
        let response = try await client.request(method, path, headers: headers, body: body)
        let answer = response.json ?? .null
        do {
            try expectation.check(response, answer)
            Terminal.say(line(method, path, response.status, try meaning(answer)))
        } catch let difference as Difference {
            Terminal.say(line(method, path, response.status, Style.red("differs from what is expected")))
            throw Failure("\(method.name) \(path)\n  expected  \(difference.expected)\n  got       \(difference.got)")
        }
        if isVerbose { show(answer) }
        return answer
    }

    @discardableResult
    func step(
        _ method: ClientMethod,
        _ path: String,
        by client: Client,
        headers: [String: String] = [:],
        body: ClientBody = .none,
        expect expectation: Expectation,
        _ meaning: String
    ) async throws -> JSONValue {
        try await step(method, path, by: client, headers: headers, body: body, expect: expectation) { _ in meaning }
    }

    /// Follows a run until it is over, saying how far it is.
    /// - Returns: the last status.
    @discardableResult
    func follow(_ path: String, by client: Client) async throws -> JSONValue {
        var told = -1.0
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            let response = try await client.get(path)
            guard response.status == 200, let answer = response.json, let status = answer["status"]?.string else {
                throw Failure(
                    "GET \(path)\n  expected  how the run stands\n  got       \(response.status) \(response.text)")
            }
            let progress = answer["progress"]?.number ?? 0
            guard ["queued", "running"].contains(status) else {
                Terminal.redraw(nil)
                Terminal.say(line(.get, path, response.status, Self.sentence(answer, status, progress)))
                guard status == "completed" else {
                    throw Failure("GET \(path)\n  expected  completed\n  got       \(response.text)")
                }
                return answer
            }
            let text = line(.get, path, response.status, Self.sentence(answer, status, progress))
            if !Terminal.redraw(text), progress - told >= Self.progressTold {
                Terminal.say(text)
                told = progress
            }
            try await Task.sleep(for: Self.pollEvery)
        }
        throw Failure("GET \(path)\n  expected  an end within \(Self.patience)\n  got       none")
    }

    private static let patience: Duration = .seconds(120)
    private static let pollEvery: Duration = .milliseconds(50)
    /// Where lines cannot be drawn over, progress is told in steps of this many per cent.
    private static let progressTold = 10.0

    private static func sentence(_ answer: JSONValue, _ status: String, _ progress: Double) -> String {
        let parts = [
            status == "running" ? answer["current_step"]?.string ?? status : status,
            status == "running" ? answer["message"]?.string : nil,
        ]
        return "\(Text.rightAligned(String(Int(progress)), to: 3)) %  "
            + parts.compactMap(\.self).joined(separator: ": ")
    }

    // MARK: Layout

    private static let pathWidth = 46
    private static let indent = String(repeating: " ", count: 9)

    private func line(_ method: ClientMethod, _ path: String, _ status: Int, _ meaning: String) -> String {
        let place = Text.padded(Self.shortened(path), to: Self.pathWidth)
        let code = status < 300 ? Style.green("\(status)") : Style.yellow("\(status)")
        return "  \(Text.padded(method.name, to: 6)) \(place) \(code)  \(meaning)"
    }

    /// Ids are told by their beginning and their end.
    private static func shortened(_ path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.count > 24 ? "\($0.prefix(4))…\($0.suffix(6))" : $0 }
            .joined(separator: "/")
    }

    private func show(_ answer: JSONValue) {
        guard let text = try? JSONText.pretty(answer.abridged) else { return }
        String(decoding: text, as: UTF8.self).split(separator: "\n").forEach {
            Terminal.say("      " + Style.dim(String($0)))
        }
    }
}

extension JSONValue {
    /// The value with its long texts cut: pictures are not for reading, nor are tokens for showing.
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
